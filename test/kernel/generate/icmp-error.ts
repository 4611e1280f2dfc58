// ICMP errors that quote a packet of a living flow: rightly, cut short, turned round, or sent to the wrong host.

import { transportChecksum } from './checksum.ts'
import type { Conversation, Direction } from './conversation.ts'
import { GRE } from './gre.ts'
import { ICMP, ICMPV6, icmpMessage } from './icmp.ts'
import { concat, ipPacket, put16, put32 } from './ip.ts'
import { SCTP } from './sctp.ts'
import { NO_OPTIONS } from './tcp-options.ts'
import { ACK, encodeSegment, SYN } from './tcp-segment.ts'
import { TCP } from './tcp-talk.ts'
import { datagram, UDP, UDP_LITE } from './udp.ts'

/** Makes up a flow of any protocol, and errors about it between its packets. */
export function talkIcmpError(conversation: Conversation): void {
  const { random } = conversation
  const flow = newFlow(conversation)
  const sent: Uint8Array[] = []
  for (let left = random.between(1, 8); left > 0; left--) {
    const direction: Direction = random.chance(0.3) ? 1 : 0
    sent.push(conversation.send(direction, flow.protocol, flow.packet(direction)))
    if (random.chance(0.15)) conversation.pause()
    for (let errors = random.below(3); errors > 0; errors--) sendError(conversation, random.pick(sent))
  }
}

interface Flow {
  protocol: number
  packet: (direction: Direction) => Uint8Array
}

function newFlow(conversation: Conversation): Flow {
  const { random, family } = conversation
  const ports = [conversation.port(), conversation.port()]
  const protocol = random.pick([TCP, TCP, UDP, UDP, UDP_LITE, family === 4 ? ICMP : ICMPV6, SCTP, GRE, 50])
  const packet = (direction: Direction): Uint8Array => {
    const pair = [ports[direction], ports[1 - direction]] as const
    switch (protocol) {
      case TCP: {
        const flags = direction === 0 ? SYN : SYN | ACK
        const numbers = { sequence: 1000, acknowledgment: direction === 0 ? 0 : 1001 }
        const segment = encodeSegment(pair, {
          flags,
          ...numbers,
          window: 1000,
          length: 0,
          options: NO_OPTIONS,
        })
        conversation.sealChecksum(direction, TCP, segment, 16)
        return segment
      }
      case UDP:
      case UDP_LITE: {
        const bytes = datagram(pair[0], pair[1], random.below(40))
        conversation.sealChecksum(direction, UDP, bytes, 6)
        return bytes
      }
      case ICMP:
      case ICMPV6: {
        const type = protocol === ICMP ? [8, 0] : [128, 129]
        return icmpMessage(conversation, direction, { type: type[direction], id: ports[0] }, random.bytes(20))
      }
      case SCTP: {
        // a HEARTBEAT makes an entry without a handshake
        const bytes = new Uint8Array(20)
        put16(bytes, 0, pair[0])
        put16(bytes, 2, pair[1])
        put32(bytes, 4, 7)
        bytes.set([4, 0, 0, 8], 12)
        return bytes
      }
      case GRE:
        return Uint8Array.of(0x20, 1, 0x88, 0x0b, 0, 4, direction, 9, 0, 0, 0, 0)
      default:
        return random.bytes(16)
    }
  }
  return { protocol, packet }
}

function sendError(conversation: Conversation, quoted: Uint8Array): void {
  const { random, family } = conversation
  const from: Direction = random.chance(0.3) ? 0 : 1
  const quote = cutQuote(conversation, alterQuote(conversation, quoted))
  if (family === 6 && random.chance(0.2)) {
    sendRedirect(conversation, from, quote)
    return
  }
  // the router that complains is most often neither of the two, and now and then it complains to a third
  const source = conversation.hosts[from].slice()
  const destination = conversation.hosts[1 - from].slice()
  if (random.chance(0.5)) source[source.length - 1] ^= 0x80
  if (random.chance(0.15)) destination[destination.length - 1] ^= 0x40
  const type =
    family === 4 ? random.pick([3, 3, 3, 4, 5, 11, 12]) : random.pick([1, 1, 2, 3, 4, random.below(128)])
  const message = icmpMessage(
    conversation,
    from,
    { type, code: random.below(5), sequence: random.below(1500) },
    quote,
  )
  sendMessage(conversation, { source, destination, ttl: 64 }, message)
}

function sendMessage(
  conversation: Conversation,
  hosts: { source: Uint8Array; destination: Uint8Array; ttl: number },
  message: Uint8Array,
): void {
  const protocol = conversation.family === 4 ? ICMP : ICMPV6
  if (protocol === ICMPV6 && message.length >= 4) {
    put16(message, 2, 0)
    put16(message, 2, transportChecksum(hosts.source, hosts.destination, ICMPV6, message))
  }
  conversation.sendPacket(ipPacket({ ...hosts, protocol }, message))
}

/** The quoted packet as it was, or turned round, or with other ports or addresses, or as a later fragment. */
function alterQuote({ random, family }: Conversation, packet: Uint8Array): Uint8Array {
  const copy = packet.slice()
  const header = family === 4 ? (copy[0] & 15) * 4 : 40
  random.weighted<() => void>([
    [12, () => {}],
    [3, () => swapAddresses(copy, family)],
    [2, () => copy.length > header && copy[header + random.below(Math.min(8, copy.length - header))]++],
    [1, () => copy[family === 4 ? 15 : 23]++],
    [1, () => family === 4 && put16(copy, 6, random.pick([1, 0x2000, 0x2001, 0x4000]))],
    [1, () => copy[0]++],
    [1, () => copy[family === 4 ? 9 : 6]++],
    [1, () => copy[family === 4 ? 8 : 7]--],
  ])()
  return copy
}

function swapAddresses(packet: Uint8Array, family: 4 | 6): void {
  const [at, size] = family === 4 ? [12, 4] : [8, 16]
  const source = packet.slice(at, at + size)
  packet.copyWithin(at, at + size, at + 2 * size)
  packet.set(source, at + size)
}

function cutQuote({ random, family }: Conversation, packet: Uint8Array): Uint8Array {
  const header = family === 4 ? (packet[0] & 15) * 4 : 40
  const length = random.weighted([
    [6, header + 8],
    [3, packet.length],
    [3, header + random.below(9)],
    [1, random.below(header + 1)],
  ])
  return packet.subarray(0, length)
}

/** RFC 4861, 4.5: sound ones come with hop limit 255 from a link-local address and quote in an option. */
function sendRedirect(conversation: Conversation, from: Direction, quote: Uint8Array): void {
  const { random } = conversation
  const option = concat(
    Uint8Array.of(
      random.chance(0.85) ? 4 : 2,
      random.chance(0.9) ? 1 + quote.length / 8 : 0,
      0,
      0,
      0,
      0,
      0,
      0,
    ),
    quote,
  )
  const body = concat(new Uint8Array(32), option)
  const message = icmpMessage(conversation, from, { type: 137, code: random.chance(0.9) ? 0 : 1 }, body)
  const source = random.chance(0.85) ? linkLocal(conversation.hosts[from]) : conversation.hosts[from]
  const cut = random.chance(0.1) ? random.pick([8, 20, 39, 40, 41, 42, 48]) : message.length
  const destination = conversation.hosts[1 - from]
  sendMessage(
    conversation,
    { source, destination, ttl: random.chance(0.85) ? 255 : 64 },
    message.subarray(0, cut),
  )
}

function linkLocal(address: Uint8Array): Uint8Array {
  const local = address.slice()
  local.set([0xfe, 0x80, 0, 0])
  return local
}
