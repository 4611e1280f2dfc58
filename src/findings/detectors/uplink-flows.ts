// Flows that leave by the one interface that was captured, and are not answered: asks the detectors once all are known.
import type { Table } from '../../conntrack/table.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import { type UplinkFlow, Uplinks } from '../evidence/uplinks.ts'
import { Collector, keyOf } from '../facts/collector.ts'
import type { Facts } from '../facts/facts.ts'
import { entryOlderThanRuleAtUplink } from './entry-older-than-rule.ts'
import type { UplinkJudge } from './forwarded-traffic.ts'
import { privateDestinationAtUplink } from './private-destination-leak.ts'
import { untranslatedSourceAtUplink } from './untranslated-source.ts'

/** The first that knows a flow has it. */
const DETECTORS: readonly UplinkJudge[] = [
  entryOlderThanRuleAtUplink,
  privateDestinationAtUplink,
  untranslatedSourceAtUplink,
]

export class UplinkFlows {
  private readonly uplinks: Uplinks

  constructor(legs: Legs) {
    this.uplinks = new Uplinks(legs)
  }

  /** Entry `ct`, of a protocol other than TCP and UDP, was made by the packet that is seen here. */
  created(ct: number, seen: Observation): void {
    this.uplinks.created(ct, seen)
  }

  /** One more packet of such an entry. */
  another(ct: number): void {
    this.uplinks.another(ct)
  }

  /** An entry ended, or the capture did. */
  ended(table: Table, ct: number): void {
    this.uplinks.ended(table, ct)
  }

  /** @param explained clients of whose flows something else was found out, as the collector has them */
  conclude(explained: ReadonlySet<string>): Facts[] {
    const collector = new Collector()
    for (const each of this.uplinks.suspects) {
      const { flow, point, start: time, lastTime: until } = each
      const client = flow.client ?? flow.server
      if (explained.has(keyOf(client))) continue
      const found = judge(each)
      if (found !== null) collector.add({ ...found, client, flow, point, time, until })
    }
    return collector.conclude()
  }
}

function judge(flow: UplinkFlow): ReturnType<UplinkJudge> {
  for (const detector of DETECTORS) {
    const found = detector(flow)
    if (found !== null) return found
  }
  return null
}
