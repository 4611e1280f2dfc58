// What the generator believes conntrack's windows to be: only to aim at their edges, so it may err (nf_conntrack_proto_tcp.c).
import { announced } from './tcp-options.ts'
import { ACK, FIN, RST, type Segment, SYN, segmentLength } from './tcp-segment.ts'

/** One side of a connection: what it sent, and up to where it may send. */
export interface Side {
  /** Sequence number after the highest byte it sent. */
  end: number
  /** Highest sequence number that the other side allows it. */
  limit: number
  /** The largest window it announced; 0 until it was seen. */
  window: number
  shift: number
  scales: boolean
  sack: boolean
  /** The highest ACK it sent. */
  acked: number | null
}

const newSide = (): Side => ({
  end: 0,
  limit: 0,
  window: 0,
  shift: 0,
  scales: false,
  sack: false,
  acked: null,
})

const later = (a: number, b: number): boolean => ((b - a) | 0) < 0

export class TcpShadow {
  sides: [Side, Side] = [newSide(), newSide()]
  /** No packet has been sent yet, or the connection is so dead that a SYN makes a new one. */
  fresh = true
  private closing = 0

  /** The shadow of a connection that a SYN opens anew. */
  reset(): void {
    this.sides = [newSide(), newSide()]
    this.fresh = true
    this.closing = 0
  }

  /** Takes in what a side sent. */
  observe(direction: 0 | 1, segment: Segment): void {
    if (this.isReopening(segment)) this.reset()
    const sender = this.sides[direction]
    const receiver = this.sides[1 - direction]
    const end = (segment.sequence + segmentLength(segment)) | 0
    const again = (segment.flags & SYN) !== 0 && later(end, sender.end) && receiver.acked === null
    if (sender.window === 0 || again) this.begin(direction, segment, end)
    this.fresh = false
    const acknowledged = (segment.flags & ACK) !== 0 ? segment.acknowledgment : receiver.end
    if (later(segment.sequence, sender.limit) || later(acknowledged, receiver.end)) return
    this.update(sender, receiver, segment, end, acknowledged)
  }

  private isReopening(segment: Segment): boolean {
    return (segment.flags & (SYN | ACK | RST)) === SYN && this.closing === 3
  }

  private begin(direction: 0 | 1, segment: Segment, end: number): void {
    const sender = this.sides[direction]
    const receiver = this.sides[1 - direction]
    sender.end = end
    sender.window = Math.max(1, segment.window)
    sender.limit = end
    if ((segment.flags & SYN) !== 0) {
      const { shift, sack } = announced(segment.options)
      sender.scales = shift !== null
      sender.shift = Math.min(14, shift ?? 0)
      sender.sack = sack
      if (direction === 1 && !(sender.scales && receiver.scales)) sender.shift = receiver.shift = 0
      return
    }
    sender.limit = (end + sender.window) | 0
    if (receiver.window === 0) receiver.end = receiver.limit = segment.acknowledgment
  }

  private update(sender: Side, receiver: Side, segment: Segment, end: number, acknowledged: number): void {
    const window = (segment.flags & SYN) !== 0 ? segment.window : segment.window << sender.shift
    if (window > sender.window) sender.window = window
    if (later(end, sender.end)) sender.end = end
    if (later((acknowledged + window) | 0, (receiver.limit - 1) | 0)) {
      receiver.limit = (acknowledged + Math.max(1, window)) | 0
    }
    if (
      (segment.flags & ACK) !== 0 &&
      (sender.acked === null || later(segment.acknowledgment, sender.acked))
    ) {
      sender.acked = segment.acknowledgment
    }
    if ((segment.flags & RST) !== 0) this.closing = 3
    if ((segment.flags & FIN) !== 0) this.closing |= sender === this.sides[0] ? 1 : 2
  }
}
