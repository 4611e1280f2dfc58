// Connections that failed and that no other finding explains: kept until all else is known, a warning where they are more than chance.

import { pointOfSide } from '../../vantage/record/points.ts'
import { Budget } from '../evidence/budget.ts'
import type { FlowForm } from '../evidence/flow-forms.ts'
import { LEG_OPEN, LEG_SYN } from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import { isMoreThanChance, type Share } from '../evidence/more-than-chance.ts'
import { COMPLETED, OPEN } from '../evidence/responders.ts'
import { type Case, Collector, keyOf } from '../facts/collector.ts'
import { type Facts, type FindingId, type FlowFacts, phrase } from '../facts/facts.ts'

/** Connections that are kept, 0.5 kB each. */
const MOST_KEPT = 4096
/** Findings that may have made any connection of the host fail. */
const OF_ALL: readonly FindingId[] = ['conntrack-table-full', 'conntrack-early-drop']

/** A connection that failed: what is told of it, and its server at the point that shows it. */
interface Suspect {
  found: Case
  server: string
}

type Told = Pick<Case, 'id' | 'reason' | 'steps'>

/** What happened to connections in which nothing else was found. */
export class Unexplained {
  readonly budget = new Budget('connections that failed, without a cause that shows', MOST_KEPT)
  private readonly legs: Legs
  private readonly suspects: Suspect[] = []
  /** Connections of each server at one point that were completed, as many as there had been when one failed last. */
  private readonly completed = new Map<string, number>()
  /** Completed connections of all servers at all points. */
  private opened = 0

  constructor(legs: Legs) {
    this.legs = legs
  }

  /** A leg goes: one more to compare with. */
  counted(leg: number): void {
    if (this.legs.has(leg, LEG_SYN) && this.legs.has(leg, LEG_OPEN)) this.opened++
  }

  /** A leg whose connection failed goes. */
  add(leg: number, { client, flow }: FlowForm, told: Told): void {
    const { legs } = this
    const { responders } = legs
    const responder = legs.responder(leg)
    const point = pointOfSide(legs.point(leg))
    const server = `${keyOf(legs.responderEnd(leg))} ${point}`
    this.completed.set(server, responders.get(responder, COMPLETED) + responders.get(responder, OPEN))
    if (!this.budget.allows(1)) return
    const found: Case = {
      ...told,
      severity: 'info',
      confidence: 'likely',
      client,
      flow,
      point: legs.point(leg),
      time: legs.start(leg),
    }
    this.suspects.push({ found, server })
  }

  /** @param told what was found out of anything else */
  conclude(told: readonly Facts[]): Facts[] {
    const grave = told.filter(({ severity }) => severity !== 'info')
    if (grave.some(({ id }) => OF_ALL.includes(id))) return []
    const explained = endsOf(grave)
    const left = this.suspects.filter(({ found }) => !isExplained(found.flow, explained))
    const struck = countBy(left)
    const collector = new Collector()
    for (const { found, server } of left) {
      const share = this.shareOf(found.id, server, struck)
      const rest = this.restOf(found.id, share, struck)
      if (!isMoreThanChance(share, rest)) collector.add(found)
      else {
        const values = { ...found.reason.values, ...share, restStruck: rest.struck, restAll: rest.all }
        const reason = phrase(`${found.reason.code}-often`, values)
        collector.add({ ...found, severity: 'warning', reason })
      }
    }
    return collector.conclude()
  }

  private shareOf(id: FindingId, server: string, struck: ReadonlyMap<string, number>): Share {
    const count = struck.get(`${id} ${server}`) ?? 0
    const completed = this.completed.get(server) ?? 0
    // who never completed a handshake is not among the completed
    return {
      struck: count,
      all: id === 'unfinished-handshake' ? completed + count : Math.max(completed, count),
    }
  }

  private restOf(id: FindingId, share: Share, struck: ReadonlyMap<string, number>): Share {
    const all = this.opened - share.all
    return { struck: (struck.get(id) ?? 0) - share.struck, all: Math.max(all, 0) }
  }
}

/** How many there are of each finding, and of each finding and server. */
function countBy(suspects: readonly Suspect[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { found, server } of suspects) {
    for (const key of [found.id, `${found.id} ${server}`]) counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

/** The ends that flows of findings have, as keys: their clients', and where those are not all named their servers'. */
function endsOf(told: readonly Facts[]): ReadonlySet<string> {
  const ends = new Set<string>()
  for (const { flows, flowCount } of told) {
    for (const flow of flows) {
      const { client, server, translated, untranslated } = flow
      const isOfMany = client === null || flowCount > flows.length
      for (const end of isOfMany ? [server, translated?.server] : []) if (end) ends.add(keyOf(end))
      for (const end of [client, translated?.client, untranslated?.source, untranslated?.destination])
        if (end) ends.add(keyOf(end))
    }
  }
  return ends
}

function isExplained({ client, server, translated }: FlowFacts, ends: ReadonlySet<string>): boolean {
  const own = [client, server, translated?.client, translated?.server]
  return own.some(end => end !== null && end !== undefined && ends.has(keyOf(end)))
}
