// missing-helper: the second flow that a first one announces comes back to the host, and no entry expects it.

import { readKey } from '../../conntrack/key-tuple.ts'
import { IPS_DST_NAT, IPS_SEEN_REPLY, IPS_SRC_NAT } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { hashTuple, Tuple } from '../../conntrack/tuple.ts'
import { IPPROTO_TCP, IPPROTO_UDP } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { flowOfEntry } from '../evidence/flow-facts.ts'
import { Collector } from '../facts/collector.ts'
import { type Facts, type FlowFacts, phrase, step } from '../facts/facts.ts'

const TFTP = 69
const FTP = 21
const FTP_DATA = 20
/** Flows that came back and are waited for; control connections that are known. */
const MOST_WAITING = 1024
const MOST_CONTROLS = 1024

interface Waiting {
  helper: 'tftp' | 'ftp'
  /** That announced it. */
  flow: FlowFacts
  frame: number
  capture: number
  point: number
  time: number
}

/**
 * Look-alikes, none of which is this:
 * - a helper that is assigned: the second flow is translated to the client, and seen to be;
 * - a stranger that writes from another port of the server: it does not know the port that the request has;
 * - a connection from port 20 of a server without a control connection that is open and masqueraded;
 * - a flow that somebody on the host itself answers.
 */
export class AnnouncedFlows {
  private readonly waiting = new Map<number, Waiting>()
  private readonly collector = new Collector()
  private readonly tuple = new Tuple()
  private hasTftp = false
  /** Control connections of FTP, by the fold of the server's address and of the client's as the server knows it. */
  private readonly controls = new Map<string, number>()

  /** `packet` has created entry `ct`. @param point that showed it first */
  created(table: Table, ct: number, packet: Packet, point: number): void {
    const protocol = table.protocol(ct)
    const ports = table.ports(ct * 2)
    if (protocol === IPPROTO_UDP) {
      if ((ports & 0xffff) === TFTP) this.hasTftp = true
      else if (this.hasTftp) this.await('tftp', this.requestOf(table, ct), table, ct, packet, point)
    } else if (protocol === IPPROTO_TCP) {
      if ((ports & 0xffff) === FTP) this.noteControl(table, ct)
      else if (ports >>> 16 === FTP_DATA && this.controls.size > 0) {
        const control = this.controls.get(controlKey(table.source(ct * 2), table.destination(ct * 2)))
        this.await('ftp', control ?? -1, table, ct, packet, point)
      }
    }
  }

  /** An entry is no more, whether it still takes room or not. */
  released(table: Table, ct: number): void {
    if (this.controls.size === 0) return
    if (table.protocol(ct) !== IPPROTO_TCP || (table.ports(ct * 2) & 0xffff) !== FTP) return
    const key = controlOf(table, ct)
    if (this.controls.get(key) === ct) this.controls.delete(key)
  }

  /** An entry ended, or the capture did. */
  ended(table: Table, ct: number): void {
    if (this.waiting.size === 0) return
    const waiting = this.waiting.get(ct)
    if (waiting === undefined) return
    this.waiting.delete(ct)
    const { helper, flow, frame, capture, point, time } = waiting
    const status = table.status(ct)
    if ((status & (IPS_SEEN_REPLY | IPS_DST_NAT)) !== 0) return
    const data = flowOfEntry(table, ct)
    this.collector.add({
      id: 'missing-helper',
      severity: 'error',
      confidence: 'certain',
      reason: phrase('expected-by-none', { helper }),
      client: flow.client ?? flow.server,
      flow: {
        ...flow,
        ...(data.client === null ? {} : { untranslated: { source: data.client, destination: data.server } }),
      },
      point,
      time,
      steps: [step('comes-back', [{ capture, frame }], { helper })],
    })
  }

  conclude(): Facts[] {
    return this.collector.conclude().map(facts => {
      const helper = facts.reasons[0]?.values.helper ?? 'tftp'
      return { ...facts, values: { ...facts.values, helper } }
    })
  }

  private await(
    helper: Waiting['helper'],
    control: number,
    table: Table,
    ct: number,
    packet: Packet,
    point: number,
  ): void {
    if (control < 0 || this.waiting.size === MOST_WAITING) return
    const { frame, capture, time } = packet
    // taken now: the first flow may be over before its second is, and its place have gone to another
    this.waiting.set(ct, { helper, flow: flowOfEntry(table, control), frame, capture, point, time })
  }

  /** The masqueraded entry of a TFTP request whose answer has the server's address and the request's port. */
  private requestOf(table: Table, ct: number): number {
    const { tuple } = this
    readKey(table, ct * 2, tuple)
    tuple.ports = (TFTP << 16) | (tuple.ports & 0xffff)
    const found = table.find(tuple, hashTuple(tuple))
    return found >= 0 && (found & 1) === 1 && (table.status(found >> 1) & IPS_SRC_NAT) !== 0 ? found >> 1 : -1
  }

  private noteControl(table: Table, ct: number): void {
    if ((table.status(ct) & IPS_SRC_NAT) === 0 || this.controls.size === MOST_CONTROLS) return
    this.controls.set(controlOf(table, ct), ct)
  }
}

/** The key of a control connection. */
function controlOf(table: Table, ct: number): string {
  return controlKey(table.source(ct * 2 + 1), table.destination(ct * 2 + 1))
}

function controlKey(server: number, client: number): string {
  return `${server} ${client}`
}
