// The same traffic over IPv6: every whole IPv4 packet of a capture, and what ICMP errors quote, gets an IPv6 header.
import { internetChecksum } from './frames.ts'
import { changeFrames, linkTypeOf, viewOf } from './pcap-records.ts'

const IPV4_TYPE = 0x0800
const IPV6_TYPE = 0x86dd
/** A type that nobody tracks, for what has no counterpart: fragments, and ICMP messages other than the usual ones. */
const LOCAL_TYPE = 0x88b5
const ICMPV6 = 58
/** What ICMP types become: ICMPv6 type and code; of destination unreachable the code counts, too. */
const ICMP_TYPES = new Map<number, [number, number]>([
  [0, [129, 0]],
  [8, [128, 0]],
  [3, [1, 3]],
  [11, [3, 0]],
])
const UNREACHABLE = 3
const PORT_UNREACHABLE = 3
const PORT_UNREACHABLE_IPV6 = 4
const FRAGMENTATION_NEEDED = 4
const PACKET_TOO_BIG = 2
/** How much longer the header of IPv6 is. */
const LONGER = 20

/** A copy of a little-endian pcap of Ethernet or cooked v2 frames. */
export function asIpv6(original: Uint8Array): Uint8Array {
  const [typeAt, ip] = linkTypeOf(original) === 1 ? [12, 14] : [0, 20]
  return changeFrames(original, frame => {
    if (viewOf(frame).getUint16(typeAt) !== IPV4_TYPE) return frame
    const link = Uint8Array.from(frame.subarray(0, ip))
    const packet = frame.subarray(ip)
    const ipv6 = convert(packet, false)
    viewOf(link).setUint16(typeAt, ipv6 === null ? LOCAL_TYPE : IPV6_TYPE)
    return Buffer.concat([link, ipv6 ?? packet])
  })
}

/** Null where there is no counterpart. @param isQuoted whether an error quotes it, which has room for a part only */
function convert(packet: Uint8Array, isQuoted: boolean): Uint8Array | null {
  const view = viewOf(packet)
  const headerLength = (packet[0] & 0x0f) << 2
  if ((view.getUint16(6) & 0x3fff) !== 0) return null
  const length = view.getUint16(2)
  const payload = packet.subarray(headerLength, isQuoted ? packet.length : length)
  const isIcmp = packet[9] === 1
  const transport = isIcmp ? convertIcmp(payload) : Uint8Array.from(payload)
  if (transport === null) return null
  const header = new Uint8Array(40)
  header[0] = 0x60
  viewOf(header).setUint16(4, length - headerLength + transport.length - payload.length)
  header[6] = isIcmp ? ICMPV6 : packet[9]
  header[7] = packet[8]
  header.set(addressOf(packet, 12), 8)
  header.set(addressOf(packet, 16), 24)
  if (!isQuoted) finishSum(header, transport)
  return Buffer.concat([header, transport])
}

function convertIcmp(message: Uint8Array): Uint8Array | null {
  const type = ICMP_TYPES.get(message[0])
  if (type === undefined) return null
  const head = Uint8Array.from(message.subarray(0, 8))
  head.set(type)
  if (message[0] === UNREACHABLE && message[1] === PORT_UNREACHABLE) head[1] = PORT_UNREACHABLE_IPV6
  if (message[0] === UNREACHABLE && message[1] === FRAGMENTATION_NEEDED) {
    head.set([PACKET_TOO_BIG, 0])
    viewOf(head).setUint32(4, viewOf(message).getUint16(6) + LONGER)
  }
  const isError = type[0] < 128
  const rest = isError ? convert(message.subarray(8), true) : message.subarray(8)
  return rest === null ? null : Buffer.concat([head, rest])
}

/** Of the same kind: loopback, a group, private, or one that the Internet has. */
function addressOf(packet: Uint8Array, at: number): number[] {
  const [a, b, c, d] = packet.subarray(at, at + 4)
  if (a === 127) return [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
  if (a >> 4 === 14) return [0xff, 0x05, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]
  const isOwn = a === 10 || (a === 172 && b >> 4 === 1) || (a === 192 && b === 168)
  const network = isOwn ? [0xfd, 0, 0, 0] : [0x20, 0x01, 0x0d, 0xb8]
  return [...network, 0, 0, 0, 1, 0, 0, 0, 0, a, b, c, d]
}

function finishSum(header: Uint8Array, transport: Uint8Array): void {
  const at = new Map([
    [6, 16],
    [17, 6],
    [ICMPV6, 2],
  ]).get(header[6])
  if (at === undefined || transport.length < at + 2) return
  const view = viewOf(transport)
  view.setUint16(at, 0)
  const sum = internetChecksum(header.subarray(8), [0, header[6]], [...header.subarray(4, 6)], transport)
  view.setUint16(at, sum || 0xffff)
}
