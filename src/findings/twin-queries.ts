// Two DNS queries that leave one socket at the same moment, of which one may be lost in a race: the five-second lookup.

import type { Cases } from './cases.ts'
import { counted } from './counted.ts'
import type { Confidence, Finding, FindingStep, FrameReference } from './finding.ts'
import { REMARKS } from './flow-catalogue.ts'
import type { FlowForms } from './flow-forms.ts'
import { DNS_HEAD, DNS_ID, DNS_QUERY, type Sight } from './sight.ts'
import { isFresh } from './stray-answers.ts'
import {
  FIRST_ACK,
  OPENING_ACKNOWLEDGMENT,
  OPENING_SEQUENCE,
  SIDE_FRAME,
  SYN,
  TRAIL_DNS,
  type Trails,
} from './trails.ts'

/** Its messages look like those of DNS, and go out by the handful from one socket. */
const NETBIOS_NAMES = 137
/** Two queries that meet in conntrack are that close. */
const TWIN_TIME = 1e6
/** Resolvers repeat a query after five seconds, or as long as they were told to wait; none before. */
const LEAST_RETRY = 0.9e9
const USUAL_RETRY = 5e9
const RETRY_TOLERANCE = 0.15e9
/** An answer to a repetition comes sooner. */
const ANSWER_TIME = 1e9
/** Pairs that wait for their answers, 0.4 kB each. */
const MOST_PAIRS = 1024
/** Races and exposed pairs that are named. */
const MOST_NAMED = 256
const NAMED_EXPOSED = 5

// whether a query was seen to leave the host
const UNKNOWN = 0
const LEFT = 1
const STAYED = 2

interface Query {
  id: number
  frame: FrameReference
  time: number
  way: number
  hasAnswer: boolean
}

interface Pair {
  serial: number
  queries: [Query, Query]
  isFresh: boolean
  /** The query that was sent again without having been answered. */
  lost: Query | null
  retry: FrameReference | null
  retryTime: number
  isRetryAnswered: boolean
  /** Both were lost. */
  isHopeless: boolean
}

export class TwinQueries {
  private readonly trails: Trails
  private readonly cases: Cases
  private readonly forms: FlowForms
  /** By trail. */
  private readonly pairs = new Map<number, Pair>()
  /** Pairs that are over and lost one, with their trail. */
  private readonly races: { trail: number; pair: Pair }[] = []
  /** Exposed pairs by point, and the first few of them. */
  private readonly exposed = new Map<number, number>()
  private readonly named: { flow: string; frames: FrameReference[] }[] = []
  /** Queries that were lost alone, or with their twin. */
  private otherLosses = 0

  constructor(trails: Trails, cases: Cases, forms: FlowForms) {
    this.trails = trails
    this.cases = cases
    this.forms = forms
  }

  /** The first datagram of a flow. Of its trail, the SYN's numbers tell the last query: its id, and whether it came last. */
  begin(trail: number, sight: Sight): void {
    if ((sight.dns & DNS_QUERY) === 0 || sight.destinationPort === NETBIOS_NAMES) return
    this.trails.mark(trail, TRAIL_DNS)
    this.trails.set(trail, SYN + OPENING_SEQUENCE, -1)
  }

  /** A datagram of a flow that began with a query; the trail does not know of it yet. */
  message(trail: number, sight: Sight): void {
    const { trails } = this
    const pair = this.pairOf(trail)
    if (trails.direction === 1) {
      trails.set(trail, SYN + OPENING_ACKNOWLEDGMENT, 0)
      if (pair !== null && (sight.dns & DNS_HEAD) !== 0) answer(pair, sight.dns & DNS_ID)
      return
    }
    if ((sight.dns & DNS_QUERY) === 0) return
    const id = sight.dns & DNS_ID
    const last = trails.get(trail, SYN + OPENING_SEQUENCE)
    const isQueryLast = trails.get(trail, SYN + OPENING_ACKNOWLEDGMENT) !== 0
    const pause = sight.time - trails.time(trail)
    const known = pair?.queries.find(query => query.id === id)
    if (pair !== null && known !== undefined) this.again(pair, known, sight)
    else if (isQueryLast && id !== last && pause <= TWIN_TIME) this.twin(trail, id, sight)
    else if (isQueryLast && id === last && pause >= LEAST_RETRY) this.otherLosses++
    if (id !== last || pause > TWIN_TIME) trails.set(trail, FIRST_ACK, UNKNOWN)
    trails.set(trail, SYN + OPENING_SEQUENCE, id)
    trails.set(trail, SYN + OPENING_ACKNOWLEDGMENT, 1)
  }

  /** Whether the last query of a flow was seen to leave the host. */
  passed(trail: number, hasLeft: boolean): void {
    const way = hasLeft ? LEFT : STAYED
    this.trails.set(trail, FIRST_ACK, way)
    const pair = this.pairOf(trail)
    const id = this.trails.get(trail, SYN + OPENING_SEQUENCE)
    if (pair === null || pair.lost !== null) return
    for (const query of pair.queries) if (query.id === id) query.way = way
  }

  /** Says what was lost; `now` is the time of the last packet. */
  conclude(now: number): void {
    for (const [trail, pair] of this.pairs) this.finish(trail, pair)
    this.pairs.clear()
    const isRace = ({ pair }: { pair: Pair }): boolean => {
      const isOver = pair.isRetryAnswered || now - pair.retryTime < ANSWER_TIME
      return isOver && !pair.isHopeless && !pair.queries.every(query => query.way === LEFT)
    }
    const races = this.races.filter(isRace).map(race => ({ ...race, form: this.forms.of(race.trail) }))
    const others = this.otherLosses + this.races.length - races.length
    const isProven = races.some(({ pair }) => hasProof(pair))
    const lookups = new Set(races.map(({ pair, form }) => `${form.client} ${pair.lost?.id}`)).size
    // a network that loses packets loses single queries, too
    if (!isProven && lookups <= others) return
    const exposed = Math.max(...this.exposed.values())
    for (const { trail, pair, form } of races) {
      const { confidence, why } = assess(pair, lookups, others)
      this.cases.add({
        id: 'dns-race',
        confidence,
        reason: `${why}; ${lookups} lost of ${exposed} pairs that left one socket within a millisecond`,
        client: form.client,
        flow: form.flow,
        point: this.trails.point(trail),
        steps: stepsOf(pair),
      })
    }
  }

  /** How many pairs were exposed, where none was lost. */
  remarks(nameOf: (point: number) => string): Finding[] {
    const [most] = [...this.exposed].sort((a, b) => b[1] - a[1])
    if (most === undefined || this.cases.hasAny('dns-race')) return []
    const { title, ...rest } = REMARKS['dns-race']
    const [point, count] = most
    return [
      {
        id: 'dns-race',
        ...rest,
        confidence: 'certain',
        title: `${title} (${counted(count, 'pair')})`,
        flows: this.named.map(({ flow }) => flow),
        flowCount: count,
        frames: this.named.flatMap(({ frames }) => frames),
        points: [nameOf(point)],
        occurrences: count,
      },
    ]
  }

  private twin(trail: number, id: number, sight: Sight): void {
    const { trails } = this
    const point = trails.point(trail)
    const old = this.pairOf(trail)
    if (old !== null) this.finish(trail, old)
    this.pairs.delete(trail)
    if (this.pairs.size === MOST_PAIRS) {
      for (const [oldest, pair] of this.pairs) {
        this.finish(oldest, pair)
        this.pairs.delete(oldest)
        break
      }
    }
    const { capture, frame, time } = sight
    const first = {
      id: trails.get(trail, SYN + OPENING_SEQUENCE),
      frame: { capture, frame: trails.side(trail, 0, SIDE_FRAME) },
      time: trails.time(trail),
      way: trails.get(trail, FIRST_ACK),
      hasAnswer: false,
    }
    const second = { id, frame: { capture, frame }, time, way: UNKNOWN, hasAnswer: false }
    this.pairs.set(trail, {
      serial: trails.serial(trail),
      queries: [first, second],
      isFresh: isFresh(sight.ttl),
      lost: null,
      retry: null,
      retryTime: Number.NEGATIVE_INFINITY,
      isRetryAnswered: false,
      isHopeless: false,
    })
    this.exposed.set(point, (this.exposed.get(point) ?? 0) + 1)
    if (this.named.length === NAMED_EXPOSED) return
    const flow = `udp ${trails.initiator(trail)} -> ${trails.responder(trail)}`
    this.named.push({ flow, frames: [first.frame, second.frame] })
  }

  /** A query of a pair is sent once more. */
  private again(pair: Pair, query: Query, { capture, frame, time }: Sight): void {
    if (time - query.time < LEAST_RETRY || query.hasAnswer || pair.retry !== null) return
    pair.lost = query
    pair.retry = { capture, frame }
    pair.retryTime = time
    pair.isHopeless = pair.queries.every(({ hasAnswer }) => !hasAnswer)
  }

  private finish(trail: number, pair: Pair): void {
    if (pair.lost === null || this.trails.serial(trail) !== pair.serial) return
    if (pair.isHopeless) this.otherLosses++
    else if (this.races.length < MOST_NAMED) this.races.push({ trail, pair })
  }

  private pairOf(trail: number): Pair | null {
    const pair = this.pairs.get(trail)
    return pair === undefined || pair.serial !== this.trails.serial(trail) ? null : pair
  }
}

function answer(pair: Pair, id: number): void {
  for (const query of pair.queries) if (query.id === id) query.hasAnswer = true
  if (pair.lost?.id === id) pair.isRetryAnswered = true
}

function hasProof({ lost, queries }: Pair): boolean {
  return lost?.way === STAYED && queries.some(query => query !== lost && query.way === LEFT)
}

function assess(pair: Pair, lookups: number, others: number): { confidence: Confidence; why: string } {
  if (hasProof(pair)) {
    return { confidence: 'certain', why: 'one query was seen to leave the host, its twin was not' }
  }
  const wait = pair.retryTime - (pair.lost?.time ?? 0)
  const isUsual = Math.abs(wait - USUAL_RETRY) <= RETRY_TOLERANCE
  const seconds = (wait / 1e9).toFixed(1)
  const why = `one query was answered, its twin was not, until it was repeated ${seconds} s later`
  if (!pair.isFresh) return { confidence: 'possible', why: `${why}; a router had passed both on` }
  if (lookups > 2 && others === 0) return { confidence: 'certain', why: `${why}, again and again` }
  return { confidence: isUsual ? 'likely' : 'possible', why }
}

function stepsOf({ queries, lost, retry }: Pair): FindingStep[] {
  const [first, second] = queries
  const micros = Math.round((second.time - first.time) / 1e3)
  const asked = queries.map(query => ({
    what: `query ${hex(query.id)}${query === lost ? ', lost' : ', answered'}${query === second ? `, ${micros} µs later` : ''}`,
    frames: [query.frame],
  }))
  return retry === null
    ? asked
    : [...asked, { what: `query ${hex(lost?.id ?? 0)} once more, answered`, frames: [retry] }]
}

const hex = (id: number): string => `0x${id.toString(16).padStart(4, '0')}`
