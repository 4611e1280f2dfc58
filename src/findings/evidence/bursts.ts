// Bursts of first packets that nobody answers: very many new entries in one second, to one destination or from one source.

import { IPS_SEEN_REPLY } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import type { Endpoint } from '../../host/knowledge.ts'
import { IPPROTO_TCP, IPPROTO_UDP, isOverlayPort, TCP_ACK, TCP_SYN } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import type { FrameReference } from '../facts/facts.ts'
import { endKey } from './end-key.ts'
import { endOfKey } from './flow-facts.ts'

/** New entries that are remembered; half of them are looked at when as many others have come, and answers with them. */
const ROOM = 4096
const HALF = ROOM / 2
/** Unanswered ones of one kind within a second that make a burst. */
const LEAST = 512
const SECOND = 1e9
/** Of those with one kind so many may be answered, in a hundred. */
const MOST_ANSWERED = 10
const MOST_BURSTS = 256
const NAMED = 4
/** A power of two: entries are counted by a hash before any kind is told apart. */
const SLOTS = 4096

/** What the entries of a burst have in common: an end that they go to, all ports of an address, an address that sends. */
export type BurstKind = 'service' | 'address' | 'source'
const KINDS: readonly BurstKind[] = ['service', 'address', 'source']

export interface Burst {
  kind: BurstKind
  protocol: number
  end: Endpoint
  /** Whom the first of a source goes to, else its sender. */
  example: Endpoint
  /** Entries that nobody answered, those that somebody did, and the most of the first within a second. */
  unanswered: number
  answered: number
  busiest: number
  /** Folds of the addresses at the other end. */
  others: Set<number>
  /** Nanoseconds since the first frame: of the first and the last of them. */
  start: number
  latest: number
  point: number
  frames: FrameReference[]
}

export class Bursts {
  private readonly table: Table
  private readonly cts = new Int32Array(ROOM)
  private readonly starts = new Float64Array(ROOM)
  private readonly frames = new Int32Array(ROOM)
  private readonly captures = new Int32Array(ROOM)
  private readonly points = new Int32Array(ROOM)
  private readonly slots = new Int32Array(SLOTS)
  /** Entries so far, and how many of them have been looked at. */
  private count = 0
  private examined = 0
  private readonly found: Record<BurstKind, Map<number, Burst>> = {
    service: new Map(),
    address: new Map(),
    source: new Map(),
  }

  constructor(table: Table) {
    this.table = table
  }

  /** `packet` has created entry `ct`. @param point that showed it first */
  created(ct: number, packet: Packet, point: number): void {
    const { protocol, tcpFlags } = packet
    const isSyn = protocol === IPPROTO_TCP && (tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN
    if (!isSyn && (protocol !== IPPROTO_UDP || isOverlayPort(packet.destinationPort))) return
    const at = this.count++ & (ROOM - 1)
    this.cts[at] = ct
    this.starts[at] = packet.time
    this.frames[at] = packet.frame
    this.captures[at] = packet.capture
    this.points[at] = point
    if (this.count - this.examined === ROOM) this.examine(HALF)
  }

  /** The capture is over: the bursts, each told as what is narrowest. */
  conclude(): Burst[] {
    this.examine(this.count - this.examined)
    const all = KINDS.flatMap(kind => [...this.found[kind].values()])
    const bursts = all.filter(
      ({ answered, unanswered }) => answered * 100 <= MOST_ANSWERED * (answered + unanswered),
    )
    return bursts.filter(burst => !bursts.some(other => covers(other, burst)))
  }

  /** Looks at the oldest of the entries that nobody has looked at. */
  private examine(many: number): void {
    const first = this.examined
    this.examined += many
    for (const kind of KINDS) {
      const known = this.found[kind]
      if (!this.isBusy(first, many, kind) && known.size === 0) continue
      for (const [key, group] of this.groupsOf(first, many, kind)) {
        const burst = known.get(key)
        if (burst === undefined && (this.busiest(group) < LEAST || known.size === MOST_BURSTS)) continue
        known.set(key, this.added(burst ?? this.begin(group, kind), group))
      }
    }
  }

  /** Whether any kind may be a burst; counts by hash. */
  private isBusy(first: number, many: number, kind: BurstKind): boolean {
    const { slots } = this
    slots.fill(0)
    let most = 0
    for (let i = first; i < first + many; i++) {
      const count = ++slots[slotOf(this.keyOf(i, kind))]
      if (count > most) most = count
    }
    return most >= LEAST
  }

  /** Entries by kind: of all kinds that may be a burst, or are one. */
  private groupsOf(first: number, many: number, kind: BurstKind): Map<number, number[]> {
    const groups = new Map<number, number[]>()
    for (let i = first; i < first + many; i++) {
      const key = this.keyOf(i, kind)
      if (this.slots[slotOf(key)] < LEAST && !this.found[kind].has(key)) continue
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [i])
      else group.push(i)
    }
    return groups
  }

  private keyOf(i: number, kind: BurstKind): number {
    const { table } = this
    const ct = this.cts[i & (ROOM - 1)]
    const protocol = table.protocol(ct)
    if (kind === 'source') return endKey(table.source(ct * 2), 0, protocol)
    const port = kind === 'service' ? table.ports(ct * 2) & 0xffff : 0
    return endKey(table.destination(ct * 2), port, protocol)
  }

  /** An entry that has ended, and whose place another one has, was seen to be answered by nobody who would tell now. */
  private isAnswered(i: number): boolean {
    const at = i & (ROOM - 1)
    const ct = this.cts[at]
    return this.table.start(ct) !== this.starts[at] || (this.table.status(ct) & IPS_SEEN_REPLY) !== 0
  }

  /** The most unanswered ones of a group within a second. */
  private busiest(group: readonly number[]): number {
    const times = group.filter(i => !this.isAnswered(i)).map(i => this.starts[i & (ROOM - 1)] ?? 0)
    let most = 0
    let oldest = 0
    times.forEach((time, i) => {
      while (time - (times[oldest] ?? time) > SECOND) oldest++
      most = Math.max(most, i - oldest + 1)
    })
    return most
  }

  private begin(group: readonly number[], kind: BurstKind): Burst {
    const at = (group[0] ?? 0) & (ROOM - 1)
    const ct = this.cts[at] ?? 0
    const end = endOfKey(this.table, ct * 2, kind === 'source')
    return {
      kind,
      protocol: this.table.protocol(ct),
      end: kind === 'service' ? end : { ...end, port: -1 },
      example: endOfKey(this.table, ct * 2, kind !== 'source'),
      unanswered: 0,
      answered: 0,
      busiest: 0,
      others: new Set(),
      start: this.starts[at] ?? 0,
      latest: 0,
      point: this.points[at] ?? 0,
      frames: this.framesOf(group),
    }
  }

  /** The frames of the first few. */
  private framesOf(group: readonly number[]): FrameReference[] {
    const frames: FrameReference[] = []
    for (const i of group) {
      if (frames.length === NAMED) break
      const at = i & (ROOM - 1)
      frames.push({ capture: this.captures[at] ?? 0, frame: this.frames[at] ?? 0 })
    }
    return frames
  }

  private added(burst: Burst, group: readonly number[]): Burst {
    const { table } = this
    for (const i of group) {
      const at = i & (ROOM - 1)
      const key = (this.cts[at] ?? 0) * 2
      if (this.isAnswered(i)) burst.answered++
      else {
        burst.unanswered++
        burst.latest = this.starts[at] ?? burst.latest
        if (burst.others.size < ROOM)
          burst.others.add(burst.kind === 'source' ? table.destination(key) : table.source(key))
      }
    }
    burst.busiest = Math.max(burst.busiest, this.busiest(group))
    return burst
  }
}

/** Whether one burst tells all that another does: a port of its address, or what its source sends to a few. */
function covers(by: Burst, other: Burst): boolean {
  if (by === other || by.protocol !== other.protocol) return false
  if (other.kind === 'source') return by.kind !== 'source' && other.others.size < 8
  if (other.kind !== 'address' || by.kind !== 'service') return false
  const isOne =
    by.end.family === other.end.family && by.end.words.every((word, i) => word === other.end.words[i])
  return isOne && by.unanswered * 5 >= other.unanswered * 4
}

function slotOf(key: number): number {
  return (Math.imul((key % 0x7fffffff) | 0, 0x9e3779b1) >>> 8) & (SLOTS - 1)
}
