// How TCP connections end, and what comes after: FINs in every order, late segments, the same ports used again.
import type { Direction } from './conversation.ts'
import { probe, reset, strayedSyn } from './tcp-middles.ts'
import { ACK, FIN, PSH, RST, SYN } from './tcp-segment.ts'
import type { TcpTalk } from './tcp-talk.ts'

type Ending = (talk: TcpTalk, from: Direction) => void

/** Closes a connection one way or another; `from` begins. */
export function close(talk: TcpTalk, from: Direction): void {
  talk.random.weighted(ENDINGS)(talk, from)
}

function fin(talk: TcpTalk, from: Direction): void {
  talk.send(from, FIN | ACK, { length: talk.random.chance(0.2) ? talk.length() : 0 })
  if (talk.random.chance(0.1)) talk.repeat(from)
}

/** Both FINs and both ACKs, some of them lost, with whatever can come between. */
function orderly(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  const to = talk.other(from)
  fin(talk, from)
  disturb(talk)
  if (random.chance(0.7)) talk.send(to, ACK)
  while (random.chance(0.2)) talk.send(to, ACK | PSH, { length: talk.length() })
  disturb(talk)
  fin(talk, to)
  disturb(talk)
  if (random.chance(0.85)) talk.send(from, ACK)
  disturb(talk)
}

function disturb(talk: TcpTalk): void {
  const { random } = talk
  if (random.chance(0.8)) return
  random.pick([probe, probe, strayedSyn, reset, (t: TcpTalk) => t.repeat(t.direction())])(
    talk,
    talk.direction(),
  )
}

function atOnce(talk: TcpTalk, from: Direction): void {
  const to = talk.other(from)
  const acknowledgments = [talk.shadow.sides[0].end, talk.shadow.sides[1].end]
  fin(talk, from)
  talk.send(to, FIN | ACK, { acknowledgment: acknowledgments[from] })
  for (const side of talk.random.shuffle([from, to])) if (talk.random.chance(0.8)) talk.send(side, ACK)
}

/** A SYN meets the other side waiting for the last ACK; its challenge ACK must not count as that ACK. */
function challengedLast(talk: TcpTalk, from: Direction): void {
  const { random } = talk
  const to = talk.other(from)
  fin(talk, from)
  talk.send(to, ACK)
  fin(talk, to)
  talk.send(talk.opener, SYN, { sequence: random.word() })
  if (random.chance(0.2)) probe(talk, talk.direction())
  const answers = random.between(1, 3)
  for (let i = 0; i < answers; i++) talk.send(random.chance(0.8) ? talk.other(talk.opener) : talk.opener, ACK)
}

const ENDINGS: readonly (readonly [number, Ending])[] = [
  [10, orderly],
  [3, atOnce],
  [4, challengedLast],
  [5, reset],
  [1, probe],
  [1, () => {}],
]

/** What comes when all is over: late segments, a RST, and the same ports again from either side. */
export function aftermath(talk: TcpTalk): void {
  const { random } = talk
  for (let i = random.below(3); i > 0; i--) {
    random.weighted<Ending>([
      [4, probe],
      [2, reset],
      [1, t => t.repeat(t.direction())],
      [1, (t, from) => t.send(from, RST, { sequence: random.word() })],
    ])(talk, talk.direction())
  }
  if (random.chance(0.3)) talk.conversation.pause()
}

/** A SYN on the ports of a closed connection, from whichever side, perhaps more than once. */
export function reopen(talk: TcpTalk): Direction {
  const by = talk.random.chance(0.7) ? talk.opener : talk.other(talk.opener)
  talk.send(by, SYN, { sequence: talk.initialSequence() })
  if (talk.random.chance(0.15)) talk.send(talk.other(by), SYN, { sequence: talk.initialSequence() })
  talk.opener = by
  return by
}
