// partial-notrack: by the rules given one direction of a connection is untracked, the other is not.

import { STATE_INVALID } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { hashTuple, invertTuple, sameTuple, Tuple, tupleOf } from '../../conntrack/tuple.ts'
import type { Endpoint } from '../../host/knowledge.ts'
import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { flowOfEntry, flowOfTuples } from '../evidence/flow-facts.ts'
import { Collector } from '../facts/collector.ts'
import { type Facts, type FlowFacts, type FrameReference, phrase, step } from '../facts/facts.ts'

/** Untracked flows that are remembered, 0.3 kB each. */
const MOST_FLOWS = 2048

/** One direction that was not tracked. */
interface Half {
  tuple: Tuple
  first: FrameReference
  isTold: boolean
}

/**
 * Look-alikes, none of which is this:
 * - packets that conntrack leaves alone by itself (neighbour discovery): they have no ports;
 * - an entry that was made before the rule: what goes on is tracked both ways;
 * - a rule of which it is not known whether it matches the other direction, too: then nothing is told
 *   (rule-evidence.ts).
 */
export class HalfUntracked {
  private readonly table: Table
  /** By a hash of the tuple that answers have. */
  private readonly halves = new Map<number, Half>()
  private readonly tuple = new Tuple()
  private readonly inverse = new Tuple()
  private readonly collector = new Collector()

  constructor(table: Table) {
    this.table = table
  }

  /** Whether any packet was not tracked: to be asked before tracked(). */
  get isAwake(): boolean {
    return this.halves.size > 0
  }

  /** A packet was not tracked. @param point that showed it first */
  untracked(packet: Packet, point: number): void {
    const { tuple, inverse, halves, table } = this
    if (!this.take(packet) || !invertTuple(tuple, inverse)) return
    const hash = hashTuple(inverse)
    if (halves.has(hash) || halves.size === MOST_FLOWS) return
    const first = { capture: packet.capture, frame: packet.frame }
    const key = table.find(inverse, hash)
    halves.set(hash, { tuple: Object.assign(new Tuple(), inverse), first, isTold: key >= 0 })
    if (key < 0) return
    // the other direction has its entry
    this.add(flowOfEntry(table, key >> 1), 'answers', packet, point, [step('untracked', [first])], false)
  }

  /**
   * A packet was tracked that is of no connection known before: NEW, or INVALID.
   * @param isRefused whether rules dropped it; `state`: one of STATE_*
   */
  tracked(packet: Packet, state: number, isRefused: boolean, point: number): void {
    if (!this.take(packet)) return
    const { tuple, halves } = this
    const half = halves.get(hashTuple(tuple))
    if (half === undefined || half.isTold || !sameTuple(half.tuple, tuple)) return
    half.isTold = true
    if (!invertTuple(tuple, this.inverse)) return
    const code = state === STATE_INVALID ? 'invalid' : 'new'
    const frame = { capture: packet.capture, frame: packet.frame }
    const steps = [step('untracked', [half.first]), step(code, [frame])]
    this.add(flowOfTuples(this.inverse, tuple), 'requests', packet, point, steps, isRefused)
  }

  conclude(): Facts[] {
    return this.collector.conclude()
  }

  private add(
    flow: FlowFacts,
    untracked: 'requests' | 'answers',
    { time }: Packet,
    point: number,
    steps: ReturnType<typeof step>[],
    isRefused: boolean,
  ): void {
    const client: Endpoint = flow.client ?? flow.server
    this.collector.add({
      id: 'partial-notrack',
      severity: isRefused ? 'error' : 'warning',
      confidence: 'likely',
      reason: phrase(untracked),
      client,
      flow,
      point,
      time,
      steps,
      isOpen: true,
    })
  }

  private take(packet: Packet): boolean {
    const { protocol } = packet
    if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP && protocol !== IPPROTO_SCTP) return false
    if (!packet.hasTuple) return false
    tupleOf(packet, this.tuple)
    return true
  }
}
