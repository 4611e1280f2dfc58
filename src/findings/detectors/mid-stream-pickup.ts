// TCP flows picked up in mid-stream: they were open before the capture began, or lost their entry (nf_conntrack_tcp_loose).
import { TCP_SYN_SENT } from '../../conntrack/proto/tcp-table.ts'
import type { Table } from '../../conntrack/table.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { flowOfEntry } from '../evidence/flow-facts.ts'
import { type Facts, type FlowFacts, phrase } from '../facts/facts.ts'
import { FrameGroup } from '../facts/frame-group.ts'
import { EndedTuples } from './ended-tuples.ts'

/** Flows that are named. */
const NAMED = 5

export class MidStreamPickups {
  private readonly opening = new FrameGroup()
  private readonly flows: FlowFacts[] = []
  private first = 0
  private last = 0
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
    if (this.count === 0) this.first = table.start(ct)
    this.last = table.start(ct)
    this.opening.add(packet)
    // a packet of either side may be the one that goes on
    if (this.ended.has(table, ct * 2)) this.again++
    if (this.flows.length === NAMED) return
    this.flows.push({ ...flowOfEntry(table, ct), translated: null })
  }

  /** Entry `ct` has expired, or leaves the table before. */
  released(table: Table, ct: number): void {
    if (table.protocol(ct) === IPPROTO_TCP) this.ended.add(table, ct)
  }

  conclude(): Facts[] {
    if (this.count === 0) return []
    return [
      {
        id: 'mid-stream-pickup',
        severity: 'info',
        confidence: 'certain',
        reasons: [phrase('no-syn')],
        flows: this.flows,
        flowCount: this.count,
        occurrences: this.count,
        firstTime: this.first,
        lastTime: this.last,
        frames: this.opening.frames,
        frameCount: this.opening.count,
        steps: [],
        points: [],
        values: {},
        rules: [],
        isOpen: false,
      },
    ]
  }
}
