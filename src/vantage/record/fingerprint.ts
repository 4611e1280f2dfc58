// What of a packet stays the same on its way through a router that translates it, as two hashes of 32 bits.

import {
  IPPROTO_ESP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  TCP_SYN,
} from '../../net/numbers.ts'
import { isIcmpError } from '../../packet/icmp.ts'
import type { Packet } from '../../packet/packet.ts'
import { sipDialog } from './sip-dialog.ts'

const TCP_HEADER = 20
/** With the timestamp option. */
const STAMPED_HEADER = 32
const UDP_HEADER = 8
const ICMP_HEADER = 8
const SCTP_HEADER = 12
/** The option that nearly every segment has alone: two no-ops, then kind 8 and length 10. */
const ALIGNED_TIMESTAMP = 0x0101080a
/** Words of payload that count: as many as a snap length of 96 leaves of UDP in IPv4 on a cooked capture, and less. */
const PAYLOAD_WORDS = 8

/** What SYNPROXY does to numbers, known by frame. */
export interface Proxies {
  /** Whether any connection is known: until then `take` needs to see no frame but an answer with a window of 0. */
  readonly isActive: boolean
  /** Takes in a frame; whether it is of a connection whose numbers are shifted, which the fields tell more of. */
  take(packet: Packet): boolean
  /** What is to be kept of the frame until its packet is tracked, 17 bits; 0: nothing. */
  readonly mark: number
  /** How far what it acknowledges of the server's, or sends of it, is ahead of the server's own numbers. */
  readonly shift: number
  /** Whether the server's side sends it. */
  readonly isReply: boolean
  /** Whether the host made it itself. */
  readonly isCarried: boolean
}

/** A reused record that `fingerprint` overwrites. */
export class Fingerprint {
  first = 0
  second = 0
  /** Whether a helper may have rewritten the payload: then neither that counts, nor its length, nor sequence numbers. */
  rewritable = false
  /** Whether the packet has an IP identification: then no host sends its equal within a second. */
  identified = false
  /** Whether nothing but payload tells the packet from others of its kind: two queries may well be alike. */
  weak = false
  /** One for each port whose payload helpers rewrite. */
  private readonly rewrittenPorts = new Uint8Array(0x10000)

  /** @param rewrittenPorts ports of protocols whose payload helpers rewrite */
  constructor(rewrittenPorts: readonly number[] = []) {
    for (const port of rewrittenPorts) this.rewrittenPorts[port] = 1
  }

  /** Hashes what NAT and routing leave alone: no address, no port, no ICMP id, no TTL, no checksum, no MSS. */
  read(packet: Packet): void {
    this.identified = packet.identification !== 0
    this.weak = false
    this.rewritable = false
    const isFragment = packet.moreFragments || packet.fragmentOffset !== 0
    if (!isFragment && this.isRewritten(packet)) {
      this.rewritable = true
      this.readRewritten(packet)
      return
    }
    if (packet.protocol === IPPROTO_TCP && !isFragment && packet.transportCaptured >= TCP_HEADER) {
      this.readTcp(packet)
      return
    }
    this.first = 0x243f6a88
    this.second = 0x13198a2e
    this.add((packet.identification << 16) | (packet.protocol << 8) | packet.family)
    this.add(packet.transportLength)
    if (isFragment) {
      this.addFragment(packet)
      return
    }
    switch (packet.protocol) {
      case IPPROTO_TCP:
        return
      case IPPROTO_UDP:
      case IPPROTO_UDPLITE:
        this.addPayload(packet, UDP_HEADER)
        break
      case IPPROTO_ICMP:
      case IPPROTO_ICMPV6:
        if (packet.transportCaptured >= ICMP_HEADER) this.addIcmp(packet)
        break
      case IPPROTO_SCTP:
        // ports, then the verification tag, then a checksum that covers the ports
        if (packet.transportCaptured >= UDP_HEADER) this.add(packet.view.getInt32(packet.transportOffset + 4))
        this.addPayload(packet, SCTP_HEADER)
        break
      case IPPROTO_GRE:
        // the call id of PPTP is translated
        this.addPayload(packet, UDP_HEADER)
        break
      default:
        this.addPayload(packet, 0)
        // its sequence number is in it
        if (packet.protocol === IPPROTO_ESP) return
    }
    this.weak = !this.identified
  }

  private isRewritten(packet: Packet): boolean {
    const { protocol, sourcePort, destinationPort, transportCaptured } = packet
    if ((this.rewrittenPorts[sourcePort] | this.rewrittenPorts[destinationPort]) === 0) return false
    if (protocol === IPPROTO_UDP) return transportCaptured >= UDP_HEADER
    if (protocol !== IPPROTO_TCP || transportCaptured < TCP_HEADER) return false
    // the last acknowledgment of a Linux that has forgotten its socket has no identification
    const isBare = packet.transportLength === packet.tcpHeaderLength && (packet.tcpFlags & TCP_SYN) === 0
    return this.identified || (isBare && stampAt(packet) > 0)
  }

  /** What is left alone of a packet that is rewritten: its identification, the rest of its TCP header, who calls whom. */
  private readRewritten(packet: Packet): void {
    this.first = 0x243f6a88
    this.second = 0x13198a2e
    this.add((packet.identification << 16) | (packet.protocol << 8) | packet.family)
    if (packet.protocol === IPPROTO_TCP) {
      this.add((packet.window << 16) | (packet.tcpFlags << 8) | packet.tcpHeaderLength)
      this.weak = !this.identified
      const at = stampAt(packet)
      if (at === 0) return
      this.add(packet.view.getInt32(at))
      this.add(packet.view.getInt32(at + 4))
      return
    }
    if (this.identified) return
    this.weak = true
    const { transportOffset, transportLength, transportCaptured } = packet
    const end = transportOffset + transportCaptured
    const isWhole = transportCaptured === transportLength
    const dialog = sipDialog(packet.bytes, transportOffset + UDP_HEADER, end)
    // nothing in it is known to stay
    if (!isWhole || dialog === 0) {
      this.add(transportLength)
      this.addPayload(packet, UDP_HEADER)
      return
    }
    this.add(dialog)
  }

  /**
   * Hashes what SYNPROXY leaves alone as well: the numbers as the server has them, and no timestamp of its own.
   * @param proxies have looked at the packet
   */
  readProxied(packet: Packet, { shift, isReply, isCarried }: Proxies): void {
    this.identified = packet.identification !== 0
    this.weak = false
    this.rewritable = false
    const at = stampAt(packet)
    this.first = isCarried ? 0x452821e6 : 0x243f6a88
    this.second = 0x13198a2e
    this.add((packet.identification << 16) | packet.transportLength)
    this.add((packet.window << 16) | (packet.tcpFlags << 8) | packet.tcpHeaderLength)
    this.add((packet.sequence - (isReply ? shift : 0)) | 0)
    this.add((packet.acknowledgment - (isReply ? 0 : shift)) | 0)
    // the server's clock is told by the one and echoed by the other
    if (at > 0) this.add(packet.view.getInt32(isReply ? at + 4 : at))
  }

  /** Products that do not wait for each other: half the time of a chain of them. */
  private readTcp(packet: Packet): void {
    const { view, sequence, acknowledgment } = packet
    const header = (packet.window << 16) | (packet.tcpFlags << 8) | packet.tcpHeaderLength
    const network = (packet.identification << 16) | packet.transportLength
    const at = stampAt(packet)
    let stamp = 0
    let echo = 0
    if (at > 0) {
      stamp = view.getInt32(at)
      echo = view.getInt32(at + 4)
    }
    const first =
      Math.imul(sequence, 0x9e3779b1) ^
      Math.imul(acknowledgment, 0x85ebca77) ^
      Math.imul(header, 0xc2b2ae3d) ^
      Math.imul(network, 0x27d4eb2f) ^
      Math.imul(stamp, 0x165667b1) ^
      Math.imul(echo, 0xd3a2646d)
    const second =
      Math.imul(sequence, 0x2c1b3c6d) +
      Math.imul(acknowledgment, 0x297a2d39) +
      Math.imul(header, 0x1b56c4e9) +
      Math.imul(network, 0x7feb352d) +
      Math.imul(stamp, 0x846ca68b) +
      Math.imul(echo, 0x6c8e9cf5)
    this.first = first ^ (first >>> 15)
    this.second = second | 0
  }

  private addIcmp(packet: Packet): void {
    this.add(packet.destinationPort)
    if (isIcmpError(packet.protocol, packet.destinationPort)) {
      this.addQuoted(packet)
      return
    }
    this.add(packet.view.getUint16(packet.transportOffset + 6))
    this.addPayload(packet, ICMP_HEADER)
  }

  /** Of the packet that an ICMP error quotes addresses and ports are translated, too. */
  private addQuoted(packet: Packet): void {
    const { view, family } = packet
    const at = packet.transportOffset + ICMP_HEADER
    const end = packet.transportOffset + packet.transportCaptured
    this.add(view.getInt32(at - 4))
    if (end - at < (family === 4 ? 20 : 40)) return
    if (family === 4) this.add(view.getInt32(at + 2))
    else this.add((view.getUint16(at + 4) << 8) | view.getUint8(at + 6))
    const protocol = view.getUint8(at + (family === 4 ? 9 : 6))
    const transport = at + (family === 4 ? (view.getUint8(at) & 0x0f) << 2 : 40)
    this.add(protocol)
    if (protocol === IPPROTO_TCP && end - transport >= 8) this.add(view.getInt32(transport + 4))
  }

  private addFragment(packet: Packet): void {
    this.add((packet.fragmentOffset << 1) | (packet.moreFragments ? 1 : 0))
    this.addPayload(packet, packet.fragmentOffset === 0 ? TCP_HEADER : 0)
  }

  private addPayload(packet: Packet, from: number): void {
    const { view } = packet
    const end = packet.transportOffset + packet.transportCaptured
    let at = packet.transportOffset + from
    for (let i = 0; i < PAYLOAD_WORDS && at + 4 <= end; i++, at += 4) this.add(view.getInt32(at))
  }

  private add(word: number): void {
    const first = Math.imul(this.first ^ word, 0x9e3779b1)
    this.first = first ^ (first >>> 15)
    const second = Math.imul(this.second + word, 0x85ebca77)
    this.second = second ^ (second >>> 13)
  }
}

/** Where the timestamp of a TCP segment stands, its echo behind it; 0: it has none, or other options beside it. */
export function stampAt(packet: Packet): number {
  if (packet.tcpHeaderLength < STAMPED_HEADER || packet.transportCaptured < STAMPED_HEADER) return 0
  const at = packet.transportOffset + TCP_HEADER
  return packet.view.getInt32(at) === ALIGNED_TIMESTAMP ? at + 4 : 0
}
