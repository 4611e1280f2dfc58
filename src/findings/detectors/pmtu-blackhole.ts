// pmtu-blackhole: a router says that packets are too large (RFC 1191, RFC 8201), and their sender goes on to send as large ones.

import type { Table } from '../../conntrack/table.ts'
import type { Endpoint } from '../../host/knowledge.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP } from '../../net/numbers.ts'
import { after, before } from '../../net/sequence.ts'
import { Packet } from '../../packet/packet.ts'
import { decodeQuoted } from '../../packet/quoted.ts'
import type { Sightings } from '../../vantage/record/sighting.ts'
import { endOfPacket, flowOfEntry } from '../evidence/flow-facts.ts'
import { hasPoint, type Transits } from '../evidence/transits.ts'
import { Collector } from '../facts/collector.ts'
import {
  type Confidence,
  type Facts,
  type FlowFacts,
  type FrameReference,
  type Phrase,
  phrase,
  step,
} from '../facts/facts.ts'

/** Connections with such an error that are followed at a time, 0.3 kB each. */
const MOST_TROUBLES = 1024
/** How often a segment comes again that cannot pass; datagrams, of which a sender may probe with some. */
const LEAST_SEGMENTS = 2
const LEAST_DATAGRAMS = 4
const ICMP_HEADER = 8
const IPV4_HEADER = 20
const FRAGMENTATION_NEEDED = (3 << 8) | 4
const PACKET_TOO_BIG = 2 << 8
/** Bytes of a TCP header that are quoted in any case: ports and the sequence number. */
const QUOTED_TCP = 8

interface Trouble {
  /** The largest packet that the router takes. */
  mtu: number
  /** Who sends what is too large: 0 the client of the entry, 1 its server. */
  sender: number
  /** TCP: the lowest sequence number of segments that errors are about; null where none quotes it. */
  sequence: number | null
  /** Errors, and those of them that were seen where the sender's packets come in. */
  errors: number
  passed: number
  /** Whether the sender's packets were seen to come in and leave: then its errors would be seen, too. */
  isWatched: boolean
  /** Who says so, and to whom: as the error came in. */
  router: Endpoint
  target: Endpoint
  /** Packets as large as before that came after the first error. */
  again: number
  time: number
  point: number
  /** The first and the last of each. */
  errorFrames: FrameReference[]
  againFrames: FrameReference[]
}

/**
 * Look-alikes, none of which is this:
 * - path MTU discovery at work: after the error the segment comes in smaller pieces, or is acknowledged;
 * - a sender that probes (RFC 8899, QUIC): its datagrams are of all sizes, and it is answered;
 * - a capture on the sender, before its segments are cut: they arrive;
 * - an error that is only late: less than two segments as large came after it.
 */
export class PathMtus {
  private readonly transits: Transits
  private readonly troubles = new Map<number, Trouble>()
  private readonly quoted = new Packet()
  private readonly collector = new Collector()

  constructor(transits: Transits) {
    this.transits = transits
  }

  /** Whether any connection is to be followed: to be asked before packet(). */
  get isAwake(): boolean {
    return this.troubles.size > 0
  }

  /**
   * An ICMP error is RELATED to an entry.
   * @param key of the packets that come back to who sent what the error quotes; `point`: where the error was seen first
   */
  related(error: Packet, sightings: Sightings | null, key: number, point: number): void {
    const mtu = this.mtuOf(error)
    if (mtu < 0) return
    const ct = key >> 1
    const sender = 1 - (key & 1)
    let trouble = this.troubles.get(ct)
    // segments of the two sides are of different paths
    if (trouble === undefined || trouble.sender !== sender) {
      if (this.troubles.size === MOST_TROUBLES) return
      trouble = beginOf(error, sender, point)
      this.troubles.set(ct, trouble)
    }
    trouble.mtu = mtu
    trouble.errors++
    const record = this.transits.of(ct)
    trouble.isWatched = record >= 0 && this.transits.passedCount(record, sender) > 0
    if (sightings !== null && record >= 0 && isShown(sightings, this.transits.inPoints(record, sender)))
      trouble.passed++
    keepLast(trouble.errorFrames, error)
    const sequence = this.sequenceIn(error)
    if (sequence !== null && (trouble.sequence === null || before(sequence, trouble.sequence)))
      trouble.sequence = sequence
  }

  /** A packet of an entry. @param key ct * 2 + its direction */
  packet(packet: Packet, key: number): void {
    const ct = key >> 1
    const trouble = this.troubles.get(ct)
    if (trouble === undefined) return
    const isSegment = packet.protocol === IPPROTO_TCP
    if ((key & 1) !== trouble.sender) {
      const { sequence, again } = trouble
      if (isSegment ? sequence !== null && after(packet.acknowledgment, sequence) : again > 0)
        this.troubles.delete(ct)
    } else if (isSegment && packet.sequence !== trouble.sequence) return
    else if (packet.networkLength > trouble.mtu) {
      trouble.again++
      keepLast(trouble.againFrames, packet)
    } else if (isSegment && packet.transportLength > packet.tcpHeaderLength) this.troubles.delete(ct)
  }

  /** An entry ended, or the capture did. */
  ended(table: Table, ct: number): void {
    if (this.troubles.size === 0) return
    const trouble = this.troubles.get(ct)
    if (trouble === undefined) return
    this.troubles.delete(ct)
    const least = table.protocol(ct) === IPPROTO_TCP ? LEAST_SEGMENTS : LEAST_DATAGRAMS
    if (trouble.again >= least) this.add(trouble, flowOfEntry(table, ct))
  }

  conclude(): Facts[] {
    return this.collector.conclude()
  }

  private add({ router, target, ...trouble }: Trouble, flow: FlowFacts): void {
    const { mtu, again, sender, point, time } = trouble
    const [confidence, reason] = judge(trouble)
    this.collector.add({
      id: 'pmtu-blackhole',
      severity: 'error',
      confidence,
      reason,
      client: flow.client ?? flow.server,
      flow,
      point,
      time,
      steps: [
        step('error', trouble.errorFrames, { mtu, router, target }),
        step('again', trouble.againFrames, { again, isFromClient: sender === 0 }),
      ],
    })
  }

  /** The MTU that an error tells of; a router that knows none to tell refuses at least what is quoted. -1: no such error. */
  private mtuOf(error: Packet): number {
    const { protocol, destinationPort, transportCaptured, transportOffset, view } = error
    if (transportCaptured < ICMP_HEADER + IPV4_HEADER) return -1
    if (protocol === IPPROTO_ICMPV6)
      return destinationPort === PACKET_TOO_BIG ? view.getUint32(transportOffset + 4) : -1
    if (protocol !== IPPROTO_ICMP || destinationPort !== FRAGMENTATION_NEEDED) return -1
    const mtu = view.getUint16(transportOffset + 6)
    return mtu > 0 ? mtu : view.getUint16(transportOffset + ICMP_HEADER + 2) - 1
  }

  /** The TCP sequence number that an error quotes. */
  private sequenceIn(error: Packet): number | null {
    const { quoted } = this
    if (!decodeQuoted(error, error.transportOffset + ICMP_HEADER, error.family, quoted)) return null
    if (quoted.protocol !== IPPROTO_TCP || quoted.transportCaptured < QUOTED_TCP) return null
    return quoted.view.getInt32(quoted.transportOffset + 4)
  }
}

/** What the errors and the packets after them come to. */
function judge({
  mtu,
  errors,
  passed,
  isWatched,
  again,
}: Omit<Trouble, 'router' | 'target'>): [Confidence, Phrase] {
  const values = { mtu, errors, again }
  if (passed > 0) return ['likely', phrase('passed-on', values)]
  return isWatched ? ['likely', phrase('stays', values)] : ['possible', phrase('goes-on', values)]
}

/** Whether any of some points shows a packet. */
function isShown(sightings: Sightings, points: number): boolean {
  for (let i = 0; i < sightings.count; i++) if (hasPoint(points, sightings.point(i))) return true
  return false
}

function keepLast(frames: FrameReference[], { capture, frame }: Packet): void {
  if (frames.length === 2) frames.pop()
  frames.push({ capture, frame })
}

function beginOf(error: Packet, sender: number, point: number): Trouble {
  return {
    mtu: 0,
    sender,
    sequence: null,
    errors: 0,
    passed: 0,
    isWatched: false,
    router: { ...endOfPacket(error, true), port: -1 },
    target: { ...endOfPacket(error, false), port: -1 },
    again: 0,
    time: error.time,
    point,
    errorFrames: [],
    againFrames: [],
  }
}
