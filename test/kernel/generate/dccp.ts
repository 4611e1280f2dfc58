// DCCP (RFC 4340): handshakes, data, closing, ports used again; with short sequence numbers, wrong types, lengths and coverage.
import type { Conversation, Direction } from './conversation.ts'
import { ORIGINAL, REPLY } from './conversation.ts'
import { put16 } from './ip.ts'

export const DCCP = 33

const REQUEST = 0
const RESPONSE = 1
const DATA = 2
const ACK = 3
const DATA_ACK = 4
const CLOSE_REQUEST = 5
const CLOSE = 6
const RESET = 7
const SYNC = 8
const SYNC_ACK = 9
/** Bytes behind the sequence number, by type. */
const REST = [4, 12, 0, 8, 8, 8, 8, 12, 8, 8]
const CHECKSUM = 6

class DccpTalk {
  private readonly conversation: Conversation
  private readonly ports: readonly [number, number]
  private readonly sequences: [number, number]

  constructor(conversation: Conversation) {
    const { random } = conversation
    this.conversation = conversation
    this.ports = [conversation.port(), conversation.port()]
    this.sequences = [random.below(2 ** 47), random.below(2 ** 47)]
  }

  /** Sends a packet, seldom a broken one. */
  send(direction: Direction, type: number): void {
    const { conversation } = this
    const { random } = conversation
    const isLong = !random.chance(type === DATA || type === ACK || type === DATA_ACK ? 0.3 : 0.04)
    const header = (isLong ? 16 : 12) + (REST[type] ?? 8)
    const bytes = new Uint8Array(header + (random.chance(0.3) ? random.below(60) : 0))
    const view = new DataView(bytes.buffer)
    put16(bytes, 0, this.ports[direction])
    put16(bytes, 2, this.ports[1 - direction])
    bytes[4] = header / 4
    bytes[8] = (type << 1) | (isLong ? 1 : 0)
    this.sequences[direction] += 1
    const own = this.sequences[direction]
    if (isLong) putLong(view, 10, own)
    else view.setUint32(8, (view.getUint32(8) & 0xff000000) | (own & 0xffffff))
    const acknowledged = this.sequences[1 - direction] + (random.chance(0.06) ? random.between(-2, 2) : 0)
    if (REST[type] !== 4 && REST[type] !== 0) putLong(view, (isLong ? 16 : 12) + 2, acknowledged)
    this.damage(bytes)
    conversation.sealChecksum(direction, DCCP, bytes, CHECKSUM)
    const cut = random.chance(0.02) ? random.pick([0, 4, 11, 12, 15, 16, bytes.length - 1]) : bytes.length
    conversation.send(direction, DCCP, bytes.subarray(0, Math.max(0, cut)))
  }

  private damage(bytes: Uint8Array): void {
    const { random } = this.conversation
    if (random.chance(0.03)) bytes[4] = random.pick([0, 2, 3, 4, 255])
    if (random.chance(0.1)) bytes[5] = random.below(16)
    if (random.chance(0.02)) bytes[8] = (random.between(10, 15) << 1) | 1
  }

  /** Any packet of any side. */
  stray(): void {
    const { random } = this.conversation
    this.send(random.chance(0.5) ? REPLY : ORIGINAL, random.below(10))
  }
}

/** Makes up one conversation: the steps of a connection, each perhaps left out, said twice or followed by a stray one. */
export function talkDccp(conversation: Conversation): void {
  const { random } = conversation
  const talk = new DccpTalk(conversation)
  const data = Array.from({ length: random.below(5) }, (): [Direction, number] => [
    random.chance(0.5) ? REPLY : ORIGINAL,
    random.pick([DATA, ACK, DATA_ACK, SYNC, SYNC_ACK]),
  ])
  const closing: [Direction, number][] = random.pick([
    [
      [REPLY, CLOSE_REQUEST],
      [ORIGINAL, CLOSE],
      [REPLY, RESET],
    ],
    [
      [ORIGINAL, CLOSE],
      [REPLY, RESET],
    ],
    [
      [REPLY, CLOSE],
      [ORIGINAL, RESET],
    ],
    [[random.chance(0.5) ? REPLY : ORIGINAL, RESET]],
    [],
  ])
  for (let lives = random.between(1, 2); lives > 0; lives--) {
    const opener: Direction = random.chance(0.15) ? REPLY : ORIGINAL
    const other: Direction = opener === ORIGINAL ? REPLY : ORIGINAL
    const steps: [Direction, number][] = [
      [opener, REQUEST],
      [other, RESPONSE],
      [opener, ACK],
      ...data,
      ...closing,
    ]
    for (const [direction, type] of steps) {
      if (random.chance(0.08)) continue
      talk.send(direction, type)
      if (random.chance(0.08)) talk.send(direction, type)
      if (random.chance(0.08)) talk.stray()
      if (random.chance(0.06)) conversation.pause()
    }
  }
}

/** A number of 48 bits. */
function putLong(view: DataView, at: number, value: number): void {
  view.setUint16(at, Math.floor(value / 2 ** 32) & 0xffff)
  view.setUint32(at + 2, value >>> 0)
}
