// Ports in use from one translated source address to one destination, against what there are.
import { readKey } from '../../conntrack/key-tuple.ts'
import { DIRECTION_ORIGINAL, IPS_SEEN_REPLY, IPS_SRC_NAT } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { hashTuple, Tuple } from '../../conntrack/tuple.ts'
import type { Endpoint } from '../../host/knowledge.ts'
import type { NonEmpty } from '../../net/non-empty.ts'
import { IPPROTO_TCP, IPPROTO_UDP } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { endOfKey } from '../evidence/flow-facts.ts'
import type { Legs } from '../evidence/legs.ts'
import { type Asked, locate } from '../evidence/whereabouts.ts'
import {
  type Confidence,
  type Facts,
  type FlowFacts,
  type FrameReference,
  type Phrase,
  phrase,
  step,
} from '../facts/facts.ts'

// Live entries are counted in two arrays by two hashes of source, destination, port and protocol: the lower count is the
// right one, or too high. Where that comes near the least ceiling there is, the ports are told apart.

const CELLS = 1 << 16
/** The least that a port range is likely to have, of which this many must be in use before anybody looks. */
const LOOK = 48
/** Destinations whose ports are told apart, 8 kB each; how often the ports of one are looked up in the table. */
const MOST_TRACKED = 64
const MOST_SEARCHES = 128
/** Connections that came when all ports were in use, and are followed. */
const MOST_REFUSED = 256
/** So many of those, that never left, are no accident. */
const LEAST_REFUSED = 3
const NEARLY = 0.9
const NAMED_FRAMES = 8
const NAMED_FLOWS = 20

/** Ceilings by what makes them: ports that MASQUERADE and SNAT take (1024 and up), what Linux gives to its own sockets. */
const NAT_PORTS = 64512
const LOCAL_PORTS = 28232
const LOCAL_FIRST = 32768
const LOCAL_LAST = 60999

interface Tracked {
  source: number
  destination: number
  ports: Uint32Array
  /** Destination port and protocol. */
  port: number
  protocol: number
  /** The source without a port, and the destination. */
  from: Endpoint
  to: Endpoint
  inUse: number
  peak: number
  lowest: number
  highest: number
  /** Connections since a port outside of the range seen before was used. */
  sinceGrowth: number
  /** Entries whose port was changed, all entries, those that ended without an answer and with one. */
  remapped: number
  total: number
  unanswered: number
  answered: number
  isTranslated: boolean
  peakFrame: FrameReference
  peakTime: number
  /** A flow of it, whose whereabouts were asked for. */
  example: Asked
  refused: FrameReference[]
  refusedCount: number
}

/** A destination to which ports are scarce, and why that is told. */
interface Assessed {
  tracked: Tracked
  confidence: Confidence
  reason: Phrase
}

export class PortPressure {
  private readonly legs: Legs
  private readonly first = new Int32Array(CELLS)
  private readonly second = new Int32Array(CELLS)
  private readonly tracked: Tracked[] = []
  private readonly reply = new Tuple()
  /** Cells of `first` that may be a tracked destination's. */
  private readonly isTracked = new Uint8Array(CELLS)
  private searches = 0
  /** Entries made when all ports to their destination were in use. */
  private readonly waiting = new Map<number, { tracked: Tracked; frame: FrameReference }>()
  private hasFull = false

  constructor(legs: Legs) {
    this.legs = legs
  }

  /** `packet` has created entry `ct`. */
  created(table: Table, ct: number, packet: Packet): void {
    const protocol = table.protocol(ct)
    if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) return
    const key = ct * 2 + 1
    const one = firstHash(table, key)
    const other = secondHash(table, key)
    const count = Math.min(++this.first[one], ++this.second[other])
    if (count >= LOOK || (this.tracked.length > 0 && this.isTracked[one] !== 0))
      this.track(table, ct, packet, count)
    if (this.hasFull) this.meetFull(table, ct, packet)
  }

  /** The entry no longer holds its port. */
  released(table: Table, ct: number): void {
    const protocol = table.protocol(ct)
    if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) return
    const key = ct * 2 + 1
    const one = firstHash(table, key)
    const other = secondHash(table, key)
    const count = Math.min(this.first[one], this.second[other])
    // it may have been counted before its translation was known
    if (count > 0) {
      this.first[one]--
      this.second[other]--
    }
    if (this.tracked.length === 0 || this.isTracked[one] === 0) return
    const tracked = this.trackedOf(table, key)
    if (tracked !== undefined) clear(tracked, table.ports(key) & 0xffff)
  }

  /** The entry has ended, or the capture has. */
  ended(table: Table, ct: number): void {
    if (this.tracked.length === 0) return
    const hasReply = (table.status(ct) & IPS_SEEN_REPLY) !== 0
    const isTracked = this.isTracked[firstHash(table, ct * 2 + 1)] !== 0
    const tracked = isTracked ? this.trackedOf(table, ct * 2 + 1) : undefined
    if (tracked !== undefined && hasReply) tracked.answered++
    else if (tracked !== undefined) tracked.unanswered++
    const waiting = this.waiting.get(ct)
    if (waiting === undefined) return
    this.waiting.delete(ct)
    if (hasReply || (table.status(ct) & IPS_SRC_NAT) !== 0) return
    waiting.tracked.refusedCount++
    if (waiting.tracked.refused.length < NAMED_FRAMES) waiting.tracked.refused.push(waiting.frame)
  }

  /** Ports that NAT gave, and those of sockets: each has causes and remedies of its own. */
  conclude(): Facts[] {
    const found = this.tracked.flatMap(tracked => {
      const assessment = assess(tracked)
      return assessment === null ? [] : [{ tracked, ...assessment }]
    })
    // where connections were lost comes first
    found.sort((a, b) => b.tracked.refusedCount - a.tracked.refusedCount)
    return [true, false].flatMap(isTranslated => {
      const [first, ...others] = found.filter(({ tracked }) => tracked.isTranslated === isTranslated)
      return first === undefined ? [] : factsOf([first, ...others])
    })
  }

  private track(table: Table, ct: number, packet: Packet, count: number): void {
    const key = ct * 2 + 1
    const tracked = this.trackedOf(table, key) ?? (count < LOOK ? undefined : this.open(table, key, packet))
    if (tracked === undefined) return
    const port = table.ports(key) & 0xffff
    const isTranslated = (table.status(ct) & IPS_SRC_NAT) !== 0
    tracked.total++
    tracked.isTranslated ||= isTranslated
    if (isTranslated && table.ports(ct * 2) >>> 16 !== port) tracked.remapped++
    if (port < tracked.lowest || port > tracked.highest) tracked.sinceGrowth = 0
    else tracked.sinceGrowth++
    set(tracked, port)
    if (tracked.inUse > tracked.peak) {
      tracked.peak = tracked.inUse
      tracked.peakFrame = { capture: packet.capture, frame: packet.frame }
      tracked.peakTime = packet.time
    }
    this.hasFull ||= isFull(tracked)
  }

  private trackedOf(table: Table, key: number): Tracked | undefined {
    const source = table.destination(key)
    const destination = table.source(key)
    const port = table.ports(key) >>> 16
    const protocol = table.protocol(key >> 1)
    return this.tracked.find(
      other =>
        other.source === source &&
        other.destination === destination &&
        other.port === port &&
        other.protocol === protocol,
    )
  }

  /** Begins to tell ports apart, with those of the entries that there are. */
  private open(table: Table, key: number, packet: Packet): Tracked | undefined {
    if (this.searches === MOST_SEARCHES) return undefined
    this.searches++
    const idle = this.tracked.findIndex(other => other.inUse === 0 && assess(other) === null)
    if (this.tracked.length === MOST_TRACKED && idle < 0) return undefined
    const tracked = makeTracked(table, key, packet, locate(table, key >> 1, this.legs))
    this.findPorts(table, key, tracked)
    this.isTracked[firstHash(table, key)] = 1
    if (this.tracked.length === MOST_TRACKED) this.tracked[idle] = tracked
    else this.tracked.push(tracked)
    return tracked
  }

  /** Asks the table for each port there can be: 5 ms, whatever the table holds. */
  private findPorts(table: Table, key: number, tracked: Tracked): void {
    const { reply } = this
    readKey(table, key, reply)
    const server = reply.ports & ~0xffff
    for (let port = 0; port <= 0xffff; port++) {
      reply.ports = server | port
      const other = table.find(reply, hashTuple(reply))
      if (other < 0 || (other & 1) === DIRECTION_ORIGINAL) continue
      set(tracked, port)
      tracked.total++
      if ((table.status(other >> 1) & IPS_SRC_NAT) === 0) continue
      tracked.isTranslated = true
      if (table.ports(other ^ 1) >>> 16 !== port) tracked.remapped++
    }
  }

  /** A connection that is not translated, to a destination to which all ports are in use: does it leave? */
  private meetFull(table: Table, ct: number, packet: Packet): void {
    if (this.waiting.size === MOST_REFUSED || (table.status(ct) & IPS_SRC_NAT) !== 0) return
    const destination = table.destination(ct * 2)
    const port = table.ports(ct * 2) & 0xffff
    const protocol = table.protocol(ct)
    for (const tracked of this.tracked) {
      if (tracked.destination !== destination || tracked.port !== port || tracked.protocol !== protocol)
        continue
      if (table.source(ct * 2) === tracked.source || !isFull(tracked)) continue
      this.waiting.set(ct, { tracked, frame: { capture: packet.capture, frame: packet.frame } })
      return
    }
  }
}

function makeTracked(table: Table, key: number, packet: Packet, example: Asked): Tracked {
  const protocol = table.protocol(key >> 1)
  return {
    source: table.destination(key),
    destination: table.source(key),
    ports: new Uint32Array(0x10000 >> 5),
    port: table.ports(key) >>> 16,
    protocol,
    from: { ...endOfKey(table, key, false), port: -1 },
    to: endOfKey(table, key, true),
    inUse: 0,
    peak: 0,
    lowest: 0xffff,
    highest: 0,
    sinceGrowth: 0,
    remapped: 0,
    total: 0,
    unanswered: 0,
    answered: 0,
    isTranslated: false,
    peakFrame: { capture: packet.capture, frame: packet.frame },
    peakTime: packet.time,
    example,
    refused: [],
    refusedCount: 0,
  }
}

function set(tracked: Tracked, port: number): void {
  const { ports } = tracked
  tracked.lowest = Math.min(tracked.lowest, port)
  tracked.highest = Math.max(tracked.highest, port)
  if ((ports[port >> 5] & (1 << (port & 31))) !== 0) return
  ports[port >> 5] |= 1 << (port & 31)
  tracked.inUse++
}

function clear(tracked: Tracked, port: number): void {
  const { ports } = tracked
  if ((ports[port >> 5] & (1 << (port & 31))) === 0) return
  ports[port >> 5] &= ~(1 << (port & 31))
  tracked.inUse--
}

const isRefusing = (tracked: Tracked): boolean => tracked.refusedCount >= LEAST_REFUSED

const spanOf = ({ lowest, highest }: Tracked): number => highest - lowest + 1

/** Whether every port between the lowest and the highest is in use, and they were chosen by NAT. */
function isFull(tracked: Tracked): boolean {
  return tracked.inUse === spanOf(tracked) && tracked.remapped * 2 > tracked.total
}

/** What is told of destinations whose ports are all translated, or none of them is. */
function factsOf(found: NonEmpty<Assessed>): Facts {
  const [{ tracked, confidence, reason }] = found
  const lost = found.reduce((sum, { tracked: each }) => sum + each.refusedCount, 0)
  const steps = [step('peak', [tracked.peakFrame], { peak: tracked.peak }), step('refused', tracked.refused)]
  return {
    id: 'snat-port-pressure',
    severity: lost > 0 ? 'error' : 'warning',
    confidence,
    reasons: [reason],
    flows: found.slice(0, NAMED_FLOWS).map(each => flowOf(each.tracked)),
    flowCount: found.length,
    occurrences: Math.max(lost, found.length),
    firstTime: Math.min(...found.map(each => each.tracked.peakTime)),
    lastTime: null,
    frames: [tracked.peakFrame, ...tracked.refused],
    steps: steps.filter(({ frames }) => frames.length > 0),
    points: tracked.example.places.map(({ point }) => point),
    values: {
      lost,
      refusing: found.filter(each => isRefusing(each.tracked)).length,
      isTranslated: tracked.isTranslated,
    },
    rules: [],
    isOpen: false,
  }
}

function assess(tracked: Tracked): Omit<Assessed, 'tracked'> | null {
  const { peak, lowest, highest, refusedCount, sinceGrowth, unanswered, answered, isTranslated } = tracked
  const span = spanOf(tracked)
  const range = { peak, span, lowest, highest }
  if (isRefusing(tracked))
    return { confidence: 'certain', reason: phrase('refused', { ...range, refused: refusedCount }) }
  // a flood is no want of ports
  if (unanswered > answered) return null
  const isLocal = !isTranslated && lowest >= LOCAL_FIRST && highest <= LOCAL_LAST
  if (isLocal && peak >= NEARLY * LOCAL_PORTS)
    return { confidence: 'likely', reason: phrase('local', { peak, most: LOCAL_PORTS }) }
  if (peak >= NEARLY * NAT_PORTS)
    return { confidence: 'certain', reason: phrase('nat', { peak, most: NAT_PORTS }) }
  if (span >= LOOK && peak >= NEARLY * span && sinceGrowth >= Math.max(span, LOOK))
    return { confidence: 'likely', reason: phrase('range', { ...range, further: sinceGrowth }) }
  return null
}

function flowOf({ protocol, from, to, example }: Tracked): FlowFacts {
  return { protocol, client: from, server: to, translated: null, example: example.flow }
}

function firstHash(table: Table, key: number): number {
  const hash = Math.imul(table.destination(key) ^ (table.ports(key) >>> 16), 0x9e3779b1) ^ table.source(key)
  return Math.imul(hash ^ (hash >>> 15), 0x85ebca77) >>> 16
}

function secondHash(table: Table, key: number): number {
  const hash = Math.imul(table.source(key) + (table.ports(key) >>> 16), 0xc2b2ae3d) ^ table.destination(key)
  return Math.imul(hash ^ (hash >>> 13), 0x27d4eb2f) >>> 16
}
