// Puts records in the order of their time: a queue for those that came nearly in order, a heap for the others.
import { IPPROTO_TCP, TCP_ACK, TCP_FIN, TCP_SYN } from '../../net/numbers.ts'
import { Packet } from '../../packet/packet.ts'
import { ARRIVAL, MOST_RECORDS, POINT, RECORD_SHIFT, type RecordRing } from './record-ring.ts'

/** Records of the queue that one may be put in front of: on `any` a packet is passed by a few others. */
const MOST_STEPS = 32

/** Slots of a ring, the earliest first, of equal times the one that came first. */
export class TimeOrder {
  size = 0
  private readonly ring: RecordRing
  private readonly queue = new Int32Array(MOST_RECORDS)
  private queueHead = 0
  private queueSize = 0
  private readonly heap = new Int32Array(MOST_RECORDS)
  private heapSize = 0
  private readonly later = new Packet()
  private readonly earlier = new Packet()

  constructor(ring: RecordRing) {
    this.ring = ring
  }

  add(slot: number): void {
    this.size++
    if (!this.enqueue(slot)) this.rise(slot)
  }

  /** The earliest, or -1. */
  peek(): number {
    if (this.queueSize === 0) return this.heapSize === 0 ? -1 : this.heap[0]
    const queued = this.queue[this.queueHead]
    return this.heapSize > 0 && this.precedes(this.heap[0], queued) ? this.heap[0] : queued
  }

  /** Takes the earliest out, which there must be. */
  pop(): number {
    const slot = this.peek()
    this.size--
    if (this.heapSize > 0 && slot === this.heap[0]) this.removeTop()
    else {
      this.queueHead = (this.queueHead + 1) & (MOST_RECORDS - 1)
      this.queueSize--
    }
    return slot
  }

  /** Puts a record into the queue, unless its place is too far from the end. */
  private enqueue(slot: number): boolean {
    const { queue, queueHead, queueSize } = this
    const { times } = this.ring
    const time = times[slot]
    const end = queueHead + queueSize
    let at = end
    while (at > queueHead && times[queue[(at - 1) & (MOST_RECORDS - 1)]] > time) {
      if (end - at === MOST_STEPS) return false
      const before = queue[(at - 1) & (MOST_RECORDS - 1)]
      if (this.acknowledges(slot, before)) {
        // its stamp is of a clock that is behind the other's
        times[slot] = times[before]
        break
      }
      at--
    }
    for (let i = end; i > at; i--) queue[i & (MOST_RECORDS - 1)] = queue[(i - 1) & (MOST_RECORDS - 1)]
    queue[at & (MOST_RECORDS - 1)] = slot
    this.queueSize++
    return true
  }

  /** Whether a segment acknowledges another one of the same point, so that it was sent after that. */
  private acknowledges(slot: number, before: number): boolean {
    const { ring, later, earlier } = this
    if (ring.word(slot, POINT) !== ring.word(before, POINT) || !ring.isAnswer(slot, before)) return false
    ring.decode(slot, later)
    ring.decode(before, earlier)
    if (later.protocol !== IPPROTO_TCP || (later.tcpFlags & TCP_ACK) === 0) return false
    const covered = (later.acknowledgment - earlier.sequence) | 0
    const flags = earlier.tcpFlags
    const bare = ((flags & TCP_SYN) !== 0 ? 1 : 0) + ((flags & TCP_FIN) !== 0 ? 1 : 0)
    return covered > 0 && covered <= earlier.transportLength - earlier.tcpHeaderLength + bare
  }

  private precedes(a: number, b: number): boolean {
    const { times, words } = this.ring
    if (times[a] !== times[b]) return times[a] < times[b]
    return ((words[(a << RECORD_SHIFT) + ARRIVAL] - words[(b << RECORD_SHIFT) + ARRIVAL]) | 0) < 0
  }

  private rise(slot: number): void {
    const { heap } = this
    let at = this.heapSize++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.precedes(slot, heap[parent])) break
      heap[at] = heap[parent]
      at = parent
    }
    heap[at] = slot
  }

  private removeTop(): void {
    const { heap } = this
    const slot = heap[--this.heapSize]
    const size = this.heapSize
    let at = 0
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && this.precedes(heap[child + 1], heap[child])) child++
      if (!this.precedes(heap[child], slot)) break
      heap[at] = heap[child]
      at = child
    }
    heap[at] = slot
  }
}
