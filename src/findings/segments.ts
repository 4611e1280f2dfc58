// What a TCP segment says of its connection at one point: updates its leg, and asks the detectors where it is no plain one.

import { IPPROTO_TCP, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../net/numbers.ts'
import { after } from '../net/sequence.ts'
import type { Packet } from '../packet/packet.ts'
import type { FlowFindings } from './detectors/flow-findings.ts'
import { forgetPause, notePause, outlivePause } from './detectors/idle-gap.ts'
import { NO_STRAY, STRAY_IF_ROUTED, strayAnswer } from './detectors/refused-answers.ts'
import { noteDuplicate } from './detectors/sack-not-translated.ts'
import { noteSyn } from './detectors/syn-flood.ts'
import { forgetRepetitions, noteRepetition } from './detectors/unacknowledged-data.ts'
import { type Leaks, PAUSE } from './detectors/untranslated-segments.ts'
import {
  CLOCK,
  FIRST_ACK,
  FLAGS,
  FOREIGN_FRAME,
  GAP_FRAME,
  GAP_OUTLIVED,
  GAP_SIDE,
  LEG_ACKNOWLEDGED,
  LEG_FIN,
  LEG_FIN_BACK,
  LEG_FROM_HOST,
  LEG_OF_HOST,
  LEG_OPEN,
  LEG_ORIGINAL_ENDS,
  LEG_RST,
  LEG_SYN,
  LEG_SYN_ACK,
  LEG_TO_HOST,
  LEG_TURNED,
  OPENING_COUNTS,
  RARE,
  REPLY_SIDE,
  SHIFTED,
  SHIFTED_DOUBT,
  SIDE,
  SIDE_ACK,
  SIDE_END,
  SIDE_FRAME,
  SIDE_LIMIT,
  SIDE_PACKETS,
  SUSPICION,
  SYN_ACK_ACKNOWLEDGMENT,
  SYN_ACK_DESTINATION_MAC,
  SYN_ACK_FRAME,
  SYN_ACK_SOURCE_MAC,
  SYN_DESTINATION_MAC,
  SYN_FRAME,
  SYN_PACKET,
  SYN_SEQUENCE,
  SYN_SOURCE_MAC,
  SYN_TIMESTAMP,
} from './evidence/leg-layout.ts'
import type { Legs } from './evidence/legs.ts'
import type { Observation } from './evidence/observation.ts'
import { ACCEPTED_START, OPEN } from './evidence/responders.ts'
import { TwoLives } from './evidence/two-lives.ts'
import type { Collector } from './facts/collector.ts'

/** Where a SYN was not seen its window scale is unknown: the largest there is keeps windows from seeming too small. */
const UNKNOWN_SCALE = 14

/** A RST that tells something only if the packet it is was routed. */
interface Doubt {
  leg: number
  seen: Observation
}

export class Segments {
  private readonly legs: Legs
  private readonly seen: Observation
  private readonly collector: Collector
  private readonly leaks: Leaks
  private readonly detectors: FlowFindings
  readonly twoLives: TwoLives
  private doubt: Doubt | null = null

  /** @param seen the view that each segment is taken from */
  constructor(legs: Legs, seen: Observation, collector: Collector, leaks: Leaks, detectors: FlowFindings) {
    this.legs = legs
    this.seen = seen
    this.collector = collector
    this.leaks = leaks
    this.detectors = detectors
    this.twoLives = new TwoLives(legs)
  }

  /** Another packet comes: what was in doubt of the last one stays so. */
  begin(): void {
    this.doubt = null
  }

  /** @param isNew whether nothing was seen of its leg before */
  take(leg: number, direction: number, isNew: boolean): void {
    const { flags } = this.seen
    if ((flags & TCP_RST) !== 0) this.reset(leg, direction, isNew)
    else if ((flags & TCP_SYN) !== 0) this.open(leg, direction)
    else this.progress(leg, direction)
  }

  /** Whether the packet taken last was seen to leave the host. */
  passed(isRouted: boolean): void {
    if (this.doubt === null) return
    const { leg, seen } = this.doubt
    if (isRouted) strayAnswer(this.legs, this.collector, leg, seen, true, true)
    this.doubt = null
  }

  /**
   * A segment of a leg whose opening was seen on its side, or a segment after that: where it changes nothing but the
   * leg's own words, they are changed straight from the packet, and `true` is the answer. False: nothing was done, and
   * the view has to be filled for progress(), which would have come to the same.
   */
  goOn(leg: number, direction: number, packet: Packet): boolean {
    const { legs } = this
    const words = legs.memory
    const at = legs.at(leg)
    if (words[at + RARE] !== 0) return false
    const { tcpFlags, sequence } = packet
    const payload = packet.transportLength - packet.tcpHeaderLength
    const length = (tcpFlags & TCP_FIN) === 0 ? payload : payload + 1
    const side = at + (direction === 0 ? SIDE : REPLY_SIDE)
    const known = words[side + SIDE_END]
    if (length === 0) {
      // a duplicate acknowledgment, which tells by SACK what came behind the gap
      const sent = words[at + (direction === 0 ? REPLY_SIDE : SIDE) + SIDE_END]
      if (words[side + SIDE_ACK] === packet.acknowledgment && sent !== packet.acknowledgment) return false
    } else if (
      sequence === known ? packet.time - legs.time(leg) >= PAUSE : !after((sequence + length) | 0, known)
    )
      return false
    this.noteFlags(leg, direction, tcpFlags)
    this.advance(leg, direction, (sequence + length) | 0, packet.acknowledgment, packet.window, packet.frame)
    legs.noteTimeOf(leg, packet)
    return true
  }

  /** A segment in the middle of a connection. */
  progress(leg: number, direction: number): void {
    const { legs, seen } = this
    const words = legs.memory
    const at = legs.at(leg)
    const side = at + (direction === 0 ? SIDE : REPLY_SIDE)
    const length = (seen.flags & TCP_FIN) === 0 ? seen.payload : seen.payload + 1
    this.noteFlags(leg, direction, seen.flags)
    const flags = words[at + FLAGS]
    const end = (seen.sequence + length) | 0
    const known = words[side + SIDE_END]
    if (length > 0 && seen.sequence === known && seen.time - legs.time(leg) >= PAUSE) {
      notePause(legs, leg, direction, seen)
    } else if (words[at + RARE] !== 0 && legs.rare(leg, GAP_FRAME) !== 0) {
      if (direction !== legs.rare(leg, GAP_SIDE)) outlivePause(legs, leg)
    }
    const isPickedUp =
      words[side + SIDE_PACKETS] === 0 && (flags & (direction === 0 ? LEG_SYN : LEG_SYN_ACK)) === 0
    if (isPickedUp && direction === 1 && (flags & LEG_SYN) !== 0) {
      this.leaks.strayHalf(leg, seen)
      this.detectors.challenged(leg, seen)
    }
    if (isPickedUp) this.pickUp(leg, direction, end)
    else if (!after(end, known)) {
      if (length > 0) noteRepetition(legs, leg, direction, seen)
      else if (words[side + SIDE_ACK] === seen.acknowledgment) noteDuplicate(legs, leg, direction, seen)
    }
    this.advance(leg, direction, end, seen.acknowledgment, seen.window, seen.frame)
  }

  /** What the flags of a segment without SYN and RST say of its leg. */
  private noteFlags(leg: number, direction: number, tcpFlags: number): void {
    const { legs } = this
    const words = legs.memory
    const at = legs.at(leg) + FLAGS
    let flags = words[at]
    if ((tcpFlags & TCP_FIN) !== 0) flags |= direction === 0 ? LEG_FIN : LEG_FIN_BACK
    if (direction === 0) {
      if ((flags & (LEG_SYN_ACK | LEG_OPEN)) === LEG_SYN_ACK) {
        flags |= LEG_OPEN
        legs.responders.count(legs.responder(leg), OPEN)
      }
      if ((tcpFlags & TCP_ACK) !== 0) flags |= LEG_ACKNOWLEDGED
    }
    words[at] = flags
  }

  /** A side has sent a segment, up to `end`. */
  private advance(
    leg: number,
    direction: number,
    end: number,
    ack: number,
    window: number,
    frame: number,
  ): void {
    const { legs } = this
    const words = legs.memory
    const side = legs.at(leg) + (direction === 0 ? SIDE : REPLY_SIDE)
    const packets = words[side + SIDE_PACKETS]
    if (after(end, words[side + SIDE_END])) words[side + SIDE_END] = end
    const limit = (ack + (window << legs.scale(leg, direction))) | 0
    if (packets === 0 || after(limit, words[side + SIDE_LIMIT])) words[side + SIDE_LIMIT] = limit
    words[side + SIDE_ACK] = ack
    words[side + SIDE_FRAME] = frame
    words[side + SIDE_PACKETS] = packets + 1
  }

  private pickUp(leg: number, direction: number, end: number): void {
    const { legs, seen } = this
    legs.setScale(leg, direction, UNKNOWN_SCALE)
    legs.setSide(leg, direction, SIDE_END, end)
    legs.setTtl(leg, direction, seen.ttl)
    legs.set(leg, FIRST_ACK, seen.acknowledgment)
  }

  private reset(leg: number, direction: number, isNew: boolean): void {
    const { legs, seen, collector } = this
    // made without a socket: nothing but the number that the offending segment acknowledged
    if ((seen.flags & TCP_ACK) === 0 && seen.window === 0) {
      const stray = direction === 0 ? strayAnswer(legs, collector, leg, seen, isNew, false) : NO_STRAY
      if (stray === NO_STRAY) this.leaks.reset(leg, direction, seen)
      else legs.mark(leg, LEG_RST)
      if (stray === STRAY_IF_ROUTED) this.doubt = { leg, seen: seen.copy() }
    }
    this.detectors.reset(leg, direction, seen)
    legs.mark(leg, LEG_RST)
  }

  private open(leg: number, direction: number): void {
    const { legs, seen } = this
    const isAnswer = (seen.flags & TCP_ACK) !== 0
    // a port that is used again is a new flow
    if (!isAnswer && this.isNewConnection(leg, direction)) this.reopen(leg, direction)
    const isFirst = isAnswer ? !legs.has(leg, LEG_SYN_ACK) : !legs.has(leg, LEG_SYN)
    this.detectors.opening(leg, seen, isFirst)
    // a SYN that is answered by a RST each time gets another SYN-ACK each time
    if (isFirst || isAnswer) noteOpening(legs, seen, leg, isAnswer ? 1 : 0)
    legs.mark(leg, isAnswer ? LEG_SYN_ACK : LEG_SYN)
    if (isAnswer) {
      legs.countOpening(leg, 1)
      legs.responders.note(legs.responder(leg), ACCEPTED_START, legs.start(leg))
    } else if (isFirst || legs.get(leg, SYN_PACKET) !== seen.number) {
      legs.set(leg, SYN_PACKET, seen.number)
      legs.countOpening(leg, 0)
    }
    if (!isAnswer && isFirst && direction === 0) noteSyn(legs, leg, seen)
    legs.setScale(leg, direction, seen.windowScale)
    legs.setTtl(leg, direction, seen.ttl)
    const words = legs.memory
    const side = legs.at(leg) + (direction === 0 ? SIDE : REPLY_SIDE)
    words[side + SIDE_END] = (seen.sequence + 1) | 0
    words[side + SIDE_ACK] = seen.acknowledgment
    words[side + SIDE_LIMIT] = (seen.acknowledgment + seen.window) | 0
    words[side + SIDE_FRAME] = seen.frame
  }

  /** Whether a SYN begins another connection than the leg tells of; one whose start was not seen must have ended. */
  private isNewConnection(leg: number, direction: number): boolean {
    const { legs, seen } = this
    if (legs.has(leg, LEG_SYN)) return legs.get(leg, SYN_SEQUENCE) !== seen.sequence
    return direction === 0 && isOverUnopened(legs, leg)
  }

  private reopen(leg: number, direction: number): void {
    const { legs, seen } = this
    // a SYN of the other side is no second client: both may open a connection at once
    if (direction === 0) {
      this.twoLives.reopened(leg, seen)
      this.detectors.reopened(leg, seen)
    }
    if (legs.has(leg, LEG_OPEN)) legs.responders.discount(legs.responder(leg), OPEN)
    // whose ends it has stays as it is
    legs.set(leg, FLAGS, legs.get(leg, FLAGS) & (LEG_ORIGINAL_ENDS | LEG_TURNED))
    legs.set(leg, OPENING_COUNTS, 0)
    forgetPause(legs, leg)
    legs.setRare(leg, GAP_OUTLIVED, 0)
    legs.setRare(leg, CLOCK, 0)
    legs.setRare(leg, FOREIGN_FRAME, 0)
    legs.setRare(leg, SHIFTED, 0)
    legs.setRare(leg, SHIFTED_DOUBT, 0)
    forgetRepetitions(legs, leg)
    legs.setRare(leg, SUSPICION, 0)
    for (let side = 0; side < 2; side++) legs.setSide(leg, side, SIDE_PACKETS, 0)
    legs.setStart(leg, seen.time)
  }
}

/** Whether a connection that was picked up in the middle has been closed: another one of its ends may follow. */
export function isOverUnopened(legs: Legs, leg: number): boolean {
  return !legs.has(leg, LEG_SYN | LEG_SYN_ACK) && legs.has(leg, LEG_FIN) && legs.has(leg, LEG_FIN_BACK)
}

/** @param direction 0 for the SYN, 1 for the SYN-ACK; of UDP the first datagram of a side */
export function noteOpening(legs: Legs, seen: Observation, leg: number, direction: number): void {
  const isAnswer = direction === 1
  if (seen.protocol === IPPROTO_TCP) {
    if (isAnswer) legs.set(leg, SYN_ACK_ACKNOWLEDGMENT, seen.acknowledgment)
    else {
      legs.set(leg, SYN_SEQUENCE, seen.sequence)
      legs.set(leg, SYN_TIMESTAMP, seen.timestamp)
    }
  }
  legs.set(leg, isAnswer ? SYN_ACK_FRAME : SYN_FRAME, seen.frame)
  legs.setOpeningTtl(leg, direction, seen.ttl)
  if (!isAnswer) legs.setOpeningVlan(leg, seen.vlan)
  if (seen.isFromHost) legs.mark(leg, isAnswer ? LEG_FROM_HOST : LEG_OF_HOST)
  else if (seen.isToHost && !isAnswer) legs.mark(leg, LEG_TO_HOST)
  legs.set(leg, isAnswer ? SYN_ACK_SOURCE_MAC : SYN_SOURCE_MAC, seen.sourceMac)
  legs.set(leg, isAnswer ? SYN_ACK_DESTINATION_MAC : SYN_DESTINATION_MAC, seen.destinationMac)
}
