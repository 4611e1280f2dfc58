// Datagrams that a bridge shows once more, whole, after one of its ports showed the pieces: br_nf_pre_routing() reassembles there.
import type { Packet } from '../packet.ts'

/** Datagrams that are remembered, a power of two: the bridge shows one right after its last piece. */
const MOST = 16
/** The reassembled datagram has the time of its last piece, which captures keep to the microsecond at least. */
const SAME_TIME = 1e3

export class Reassembled {
  private readonly kept = Array.from({ length: MOST }, () => new Datagram())
  private next = 0
  private newest = Number.NEGATIVE_INFINITY

  /** A datagram has been put together of pieces. */
  keep(packet: Packet): void {
    this.kept[this.next].take(packet)
    this.next = (this.next + 1) & (MOST - 1)
    this.newest = packet.time
  }

  /** Whether a packet that came whole is one of those: sent once more it would have another time, and mostly another id. */
  has(packet: Packet): boolean {
    if (packet.time - this.newest > SAME_TIME) return false
    return this.kept.some(datagram => datagram.isOf(packet))
  }
}

class Datagram {
  private time = Number.NEGATIVE_INFINITY
  private family = 0
  private kind = 0
  private ports = 0
  private length = 0
  private readonly addresses = new Int32Array(8)

  take(packet: Packet): void {
    const { addresses } = this
    this.time = packet.time
    this.family = packet.family
    this.kind = kindOf(packet)
    this.ports = (packet.sourcePort << 16) | packet.destinationPort
    this.length = packet.transportLength
    addresses[0] = packet.source0
    addresses[1] = packet.source1
    addresses[2] = packet.source2
    addresses[3] = packet.source3
    addresses[4] = packet.destination0
    addresses[5] = packet.destination1
    addresses[6] = packet.destination2
    addresses[7] = packet.destination3
  }

  isOf(packet: Packet): boolean {
    const { addresses } = this
    if (Math.abs(packet.time - this.time) > SAME_TIME || packet.family !== this.family) return false
    if (kindOf(packet) !== this.kind || packet.transportLength !== this.length) return false
    if (this.ports !== ((packet.sourcePort << 16) | packet.destinationPort)) return false
    if (addresses[0] !== packet.source0 || addresses[4] !== packet.destination0) return false
    if (packet.family === 4) return true
    return (
      addresses[1] === packet.source1 &&
      addresses[2] === packet.source2 &&
      addresses[3] === packet.source3 &&
      addresses[5] === packet.destination1 &&
      addresses[6] === packet.destination2 &&
      addresses[7] === packet.destination3
    )
  }
}

/** An IPv6 header that is whole has no id. */
function kindOf({ family, protocol, identification }: Packet): number {
  return family === 6 ? protocol : protocol | (identification << 8)
}
