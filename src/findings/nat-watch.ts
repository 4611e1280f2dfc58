// Follows every flow at every observation point, and asks the detectors where something is out of the ordinary.
import { IPPROTO_UDP, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../net/numbers.ts'
import { after } from '../net/sequence.ts'
import {
  RECORD_LATE,
  RECORD_PASSED,
  RECORD_QUESTION,
  RECORD_REPEATED,
  RECORD_SIGHT,
  RECORD_TYPE_MASK,
  RECORD_UNREACHABLE,
} from '../queue/record-type.ts'
import { pointOfSide } from '../vantage/points.ts'
import { Cases, type Found } from './cases.ts'
import { NAT_FINDINGS } from './catalogue.ts'
import type { Finding } from './finding.ts'
import { FLOW_FINDINGS } from './flow-catalogue.ts'
import { notePause } from './idle-gap.ts'
import { Leaks, PAUSE } from './leaks.ts'
import { Losses } from './losses.ts'
import { Oddities } from './oddities.ts'
import {
  PASSED_EXIT,
  PASSED_EXIT_CAPTURE,
  PASSED_SOURCE_TRANSLATED,
  SIGHT_FIRST,
  SIGHT_TOLD,
  Sight,
  TIME,
  TYPE,
} from './sight.ts'
import { concludeStanding } from './standing.ts'
import { NO_STRAY, STRAY_IF_ROUTED, strayAnswer, strayDatagram } from './stray-answers.ts'
import { recordHash } from './trail-hash.ts'
import {
  FIRST_ACK,
  FLAGS,
  GAP_FRAME,
  GAP_SIDE,
  OPENING_ACKNOWLEDGMENT,
  OPENING_DESTINATION_MAC,
  OPENING_FRAME,
  OPENING_SEQUENCE,
  OPENING_SOURCE_MAC,
  OPENING_TTL,
  SIDE_ACK,
  SIDE_END,
  SIDE_FRAME,
  SIDE_LIMIT,
  SIDE_PACKETS,
  SIDE_SCALE,
  SIDE_TTL,
  SYN,
  SYN_ACK,
  SYN_ACK_COUNT,
  SYN_COUNT,
  SYN_PACKET,
  TRAIL_DNS,
  TRAIL_FIN,
  TRAIL_FIN_BACK,
  TRAIL_FORWARDED,
  TRAIL_OPEN,
  TRAIL_RECENT,
  TRAIL_REPEATED,
  TRAIL_RST,
  TRAIL_SYN,
  TRAIL_SYN_ACK,
  Trails,
} from './trails.ts'
import { findPlaces, type Place, QUESTION } from './whereabouts.ts'

/** Where a SYN was not seen its window scale is unknown: the largest there is keeps windows from seeming too small. */
const UNKNOWN_SCALE = 14

/** Records to look ahead for at a time. */
export const MOST_AHEAD = 64

interface Doubt {
  trail: number
  sight: Sight
}

export class NatWatch {
  private readonly trails = new Trails()
  private readonly cases = new Cases({ ...NAT_FINDINGS, ...FLOW_FINDINGS })
  private readonly leaks = new Leaks(this.trails, this.cases)
  private readonly losses = new Losses(this.trails, this.cases)
  private readonly oddities: Oddities
  private readonly sight = new Sight()
  /** Answers to the questions asked, by their number. */
  readonly places: Place[][] = []
  private readonly ahead = new Int32Array(MOST_AHEAD)
  /** What was read ahead: a compiler leaves out reads that nothing comes of. */
  private sum = 0
  /** Packets so far. */
  private packets = 0
  private now = 0
  /** The trail of the packet's first sighting, and which way the packet goes there. */
  private first = -1
  private firstDirection = 0
  /** A RST of the packet under way that tells something only if it is routed. */
  private doubt: Doubt | null = null

  /** @param isInside whether what is watched came out of a tunnel over UDP */
  constructor(isInside: boolean) {
    this.oddities = new Oddities(this.trails, this.cases, isInside)
  }

  /** To be called before records are taken: reads the cache lines that they are going to need, all at once. */
  lookAhead(words: Int32Array, positions: Int32Array, count: number): void {
    const { trails, ahead } = this
    for (let i = 0; i < count; i++) ahead[i] = recordHash(words, positions[i])
    for (let i = 0; i < count; i++) ahead[i] = trails.firstOf(ahead[i])
    let sum = this.sum
    for (let i = 0; i < count; i++) if (ahead[i] >= 0) sum ^= trails.touch(ahead[i])
    this.sum = sum
  }

  /** Takes a record that a SightFeed has written. */
  take(words: Int32Array, doubles: Float64Array, at: number): void {
    const { sight } = this
    const type = words[at + TYPE]
    switch (type & RECORD_TYPE_MASK) {
      case RECORD_SIGHT:
        sight.read(words, doubles, at)
        this.see(type)
        break
      case RECORD_PASSED:
        this.pass(
          words[at + PASSED_EXIT],
          words[at + PASSED_EXIT_CAPTURE],
          words[at + PASSED_SOURCE_TRANSLATED] !== 0,
          doubles[(at >> 1) + TIME],
        )
        break
      case RECORD_LATE:
        sight.read(words, doubles, at)
        this.passLate()
        break
      case RECORD_REPEATED:
        sight.read(words, doubles, at)
        this.repeat()
        break
      case RECORD_UNREACHABLE:
        sight.read(words, doubles, at)
        this.unreachable()
        break
      case RECORD_QUESTION:
        this.places[words[at + QUESTION]] = findPlaces(this.trails, words, at)
        break
    }
  }

  /** Everything that is wrong, once the last packet is in. @param nameOf what to call a point */
  conclude(nameOf: (point: number) => string): Found[] {
    this.losses.conclude()
    concludeStanding(this.trails, this.cases, this.now)
    this.oddities.conclude(this.now)
    return this.cases.conclude(nameOf)
  }

  /** What is worth knowing and no fault; to be asked for after conclude(). */
  remarks(nameOf: (point: number) => string): Finding[] {
    return this.oddities.remarks(nameOf)
  }

  /** The clients of whose flows something was found out. */
  get clients(): string[] {
    return this.cases.clients
  }

  private see(type: number): void {
    const { sight } = this
    const isFirst = (type & SIGHT_FIRST) !== 0
    if (isFirst) {
      this.doubt = null
      this.packets++
      this.now = sight.time
    }
    const trail = this.follow()
    if ((type & SIGHT_TOLD) === 0) return
    this.losses.saw(pointOfSide(sight.point), sight.time)
    if (!isFirst) return
    this.first = trail
    this.firstDirection = this.trails.direction
  }

  /** @returns the trail of the packet at this point */
  private follow(): number {
    const { trails, sight } = this
    let trail = trails.find(sight)
    const isNew = trail < 0
    if (sight.protocol === IPPROTO_UDP) {
      if (isNew) trail = this.leaks.openDatagram(sight)
      this.progressDatagram(trail)
      return trail
    }
    const { flags } = sight
    if (isNew) {
      trail = trails.open(sight, isAnswer(sight))
      if ((flags & (TCP_SYN | TCP_RST)) === 0) this.leaks.stray(trail, sight, this.packets)
    }
    const { direction } = trails
    if ((flags & TCP_RST) !== 0) this.reset(trail, direction, isNew)
    else if ((flags & TCP_SYN) !== 0) this.open(trail)
    else this.progress(trail, direction)
    trails.setTime(trail, sight.time)
    return trail
  }

  private open(trail: number): void {
    const { trails, sight } = this
    const { direction } = trails
    const isAnswer = (sight.flags & TCP_ACK) !== 0
    // a port that is used again is a new flow
    if (
      !isAnswer &&
      trails.has(trail, TRAIL_SYN) &&
      trails.get(trail, SYN + OPENING_SEQUENCE) !== sight.sequence
    ) {
      this.oddities.reopened(trail, sight)
      trails.set(trail, FLAGS, 0)
      trails.set(trail, SYN_COUNT, 0)
      trails.set(trail, SYN_ACK_COUNT, 0)
      trails.set(trail, GAP_FRAME, 0)
      for (let side = 0; side < 2; side++) trails.setSide(trail, side, SIDE_PACKETS, 0)
      trails.startTimes[trail] = sight.time
    }
    const isFirst = isAnswer ? !trails.has(trail, TRAIL_SYN_ACK) : !trails.has(trail, TRAIL_SYN)
    this.oddities.opening(trail, sight, isFirst)
    // a SYN that is answered by a RST each time gets another SYN-ACK each time
    if (isFirst || isAnswer) this.noteOpening(trail, isAnswer ? SYN_ACK : SYN)
    trails.mark(trail, (isAnswer ? TRAIL_SYN_ACK : TRAIL_SYN) | TRAIL_RECENT)
    if (isAnswer) trails.set(trail, SYN_ACK_COUNT, trails.get(trail, SYN_ACK_COUNT) + 1)
    else if (isFirst || trails.get(trail, SYN_PACKET) !== sight.number) {
      trails.set(trail, SYN_PACKET, sight.number)
      trails.set(trail, SYN_COUNT, trails.get(trail, SYN_COUNT) + 1)
    }
    trails.setSide(trail, direction, SIDE_SCALE, sight.windowScale)
    trails.setSide(trail, direction, SIDE_END, (sight.sequence + 1) | 0)
    trails.setSide(trail, direction, SIDE_ACK, sight.acknowledgment)
    trails.setSide(trail, direction, SIDE_LIMIT, (sight.acknowledgment + sight.window) | 0)
    trails.setSide(trail, direction, SIDE_TTL, sight.ttl)
    trails.setSide(trail, direction, SIDE_FRAME, sight.frame)
  }

  private noteOpening(trail: number, at: number): void {
    const { trails, sight } = this
    trails.set(trail, at + OPENING_SEQUENCE, sight.sequence)
    trails.set(trail, at + OPENING_ACKNOWLEDGMENT, sight.acknowledgment)
    trails.set(trail, at + OPENING_FRAME, sight.frame)
    trails.set(trail, at + OPENING_TTL, sight.ttl)
    trails.set(trail, at + OPENING_SOURCE_MAC, sight.sourceMac)
    trails.set(trail, at + OPENING_DESTINATION_MAC, sight.destinationMac)
  }

  private progress(trail: number, direction: number): void {
    const { trails, sight } = this
    const isFin = (sight.flags & TCP_FIN) !== 0
    const length = isFin ? this.finish(trail, direction) : sight.payload
    const packets = trails.side(trail, direction, SIDE_PACKETS)
    const end = (sight.sequence + length) | 0
    const known = trails.side(trail, direction, SIDE_END)
    if (direction === 0 && trails.has(trail, TRAIL_SYN_ACK)) trails.mark(trail, TRAIL_OPEN)
    trails.mark(trail, TRAIL_RECENT)
    if (length > 0 && sight.sequence === known && sight.time - trails.time(trail) >= PAUSE) {
      notePause(trails, trail, sight)
    } else if (trails.get(trail, GAP_FRAME) !== 0 && direction !== trails.get(trail, GAP_SIDE)) {
      trails.set(trail, GAP_FRAME, 0)
    }
    const isPickedUp = packets === 0 && !trails.has(trail, direction === 0 ? TRAIL_SYN : TRAIL_SYN_ACK)
    if (isPickedUp && direction === 1 && trails.has(trail, TRAIL_SYN)) {
      this.leaks.strayHalf(trail, sight)
      this.oddities.challenged(trail, sight)
    }
    if (isPickedUp) this.pickUp(trail, direction, end)
    else if (after(end, known)) trails.setSide(trail, direction, SIDE_END, end)
    const limit = (sight.acknowledgment + (sight.window << trails.side(trail, direction, SIDE_SCALE))) | 0
    if (packets === 0 || after(limit, trails.side(trail, direction, SIDE_LIMIT))) {
      trails.setSide(trail, direction, SIDE_LIMIT, limit)
    }
    trails.setSide(trail, direction, SIDE_ACK, sight.acknowledgment)
    trails.setSide(trail, direction, SIDE_FRAME, sight.frame)
    trails.setSide(trail, direction, SIDE_PACKETS, packets + 1)
  }

  /** Returns the length of a segment with FIN. */
  private finish(trail: number, direction: number): number {
    this.trails.mark(trail, direction === 0 ? TRAIL_FIN : TRAIL_FIN_BACK)
    return this.sight.payload + 1
  }

  private pickUp(trail: number, direction: number, end: number): void {
    this.trails.setSide(trail, direction, SIDE_SCALE, UNKNOWN_SCALE)
    this.trails.setSide(trail, direction, SIDE_END, end)
    this.trails.setSide(trail, direction, SIDE_TTL, this.sight.ttl)
    this.trails.set(trail, FIRST_ACK, this.sight.acknowledgment)
  }

  private reset(trail: number, direction: number, isNew: boolean): void {
    const { trails, sight, cases } = this
    // made without a socket: nothing but the number that the offending segment acknowledged
    if ((sight.flags & TCP_ACK) === 0 && sight.window === 0) {
      const stray = direction === 0 ? strayAnswer(trails, cases, trail, sight, isNew, false) : NO_STRAY
      if (stray === NO_STRAY) this.leaks.reset(trail, direction, sight)
      else trails.mark(trail, TRAIL_RST)
      if (stray === STRAY_IF_ROUTED) this.doubt = { trail, sight: sight.copy() }
    }
    this.oddities.reset(trail, direction, sight)
    trails.mark(trail, TRAIL_RST)
  }

  private progressDatagram(trail: number): void {
    const { trails, sight } = this
    const { direction } = trails
    const packets = trails.side(trail, direction, SIDE_PACKETS)
    if (packets === 0) {
      this.noteOpening(trail, direction === 0 ? SYN : SYN_ACK)
      trails.mark(trail, direction === 0 ? TRAIL_SYN : TRAIL_SYN_ACK)
      this.oddities.datagrams(trail, sight)
    }
    if (trails.has(trail, TRAIL_DNS)) this.oddities.dns(trail, sight)
    trails.setSide(trail, direction, SIDE_PACKETS, packets + 1)
    trails.setSide(trail, direction, SIDE_FRAME, sight.frame)
    trails.mark(trail, TRAIL_RECENT)
    trails.setTime(trail, sight.time)
  }

  /** What was seen of a packet at all points. @param exit the point where it left the host, -1 for none */
  private pass(exit: number, exitCapture: number, isSourceTranslated: boolean, time: number): void {
    if (exit >= 0) this.losses.left(exit, exitCapture)
    if (this.doubt !== null) this.resolveDoubt(this.doubt, exit >= 0)
    if (this.firstDirection !== 0) return
    this.losses.passed(this.first, time, exit >= 0, isSourceTranslated)
    if (this.trails.has(this.first, TRAIL_DNS)) this.oddities.passed(this.first, exit >= 0)
  }

  private resolveDoubt({ trail, sight }: Doubt, isRouted: boolean): void {
    if (isRouted) strayAnswer(this.trails, this.cases, trail, sight, true, true)
    this.doubt = null
  }

  private passLate(): void {
    const trail = this.trails.find(this.sight)
    if (trail >= 0) this.trails.mark(trail, TRAIL_FORWARDED)
  }

  private repeat(): void {
    const trail = this.trails.find(this.sight)
    if (trail >= 0) this.trails.mark(trail, TRAIL_REPEATED)
  }

  private unreachable(): void {
    const { trails, sight } = this
    const trail = trails.find(sight)
    if (trail >= 0 && trails.direction === 0) strayDatagram(trails, this.cases, trail, sight)
  }
}

/** Whether the first segment of a flow comes from its server; without a handshake that is the end with the lower port. */
function isAnswer({ flags, sourcePort, destinationPort }: Sight): boolean {
  if ((flags & TCP_SYN) !== 0) return (flags & TCP_ACK) !== 0
  return (flags & TCP_RST) === 0 && sourcePort < destinationPort
}
