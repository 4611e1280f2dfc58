// SCTP associations (RFC 9260): right and wrong verification tags, colliding INITs, new paths, bundles and broken chunks.
import { crc32c } from './checksum.ts'
import type { Conversation, Direction } from './conversation.ts'
import { concat, put16, put32 } from './ip.ts'
import type { Random } from './random.ts'

export const SCTP = 132

const DATA = 0
const INIT = 1
const INIT_ACK = 2
const SACK = 3
const HEARTBEAT = 4
const HEARTBEAT_ACK = 5
const ABORT = 6
const SHUTDOWN = 7
const SHUTDOWN_ACK = 8
const ERROR = 9
const COOKIE_ECHO = 10
const COOKIE_ACK = 11
const SHUTDOWN_COMPLETE = 14
const ALL = [
  DATA,
  INIT,
  INIT_ACK,
  SACK,
  HEARTBEAT,
  HEARTBEAT_ACK,
  ABORT,
  SHUTDOWN,
  SHUTDOWN_ACK,
  ERROR,
  COOKIE_ECHO,
  COOKIE_ACK,
  SHUTDOWN_COMPLETE,
]
/** The T bit: the tag is the peer's. */
const REFLECTED = 1

interface Chunk {
  type: number
  flags?: number
  /** Initiate tag of INIT and INIT ACK. */
  tag?: number
}

/** Makes up one SCTP conversation. */
export function talkSctp(conversation: Conversation): void {
  const talk = new SctpTalk(conversation)
  const { random } = conversation
  random.weighted(BEGINNINGS)(talk)
  for (let steps = random.below(10); steps > 0; steps--)
    random.weighted(STEPS)(talk, random.chance(0.5) ? 1 : 0)
  if (random.chance(0.6)) shutdown(talk, random.chance(0.5) ? 1 : 0)
  for (let steps = random.below(4); steps > 0; steps--)
    random.weighted(STEPS)(talk, random.chance(0.5) ? 1 : 0)
  if (random.chance(0.4)) {
    associate(talk, random.chance(0.7) ? 0 : 1)
    for (let steps = random.below(5); steps > 0; steps--)
      random.weighted(STEPS)(talk, random.chance(0.5) ? 1 : 0)
  }
}

class SctpTalk {
  readonly conversation: Conversation
  readonly random: Random
  /** The tag that packets of each side should bear. */
  readonly tags: [number, number] = [0, 0]
  private readonly ports: readonly [number, number]

  constructor(conversation: Conversation) {
    this.conversation = conversation
    this.random = conversation.random
    this.ports = [conversation.port(), conversation.port()]
  }

  /** Sends chunks in one packet; the tag is the right one unless told. */
  send(direction: Direction, chunks: readonly Chunk[], tag = this.tags[direction]): void {
    this.sendRaw(direction, tag, concat(...chunks.map(chunk => encodeChunk(chunk, this.random))))
    for (const chunk of chunks) if (chunk.tag !== undefined) this.tags[1 - direction] = chunk.tag
  }

  sendRaw(direction: Direction, tag: number, chunks: Uint8Array): void {
    const bytes = new Uint8Array(12 + chunks.length)
    put16(bytes, 0, this.ports[direction])
    put16(bytes, 2, this.ports[1 - direction])
    put32(bytes, 4, tag)
    bytes.set(chunks, 12)
    const crc = crc32c(bytes) ^ (this.random.chance(0.005) ? 1 : 0)
    new DataView(bytes.buffer).setUint32(8, crc, true)
    const cut = this.random.chance(0.01)
      ? this.random.pick([0, 4, 8, 11, 12, 15, bytes.length - 1])
      : bytes.length
    this.conversation.send(direction, SCTP, bytes.subarray(0, cut))
  }

  init(direction: Direction): void {
    this.send(direction, [{ type: INIT, tag: this.newTag() }], this.random.chance(0.03) ? this.newTag() : 0)
  }

  newTag(): number {
    return this.random.chance(0.05) ? 0 : this.random.word()
  }

  /** A tag that is right, the peer's, zero or any. */
  someTag(direction: Direction): number {
    return this.random.weighted([
      [8, this.tags[direction]],
      [3, this.tags[1 - direction]],
      [1, 0],
      [2, this.random.word()],
    ])
  }
}

function encodeChunk(chunk: Chunk, random: Random): Uint8Array {
  const hasTag = chunk.type === INIT || chunk.type === INIT_ACK
  const body = new Uint8Array(hasTag ? 16 : random.below(24))
  if (hasTag) put32(body, 0, chunk.tag ?? 0)
  const bytes = new Uint8Array((4 + body.length + 3) & ~3)
  bytes[0] = chunk.type
  bytes[1] = chunk.flags ?? 0
  put16(bytes, 2, 4 + body.length)
  bytes.set(body, 4)
  return bytes
}

function associate(talk: SctpTalk, from: Direction): void {
  const { random } = talk
  const to: Direction = from === 0 ? 1 : 0
  talk.init(from)
  while (random.chance(0.15))
    talk.send(from, [{ type: INIT, tag: random.chance(0.5) ? talk.tags[to] : talk.newTag() }], 0)
  if (random.chance(0.1)) talk.conversation.pause()
  survey(talk)
  talk.send(to, [{ type: INIT_ACK, tag: talk.newTag() }])
  survey(talk)
  talk.send(from, [{ type: COOKIE_ECHO }, ...(random.chance(0.3) ? [{ type: DATA }] : [])])
  survey(talk)
  talk.send(to, [{ type: COOKIE_ACK }, ...(random.chance(0.3) ? [{ type: SACK }] : [])])
}

/** Any chunk that moves states, with the tag that is right for it: every state should meet every chunk from both sides. */
function survey(talk: SctpTalk): void {
  const { random } = talk
  if (random.chance(0.75)) return
  const from: Direction = random.chance(0.5) ? 1 : 0
  const type = random.pick(ALL)
  if (type === INIT) {
    talk.init(from)
    return
  }
  const reflected = (type === ABORT || type === SHUTDOWN_COMPLETE) && random.chance(0.5)
  const chunk = {
    type,
    flags: reflected ? REFLECTED : 0,
    ...(type === INIT_ACK ? { tag: talk.tags[1 - from] } : {}),
  }
  talk.send(from, [chunk], talk.tags[reflected ? 1 - from : from])
}

/** Both sides send INIT before they have the other's. */
function collide(talk: SctpTalk): void {
  const { random } = talk
  const tags = [talk.newTag(), talk.newTag()]
  talk.send(0, [{ type: INIT, tag: tags[0] }], 0)
  talk.send(1, [{ type: INIT, tag: tags[1] }], 0)
  const order: Direction[] = random.shuffle([0, 1])
  for (const side of order) {
    const tag = random.chance(0.7) ? tags[side] : talk.newTag()
    if (random.chance(0.9))
      talk.send(side, [{ type: INIT_ACK, tag }], random.chance(0.8) ? tags[1 - side] : talk.someTag(side))
  }
  const echo = random.pick(order)
  talk.send(echo, [{ type: COOKIE_ECHO }])
  talk.send(echo === 0 ? 1 : 0, [{ type: COOKIE_ACK }])
}

/** A path that starts with a HEARTBEAT of an association known elsewhere. */
function newPath(talk: SctpTalk): void {
  const { random } = talk
  const tags = [talk.newTag(), talk.newTag()]
  talk.send(0, [{ type: HEARTBEAT }], tags[0])
  talk.tags[0] = tags[0]
  talk.tags[1] = 0
  if (random.chance(0.2)) talk.conversation.pause()
  survey(talk)
  if (random.chance(0.8)) talk.send(1, [{ type: HEARTBEAT_ACK }], tags[1])
  talk.tags[1] = tags[1]
}

/** Heartbeats whose tags are not what the entry holds: a path whose association began anew. */
function retag(talk: SctpTalk, from: Direction): void {
  const { random } = talk
  const to: Direction = from === 0 ? 1 : 0
  const tags = [talk.newTag(), talk.newTag()]
  talk.send(
    from,
    [{ type: HEARTBEAT }, ...(random.chance(0.2) ? [{ type: random.pick([HEARTBEAT, DATA]) }] : [])],
    tags[0],
  )
  if (random.chance(0.2)) talk.send(from, [{ type: HEARTBEAT }])
  talk.send(random.chance(0.85) ? to : from, [{ type: HEARTBEAT_ACK }], tags[1])
  if (random.chance(0.5)) talk.send(from, [{ type: random.pick([HEARTBEAT, DATA, HEARTBEAT_ACK]) }], tags[0])
  if (random.chance(0.6)) {
    talk.tags[from] = tags[0]
    talk.tags[to] = tags[1]
  }
}

function outOfTheBlue(talk: SctpTalk): void {
  const { random } = talk
  const chunk = { type: random.pick(ALL), flags: random.below(2) }
  talk.send(
    random.chance(0.8) ? 0 : 1,
    [chunk, ...(random.chance(0.1) ? [chunk] : [])],
    random.chance(0.5) ? 0 : random.word(),
  )
  if (random.chance(0.5))
    talk.send(1, [{ type: random.pick([SHUTDOWN_COMPLETE, ABORT]), flags: REFLECTED }], talk.someTag(1))
}

function traffic(talk: SctpTalk, from: Direction): void {
  const to: Direction = from === 0 ? 1 : 0
  talk.send(from, [{ type: DATA }])
  talk.send(to, [{ type: SACK }])
}

/** Any chunk with any tag. */
function misstep(talk: SctpTalk, from: Direction): void {
  const { random } = talk
  const type = random.chance(0.9) ? random.pick(ALL) : random.below(256)
  const hasTag = type === INIT || type === INIT_ACK
  const tag = random.weighted([
    [3, talk.tags[1 - from]],
    [1, talk.tags[from]],
    [2, talk.newTag()],
  ])
  const chunk = { type, flags: random.chance(0.3) ? REFLECTED : 0, ...(hasTag ? { tag } : {}) }
  talk.send(from, [chunk], type === INIT && random.chance(0.8) ? 0 : talk.someTag(from))
}

/** Several chunks, some of which may not be bundled, or not in this place. */
function bundle(talk: SctpTalk, from: Direction): void {
  const { random } = talk
  const common = [DATA, SACK, HEARTBEAT, HEARTBEAT_ACK, ERROR, SHUTDOWN, SHUTDOWN_ACK, ABORT]
  const chunks = Array.from({ length: random.between(2, 4) }, () => ({
    type: random.pick(random.chance(0.8) ? common : ALL),
  }))
  talk.send(from, chunks, talk.someTag(from))
}

/** Chunk lengths of nothing, of less than a header, beyond the end, or not padded. */
function broken(talk: SctpTalk, from: Direction): void {
  const { random } = talk
  const bytes = random.bytes(random.pick([0, 2, 4, 5, 8, 20]))
  if (bytes.length > 0) bytes[0] = random.pick(ALL)
  if (bytes.length >= 4) put16(bytes, 2, random.pick([0, 1, 3, 4, 5, 7, 8, 9, 20, 100, 0xffff]))
  talk.sendRaw(from, talk.someTag(from), bytes)
}

function shutdown(talk: SctpTalk, from: Direction): void {
  const { random } = talk
  const to: Direction = from === 0 ? 1 : 0
  const pause = (): void => {
    if (random.chance(0.1)) talk.conversation.pause()
    survey(talk)
    survey(talk)
  }
  talk.send(from, [{ type: SHUTDOWN }])
  if (random.chance(0.1)) talk.send(to, [{ type: SHUTDOWN }])
  pause()
  if (random.chance(0.9)) talk.send(to, [{ type: SHUTDOWN_ACK }])
  pause()
  const reflected = random.chance(0.3)
  if (random.chance(0.9)) {
    const tag = random.chance(0.85) ? talk.tags[reflected ? to : from] : talk.someTag(from)
    talk.send(from, [{ type: SHUTDOWN_COMPLETE, flags: reflected ? REFLECTED : 0 }], tag)
  }
  if (random.chance(0.3)) talk.conversation.pause()
}

function abort(talk: SctpTalk, from: Direction): void {
  const { random } = talk
  const reflected = random.chance(0.4)
  const tag = random.chance(0.7) ? talk.tags[reflected ? 1 - from : from] : talk.someTag(from)
  talk.send(from, [{ type: ABORT, flags: reflected ? REFLECTED : 0 }], tag)
}

const BEGINNINGS: readonly (readonly [number, (talk: SctpTalk) => void])[] = [
  [14, talk => associate(talk, 0)],
  [4, collide],
  [5, newPath],
  [3, outOfTheBlue],
]

const STEPS: readonly (readonly [number, (talk: SctpTalk, from: Direction) => void])[] = [
  [8, traffic],
  [8, misstep],
  [3, retag],
  [3, bundle],
  [1, broken],
  [2, abort],
  [1, (talk, from) => talk.init(from)],
  [1, collide],
  [3, talk => talk.conversation.pause()],
]
