// What is read of a frame when it comes: its point, its place, its fingerprint; and its copy in the ring.
import type { Frame } from '../../capture/frame.ts'
import {
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  LINKTYPE_PPP,
  LINKTYPE_PPP_HDLC,
  LINKTYPE_PPPOE,
  TCP_ACK,
  TCP_SYN,
} from '../../net/numbers.ts'
import { TUNNEL_NONE, tunnelOf } from '../../packet/encapsulation/tunnel.ts'
import type { Packet } from '../../packet/packet.ts'
import { Fingerprint, type Proxies } from './fingerprint.ts'
import { destinationMacAt, hidesInterfaces, macHash, placeHash, sourceMacAt } from './place.ts'
import {
  DESTINATION_MAC,
  FIRST_HASH,
  PLACE,
  POINT,
  RECORD_IDENTIFIED,
  RECORD_PROXIED_SHIFT,
  RECORD_REWRITABLE,
  RECORD_SHIFT,
  RECORD_WEAK,
  type RecordRing,
  SECOND_HASH,
  SOURCE_MAC,
  STATE,
} from './record-ring.ts'

const SYN_ACK = TCP_SYN | TCP_ACK
const UDP_HEADER = 8
const TCP_HEADER = 20
/** Bytes that are kept behind the headers of TCP and UDP: enough for a DNS message's head. */
const KEPT_PAYLOAD = 16

/** Whether a link has two ends, and no hardware addresses therefore. */
function isSerial(linkType: number): boolean {
  return linkType === LINKTYPE_PPP || linkType === LINKTYPE_PPP_HDLC || linkType === LINKTYPE_PPPOE
}

/** Whether a segment is answered as SYNPROXY answers: with a window of 0. */
function isCookie({ protocol, tcpFlags, window }: Packet): boolean {
  return window === 0 && (tcpFlags & SYN_ACK) === SYN_ACK && protocol === IPPROTO_TCP
}

export class Intake {
  /** Of the frame that was read last. */
  readonly print: Fingerprint
  point = 0
  place = 0
  /** Whether the capture does not tell interfaces apart. */
  hidesInterfaces = false
  /** Whether the frame may have been seen on the loopback interface: those have no hardware addresses. */
  isLoopback = false
  sourceMac = 0
  destinationMac = 0

  private readonly ring: RecordRing
  private readonly keepsPayload: boolean
  private readonly proxies: Proxies

  /**
   * @param keepsPayload whether frames are kept whole, for checksums say
   * @param rewrittenPorts ports of protocols whose payload helpers rewrite
   * @param proxies take in each frame, and know whose numbers are shifted
   */
  constructor(ring: RecordRing, keepsPayload: boolean, rewrittenPorts: readonly number[], proxies: Proxies) {
    this.ring = ring
    this.keepsPayload = keepsPayload
    this.proxies = proxies
    this.print = new Fingerprint(rewrittenPorts)
  }

  /** Reads a frame that was decoded into `packet`, and was seen at `point`. */
  read(frame: Frame, packet: Packet, point: number): void {
    this.point = point
    this.hidesInterfaces = hidesInterfaces(frame.linkType)
    this.sourceMac = macHash(frame.view, sourceMacAt(frame.linkType, frame.offset))
    this.isLoopback = this.sourceMac === 0 && !isSerial(frame.linkType)
    this.destinationMac = macHash(frame.view, destinationMacAt(frame.linkType, frame.offset))
    this.place = placeHash(packet, this.point, frame.direction, this.sourceMac, this.destinationMac)
    const { proxies } = this
    if ((proxies.isActive || isCookie(packet)) && proxies.take(packet))
      this.print.readProxied(packet, proxies)
    else this.print.read(packet)
  }

  /** Keeps the frame that was read last; returns its slot. */
  store(frame: Frame, packet: Packet): number {
    const { ring, print } = this
    const slot = ring.add(frame, packet, this.lengthToKeep(frame, packet))
    const { words } = ring
    const at = slot << RECORD_SHIFT
    words[at + FIRST_HASH] = print.first
    words[at + SECOND_HASH] = print.second
    words[at + STATE] |=
      (print.identified ? RECORD_IDENTIFIED : 0) |
      (print.weak ? RECORD_WEAK : 0) |
      (print.rewritable ? RECORD_REWRITABLE : 0) |
      (this.proxies.mark << RECORD_PROXIED_SHIFT)
    words[at + POINT] = this.point
    words[at + PLACE] = this.place
    words[at + SOURCE_MAC] = this.sourceMac
    words[at + DESTINATION_MAC] = this.destinationMac
    return slot
  }

  /** Bytes of a frame that anybody may still want to read. */
  private lengthToKeep(frame: Frame, packet: Packet): number {
    if (this.keepsPayload || packet.moreFragments || packet.fragmentOffset !== 0) return frame.length
    const headers = packet.transportOffset - frame.offset
    switch (packet.protocol) {
      case IPPROTO_TCP:
        return headers + Math.max(packet.tcpHeaderLength, TCP_HEADER) + KEPT_PAYLOAD
      case IPPROTO_UDP:
      case IPPROTO_UDPLITE:
        return tunnelOf(packet) === TUNNEL_NONE ? headers + UDP_HEADER + KEPT_PAYLOAD : frame.length
      default:
        return frame.length
    }
  }
}
