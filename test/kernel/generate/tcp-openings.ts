// How TCP connections begin: handshakes, simultaneous and split opens, mid-stream pickup, and beginnings that go wrong.
import type { Direction } from './conversation.ts'
import { NO_OPTIONS, synOptions } from './tcp-options.ts'
import { ACK, FIN, PSH, RST, SYN } from './tcp-segment.ts'
import type { TcpTalk } from './tcp-talk.ts'

type Opening = (talk: TcpTalk, from: Direction) => void

/** Opens a connection one way or another; `from` sends first. */
export function open(talk: TcpTalk, from: Direction): void {
  talk.opener = from
  talk.random.weighted(OPENINGS)(talk, from)
}

function syn(talk: TcpTalk, from: Direction): void {
  talk.send(from, SYN, { sequence: talk.initialSequence() })
}

function synAck(talk: TcpTalk, from: Direction): void {
  talk.send(from, SYN | ACK, { sequence: talk.initialSequence() })
}

function handshake(talk: TcpTalk, from: Direction): void {
  const to = talk.other(from)
  syn(talk, from)
  while (talk.random.chance(0.1)) talk.repeat(from)
  if (talk.random.chance(0.05)) talk.conversation.pause()
  synAck(talk, to)
  while (talk.random.chance(0.1)) talk.repeat(to)
  talk.send(from, ACK, { length: talk.random.chance(0.2) ? talk.length() : 0 })
}

/** Data with the SYN (TCP Fast Open), and more of it before the SYN/ACK. */
function fastOpen(talk: TcpTalk, from: Direction): void {
  talk.send(from, SYN, { sequence: talk.initialSequence(), length: talk.length() })
  const all = talk.random.chance(0.5)
  const { end } = talk.shadow.sides[from]
  const to = talk.other(from)
  talk.send(to, SYN | ACK, { sequence: talk.initialSequence(), acknowledgment: all ? end : (end - 1) | 0 })
  talk.send(from, ACK)
}

function simultaneous(talk: TcpTalk, from: Direction): void {
  const to = talk.other(from)
  syn(talk, from)
  syn(talk, to)
  if (talk.random.chance(0.2)) talk.repeat(talk.direction())
  const sequences = talk.shadow.sides.map(side => (side.end - 1) | 0)
  for (const side of talk.random.shuffle([from, to])) {
    if (talk.random.chance(0.85)) talk.send(side, SYN | ACK, { sequence: sequences[side] })
  }
  for (const side of talk.random.shuffle([from, to])) if (talk.random.chance(0.7)) talk.send(side, ACK)
}

/** The server answers a SYN by an ACK and a SYN of its own. */
function split(talk: TcpTalk, from: Direction): void {
  const to = talk.other(from)
  syn(talk, from)
  if (talk.random.chance(0.5)) talk.send(to, ACK, { sequence: talk.random.word() })
  syn(talk, to)
  const sequence = (talk.shadow.sides[from].end - 1) | 0
  talk.send(from, SYN | ACK, { sequence })
  talk.send(to, ACK)
  if (talk.random.chance(0.5)) talk.send(from, ACK)
}

/** A connection whose beginning nobody saw. */
function pickup(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  const to = talk.other(from)
  const flags = ACK | (random.chance(0.3) ? PSH : 0) | (random.chance(0.05) ? FIN : 0)
  talk.send(from, flags, {
    sequence: talk.initialSequence(),
    acknowledgment: random.word(),
    length: talk.length(),
  })
  if (random.chance(0.2)) talk.send(from, ACK, { length: talk.length() })
  const keepalive = random.chance(0.2) ? 1 : 0
  const acknowledgment = (talk.shadow.sides[from].end + keepalive) | 0
  if (random.chance(0.8)) talk.send(to, ACK, { acknowledgment, length: talk.length() })
  if (random.chance(0.8)) talk.send(from, ACK, { length: talk.length() })
}

/** An old host answers a new SYN by an ACK, which the client resets, and tries again. */
function challenged(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  const to = talk.other(from)
  syn(talk, from)
  const old = random.word()
  talk.send(to, ACK, { sequence: random.word(), acknowledgment: old })
  const sequence = random.chance(0.8) ? old : (old + random.pick([-1, 1])) | 0
  if (random.chance(0.8)) talk.send(from, RST, { sequence })
  if (random.chance(0.3)) talk.conversation.pause()
  talk.repeat(random.chance(0.8) ? from : to)
  syn(talk, from)
  if (random.chance(0.8)) synAck(talk, to)
  if (random.chance(0.8)) talk.send(from, ACK)
}

/** A SYN/ACK that answers an older SYN comes before the right one. */
function oldSynAck(talk: TcpTalk, from: Direction): void {
  const to = talk.other(from)
  syn(talk, from)
  talk.send(to, SYN | ACK, { sequence: talk.initialSequence(), acknowledgment: talk.random.word() })
  if (talk.random.chance(0.6)) talk.send(to, RST | ACK, { acknowledgment: talk.random.word() })
  talk.repeat(from)
  talk.send(to, SYN | ACK, { sequence: talk.random.chance(0.2) ? 0 : talk.initialSequence() })
  talk.send(from, ACK)
}

/** A SYN sent anew with another number or other options, before or after the answer. */
function renewed(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  const to = talk.other(from)
  syn(talk, from)
  if (random.chance(0.3)) synAck(talk, to)
  const { end } = talk.shadow.sides[from]
  const options = random.chance(0.4) ? NO_OPTIONS : synOptions(random)
  talk.send(from, SYN, { sequence: (end + random.pick([-2, -1, 0, 1, 5000])) | 0, options })
  if (random.chance(0.1)) talk.send(from, SYN, { sequence: 0 })
  synAck(talk, to)
  if (random.chance(0.4)) {
    const answer = talk.shadow.sides[to].end
    talk.send(to, SYN | ACK, {
      sequence: (answer + random.pick([-1, 0, 1, 5000])) | 0,
      options: synOptions(random),
    })
  }
  talk.send(from, ACK)
}

/** A SYN that is refused: by RST of sequence 0, of the right number, or of a wrong one. */
function refused(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  const to = talk.other(from)
  syn(talk, from)
  if (random.chance(0.2)) talk.repeat(from)
  const { end } = talk.shadow.sides[from]
  const acknowledgment = random.pick([end, end, (end + 1) | 0, (end - 1) | 0, 0])
  const sequence = random.pick([0, 0, random.word()])
  if (random.chance(0.7)) talk.send(to, RST | ACK, { sequence, acknowledgment })
  else talk.send(random.pick([from, to]), RST, { sequence, acknowledgment })
  if (random.chance(0.5)) talk.shadow.reset()
}

/** A RST right behind the SYN/ACK, before the connection is assured. */
function aborted(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  const to = talk.other(from)
  syn(talk, from)
  synAck(talk, to)
  if (random.chance(0.3)) talk.send(from, ACK)
  const by = random.pick([from, to])
  const { end } = talk.shadow.sides[by]
  const sequence = random.pick([0, 0, end, (end + 1) | 0, (end - 1) | 0])
  talk.send(by, random.pick([RST, RST | ACK]), { sequence })
  if (random.chance(0.5)) talk.send(talk.other(by), ACK)
}

/** Both sides with the same numbers and windows, so that only the direction tells their segments apart. */
function mirrored(talk: TcpTalk, from: Direction): void {
  const sequence = talk.initialSequence()
  const same = { window: talk.random.between(1, 65535), options: NO_OPTIONS }
  const to = talk.other(from)
  talk.send(from, SYN, { sequence, ...same })
  talk.send(to, SYN | ACK, { sequence, ...same })
  for (let left = talk.random.between(4, 8); left > 0; left--) {
    talk.send(talk.random.chance(0.5) ? from : to, ACK, same)
  }
}

/** A sound connection whose last ACK comes 256 times and more: as often as the kernel's count of them goes. */
function stuck(talk: TcpTalk, from: Direction): void {
  const to = talk.other(from)
  const options = NO_OPTIONS
  syn(talk, from)
  synAck(talk, to)
  talk.send(from, ACK, { options })
  talk.send(to, ACK, { options, window: 1000 })
  for (let left = talk.random.between(254, 259); left > 0; left--)
    talk.send(to, ACK, { options, window: 1000 })
}

/** Nothing but a first packet of any kind. */
function anything(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  const flags = random.pick([
    SYN,
    SYN | ACK,
    ACK,
    FIN | ACK,
    RST,
    RST | ACK,
    PSH,
    0,
    FIN,
    SYN | FIN,
    SYN | RST,
    random.below(256),
  ])
  talk.send(from, flags, {
    sequence: talk.initialSequence(),
    acknowledgment: random.word(),
    length: talk.length(),
  })
}

const OPENINGS: readonly (readonly [number, Opening])[] = [
  [45, handshake],
  [3, fastOpen],
  [8, simultaneous],
  [4, split],
  [14, pickup],
  [6, challenged],
  [4, oldSynAck],
  [6, renewed],
  [5, refused],
  [4, aborted],
  [2, mirrored],
  [1, stuck],
  [5, anything],
]
