// lost-in-host by the Kubernetes objects given: what nobody answered, and a NetworkPolicy or the Service's own settings do not allow.

import type { Table } from '../../conntrack/table.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import type { UnansweredFlow } from '../detectors/object-check.ts'
import type { Legs } from '../evidence/legs.ts'
import { locate, type Place } from '../evidence/whereabouts.ts'
import { Collector, keyOf } from '../facts/collector.ts'
import { type Confidence, type Facts, phrase, type Severity, step } from '../facts/facts.ts'

/** SYNs of one flow: one may be lost anywhere. */
const REPEATED = 2

/** What its client is told of (kube-proxy refuses it) and what it waits for. */
const SEVERITIES: Readonly<Record<string, Severity>> = { 'no-endpoints': 'info', 'no-port': 'info' }

/**
 * Objects are of one moment, and say nothing of who enforces them: never certain. A look-alike is a server that does not
 * answer for another reason: then what is said of the objects is true all the same.
 */
export class RefusedByObjects {
  private readonly legs: Legs
  private readonly suspects: { found: UnansweredFlow; places: Place[] }[] = []

  constructor(legs: Legs) {
    this.legs = legs
  }

  unanswered(table: Table, found: UnansweredFlow): void {
    this.suspects.push({ found, places: locate(table, found.ct, this.legs).places })
  }

  /** @param explained clients of whose flows something else was found out, as the collector has them */
  conclude(explained: ReadonlySet<string>): Facts[] {
    const collectors = new Map<string, Collector>()
    for (const { found, places } of this.suspects) {
      const { flow, code, object, detail, start, packets } = found
      const client = flow.client ?? flow.server
      if (explained.has(keyOf(client))) continue
      const key = `${code} ${object} ${detail}`
      const collector = collectors.get(key) ?? new Collector()
      collectors.set(key, collector)
      const tries = flow.protocol === IPPROTO_TCP ? Math.max(1, ...places.map(({ syns }) => syns)) : packets
      const confidence: Confidence = tries >= REPEATED ? 'likely' : 'possible'
      for (const { point, first, last } of places) {
        collector.add({
          id: 'lost-in-host',
          severity: SEVERITIES[code] ?? 'warning',
          confidence,
          reason: phrase('not-allowed', { objection: code, object, detail, tries }),
          client,
          flow,
          point,
          time: start,
          tries,
          steps: [step('unanswered', [first, last], { tries })],
        })
      }
    }
    return [...collectors.values()].flatMap(collector => collector.conclude())
  }
}
