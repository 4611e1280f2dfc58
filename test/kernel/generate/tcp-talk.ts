// A TCP conversation being made up: sends segments with sound defaults, and knows numbers worth trying.
import { type Conversation, type Direction, ORIGINAL, REPLY } from './conversation.ts'
import type { Random } from './random.ts'
import { NO_OPTIONS, sackBlocks, synOptions, timestamps } from './tcp-options.ts'
import { ACK, encodeSegment, type Segment, SYN } from './tcp-segment.ts'
import { TcpShadow } from './tcp-shadow.ts'

export const TCP = 6

/** Below what is acknowledged by more than this, an ACK is too old, unless windows are larger. */
const OLDEST_ACK = 66000

export class TcpTalk {
  readonly conversation: Conversation
  readonly random: Random
  readonly shadow = new TcpShadow()
  readonly ports: readonly [number, number]
  /** The last segment of either direction. */
  readonly last: [Segment | null, Segment | null] = [null, null]
  /** Which conversation side is the kernel's original direction: whoever opened the connection last. */
  opener: Direction = ORIGINAL
  private timestamps: boolean

  constructor(conversation: Conversation) {
    this.conversation = conversation
    this.random = conversation.random
    this.ports = [conversation.port(), conversation.port()]
    this.timestamps = this.random.chance(0.3)
  }

  /** Sends a segment; what is left out is what an honest host would put in. */
  send(direction: Direction, flags: number, fields: Partial<Segment> = {}): Segment {
    const segment: Segment = {
      flags,
      sequence: this.shadow.sides[direction].end,
      acknowledgment: (flags & ACK) !== 0 ? this.shadow.sides[1 - direction].end : 0,
      window: this.window(direction),
      length: 0,
      options: this.options(flags),
      ...fields,
    }
    const ports = direction === ORIGINAL ? this.ports : ([this.ports[1], this.ports[0]] as const)
    const bytes = encodeSegment(ports, segment)
    this.conversation.sealChecksum(direction, TCP, bytes, 16)
    this.conversation.send(direction, TCP, bytes)
    this.shadow.observe(direction, segment)
    this.last[direction] = segment
    return segment
  }

  /** Sends a segment that was sent before, byte for byte but for the IP header. */
  repeat(direction: Direction): void {
    const segment = this.last[direction]
    if (segment !== null) this.send(direction, segment.flags, segment)
  }

  direction(): Direction {
    return this.random.chance(0.5) ? ORIGINAL : REPLY
  }

  other(direction: Direction): Direction {
    return direction === ORIGINAL ? REPLY : ORIGINAL
  }

  /** An initial sequence number; half of them close to where 32 bits wrap or change sign. */
  initialSequence(): number {
    return this.random.chance(0.5)
      ? this.random.word()
      : (this.random.pick([0, -0x80000000]) - this.random.below(3000)) | 0
  }

  private window(direction: Direction): number {
    const { random } = this
    const previous = this.last[direction]
    if (previous !== null && random.chance(0.6)) return previous.window
    return random.weighted(WINDOWS)(random)
  }

  private options(flags: number): Uint8Array {
    if ((flags & SYN) !== 0) return synOptions(this.random)
    return this.timestamps ? timestamps(this.random.word()) : NO_OPTIONS
  }

  /** A sequence number at, beside or far from one of conntrack's bounds, for a segment of `length`. */
  edgySequence(direction: Direction, length: number): number {
    const { random } = this
    const sender = this.shadow.sides[direction]
    const receiver = this.shadow.sides[1 - direction]
    const near = random.pick([-2, -1, 0, 1, 2])
    const base = random.weighted([
      [6, sender.end],
      [4, sender.limit + 1],
      [4, sender.end - receiver.window - length],
      [3, sender.limit - 1 + receiver.window - length],
      [2, sender.end - length],
      [2, receiver.acked ?? sender.end],
      [2, this.last[direction]?.sequence ?? 0],
      [1, 0],
      [1, random.word()],
    ])
    return random.chance(0.4) ? base | 0 : (base + near) | 0
  }

  /** An acknowledgment at, beside or far from one of conntrack's bounds. */
  edgyAcknowledgment(direction: Direction): number {
    const { random } = this
    const sender = this.shadow.sides[direction]
    const receiver = this.shadow.sides[1 - direction]
    const near = random.pick([-2, -1, 0, 1, 2])
    const base = random.weighted([
      [6, receiver.end],
      [3, receiver.end + 1],
      [3, receiver.end - Math.max(OLDEST_ACK, sender.window)],
      [2, sender.acked ?? receiver.end],
      [1, this.last[direction]?.acknowledgment ?? 0],
      [1, 0],
      [1, random.word()],
    ])
    return random.chance(0.5) ? base | 0 : (base + near) | 0
  }

  /** SACK blocks around what the other side sent, the right edge near the bound for acknowledgments. */
  edgySack(direction: Direction): Uint8Array {
    const { random } = this
    const { end } = this.shadow.sides[1 - direction]
    const blocks = Array.from({ length: random.between(1, 3) }, () => {
      const right =
        (end +
          random.weighted([
            [4, 0],
            [2, 1],
            [1, 2],
            [3, -random.below(2000)],
            [1, random.word()],
          ])) |
        0
      return [(right - random.between(1, 1400)) | 0, right] as const
    })
    return sackBlocks(blocks)
  }

  length(): number {
    return this.random.weighted([
      [4, 0],
      [2, 1],
      [4, this.random.below(1400)],
      [1, 1448],
    ])
  }
}

const WINDOWS: readonly (readonly [number, (random: Random) => number])[] = [
  [6, random => random.between(200, 65535)],
  [3, random => random.between(1, 2000)],
  [1, () => 0],
  [1, () => 1],
  [1, () => 65535],
]
