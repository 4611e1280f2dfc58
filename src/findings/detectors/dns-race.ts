// Two DNS queries that leave one socket at the same moment, of which one may be lost in a race: the five-second lookup.

import { pointOfSide } from '../../vantage/record/points.ts'
import { Budget } from '../evidence/budget.ts'
import { type FlowForm, type FlowForms, flowOfLegs } from '../evidence/flow-forms.ts'
import {
  DNS_IS_QUERY_LAST,
  DNS_LAST_ID,
  DNS_LAST_WAY,
  LEG_DNS,
  SIDE_FRAME,
  SIDE_PACKETS,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import { DNS_HEAD, DNS_ID, DNS_QUERY, type Observation } from '../evidence/observation.ts'
import { isFresh } from '../evidence/refused-answer.ts'
import { type Collector, keyOf } from '../facts/collector.ts'
import {
  type Confidence,
  type Facts,
  type FlowFacts,
  type FrameReference,
  phrase,
  type Step,
  step,
  type Values,
} from '../facts/facts.ts'
import type { Detector } from './detector.ts'

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

export class TwinQueries implements Detector {
  readonly ids = ['dns-race'] as const
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly forms: FlowForms
  /** By leg. */
  private readonly pairs = new Map<number, Pair>()
  /** Pairs that are over and lost one. */
  private readonly races: { pair: Pair; point: number; form: FlowForm }[] = []
  /** Exposed pairs by point, and the first few of them. */
  private readonly exposed = new Map<number, number>()
  private lastExposed = 0
  private readonly named: { flow: FlowFacts; frames: FrameReference[]; time: number }[] = []
  readonly budget = new Budget('pairs of DNS queries that wait for their answers', MOST_PAIRS)
  /** Queries that were lost alone, or with their twin. */
  private otherLosses = 0

  constructor(legs: Legs, collector: Collector, forms: FlowForms) {
    this.legs = legs
    this.collector = collector
    this.forms = forms
  }

  firstDatagram(leg: number, seen: Observation): void {
    if ((seen.dns & DNS_QUERY) === 0 || seen.destinationPort === NETBIOS_NAMES) return
    this.legs.mark(leg, LEG_DNS)
    this.legs.set(leg, DNS_LAST_ID, -1)
  }

  dns(leg: number, seen: Observation): void {
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
    const lookups = new Set(races.map(({ pair, form }) => `${keyOf(form.client)} ${pair.lost?.id}`)).size
    // a network that loses packets loses single queries, too
    if (!isProven && lookups <= others) return
    const exposed = Math.max(...this.exposed.values())
    for (const { point, pair, form } of races) {
      const { confidence, code, values } = assess(pair, lookups, others)
      this.collector.add({
        id: 'dns-race',
        severity: 'error',
        confidence,
        reason: phrase(code, { ...values, lookups, exposed }),
        client: form.client,
        flow: form.flow,
        point,
        time: pair.queries[0].time,
        until: pair.retryTime,
        steps: stepsOf(pair),
      })
    }
  }

  /** How many pairs were exposed, where none was lost. */
  facts(): Facts[] {
    const [most] = [...this.exposed].sort((a, b) => b[1] - a[1])
    if (most === undefined || this.collector.hasFault('dns-race')) return []
    const [point, count] = most
    const times = this.named.map(({ time }) => time)
    return [
      {
        id: 'dns-race',
        severity: 'info',
        confidence: 'certain',
        reasons: [phrase('exposed')],
        flows: this.named.map(({ flow }) => flow),
        flowCount: count,
        occurrences: count,
        firstTime: Math.min(...times),
        lastTime: this.lastExposed,
        frames: this.named.flatMap(({ frames }) => frames),
        frameCount: 2 * count,
        steps: [],
        points: [pointOfSide(point)],
        values: { pairs: count },
        rules: [],
        isOpen: false,
      },
    ]
  }

  private twin(leg: number, id: number, seen: Observation): void {
    const { legs } = this
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
  }

  /** Counts a pair that was answered where it was seen, and keeps the first few. */
  private expose(leg: number, { queries: [first, second] }: Pair): void {
    const { legs, named } = this
    const point = legs.point(leg)
    this.exposed.set(point, (this.exposed.get(point) ?? 0) + 1)
    this.lastExposed = Math.max(this.lastExposed, second.time)
    const latest = named.at(-1)
    if (named.length === NAMED_EXPOSED && latest !== undefined && latest.time <= second.time) return
    named.push({
      flow: flowOfLegs(legs, leg, leg),
      frames: [first.frame, second.frame],
      time: second.time,
    })
    named.sort((a, b) => a.time - b.time)
    if (named.length > NAMED_EXPOSED) named.pop()
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
    if (this.legs.serial(leg) !== pair.serial) return
    // a bridge may show requests behind the translation and answers in front of it: there each query looks as one that waits
    if (this.legs.side(leg, 1, SIDE_PACKETS) === 0) return
    this.expose(leg, pair)
    if (pair.lost === null) return
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

function assess(
  pair: Pair,
  lookups: number,
  others: number,
): { confidence: Confidence; code: string; values: Values } {
  if (hasProof(pair)) return { confidence: 'certain', code: 'proven', values: {} }
  const wait = pair.retryTime - (pair.lost?.time ?? 0)
  const isUsual = Math.abs(wait - USUAL_RETRY) <= RETRY_TOLERANCE
  const values = { wait: wait / 1e6 }
  if (!pair.isFresh) return { confidence: 'possible', code: 'routed', values }
  if (lookups > 2 && others === 0) return { confidence: 'certain', code: 'again', values }
  return { confidence: isUsual ? 'likely' : 'possible', code: 'once', values }
}

function stepsOf({ queries, lost, retry }: Pair): Step[] {
  const [first, second] = queries
  const microseconds = Math.round((second.time - first.time) / 1e3)
  const asked = queries.map(query => {
    const values = { id: query.id, isLost: query === lost }
    return query === second
      ? step('second-query', [query.frame], { ...values, microseconds })
      : step('query', [query.frame], values)
  })
  return retry === null ? asked : [...asked, step('repeated', [retry], { id: lost?.id ?? 0 })]
}
