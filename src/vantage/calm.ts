// When packets need not wait: a capture of one point that shows no copies is tracked frame by frame, until it does.
import { IPPROTO_TCP, TCP_RST, TCP_SYN } from '../net/numbers.ts'
import type { Packet } from '../packet/packet.ts'
import { CopyFilter } from './copy-filter.ts'
import type { Intake } from './record/intake.ts'
import type { RecordRing } from './record/record-ring.ts'

/** After so many frames of one point without a copy nothing waits; in code that is not yet compiled each takes 6 µs. */
const QUIET_FRAMES = 1024
/** The same once there has been a copy: packets that the host drops are seen only once, one after the other. */
const QUIET_FRAMES_AFTER_COPIES = 1 << 16
/** More copies among so many frames end the calm. */
const MOST_COPIES = 8
const COUNTED_FRAMES = 4096
/** As long every frame is looked at, from the start of the calm and from each copy; then of segments one in sixteen. */
const THOROUGH_FRAMES = 1 << 13
const SPARED_BITS = 4
/** Frames after it that may still be copies of what went through during it. */
const WATCHED_FRAMES = 512

export class Calm {
  /** Whether frames go straight to the tracker. */
  isCalm = false
  private readonly filter = new CopyFilter()
  private readonly intake: Intake
  private readonly joinTime: number
  /** Since the last copy, or of the calm since copies were counted last. */
  private frames = 0
  private needed = QUIET_FRAMES
  private copies = 0
  private watched = 0
  private thorough = 0

  /** @param joinTime how long after a packet its copies may come, in nanoseconds */
  constructor(intake: Intake, joinTime: number) {
    this.intake = intake
    this.joinTime = joinTime
  }

  /** Whether the window has been quiet for so long that calm may begin. */
  get isDue(): boolean {
    return this.frames >= this.needed
  }

  /** A frame in the window shows a packet that was not seen before. */
  goOn(): void {
    this.frames++
  }

  /** A packet has been met that would not have been told during a calm. */
  startOver(): void {
    this.frames = 0
  }

  /** A copy has been seen in the window. */
  disturb(): void {
    this.frames = 0
    this.needed = QUIET_FRAMES_AFTER_COPIES
  }

  begin(): void {
    this.isCalm = true
    this.frames = 0
    this.copies = 0
    this.thorough = THOROUGH_FRAMES
  }

  end(): void {
    if (this.isCalm) this.watched = WATCHED_FRAMES
    this.isCalm = false
    this.frames = 0
  }

  /**
   * In the calm: whether this segment, and so each duplicate of it at any point, skips the search for duplicates. Where packets
   * are seen twice, the first two of a connection are, and one in sixteen of the others tells as well.
   */
  spares(packet: Packet): boolean {
    if (this.thorough > 0 || packet.protocol !== IPPROTO_TCP || !packet.hasTuple) return false
    if ((packet.tcpFlags & (TCP_SYN | TCP_RST)) !== 0) return false
    const hash = Math.imul(packet.sequence, 0x9e3779b1) ^ Math.imul(packet.acknowledgment, 0x85ebca77)
    return hash >>> (32 - SPARED_BITS) !== 0
  }

  /** In the calm: whether the frame that was read last is no copy; then it is kept for those to come. */
  passes(packet: Packet): boolean {
    const { intake } = this
    if (this.thorough > 0) this.thorough--
    if (++this.frames === COUNTED_FRAMES) {
      this.frames = 0
      this.copies = 0
    }
    if (!this.filter.isNew(packet, intake.print, intake.place, this.joinTime)) return false
    this.filter.keep(packet, intake.print, intake.place)
    return true
  }

  /** Whether the frame that was read last, which did not pass, is a copy of one that did. */
  isCopy(packet: Packet): boolean {
    if (!this.isCalm && (this.watched === 0 || --this.watched === 0)) return false
    const { intake } = this
    if (this.filter.isNew(packet, intake.print, intake.place, this.joinTime)) return false
    this.thorough = THOROUGH_FRAMES
    if (++this.copies > MOST_COPIES) this.end()
    return true
  }

  /** Turns a record of the copy into one of the packet that passed. */
  recall(ring: RecordRing, record: number): void {
    this.filter.recall(this.intake.print, ring, record)
  }
}
