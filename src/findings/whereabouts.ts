// Where the packets of an entry were seen: asked through the queue, since what remembers them may be on another thread.
import { DIRECTION_ORIGINAL, DIRECTION_REPLY } from '../conntrack/status.ts'
import type { Table } from '../conntrack/table.ts'
import { addressWord, formatIpv4, formatIpv6 } from '../net/address.ts'
import { IPPROTO_TCP } from '../net/numbers.ts'
import type { RecordQueue } from '../queue/record-queue.ts'
import { RECORD_QUESTION } from '../queue/record-type.ts'
import { type Points, sideOf } from '../vantage/points.ts'
import type { FrameReference } from './finding.ts'
import { Sight } from './sight.ts'
import { CAPTURE, OPENING_FRAME, SIDE_FRAME, SYN, SYN_COUNT, TRAIL_SYN, type Trails } from './trails.ts'

/** Points of a trail that are asked. */
const MOST_POINTS = 64

// words of a question: its number, how many points there are, IP version << 8 | protocol, and for both keys of the
// entry the ports and four words of each address
const TYPE = 0
export const QUESTION = 1
const POINTS = 2
const KIND = 3
const KEYS = 4
const KEY_WORDS = 9
const SOURCE = 1
const DESTINATION = 5

/** One point that shows a flow, in either form: the client's first packet there and its last, and its SYNs. */
export interface Place {
  point: number
  first: FrameReference
  last: FrameReference
  syns: number
}

/** A question that was put: its number, by which the answer goes, and what the entry is called. */
export interface Asked {
  question: number
  client: string
  /** As it was meant, and what it was translated to. */
  flow: string
}

/** Puts the questions. */
export class Whereabouts {
  private readonly queue: RecordQueue
  private readonly points: Points
  private questions = 0

  constructor(queue: RecordQueue, points: Points) {
    this.queue = queue
    this.points = points
  }

  /** Asks where an entry's packets were seen, as far as that is remembered now. */
  ask(table: Table, ct: number): Asked {
    const { words } = this.queue
    const at = this.queue.next()
    const question = this.questions++
    const isIpv6 = table.isIpv6(ct)
    words[at + TYPE] = RECORD_QUESTION
    words[at + QUESTION] = question
    words[at + POINTS] = Math.min(this.points.all.length, MOST_POINTS)
    words[at + KIND] = ((isIpv6 ? 6 : 4) << 8) | table.protocol(ct)
    for (const direction of [DIRECTION_ORIGINAL, DIRECTION_REPLY]) {
      const key = ct * 2 + direction
      const to = at + KEYS + direction * KEY_WORDS
      words[to] = table.ports(key)
      for (let i = 0; i < 4; i++) {
        words[to + SOURCE + i] = isIpv6 || i === 0 ? table.sourceWord(key, i) : 0
        words[to + DESTINATION + i] = isIpv6 || i === 0 ? table.destinationWord(key, i) : 0
      }
    }
    return { question, ...textOf(table, ct) }
  }
}

/** Answers a question that stands at `at`. */
export function findPlaces(trails: Trails, words: Int32Array, at: number): Place[] {
  const sight = new Sight()
  sight.family = words[at + KIND] >> 8
  sight.protocol = words[at + KIND] & 0xff
  const places: Place[] = []
  for (let point = 0; point < words[at + POINTS]; point++) {
    for (const isTranslated of [false, true]) {
      takeKey(sight, words, at + KEYS, isTranslated)
      const trail = findAt(trails, sight, point)
      if (trail < 0 || trails.direction !== 0 || !trails.has(trail, TRAIL_SYN)) continue
      const capture = trails.get(trail, CAPTURE)
      const first = { capture, frame: trails.get(trail, SYN + OPENING_FRAME) }
      const last = { capture, frame: trails.side(trail, 0, SIDE_FRAME) }
      places.push({ point, first, last, syns: trails.get(trail, SYN_COUNT) })
      break
    }
  }
  return places
}

/** The trail of a flow at a point, or on either side of it. */
function findAt(trails: Trails, sight: Sight, point: number): number {
  const source = wordOf(sight.family, sight.source)
  const destination = wordOf(sight.family, sight.destination)
  for (const side of [point, sideOf(point, source), sideOf(point, destination)]) {
    sight.point = side
    const trail = trails.find(sight)
    if (trail >= 0) return trail
  }
  return -1
}

function wordOf(family: number, [first, second, third, fourth]: Int32Array): number {
  return addressWord(family, first, second, third, fourth)
}

/** The entry's first direction as it came in, or as it left: the inverse of the reply. */
function takeKey(sight: Sight, words: Int32Array, keys: number, isTranslated: boolean): void {
  const at = keys + (isTranslated ? DIRECTION_REPLY : DIRECTION_ORIGINAL) * KEY_WORDS
  const ports = words[at]
  sight.sourcePort = isTranslated ? ports & 0xffff : ports >>> 16
  sight.destinationPort = isTranslated ? ports >>> 16 : ports & 0xffff
  for (let i = 0; i < 4; i++) {
    sight.source[i] = words[at + (isTranslated ? DESTINATION : SOURCE) + i]
    sight.destination[i] = words[at + (isTranslated ? SOURCE : DESTINATION) + i]
  }
}

function textOf(table: Table, ct: number): { client: string; flow: string } {
  const protocol = table.protocol(ct) === IPPROTO_TCP ? 'tcp' : 'udp'
  const original = ct * 2 + DIRECTION_ORIGINAL
  const reply = ct * 2 + DIRECTION_REPLY
  const client = endpoint(table, original, true)
  const asked = endpoint(table, original, false)
  const source = endpoint(table, reply, false)
  const destination = endpoint(table, reply, true)
  const text = `${protocol} ${client} -> ${asked}`
  if (source !== client) return { client, flow: `${text}, translated to ${source} -> ${destination}` }
  return { client, flow: destination === asked ? text : `${text}, translated to ${destination}` }
}

/** Source or destination of a key. */
export function endpoint(table: Table, key: number, isSource: boolean): string {
  const ports = table.ports(key)
  const port = isSource ? ports >>> 16 : ports & 0xffff
  const word = (index: number): number =>
    isSource ? table.sourceWord(key, index) : table.destinationWord(key, index)
  if (!table.isIpv6(key >> 1)) return `${formatIpv4(word(0))}:${port}`
  return `[${formatIpv6(word(0), word(1), word(2), word(3))}]:${port}`
}
