// multicast-answer: the unicast answer to a multicast or broadcast query is NEW to conntrack, which expects the group's address.

import type { Table } from '../../conntrack/table.ts'
import { IPPROTO_UDP } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { endKey } from '../evidence/end-key.ts'
import { flowOfEntry } from '../evidence/flow-facts.ts'
import { Collector } from '../facts/collector.ts'
import { type Facts, phrase, step } from '../facts/facts.ts'

/** Queries that are remembered, and for how long an answer to one may take. */
const MOST_QUERIES = 1024
const ANSWER_TIME = 5e9

interface Query {
  port: number
  time: number
}

/** Look-alike: a flow of its own to the querier's port, from another port than the group's, or long after the query. */
export class GroupAnswers {
  /** By the querier's address (of IPv6 a fold) and port. */
  private readonly queries = new Map<number, Query>()
  private readonly collector = new Collector()

  /** `packet` has created entry `ct`. @param point that showed it first */
  created(table: Table, ct: number, packet: Packet, point: number): void {
    if (table.protocol(ct) !== IPPROTO_UDP) return
    const key = ct * 2
    const ports = table.ports(key)
    if (isGroup(packet)) {
      if (this.queries.size === MOST_QUERIES) this.queries.clear()
      this.queries.set(endKey(table.source(key), ports >>> 16, IPPROTO_UDP), {
        port: ports & 0xffff,
        time: packet.time,
      })
      return
    }
    if (this.queries.size === 0) return
    const query = this.queries.get(endKey(table.destination(key), ports & 0xffff, IPPROTO_UDP))
    if (query === undefined || query.port !== ports >>> 16 || packet.time - query.time > ANSWER_TIME) return
    // two stations that query one group from its own port know each other by that alone
    if (ports >>> 16 === (ports & 0xffff)) return
    const flow = flowOfEntry(table, ct)
    this.collector.add({
      id: 'multicast-answer',
      severity: 'info',
      confidence: 'certain',
      reason: phrase('new', { port: query.port }),
      client: flow.client ?? flow.server,
      flow,
      point,
      time: packet.time,
      steps: [step('answer', [{ capture: packet.capture, frame: packet.frame }])],
    })
  }

  conclude(): Facts[] {
    return this.collector.conclude()
  }
}

function isGroup({ family, destination0 }: Packet): boolean {
  if (family === 6) return destination0 >>> 24 === 0xff
  return destination0 >>> 28 === 0xe || destination0 === -1
}
