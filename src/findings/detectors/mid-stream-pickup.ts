// TCP flows picked up in mid-stream: they were open before the capture began, or lost their entry (nf_conntrack_tcp_loose).
import { TCP_SYN_SENT } from '../../conntrack/proto/tcp-table.ts'
import type { Table } from '../../conntrack/table.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { endpoint } from '../evidence/whereabouts.ts'
import { counted } from '../wording/counted.ts'
import type { Finding } from '../facts/facts.ts'
import { FrameGroup } from '../facts/frame-group.ts'
import { EndedTuples } from './ended-tuples.ts'

/** Flows that are named. */
const NAMED = 5

export class MidStreamPickups {
  private readonly opening = new FrameGroup()
  private readonly flows: string[] = []
  private readonly ended = new EndedTuples()
  /** Those of them whose flow had an entry earlier in the replay: they were not open before it. */
  private again = 0

  /** Flows that had no entry before: open before the capture began, or their start was not captured. */
  get withoutStart(): number {
    return this.count - this.again
  }

  get count(): number {
    return this.opening.count
  }

  /** `packet` has created entry `ct`. */
  created(table: Table, ct: number, packet: Packet): void {
    if (packet.protocol !== IPPROTO_TCP || table.state(ct) === TCP_SYN_SENT) return
    this.opening.add(packet)
    // a packet of either side may be the one that goes on
    if (this.ended.has(table, ct * 2)) this.again++
    if (this.flows.length === NAMED) return
    this.flows.push(`tcp ${endpoint(table, ct * 2, true)} -> ${endpoint(table, ct * 2, false)}`)
  }

  /** Entry `ct` has expired, or leaves the table before. */
  released(table: Table, ct: number): void {
    if (table.protocol(ct) === IPPROTO_TCP) this.ended.add(table, ct)
  }

  conclude(): Finding[] {
    if (this.count === 0) return []
    return [
      {
        id: 'mid-stream-pickup',
        severity: 'info',
        confidence: 'certain',
        title: `${counted(this.count, 'TCP flow begins', 'TCP flows begin')} with a packet that is no SYN`,
        flows: this.flows,
        flowCount: this.count,
        frames: this.opening.frames,
        cause:
          'open before the capture began, its start was not captured, or its entry was gone by then ' +
          '(nf_conntrack_tcp_loose takes it up): which side opened it, its window scale and its translation are unknown, ' +
          'and until the other side is heard it is kept for 300 s',
        fix: 'none needed where the capture began later than the connection; no sign of an outage by itself',
      },
    ]
  }
}
