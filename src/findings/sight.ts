// One packet as one observation point saw it: a reused record, filled from a group of sightings or from a lone frame.
import { IPPROTO_TCP, TCP_RST, TCP_SYN } from '../net/numbers.ts'
import type { Packet } from '../packet/packet.ts'
import { destinationMacAt, macHash, sourceMacAt } from '../vantage/place.ts'
import type { Sightings } from '../vantage/sighting.ts'

/** Times are nanoseconds since the first frame of the replay, addresses words as in Packet. */
export class Sight {
  time = 0
  point = 0
  capture = 0
  frame = 0
  family = 0
  protocol = 0
  readonly source = new Int32Array(4)
  readonly destination = new Int32Array(4)
  sourcePort = 0
  destinationPort = 0
  ttl = 0
  /** Hashes of the frame's hardware addresses, 0 where it has none. */
  sourceMac = 0
  destinationMac = 0
  /** TCP alone; 0 for the others. */
  flags = 0
  sequence = 0
  acknowledgment = 0
  window = 0
  /** Bytes behind the transport header. */
  payload = 0

  /** Takes what is the same wherever the packet is seen. */
  takePacket(packet: Packet): void {
    this.family = packet.family
    this.protocol = packet.protocol
    const isTcp = packet.protocol === IPPROTO_TCP
    this.flags = isTcp ? packet.tcpFlags : 0
    this.sequence = isTcp ? packet.sequence : 0
    this.acknowledgment = isTcp ? packet.acknowledgment : 0
    this.window = isTcp ? packet.window : 0
    this.payload = packet.transportLength - (isTcp ? packet.tcpHeaderLength : UDP_HEADER)
  }

  /** A frame that is replayed as it came. */
  takeFrame(packet: Packet, point: number): void {
    this.time = packet.time
    this.point = point
    this.capture = packet.capture
    this.frame = packet.frame
    this.sourcePort = packet.sourcePort
    this.destinationPort = packet.destinationPort
    this.ttl = packet.ttl
    this.source[0] = packet.source0
    this.destination[0] = packet.destination0
    this.source[1] = packet.source1
    this.source[2] = packet.source2
    this.source[3] = packet.source3
    this.destination[1] = packet.destination1
    this.destination[2] = packet.destination2
    this.destination[3] = packet.destination3
    if (packet.family === 4) this.clearHighWords()
    this.sourceMac = 0
    this.destinationMac = 0
    // of a segment in the middle of a connection nobody asks; a reassembled datagram has left its link header behind
    const isPlain = packet.protocol === IPPROTO_TCP && (packet.tcpFlags & (TCP_SYN | TCP_RST)) === 0
    if (isPlain || packet.linkOffset >= packet.networkOffset) return
    this.sourceMac = macHash(packet.view, sourceMacAt(packet.linkType, packet.linkOffset))
    this.destinationMac = macHash(packet.view, destinationMacAt(packet.linkType, packet.linkOffset))
  }

  /** Sighting `index` of a packet. */
  takeSighting(sightings: Sightings, index: number): void {
    this.time = sightings.time(index)
    this.point = sightings.point(index)
    this.capture = sightings.capture(index)
    this.frame = sightings.frame(index)
    this.sourcePort = sightings.sourcePort(index)
    this.destinationPort = sightings.destinationPort(index)
    this.ttl = sightings.ttl(index)
    const words = this.family === 4 ? 1 : 4
    for (let i = 0; i < words; i++) {
      this.source[i] = sightings.sourceWord(index, i)
      this.destination[i] = sightings.destinationWord(index, i)
    }
    if (words === 1) this.clearHighWords()
    this.sourceMac = sightings.sourceMacHash(index)
    this.destinationMac = sightings.destinationMacHash(index)
  }

  private clearHighWords(): void {
    for (let i = 1; i < 4; i++) {
      this.source[i] = 0
      this.destination[i] = 0
    }
  }
}

const UDP_HEADER = 8
