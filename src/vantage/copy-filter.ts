// Notices the first copy in a capture that has shown none for long, at a fraction of what the window costs per frame.
import type { Packet } from '../packet/packet.ts'
import { TWICE_TIME } from './groups.ts'
import type { Fingerprint } from './record/fingerprint.ts'
import {
  DESTINATION,
  FRAME,
  PLACE,
  PORTS,
  RECORD_SHIFT,
  type RecordRing,
  SOURCE,
} from './record/record-ring.ts'

/** Packets that are remembered, a power of two; a newer one takes the place of an older one. */
const MOST_PACKETS = 512
/** Words of a packet, which starts at `slot << SHIFT`: both hashes, then what a record has of it. */
const SHIFT = 3
const FIRST_HASH = 0
const SECOND_HASH = 1
const AT_PLACE = 2
const AT_FRAME = 3
const AT_PORTS = 4
const AT_SOURCE = 5
const AT_DESTINATION = 6
/** Words 1 to 3 of both addresses of an IPv6 packet, at `slot << WIDE_SHIFT`. */
const WIDE_SHIFT = 3

export class CopyFilter {
  private readonly words = new Int32Array(MOST_PACKETS << SHIFT)
  private readonly wideWords = new Int32Array(MOST_PACKETS << WIDE_SHIFT)
  private readonly times = new Float64Array(MOST_PACKETS).fill(Number.NEGATIVE_INFINITY)

  /** Whether the packet is not an equal of one that was kept within `joinTime` nanoseconds. */
  isNew(packet: Packet, print: Fingerprint, place: number, joinTime: number): boolean {
    const slot = slotOf(print)
    const at = slot << SHIFT
    const { words } = this
    if (words[at + FIRST_HASH] !== print.first || words[at + SECOND_HASH] !== print.second) return true
    if (packet.time - this.times[slot] > joinTime) return true
    if (words[at + AT_PLACE] === place) {
      const isTwice = print.identified && packet.time - this.times[slot] <= TWICE_TIME
      return !isTwice || !this.isSameTuple(slot, packet)
    }
    return print.weak && !this.isSameTuple(slot, packet)
  }

  /** Keeps a packet for those to come. */
  keep(packet: Packet, print: Fingerprint, place: number): void {
    const slot = slotOf(print)
    const at = slot << SHIFT
    const { words } = this
    this.times[slot] = packet.time
    words[at + FIRST_HASH] = print.first
    words[at + SECOND_HASH] = print.second
    words[at + AT_PLACE] = place
    words[at + AT_FRAME] = packet.frame
    words[at + AT_PORTS] = (packet.sourcePort << 16) | packet.destinationPort
    words[at + AT_SOURCE] = packet.source0
    words[at + AT_DESTINATION] = packet.destination0
    if (packet.family === 4) return
    const { wideWords } = this
    const wide = slot << WIDE_SHIFT
    wideWords[wide] = packet.source1
    wideWords[wide + 1] = packet.source2
    wideWords[wide + 2] = packet.source3
    wideWords[wide + 3] = packet.destination1
    wideWords[wide + 4] = packet.destination2
    wideWords[wide + 5] = packet.destination3
  }

  /** Turns a record of the copy into one of the packet that was kept. */
  recall(print: Fingerprint, ring: RecordRing, record: number): void {
    const slot = slotOf(print)
    const at = slot << SHIFT
    const { words } = this
    const to = record << RECORD_SHIFT
    ring.times[record] = this.times[slot]
    ring.words[to + PLACE] = words[at + AT_PLACE]
    ring.words[to + FRAME] = words[at + AT_FRAME]
    ring.words[to + PORTS] = words[at + AT_PORTS]
    ring.words[to + SOURCE] = words[at + AT_SOURCE]
    ring.words[to + DESTINATION] = words[at + AT_DESTINATION]
    for (let i = 0; i < 3; i++) {
      ring.words[to + SOURCE + 1 + i] = this.wideWords[(slot << WIDE_SHIFT) + i]
      ring.words[to + DESTINATION + 1 + i] = this.wideWords[(slot << WIDE_SHIFT) + 3 + i]
    }
  }

  private isSameTuple(slot: number, packet: Packet): boolean {
    const { words, wideWords } = this
    const at = slot << SHIFT
    const wide = slot << WIDE_SHIFT
    return (
      words[at + AT_PORTS] === ((packet.sourcePort << 16) | packet.destinationPort) &&
      words[at + AT_SOURCE] === packet.source0 &&
      words[at + AT_DESTINATION] === packet.destination0 &&
      (packet.family === 4 ||
        (wideWords[wide] === packet.source1 &&
          wideWords[wide + 1] === packet.source2 &&
          wideWords[wide + 2] === packet.source3 &&
          wideWords[wide + 3] === packet.destination1 &&
          wideWords[wide + 4] === packet.destination2 &&
          wideWords[wide + 5] === packet.destination3))
    )
  }
}

function slotOf(print: Fingerprint): number {
  return (print.first ^ (print.first >>> 22)) & (MOST_PACKETS - 1)
}
