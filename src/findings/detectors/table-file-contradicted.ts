// Whether the traffic bears out the table that is said to have been there when the capture began.
import type { KnownEngine } from '../../conntrack/known-engine.ts'
import { isKnown, type KnownTable } from '../../conntrack/known-entry.ts'
import {
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_LAST_ACK,
  TCP_STATE_NAMES,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
} from '../../conntrack/proto/tcp-table.ts'
import { DIRECTION_ORIGINAL, STATE_RELATED } from '../../conntrack/status.ts'
import { Tuple, tupleOf } from '../../conntrack/tuple.ts'
import {
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
} from '../../net/numbers.ts'
import { Packet } from '../../packet/packet.ts'
import type { Sightings } from '../../vantage/record/sighting.ts'
import { flowOfEntry } from '../evidence/flow-facts.ts'
import { type Facts, type FlowFacts, phrase, step } from '../facts/facts.ts'
import { FrameGroup } from '../facts/frame-group.ts'

/**
 * Ways in which traffic contradicts a listed entry: a SYN opens it while it is listed as open; it goes on while it is
 * listed as closed by both sides; it is under way while its SYN is listed as unanswered; its packets are seen to be
 * translated otherwise.
 */
export type Contradiction = 'opened' | 'goes-on' | 'under-way' | 'translation'

/** Flows that are named. */
const NAMED_FLOWS = 20
/** Connections that take the place of closed ones: from so many on, and most of those met, that is no accident. */
const MANY_REOPENED = 3

/** Is shown every packet right after the engine has tracked it. */
export class TableCheck {
  readonly engine: KnownEngine
  readonly known: KnownTable
  /** Listed entries that a packet met. */
  used = 0
  /** Those that were closed, and whose place a SYN took. */
  readonly reopened = new FrameGroup()
  readonly contradictions = new Map<Contradiction, FrameGroup>()
  /** Those of TCP among them. */
  usedTcp = 0
  private readonly flows = new Map<number, FlowFacts>()
  /** Frame of the first packet that met each listed entry, 0 for none. */
  private firstFrames = new Uint32Array(0)
  /** The packet as it left; its tuples in front of the translation and behind it. */
  private readonly behind = new Packet()
  private readonly before = new Tuple()
  private readonly after = new Tuple()

  constructor(engine: KnownEngine, known: KnownTable) {
    this.engine = engine
    this.known = known
  }

  /** Frame of the first packet that met the listed entry `ct`, 0 for none. */
  firstFrame(ct: number): number {
    return this.firstFrames[ct] ?? 0
  }

  packet(packet: Packet, sightings: Sightings | null): void {
    const { engine } = this
    const { met } = engine
    // an ICMP error is about the entry, and not of it
    if (met < 0 || engine.state === STATE_RELATED) return
    const ct = met >> 1
    if (this.firstFrame(ct) === 0) this.firstMet(ct, packet)
    if (sightings === null || sightings.translated === 0 || !isKnown(engine.table, ct)) return
    sightings.readBehind(this.behind)
    // of a datagram in fragments only the first shows its ports
    if (this.behind.hasTuple && this.leavesOtherwise(packet, met)) this.add('translation', ct, packet)
  }

  conclude(): Facts[] {
    const { path } = this.known
    const certain = [...this.contradictions.values()].reduce((sum, { count }) => sum + count, 0)
    const reopened = this.isReopenedThroughout ? this.reopened.count : 0
    if (certain + reopened === 0) return []
    const steps = [...this.contradictions].map(([id, { count, frames }]) => step(id, frames, { count }))
    if (reopened > 0) steps.push(step('reopened', this.reopened.frames, { count: reopened }))
    steps.sort((a, b) => a.frames[0].frame - b.frames[0].frame)
    return [
      {
        id: 'table-file-contradicted',
        severity: 'warning',
        confidence: certain > 0 ? 'certain' : 'likely',
        reasons: [phrase(certain > 0 ? 'packets' : 'reopened')],
        flows: [...this.flows.values()],
        flowCount: certain + reopened,
        occurrences: certain + reopened,
        firstTime: null,
        lastTime: null,
        frames: steps.flatMap(({ frames }) => frames),
        steps,
        points: [],
        values: { path, wasTakenLater: this.wasTakenLater },
        rules: [],
        isOpen: false,
      },
    ]
  }

  /** Whether the file is of a moment at which connections that the capture opens were open or closed already. */
  get wasTakenLater(): boolean {
    const opened = this.contradictions.get('opened')?.count ?? 0
    const goesOn = this.contradictions.get('goes-on')?.count ?? 0
    return opened + goesOn > 0 || this.isReopenedThroughout
  }

  /** One closed connection is reopened now and then: its port is used again. Most of them are not. */
  private get isReopenedThroughout(): boolean {
    const { count } = this.reopened
    return count >= MANY_REOPENED && count * 2 > this.usedTcp
  }

  private firstMet(ct: number, packet: Packet): void {
    if (ct >= this.firstFrames.length) this.grow(ct)
    this.firstFrames[ct] = packet.frame
    this.used++
    if (packet.protocol !== IPPROTO_TCP) return
    this.usedTcp++
    const { metState, met } = this.engine
    const isOriginal = (met & 1) === DIRECTION_ORIGINAL
    const flags = packet.tcpFlags
    if ((flags & TCP_RST) !== 0) return
    if ((flags & TCP_SYN) !== 0) {
      if ((flags & TCP_ACK) !== 0 || !isOriginal) return
      if (metState >= TCP_ESTABLISHED && metState <= TCP_LAST_ACK) this.add('opened', ct, packet)
      else if (metState === TCP_TIME_WAIT || metState === TCP_CLOSE) {
        this.reopened.add(packet)
        this.name(ct)
      }
    } else if (hasData(packet)) {
      if (metState === TCP_SYN_SENT && !isOriginal) this.add('under-way', ct, packet)
      else if (metState === TCP_TIME_WAIT && (flags & TCP_FIN) === 0) this.add('goes-on', ct, packet)
    }
  }

  /** Whether an end of the packet that is seen to be translated becomes another than its entry says. */
  private leavesOtherwise(packet: Packet, met: number): boolean {
    const { table } = this.engine
    const { before, after } = this
    // behind the translation a packet has the inverse of the other key
    const other = met ^ 1
    const isIcmp = packet.protocol === IPPROTO_ICMP || packet.protocol === IPPROTO_ICMPV6
    tupleOf(packet, before)
    tupleOf(this.behind, after)
    // an ICMP id is the sender's, and stands first in both directions
    const listed = table.ports(other)
    const sourcePort = isIcmp ? listed >>> 16 : listed & 0xffff
    if (before.source !== after.source || before.ports >>> 16 !== after.ports >>> 16) {
      if (after.source !== table.destination(other) || after.ports >>> 16 !== sourcePort) return true
    }
    if (isIcmp) return before.destination !== after.destination && after.destination !== table.source(other)
    if (before.destination === after.destination && ((before.ports ^ after.ports) & 0xffff) === 0)
      return false
    return after.destination !== table.source(other) || (after.ports & 0xffff) !== listed >>> 16
  }

  private add(id: Contradiction, ct: number, packet: Packet): void {
    let group = this.contradictions.get(id)
    if (group === undefined) {
      group = new FrameGroup()
      this.contradictions.set(id, group)
    }
    group.add(packet)
    this.name(ct)
  }

  private name(ct: number): void {
    if (this.flows.size === NAMED_FLOWS || this.flows.has(ct)) return
    const { table, metState } = this.engine
    const isTcp = table.protocol(ct) === IPPROTO_TCP
    const flow = flowOfEntry(table, ct)
    this.flows.set(ct, isTcp ? { ...flow, listedAs: TCP_STATE_NAMES[metState] } : flow)
  }

  private grow(ct: number): void {
    const larger = new Uint32Array(Math.max(ct + 1, this.firstFrames.length * 2, 1024))
    larger.set(this.firstFrames)
    this.firstFrames = larger
  }
}

function hasData(packet: Packet): boolean {
  return packet.transportLength > packet.tcpHeaderLength
}
