// multicast-answer: the unicast answer to a multicast or broadcast query is NEW to conntrack, which expects the group's address.

import type { Table } from '../../conntrack/table.ts'
import { invertTuple, Tuple, tupleOf } from '../../conntrack/tuple.ts'
import { IPPROTO_UDP } from '../../net/numbers.ts'
import { isGroup } from '../../net/special-ranges.ts'
import { destinationWord, type Packet } from '../../packet/packet.ts'
import { endKey } from '../evidence/end-key.ts'
import { flowOfEntry, flowOfTuples } from '../evidence/flow-facts.ts'
import { Collector } from '../facts/collector.ts'
import { type Facts, type FlowFacts, phrase, step } from '../facts/facts.ts'

/** Queries that are remembered, and for how long an answer to one may take. */
const MOST_QUERIES = 1024
const ANSWER_TIME = 5e9

interface Query {
  port: number
  time: number
}

/**
 * Look-alikes, none of which is this:
 * - a flow of its own to the querier's port, from another port than the group's;
 * - one from the group's port, long after the query.
 */
export class GroupAnswers {
  /** By the querier's address (of IPv6 a fold) and port. */
  private readonly queries = new Map<number, Query>()
  private readonly collector = new Collector()
  private readonly tuple = new Tuple()
  private readonly reply = new Tuple()

  /** `packet` has created entry `ct`. @param point that showed it first */
  created(table: Table, ct: number, packet: Packet, point: number): void {
    if (table.protocol(ct) !== IPPROTO_UDP) return
    const key = ct * 2
    const ports = table.ports(key)
    if (isGroup(packet.family, packet.destination0)) {
      if (this.queries.size === MOST_QUERIES) this.queries.clear()
      this.queries.set(endKey(table.source(key), ports >>> 16, IPPROTO_UDP), {
        port: ports & 0xffff,
        time: packet.time,
      })
      return
    }
    if (this.isAnswer(table.destination(key), ports, packet.time))
      this.add(flowOfEntry(table, ct), packet, point)
  }

  /** `packet` is NEW, and rules dropped it before it had an entry. */
  dropped(packet: Packet, point: number): void {
    if (packet.protocol !== IPPROTO_UDP) return
    tupleOf(packet, this.tuple)
    const { destination, ports } = this.tuple
    if (!this.isAnswer(packet.family === 6 ? destinationWord(packet) : destination, ports, packet.time))
      return
    invertTuple(this.tuple, this.reply)
    this.add(flowOfTuples(this.tuple, this.reply), packet, point)
  }

  /** @param destination whom a first packet goes to, of IPv6 a fold */
  private isAnswer(destination: number, ports: number, time: number): boolean {
    if (this.queries.size === 0) return false
    const query = this.queries.get(endKey(destination, ports & 0xffff, IPPROTO_UDP))
    if (query === undefined || query.port !== ports >>> 16 || time - query.time > ANSWER_TIME) return false
    // two stations that query one group from its own port know each other by that alone
    return ports >>> 16 !== (ports & 0xffff)
  }

  private add(flow: FlowFacts, packet: Packet, point: number): void {
    this.collector.add({
      id: 'multicast-answer',
      severity: 'info',
      confidence: 'certain',
      reason: phrase('new', { port: flow.client?.port ?? -1 }),
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
