// Two DNS queries that leave one socket at the same moment, of which one may be lost in a race: the five-second lookup.

import { Budget } from '../evidence/budget.ts'
import type { FlowForm, FlowForms } from '../evidence/flow-forms.ts'
import { DNS_IS_QUERY_LAST, DNS_LAST_ID, DNS_LAST_WAY, LEG_DNS, SIDE_FRAME } from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import { DNS_HEAD, DNS_ID, DNS_QUERY, type Observation } from '../evidence/observation.ts'
import { isFresh } from '../evidence/refused-answer.ts'
import type { Cases } from '../facts/collector.ts'
import { counted } from '../wording/counted.ts'
import type { Confidence, Finding, FindingStep, FrameReference } from '../facts/facts.ts'
import { REMARKS } from '../wording/flow-catalogue.ts'

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
/** Pairs that wait for their answers, 0.4 kB each: those of some seconds, where a resolver asks 10,000 times in one. */
const MOST_PAIRS = 1 << 16
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
  private readonly legs: Legs
  private readonly cases: Cases
  private readonly forms: FlowForms
  /** By leg. */
  private readonly pairs = new Map<number, Pair>()
  /** Pairs that are over and lost one. */
  private readonly races: { pair: Pair; point: number; form: FlowForm }[] = []
  /** Exposed pairs by point, and the first few of them. */
  private readonly exposed = new Map<number, number>()
  private readonly named: { flow: string; frames: FrameReference[] }[] = []
  readonly budget = new Budget('pairs of DNS queries that wait for their answers', MOST_PAIRS)
  /** Queries that were lost alone, or with their twin. */
  private otherLosses = 0

  constructor(legs: Legs, cases: Cases, forms: FlowForms) {
    this.legs = legs
    this.cases = cases
    this.forms = forms
  }

  /** The first datagram of a flow. */
  begin(leg: number, seen: Observation): void {
    if ((seen.dns & DNS_QUERY) === 0 || seen.destinationPort === NETBIOS_NAMES) return
    this.legs.mark(leg, LEG_DNS)
    this.legs.set(leg, DNS_LAST_ID, -1)
  }

  /** A datagram of a flow that began with a query; the leg does not know of it yet. */
  message(leg: number, seen: Observation): void {
    const { legs } = this
    const pair = this.pairOf(leg)
    if (legs.direction === 1) {
      legs.set(leg, DNS_IS_QUERY_LAST, 0)
      if (pair !== null && (seen.dns & DNS_HEAD) !== 0) answer(pair, seen.dns & DNS_ID)
      return
    }
    if ((seen.dns & DNS_QUERY) === 0) return
    const id = seen.dns & DNS_ID
    const last = legs.get(leg, DNS_LAST_ID)
    const isQueryLast = legs.get(leg, DNS_IS_QUERY_LAST) !== 0
    const pause = seen.time - legs.time(leg)
    const known = pair?.queries.find(query => query.id === id)
    if (pair !== null && known !== undefined) this.again(pair, known, seen)
    else if (isQueryLast && id !== last && pause <= TWIN_TIME) this.twin(leg, id, seen)
    else if (isQueryLast && id === last && pause >= LEAST_RETRY) this.otherLosses++
    if (id !== last || pause > TWIN_TIME) legs.set(leg, DNS_LAST_WAY, UNKNOWN)
    legs.set(leg, DNS_LAST_ID, id)
    legs.set(leg, DNS_IS_QUERY_LAST, 1)
  }

  /** Whether the last query of a flow was seen to leave the host. */
  passed(leg: number, hasLeft: boolean): void {
    const way = hasLeft ? LEFT : STAYED
    this.legs.set(leg, DNS_LAST_WAY, way)
    const pair = this.pairOf(leg)
    const id = this.legs.get(leg, DNS_LAST_ID)
    if (pair === null || pair.lost !== null) return
    for (const query of pair.queries) if (query.id === id) query.way = way
  }

  /** A leg goes: what became of its queries is known. */
  ended(leg: number): void {
    const pair = this.pairs.get(leg)
    if (pair === undefined) return
    this.finish(leg, pair)
    this.pairs.delete(leg)
  }

  /** Says what was lost; `now` is the time of the last packet. */
  conclude(now: number): void {
    for (const [leg, pair] of this.pairs) this.finish(leg, pair)
    this.pairs.clear()
    const isRace = ({ pair }: { pair: Pair }): boolean => {
      const isOver = pair.isRetryAnswered || now - pair.retryTime < ANSWER_TIME
      return isOver && !pair.isHopeless && !pair.queries.every(query => query.way === LEFT)
    }
    const races = this.races.filter(isRace)
    const others = this.otherLosses + this.races.length - races.length
    const isProven = races.some(({ pair }) => hasProof(pair))
    const lookups = new Set(races.map(({ pair, form }) => `${form.client} ${pair.lost?.id}`)).size
    // a network that loses packets loses single queries, too
    if (!isProven && lookups <= others) return
    const exposed = Math.max(...this.exposed.values())
    for (const { point, pair, form } of races) {
      const { confidence, why } = assess(pair, lookups, others)
      this.cases.add({
        id: 'dns-race',
        confidence,
        reason: `${why}; ${lookups} lost of ${exposed} pairs that left one socket within a millisecond`,
        client: form.client,
        flow: form.flow,
        point,
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

  private twin(leg: number, id: number, seen: Observation): void {
    const { legs } = this
    const point = legs.point(leg)
    const old = this.pairOf(leg)
    if (old !== null) this.finish(leg, old)
    this.pairs.delete(leg)
    if (this.pairs.size === MOST_PAIRS) {
      for (const oldest of this.pairs.keys()) {
        this.budget.refused++
        this.ended(oldest)
        break
      }
    }
    const { capture, frame, time } = seen
    const first = {
      id: legs.get(leg, DNS_LAST_ID),
      frame: { capture, frame: legs.side(leg, 0, SIDE_FRAME) },
      time: legs.time(leg),
      way: legs.get(leg, DNS_LAST_WAY),
      hasAnswer: false,
    }
    const second = { id, frame: { capture, frame }, time, way: UNKNOWN, hasAnswer: false }
    this.pairs.set(leg, {
      serial: legs.serial(leg),
      queries: [first, second],
      isFresh: isFresh(seen.ttl),
      lost: null,
      retry: null,
      retryTime: Number.NEGATIVE_INFINITY,
      isRetryAnswered: false,
      isHopeless: false,
    })
    this.exposed.set(point, (this.exposed.get(point) ?? 0) + 1)
    if (this.named.length === NAMED_EXPOSED) return
    const flow = `udp ${legs.initiatorText(leg)} -> ${legs.responderText(leg)}`
    this.named.push({ flow, frames: [first.frame, second.frame] })
  }

  /** A query of a pair is sent once more. */
  private again(pair: Pair, query: Query, { capture, frame, time }: Observation): void {
    if (time - query.time < LEAST_RETRY || query.hasAnswer || pair.retry !== null) return
    pair.lost = query
    pair.retry = { capture, frame }
    pair.retryTime = time
    pair.isHopeless = pair.queries.every(({ hasAnswer }) => !hasAnswer)
  }

  private finish(leg: number, pair: Pair): void {
    if (pair.lost === null || this.legs.serial(leg) !== pair.serial) return
    if (pair.isHopeless) this.otherLosses++
    else if (this.races.length < MOST_NAMED) {
      this.races.push({ pair, point: this.legs.point(leg), form: this.forms.of(leg) })
    }
  }

  private pairOf(leg: number): Pair | null {
    const pair = this.pairs.get(leg)
    return pair === undefined || pair.serial !== this.legs.serial(leg) ? null : pair
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
