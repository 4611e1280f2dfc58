// What happens within a TCP connection: honest traffic, and everything at the edge of, or against, the rules.
import type { Direction } from './conversation.ts'
import { oddOption, synOptions } from './tcp-options.ts'
import { ACK, CWR, ECE, encodeSegment, FIN, PSH, RST, SYN, URG } from './tcp-segment.ts'
import { TCP, type TcpTalk } from './tcp-talk.ts'

type Middle = (talk: TcpTalk, from: Direction) => void

/** One step of a connection; `from` acts first. */
export function step(talk: TcpTalk, from: Direction): void {
  talk.random.weighted(MIDDLES)(talk, from)
}

/** A segment of any kind, its numbers near conntrack's bounds. */
export function probe(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  const flags = random.weighted(PROBE_FLAGS)
  const length = talk.length()
  const options = random.weighted([
    [10, {}],
    [4, { options: talk.edgySack(from) }],
    [1, { options: oddOption(random) }],
  ])
  talk.send(from, flags, {
    sequence: random.chance(0.6) ? talk.edgySequence(from, length) : talk.shadow.sides[from].end,
    acknowledgment: random.chance(0.6) ? talk.edgyAcknowledgment(from) : talk.shadow.sides[1 - from].end,
    length,
    ...options,
  })
}

const PROBE_FLAGS: readonly (readonly [number, number])[] = [
  [30, ACK],
  [6, ACK | PSH],
  [2, ACK | URG],
  [2, ACK | ECE | CWR],
  [8, SYN],
  [1, SYN | URG],
  [1, SYN | ECE | CWR],
  [8, SYN | ACK],
  [8, FIN | ACK],
  [1, FIN | ACK | URG | PSH],
  [8, RST],
  [8, RST | ACK],
]

function exchange(talk: TcpTalk, from: Direction): void {
  talk.send(from, ACK | (talk.random.chance(0.5) ? PSH : 0), { length: 1 + talk.random.below(1448) })
  if (talk.random.chance(0.8)) talk.send(talk.other(from), ACK)
}

/** The same segment again and again: three make a difference. */
function retransmits(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  const { end } = talk.shadow.sides[from]
  const length = random.chance(0.5) ? 0 : random.between(1, 500)
  talk.send(from, ACK, { length })
  const same = talk.last[from]
  for (let i = random.between(1, 5); i > 0; i--) {
    // now and then one field differs, which starts the count anew
    if (random.chance(0.04)) talk.send(from, ACK, { sequence: end, length: length + 1 })
    talk.send(from, ACK, {
      ...same,
      options: random.chance(0.2) ? talk.edgySack(from) : (same?.options ?? oddOption(random)),
    })
  }
  if (random.chance(0.3)) talk.conversation.pause()
  if (random.chance(0.5)) talk.send(talk.other(from), ACK)
  if (random.chance(0.3)) talk.send(from, ACK, { length: 1 })
}

function zeroWindow(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  const to = talk.other(from)
  talk.send(from, ACK, { window: 0 })
  if (random.chance(0.3)) talk.conversation.pause()
  for (let i = random.below(3); i > 0; i--) keepalive(talk, to)
  if (random.chance(0.3)) talk.send(to, ACK, { length: random.between(1, 3) })
  if (random.chance(0.7)) talk.send(from, ACK, { window: random.between(1, 65535) })
}

function keepalive(talk: TcpTalk, from: Direction): void {
  const { end } = talk.shadow.sides[from]
  const length = talk.random.below(2)
  talk.send(from, ACK, { sequence: (end - 1) | 0, length })
  if (talk.random.chance(0.6)) talk.send(talk.other(from), ACK)
}

/** A segment is missing, and told by SACK; then it comes. */
function gap(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  const to = talk.other(from)
  const { end } = talk.shadow.sides[from]
  const length = random.between(1, 1448)
  const later = random.between(1, 3)
  for (let i = 1; i <= later; i++) talk.send(from, ACK, { sequence: (end + i * length) | 0, length })
  for (let i = random.below(4); i > 0; i--)
    talk.send(to, ACK, { acknowledgment: end, options: talk.edgySack(to) })
  if (random.chance(0.8)) talk.send(from, ACK, { sequence: end, length })
  if (random.chance(0.8)) talk.send(to, ACK)
}

/** More than the window allows, by a few bytes or by too many, and perhaps acknowledged all the same. */
function overshoot(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  const sender = talk.shadow.sides[from]
  const receiver = talk.shadow.sides[1 - from]
  const room = (sender.limit - sender.end) | 0
  if (room > 0 && room < 20000) talk.send(from, ACK, { length: Math.min(room, 1448) })
  const length = random.between(1, 1448)
  const beyond = random.pick([
    1,
    2,
    receiver.window - length,
    receiver.window - length + random.pick([-2, -1, 0, 1]),
  ])
  const sequence = (sender.limit + Math.max(1, beyond)) | 0
  talk.send(from, ACK | (random.chance(0.1) ? FIN : 0), { sequence, length })
  const acknowledgment = (sequence + length) | 0
  if (random.chance(0.5)) talk.send(talk.other(from), ACK, { acknowledgment })
}

/** A SYN inside a living connection, and each of the answers that mean something to conntrack. */
export function strayedSyn(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  const by = random.chance(0.8) ? talk.opener : from
  const to = talk.other(by)
  const window = random.pick([0, 1, 500, 65535])
  const options = synOptions(random)
  const syn = talk.send(by, SYN, {
    sequence: random.chance(0.5) ? random.word() : talk.edgySequence(by, 0),
    options,
    window,
  })
  const expected = (syn.sequence + 1) | 0
  const acknowledgment = random.chance(0.75) ? expected : (expected + random.pick([-1, 1])) | 0
  const answer = random.pick(['resync', 'resync', 'resync', 'challenge', 'reset', 'cross', 'nothing'])
  if (answer === 'resync') resync(talk, by, acknowledgment)
  else if (answer === 'challenge') {
    talk.send(to, ACK)
    if (random.chance(0.6)) talk.send(by, RST, { sequence: talk.shadow.sides[by].end })
    if (random.chance(0.5)) talk.send(by, SYN, { ...syn })
  } else if (answer === 'reset') {
    talk.send(to, random.pick([RST | ACK, RST]), { sequence: talk.edgySequence(to, 0), acknowledgment })
  } else if (answer === 'cross') {
    talk.send(by, SYN | ACK, { acknowledgment: random.word() })
  }
}

function resync(talk: TcpTalk, by: Direction, acknowledgment: number): void {
  const { random } = talk
  const to = talk.other(by)
  if (random.chance(0.15)) probe(talk, talk.direction())
  const sequence = random.chance(0.5) ? random.word() : talk.edgySequence(to, 0)
  const answer = talk.send(to, SYN | ACK, { sequence, acknowledgment })
  const next = { sequence: acknowledgment, acknowledgment: (answer.sequence + 1) | 0 }
  if (random.chance(0.8)) talk.send(by, ACK, next)
  if (random.chance(0.5))
    talk.send(to, ACK, {
      sequence: next.acknowledgment,
      acknowledgment: next.sequence,
      length: talk.length(),
    })
}

/** A RST, rarely the right one, perhaps behind data, perhaps several. */
export function reset(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  const { acked } = talk.shadow.sides[1 - from]
  const { end } = talk.shadow.sides[from]
  if (random.chance(0.3)) talk.send(from, ACK, { length: talk.length() })
  const train = talk.shadow.sides[from].end
  const exact = acked ?? end
  const count = random.weighted([
    [6, 1],
    [2, 2],
    [1, 3],
  ])
  for (let i = 0; i < count; i++) {
    const sequence = random.pick([
      exact,
      exact,
      train,
      (exact + 1) | 0,
      (exact - 1) | 0,
      (train - 1) | 0,
      0,
      (exact + 200) | 0,
      random.word(),
    ])
    const acknowledgment = random.pick([talk.shadow.sides[1 - from].end, 0, talk.edgyAcknowledgment(from)])
    talk.send(from, random.pick([RST, RST | ACK]), {
      sequence,
      acknowledgment,
      length: random.chance(0.1) ? 5 : 0,
    })
  }
  if (random.chance(0.3)) talk.conversation.pause()
}

/** A FIN or RST beyond the window, answered by another from the other side. */
function outOfWindow(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  for (const side of [from, random.chance(0.85) ? talk.other(from) : from]) {
    const sequence = (talk.shadow.sides[side].end + random.pick([2_000_000, -2_000_000])) | 0
    const acknowledgment = random.chance(0.7) ? talk.shadow.sides[1 - side].end : random.word()
    talk.send(side, random.pick([FIN | ACK, FIN | ACK, RST | ACK]), { sequence, acknowledgment })
    if (random.chance(0.1)) probe(talk, talk.direction())
  }
  if (random.chance(0.5)) talk.conversation.pause()
}

function oddFlags(talk: TcpTalk, from: Direction): void {
  talk.send(from, talk.random.below(256), { length: talk.length() })
}

/** Headers that end too early, or claim to. */
function malformed(talk: TcpTalk, from: Direction): void {
  const { random, conversation } = talk
  const segment = {
    flags: ACK,
    sequence: talk.shadow.sides[from].end,
    acknowledgment: 0,
    window: 1000,
    length: random.below(30),
    options: new Uint8Array(0),
  }
  const ports = from === 0 ? talk.ports : ([talk.ports[1], talk.ports[0]] as const)
  const whole = encodeSegment(ports, { ...segment, dataOffset: random.chance(0.6) ? random.below(16) : 5 })
  const bytes = random.chance(0.5) ? whole : whole.subarray(0, random.pick([0, 3, 4, 8, 12, 19, 20]))
  conversation.sealChecksum(from, TCP, bytes, 16)
  conversation.send(from, TCP, bytes)
}

const MIDDLES: readonly (readonly [number, Middle])[] = [
  [30, exchange],
  [40, probe],
  [8, retransmits],
  [6, zeroWindow],
  [4, keepalive],
  [8, gap],
  [6, overshoot],
  [10, strayedSyn],
  [8, reset],
  [5, outOfWindow],
  [2, oddFlags],
  [1, malformed],
  [6, talk => talk.repeat(talk.direction())],
  [8, talk => talk.conversation.pause()],
]
