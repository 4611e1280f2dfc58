// stale-source-mapping of a port: what the host itself sends to one peer keeps another port than its socket has, unanswered.

import { IPS_SEEN_REPLY, IPS_SRC_NAT } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import type { Endpoint } from '../../host/knowledge.ts'
import { IPPROTO_UDP } from '../../net/numbers.ts'
import { valueWithin } from '../evidence/bounded-map.ts'
import { endKey } from '../evidence/end-key.ts'
import { endOfKey } from '../evidence/flow-facts.ts'
import { LEG_OF_HOST } from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import { type Asked, locate } from '../evidence/whereabouts.ts'
import { Collector } from '../facts/collector.ts'
import { type Facts, phrase, step } from '../facts/facts.ts'

/** What keeps an entry alive without an answer: so many datagrams for so long. */
const LEAST_PACKETS = 5
const LEAST_LIFE = 60e9
/** How long an entry may still hold its port after its last packet; kernel: nf_conntrack_udp_timeout_stream */
const HOLD = 120e9
/** Ends that are told apart, flows of each, and flows that are looked at. */
const MOST_ENDS = 1024
const MOST_OF_END = 16
const MOST_SUSPECTS = 256

/** A flow whose packets leave from a port of the host. */
interface Held {
  /** The host's address, of IPv6 a fold, and the port. */
  host: number
  port: number
  start: number
  last: number
  /** Who sent them, where that is another. */
  client: Endpoint
}

interface Suspect extends Held {
  peer: number
  /** The port of the socket, where the entry tells it; -1 else. */
  own: number
  packets: number
  asked: Asked
}

/**
 * A port can be used once to each peer: where a masqueraded flow has it, NAT gives the host's own socket another, and the
 * entry keeps that for as long as packets come. Look-alikes, none of which is this:
 * - a peer that is gone: nobody else had the port to it;
 * - a socket that has that port: the host uses the other one to nobody, or without an answer;
 * - a flow that is answered: its peer does not mind the port.
 */
export class OwnPorts {
  private readonly legs: Legs
  /** Masqueraded flows by their peer; flows of the host itself that were answered, by address and port. */
  private readonly taken = new Map<number, Held[]>()
  private readonly used = new Map<number, Held[]>()
  private readonly suspects: Suspect[] = []

  constructor(legs: Legs) {
    this.legs = legs
  }

  /** An entry ended, or the capture did. */
  ended(table: Table, ct: number): void {
    if (table.protocol(ct) !== IPPROTO_UDP) return
    const forth = ct * 2
    const back = forth + 1
    const host = table.destination(back)
    const port = table.ports(back) & 0xffff
    const own = table.ports(forth) >>> 16
    const isMasqueraded = table.source(forth) !== host
    const isRewritten = !isMasqueraded && port !== own
    // another host's flow, or one that came from outside: the host's own left, and had come in nowhere
    if (
      isMasqueraded
        ? (table.status(ct) & IPS_SRC_NAT) === 0
        : !isRewritten && !this.legs.anyHas(ct, LEG_OF_HOST)
    )
      return
    const peer = endKey(table.source(back), table.ports(back) >>> 16, IPPROTO_UDP)
    const client = endOfKey(table, forth, true)
    const held: Held = { host, port, start: table.start(ct), last: table.last(ct), client }
    if (isMasqueraded) note(this.taken, peer, held)
    else if ((table.status(ct) & IPS_SEEN_REPLY) !== 0) {
      if (!isRewritten) note(this.used, endKey(host, port, IPPROTO_UDP), held)
    } else if (this.isSuspect(table, ct)) {
      const asked = locate(table, ct, this.legs)
      this.suspects.push({ ...held, peer, own: isRewritten ? own : -1, packets: table.packets(forth), asked })
    }
  }

  /** What was found, once every entry has ended. */
  conclude(): Facts[] {
    const collector = new Collector()
    for (const suspect of this.suspects) {
      if (suspect.own >= 0) {
        if (this.isUsed(suspect, suspect.own)) this.add(collector, suspect, suspect.own, null)
        continue
      }
      const taken = this.taken.get(suspect.peer)?.find(held => this.mayHave(suspect, held))
      if (taken !== undefined) this.add(collector, suspect, taken.port, taken.client)
    }
    return collector.conclude()
  }

  /** Whether a masqueraded flow had the port that the host uses to others when the suspect began. */
  private mayHave(suspect: Suspect, { host, port, start, last }: Held): boolean {
    if (host !== suspect.host || port === suspect.port) return false
    if (start >= suspect.start || last + HOLD < suspect.start) return false
    return this.isUsed(suspect, port)
  }

  /** Whether the host was answered at a port while the suspect went on. */
  private isUsed({ host, start, last }: Suspect, port: number): boolean {
    const others = this.used.get(endKey(host, port, IPPROTO_UDP)) ?? []
    return others.some(other => other.start <= last && other.last >= start)
  }

  private isSuspect(table: Table, ct: number): boolean {
    if (this.suspects.length === MOST_SUSPECTS || table.packets(ct * 2) < LEAST_PACKETS) return false
    return table.last(ct) - table.start(ct) >= LEAST_LIFE
  }

  /** @param holder whose flow had the port; null where the entry itself tells that it was changed */
  private add(collector: Collector, suspect: Suspect, own: number, holder: Endpoint | null): void {
    const { asked, packets, start, last, port, client } = suspect
    const seconds = Math.round((last - start) / 1e9)
    const values = { packets, seconds, port, own, ...(holder === null ? {} : { holder }) }
    for (const { point, first, last: latest } of asked.places) {
      collector.add({
        id: 'stale-source-mapping',
        severity: 'error',
        confidence: holder === null ? 'likely' : 'possible',
        reason: phrase(holder === null ? 'port-changed' : 'port-taken', values),
        client: asked.flow.client ?? client,
        flow: asked.flow,
        point,
        time: start,
        until: last,
        steps: [step('other-port', [first, latest], { port })],
      })
    }
  }
}

function note(ends: Map<number, Held[]>, key: number, held: Held): void {
  const known = valueWithin(ends, key, MOST_ENDS, (): Held[] => [])
  if (known !== null && known.length < MOST_OF_END) known.push(held)
}
