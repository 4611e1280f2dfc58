// Packets kept for a moment, so that several tables can be asked for many of them at once.
import type { Translation } from '../../conntrack/nat.ts'
import { MOST_AHEAD } from '../../conntrack/prefetch.ts'
import type { Table } from '../../conntrack/table.ts'
import { invertTuple, Tuple, tupleOf } from '../../conntrack/tuple.ts'
import { IPPROTO_TCP, IPPROTO_UDP } from '../../net/numbers.ts'
import { Packet } from '../../packet/packet.ts'

/** Packets of a batch. */
const PACKETS = MOST_AHEAD
/** Bytes of a transport header that trackers look at: TCP's with all its options. */
const HEADER = 64

/** A translation as it was when the packet was kept. */
class KeptTranslation implements Translation {
  private readonly original = new Tuple()
  private readonly reply = new Tuple()
  private bits = 0

  /** Takes what `translation` makes of the reply to a packet; false where there is no reply tuple. */
  keep(packet: Packet, translation: Translation): boolean {
    tupleOf(packet, this.original)
    if (!invertTuple(this.original, this.reply)) return false
    this.bits = translation.apply(this.reply)
    return true
  }

  apply(reply: Tuple): number {
    Object.assign(reply, this.reply)
    return this.bits
  }

  isOf(table: Table, ct: number): boolean {
    return table.matches(ct * 2 + 1, this.reply)
  }
}

/**
 * Copies of packets with the headers that TCP and UDP are judged by, checksums apart. Others have to be tracked while
 * their bytes are there.
 */
export class PacketBatch {
  readonly packets: Packet[]
  readonly translations: (Translation | null)[]
  size = 0
  private readonly kept: KeptTranslation[]
  private readonly bytes = new Uint8Array(PACKETS * HEADER)

  constructor() {
    const view = new DataView(this.bytes.buffer)
    this.packets = Array.from({ length: PACKETS }, () => new Packet())
    for (const packet of this.packets) {
      packet.bytes = this.bytes
      packet.view = view
    }
    this.kept = this.packets.map(() => new KeptTranslation())
    this.translations = this.packets.map(() => null)
  }

  get isFull(): boolean {
    return this.size === PACKETS
  }

  /** Keeps a packet; false where that cannot be. There must be room. */
  add(packet: Packet, translation: Translation | null): boolean {
    const { protocol } = packet
    if ((protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) || !packet.hasTuple) return false
    const index = this.size
    if (translation === null) this.translations[index] = null
    else {
      if (!this.kept[index].keep(packet, translation)) return false
      this.translations[index] = this.kept[index]
    }
    copyPacket(packet, this.packets[index], index * HEADER)
    this.size++
    return true
  }
}

/** Copies all that is known of a packet, and its transport header to `at` of the bytes of `to`. */
function copyPacket(from: Packet, to: Packet, at: number): void {
  copyPlace(from, to)
  copyNetwork(from, to)
  const length = Math.min(from.transportCaptured, HEADER)
  for (let i = 0; i < length; i++) to.bytes[at + i] = from.bytes[from.transportOffset + i]
  to.transportOffset = at
  to.capturedEnd = at + length
  to.wireEnd = at + from.wireEnd - from.transportOffset
  to.hasTuple = from.hasTuple
  to.transportLength = from.transportLength
  to.transportCaptured = from.transportCaptured
  to.sourcePort = from.sourcePort
  to.destinationPort = from.destinationPort
  to.tcpFlags = from.tcpFlags
  to.tcpHeaderLength = from.tcpHeaderLength
  to.sequence = from.sequence
  to.acknowledgment = from.acknowledgment
  to.acknowledgmentShift = from.acknowledgmentShift
  to.synproxy = from.synproxy
  to.window = from.window
}

function copyPlace(from: Packet, to: Packet): void {
  to.fault = from.fault
  to.time = from.time
  to.frame = from.frame
  to.capture = from.capture
  to.interface = from.interface
  to.interfaceIndex = from.interfaceIndex
  to.packetType = from.packetType
  to.linkOffset = from.linkOffset
  to.linkType = from.linkType
  to.vlan = from.vlan
  to.innerVlan = from.innerVlan
  to.depth = from.depth
  to.tunnel = from.tunnel
  to.tunnelId = from.tunnelId
  to.zone = from.zone
}

function copyNetwork(from: Packet, to: Packet): void {
  to.family = from.family
  to.networkOffset = from.networkOffset
  to.networkLength = from.networkLength
  to.ttl = from.ttl
  to.headerUnsummed = from.headerUnsummed
  to.identification = from.identification
  to.fragmentOffset = from.fragmentOffset
  to.moreFragments = from.moreFragments
  to.fragmentHeader = from.fragmentHeader
  to.fragmentHeaderOffset = from.fragmentHeaderOffset
  to.fragmentNextHeaderOffset = from.fragmentNextHeaderOffset
  to.source0 = from.source0
  to.source1 = from.source1
  to.source2 = from.source2
  to.source3 = from.source3
  to.destination0 = from.destination0
  to.destination1 = from.destination1
  to.destination2 = from.destination2
  to.destination3 = from.destination3
  to.protocol = from.protocol
}
