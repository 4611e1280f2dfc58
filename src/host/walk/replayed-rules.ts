// The rules of a host run over each packet of a replay: what is asked of a flow's state once is not walked again.
import { EntryMarks } from '../../conntrack/entry-marks.ts'
import type { HelperName } from '../../conntrack/helper-assignment.ts'
import {
  ENTERS,
  LEAVES,
  PASSES_BY,
  type Passage,
  type Redirection,
  type Seen,
  STAYS,
  STAYS_RESET,
} from '../../conntrack/passage.ts'
import {
  DIRECTION_ORIGINAL,
  IPS_DST_NAT,
  IPS_SRC_NAT,
  STATE_DROPPED,
  STATE_INVALID,
  STATE_RELATED,
} from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { addressWord } from '../../net/address.ts'
import { hasPorts } from '../../net/numbers.ts'
import { Packet } from '../../packet/packet.ts'
import { ASKS_KIND, ASKS_PACKET } from '../rules/asks.ts'
import type { TupleEnd } from '../rules/packet-facts.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { CtState } from '../rules/subject.ts'
import { type Course, Courses } from './course.ts'
import { DroppedOpenings } from './dropped-openings.ts'
import { EntryNotes } from './entry-notes.ts'
import { BY_HOST, GroupedPackets } from './grouped-packets.ts'
import { HostRouting } from './host-routing.ts'
import { Journey, type Turned } from './journey.ts'
import { LastTrails } from './last-trails.ts'
import {
  ASKED_STATUS,
  describeEntry,
  describePacket,
  isSynAck,
  seenNatOf,
  sourceOf,
} from './packet-description.ts'
import { type End, type Fate, FORWARDED, NOWHERE, redirectionOf, STATES } from './packet-end.ts'
import { addEntry, addRoute, addWay, fillKey } from './packet-key.ts'
import { addressesOf, Refusals } from './refusals.ts'
import { Routes } from './routes.ts'
import { RuleCounts } from './rule-counts.ts'
import { RuleNumbers } from './rule-numbers.ts'
import type { RuledHost } from './ruled-host.ts'
import { type Trail, TrailMemory } from './trail.ts'
import { areUntracked, FIRST_WAY, haveZones, type Way } from './way.ts'
import { Wheels } from './wheels.ts'

/** Of a packet that met no rule yet. */
const ONE_WAY: readonly Way[] = [FIRST_WAY]

/** In keys: the packet was looked up twice. */
const FLAG_AGAIN = 1 << 6

/** States in keys that are none of a packet: before the lookup, and of an answer that a rule made. */
const STATE_FRONT = 8
const STATE_ANSWER = 16

export class ReplayedRules implements Passage {
  readonly numbers: RuleNumbers
  zone = 0
  replyZone = 0
  isOwn = false
  /** Helpers that rules assign, and where these stand. */
  readonly helpers: Ruleset['helpers']
  helper: HelperName | null = null
  redirection: Redirection | null = null
  // what became of the packet under way
  fate: Fate = 'unknown'
  /** The rule or policy that decided, by its number; -1 for none. */
  decided = -1
  /** Why the host's stack dropped it. */
  why = ''
  /** The packet's state as rules saw it, by its number among STATES. */
  stateNumber = STATE_INVALID
  /** Its entry, -1 for none, and whether it made that, or goes in its direction of answers. */
  ct = -1
  isFirst = false
  isAnswering = false
  /** Whether the traffic shows that rules given were not those that decided. */
  isContradicted = false
  /** Packets whose fate cannot be told, and those of which nobody knows where they came from. */
  untold = 0
  /** Packets of which the capture does not say whether the host sent or received them. */
  unplaced = 0
  /** What was dropped, by rule and flow. */
  readonly dropped = new GroupedPackets()

  private readonly ruleset: Ruleset
  private readonly journey: Journey
  private readonly spares: RuledHost['spares']
  private readonly notrack: RuledHost['notrack']
  private readonly isWhatIf: boolean
  private readonly courses: Courses
  private readonly ruleCounts: RuleCounts
  private readonly memory: TrailMemory
  private readonly entries = new EntryNotes()
  private readonly last = new LastTrails()
  private readonly refusals = new Refusals()
  private readonly openings: DroppedOpenings
  private readonly wheels = new Wheels()
  private readonly routing: HostRouting
  private readonly routes: Routes
  private readonly front: readonly [boolean, boolean]
  private readonly after = new Packet()
  private course!: Course
  private ways: readonly Way[] = ONE_WAY
  private isOnly = true
  /** Whether the packet was INVALID by its interface, and is looked up again by its VRF. */
  private isFoundAgain = false
  private isAnswer = false
  /** Whether rules in front of conntrack drop the packet that are not believed. */
  private isDoubted = false
  /** Entries of which nobody knows whether they are there. */
  private readonly doubts = new EntryMarks(1)
  private hasDoubts = false
  /** Whether nobody knows in which zone the packet is looked up. */
  private isBlind = false
  private readonly source = new Int32Array(4)
  private readonly destination = new Int32Array(4)
  private readonly met: number[] = []
  private readonly doubted: number[] = []
  /** The end of a packet that did not come to conntrack. */
  private early: End | null = null

  constructor({ ruleset, host, settings, names, spares, notrack, isWhatIf }: RuledHost) {
    this.spares = spares
    this.notrack = notrack
    this.isWhatIf = isWhatIf
    this.ruleset = ruleset
    this.helpers = ruleset.helpers
    this.numbers = new RuleNumbers(ruleset)
    this.ruleCounts = new RuleCounts(this.numbers.all.length)
    this.memory = new TrailMemory(this.ruleCounts)
    this.openings = new DroppedOpenings(this.numbers.all.length)
    this.routing = new HostRouting(host, settings)
    this.routes = new Routes(this.routing)
    this.courses = new Courses(names, host)
    const notes = {
      met: (number: number, isSure: boolean): void => {
        if (number < 0) return
        if (isSure) this.met.push(number)
        else this.doubted.push(number)
      },
    }
    this.journey = new Journey(ruleset, this.numbers, this.routing, notes, this.wheels)
    this.front = [this.journey.hasFront(4), this.journey.hasFront(6)]
  }

  /** What each rule and policy met. */
  get counts(): RuleCounts {
    this.memory.settleAll()
    return this.ruleCounts
  }

  /** The packet's state as rules saw it. */
  get state(): CtState {
    return STATES[this.stateNumber]
  }

  /** Whether the packet got through; false also where nobody knows. */
  get isPassed(): boolean {
    return this.fate !== 'unknown' && !this.isRefused && !this.isContradicted
  }

  /** Whether it was dropped or refused. */
  get isRefused(): boolean {
    return this.fate === 'dropped' || this.fate === 'rejected'
  }

  get assignsHelpers(): boolean {
    return this.helpers.length > 0
  }

  /** Packets that rules given dropped and that went on all the same. */
  get contradicted(): number {
    return this.openings.contradicted
  }

  enter(packet: Packet, seen: Seen | null): number {
    const course = this.courseOf(packet, seen)
    this.course = course
    this.zone = 0
    this.replyZone = 0
    this.isOwn = course.origin === 'out'
    this.redirection = null
    this.helper = null
    this.ways = ONE_WAY
    this.isOnly = true
    this.early = null
    this.isFoundAgain = false
    this.isAnswer = false
    this.isBlind = false
    this.isDoubted = false
    if (course.origin === 'out' && this.answersRefusal(packet)) return PASSES_BY
    const isSpared = this.notrack?.(packet) === true
    if (course.origin === null) return isSpared ? PASSES_BY : this.enterUnplaced(packet, course)
    const isOutOfVrf = course.vrf !== '' && course.origin === 'out'
    if (!this.front[packet.family === 6 ? 1 : 0] && !isOutOfVrf) return isSpared ? PASSES_BY : ENTERS
    const trail = this.walkFront(packet)
    this.ways = trail.ways
    this.isOnly = trail.isOnly
    if (trail.ways.length === 0) {
      const { decided } = trail.end ?? NOWHERE
      const isSeen = course.hasLeft && course.origin === 'in' && !this.isWhatIf
      if (isSeen) this.openings.distrust(decided)
      if (!isSeen && !this.openings.isDistrusted(decided)) {
        this.early = trail.end
        return PASSES_BY
      }
      // what was seen leaving was not dropped, whatever the rules say
      this.isDoubted = true
      this.ways = ONE_WAY
      return ENTERS
    }
    const [way] = trail.ways
    if (isSpared || areUntracked(trail.ways)) return PASSES_BY
    this.isBlind = trail.ways.length > 1 && haveZones(trail.ways)
    if (!this.isBlind && way !== undefined) {
      this.zone = way.zoneDirection === 'reply' ? 0 : way.zone
      this.replyZone = way.zoneDirection === 'original' ? 0 : way.zone
    }
    if (this.isOnly && way !== undefined) this.helper = way.helper
    return ENTERS
  }

  /** A packet of which nobody knows whether the host sent or received it. */
  private enterUnplaced(packet: Packet, course: Course): number {
    if (this.spares?.(packet) === true) return PASSES_BY
    const { asIn } = course
    if (asIn === null || !this.assignsHelpers || !this.front[packet.family === 6 ? 1 : 0]) return ENTERS
    // what is forwarded and what comes in is met by the same rules in front of conntrack
    this.course = asIn
    const { ways, isOnly } = this.trailInFront(packet)
    this.course = course
    if (isOnly && ways.length === 1) this.helper = ways[0]?.helper ?? null
    return ENTERS
  }

  entersAgain(packet: Packet): boolean {
    const { journey, course } = this
    if (course.vrf === '' || this.early !== null || this.isBlind) return false
    this.begin(packet)
    journey.resume(course, this.ways, this.isOnly, true)
    const [way, ...others] = journey.frontAgain() ?? []
    // where nobody knows in which zone, what was said first stands
    if (way === undefined || others.length > 0 || way.isUntracked) return false
    this.zone = way.zoneDirection === 'reply' ? 0 : way.zone
    this.replyZone = way.zoneDirection === 'original' ? 0 : way.zone
    this.isFoundAgain = true
    return true
  }

  leave(
    packet: Packet,
    seen: Seen | null,
    table: Table,
    ct: number,
    state: number,
    direction: number,
    isFirst: boolean,
    found: number,
  ): number {
    this.ct = ct
    this.isFirst = isFirst
    this.isContradicted = this.isDoubted
    this.isAnswering = ct >= 0 && direction !== DIRECTION_ORIGINAL
    if (this.isAnswer) return LEAVES
    this.stateNumber = state === STATE_DROPPED ? STATE_INVALID : state
    if (state === STATE_DROPPED) {
      this.take({ ...NOWHERE, fate: 'dropped', mayLeave: false, why: 'table full' })
      return STAYS
    }
    if (this.early !== null) {
      this.take(this.early)
      this.group(packet, this.early)
      return STAYS
    }
    const { course } = this
    if (course.origin === null || this.isBlind) {
      this.untold++
      if (course.origin === null) this.unplaced++
      this.take(NOWHERE)
      if (isFirst) {
        // nothing is left of the entry that had its place
        this.entries.note(ct, NOWHERE, true)
        this.last.forget(ct)
        this.doubt(ct, false)
      }
      return LEAVES
    }
    const isDoubted = this.isDoubted || this.isDoubtful(found, ct, direction, isFirst)
    if (isDoubted) this.isOnly = false
    const trail = this.walkBehind(packet, seen, table, ct, direction, isFirst)
    const end = isDoubted && !course.hasLeft ? NOWHERE : (trail.end ?? NOWHERE)
    if (ct >= 0) this.entries.note(ct, end, isFirst)
    if (isFirst) {
      this.redirection = redirectionOf(end)
      this.helper = end.helper
      this.last.forget(ct)
    }
    const left = this.finish(packet, end, ct, direction, isFirst)
    if (isFirst) this.doubt(ct, left === LEAVES && this.fate === 'unknown')
    return left
  }

  /**
   * Whether nobody knows if the packet's entry is there: what made it may have been dropped. An answer tells, or that the
   * packet left.
   */
  private isDoubtful(found: number, ct: number, direction: number, isFirst: boolean): boolean {
    if (!this.hasDoubts || isFirst || found < 0 || !this.doubts.has(found, 0)) return false
    const { hasLeft } = this.course
    // an INVALID packet that leaves belongs to no entry
    if (ct < 0) return !hasLeft
    if (direction === DIRECTION_ORIGINAL && !hasLeft) return true
    this.doubts.clear(found, 0)
    return false
  }

  private doubt(ct: number, isDoubtful: boolean): void {
    if (!isDoubtful) {
      if (this.hasDoubts) this.doubts.clear(ct, 0)
      return
    }
    this.hasDoubts = true
    this.doubts.set(ct, 0)
  }

  /** Where a packet was seen; one that comes from the host's own address is the host's, if the capture does not say. */
  private courseOf(packet: Packet, seen: Seen | null): Course {
    const course = this.courses.of(packet, seen)
    if (course.origin !== null) return course
    addressesOf(packet, this.source, this.destination)
    const isLocal = this.routing.isLocal(packet.family === 6 ? 6 : 4, this.source)
    return (isLocal === null ? course : isLocal ? course.asOut : course.asIn) ?? course
  }

  private finish(packet: Packet, end: End, ct: number, direction: number, isFirst: boolean): number {
    const isGone = !end.mayLeave
    if (end.fate === 'unknown') this.untold++
    if (isGone && !this.isWhatIf && this.course.hasLeft && this.course.origin === 'in') {
      // what was seen leaving was not dropped, whatever the rules say
      this.openings.distrust(end.decided)
      this.isContradicted = true
      this.take(FORWARDED)
      return LEAVES
    }
    // a RST may answer what came behind, INVALID
    if ((isFirst || isSynAck(packet)) && !this.isWhatIf) this.openings.check(packet)
    if (isGone && this.openings.isDistrusted(end.decided)) {
      this.untold++
      this.take(NOWHERE)
      return LEAVES
    }
    this.take(end)
    if (isGone && isFirst) this.openings.add(packet, end.decided)
    if (isGone) this.group(packet, end)
    // an error about an entry that is there is RELATED by the lookup, too
    const isTold = end.isReset || (isFirst && (end.isRefused || end.why !== ''))
    if (isTold) this.refusals.add(packet, end.isReset, ct >= 0, direction, isFirst)
    if (!isGone || end.isConfirmed) return LEAVES
    return end.isReset ? STAYS_RESET : STAYS
  }

  /** Takes a packet that was dropped among its like. */
  private group(packet: Packet, { decided, why }: End): void {
    const group = this.dropped.add(packet, why === '' ? decided : BY_HOST, this.stateNumber)
    if (group >= 0) this.dropped.groups[group].why ||= why
  }

  private take(end: End): void {
    this.fate = end.fate
    this.decided = end.decided
    this.why = end.why
  }

  touchKey(key: number): number {
    return this.last.touch(key)
  }

  answers(table: Table, ct: number): boolean {
    const { source } = this
    sourceOf(table, ct * 2 + 1, source)
    return this.routing.isLocal(table.isIpv6(ct) ? 6 : 4, source) !== false
  }

  /** Whether the packet is the answer that a rule sent for one it refused. */
  private answersRefusal(packet: Packet): boolean {
    const refusal = this.refusals.answeredBy(packet)
    if (refusal === null) return false
    this.isAnswer = true
    this.stateNumber = refusal.hasEntry ? STATE_RELATED : STATE_INVALID
    fillKey(
      this.memory.key,
      packet,
      STATE_ANSWER | (refusal.hasEntry ? 1 : 0) | (refusal.direction << 1) | (refusal.isFirst ? 8 : 0),
      0,
      0,
      this.course.number,
    )
    this.addRoutes(packet, null, -1, 0)
    let trail = this.memory.find()
    if (trail === null) {
      const { journey } = this
      this.begin(packet)
      journey.begin(this.course)
      journey.facts.hasEntry = refusal.hasEntry
      journey.facts.direction = refusal.direction === DIRECTION_ORIGINAL ? 1 : 0
      trail = this.ended(journey.answer(this.state, refusal.isFirst && refusal.isReset))
    }
    this.count(trail, packet)
    this.take(trail.end ?? NOWHERE)
    return true
  }

  private walkFront(packet: Packet): Trail {
    const trail = this.trailInFront(packet)
    this.count(trail, packet)
    return trail
  }

  private trailInFront(packet: Packet): Trail {
    fillKey(this.memory.key, packet, STATE_FRONT, 0, 0, this.course.number)
    this.addRoutes(packet, null, -1, 0)
    let trail = this.memory.find()
    if (trail === null) {
      const { journey } = this
      this.begin(packet)
      journey.begin(this.course)
      const isDropped = journey.front().length === 0
      trail = this.ended(isDropped ? journey.droppedInFront() : null)
    }
    return trail
  }

  private walkBehind(
    packet: Packet,
    seen: Seen | null,
    table: Table,
    ct: number,
    direction: number,
    isFirst: boolean,
  ): Trail {
    const status = ct < 0 ? 0 : (table.status(ct) | this.entries.bits(ct)) & ASKED_STATUS
    const connMark = ct < 0 || isFirst ? 0 : this.entries.mark(ct)
    const flags =
      (this.stateNumber << 3) |
      (isFirst ? 4 : 0) |
      (ct >= 0 ? 2 : 0) |
      (direction === 1 ? 1 : 0) |
      (this.isFoundAgain ? FLAG_AGAIN : 0)
    const key = ct * 2 + direction
    const isPlain = connMark !== null && !isFirst && this.isPlain(packet, ct)
    const kept = isPlain ? this.last.find(key, packet, flags, status, this.course.number, connMark) : null
    if (kept !== null) {
      this.count(kept, packet)
      return kept
    }
    fillKey(
      this.memory.key,
      packet,
      (flags << 7) | ((isFirst ? (seen?.translated ?? 0) : 0) << 5),
      status,
      connMark ?? 0,
      this.course.number,
    )
    this.addRoutes(packet, table, isFirst ? -1 : ct, direction)
    addEntry(this.memory.key, table, ct, direction)
    const isKept = addWay(this.memory.key, this.ways, this.isOnly, connMark === null)
    let trail = isKept ? this.memory.find() : null
    if (trail === null) {
      const { journey } = this
      this.begin(packet)
      journey.resume(this.course, this.waysWith(connMark), this.isOnly, this.isFoundAgain)
      const guess = ct < 0 || isFirst ? null : this.entries.nat(ct)
      describeEntry(journey.facts, table, ct, direction, status, isFirst, guess)
      const seenNat = isFirst ? seenNatOf(packet, seen, this.after) : null
      if (!isFirst && ct >= 0) this.translated(packet, table, ct, direction)
      trail = this.ended(journey.behind(this.state, isFirst, seenNat), isKept)
    }
    if (isPlain && trail.isLasting) {
      this.last.keep(key, packet, flags, status, this.course.number, connMark, trail)
    }
    this.count(trail, packet)
    return trail
  }

  /** Whether the packet is like others of its entry in all but its flags: nothing in front of conntrack marked it. */
  private isPlain({ family, protocol }: Packet, ct: number): boolean {
    if (ct < 0 || this.ways.length !== 1 || this.ways[0] !== FIRST_WAY || !this.isOnly) return false
    return family === 4 && (protocol === 6 || protocol === 17)
  }

  /** Begins a walk of the packet whose key is filled. */
  private begin(packet: Packet): void {
    this.met.length = 0
    this.doubted.length = 0
    describePacket(packet, this.course.frameType, this.journey.subject, this.journey.facts)
    this.journey.facts.asked = ASKS_KIND
  }

  /** The trail of the walk that ended, kept where the next packet of the kind would go the same way. */
  private ended(end: End | null, isKept = true): Trail {
    const { journey } = this
    const trail: Trail = {
      met: Int32Array.from(this.met),
      perhaps: Int32Array.from(this.doubted),
      packets: 0,
      bytes: 0,
      first: 0,
      last: 0,
      ways: journey.left,
      isOnly: journey.isSure,
      end,
      asks: journey.facts.asked,
      isLasting: isKept && (journey.facts.asked & ASKS_PACKET) === 0,
      number: 0,
      isKept: false,
    }
    if (trail.isLasting) this.memory.keep(trail)
    return trail
  }

  private count(trail: Trail, { networkLength, time }: Packet): void {
    this.memory.count(trail, networkLength, time)
  }

  /** Adds to the key what the host does with the packet's addresses, and with those behind the translation of its entry. */
  private addRoutes(packet: Packet, table: Table | null, ct: number, direction: number): void {
    const { source, destination, routes } = this
    const family = packet.family === 6 ? 6 : 4
    addressesOf(packet, source, destination)
    const route = (routes.of(family, source) << 16) | routes.of(family, destination)
    const number = this.ruleset.numberOf(destination)
    let later = 0
    if (table !== null && ct >= 0) {
      const other = ct * 2 + 1 - direction
      if (
        table.source(other) !==
        addressWord(family, destination[0], destination[1], destination[2], destination[3])
      ) {
        sourceOf(table, other, destination)
        later = routes.of(family, destination)
      }
    }
    addRoute(this.memory.key, route, later, number)
  }

  private waysWith(connMark: number | null): readonly Way[] {
    return this.ways.map(way => ({ ...way, connMark }))
  }

  /** Where a later packet is sent by the translation of its entry. kernel: nf_nat_packet(), nf_nat_icmp_reply_translation() */
  private translated({ protocol }: Packet, table: Table, ct: number, direction: number): void {
    const { facts } = this.journey
    const isOriginal = direction === DIRECTION_ORIGINAL
    const seen = table.status(ct)
    const status = seen | this.entries.bits(ct)
    const other = isOriginal ? facts.reply : facts.original
    const turned = ({ isKnown, words, port }: TupleEnd): Turned => ({
      address: isKnown ? Int32Array.from(words) : null,
      port: hasPorts(protocol) ? port : -1,
    })
    // what SNAT by a rule made of the source is known where a capture shows it
    const isSourceSeen = (seen & IPS_SRC_NAT) !== 0
    if (isOriginal ? (status & IPS_DST_NAT) !== 0 : isSourceSeen) {
      this.journey.laterDestination = turned(other.source)
    }
    if ((status & (isOriginal ? IPS_SRC_NAT : IPS_DST_NAT)) === 0) return
    this.journey.laterSource =
      isOriginal && !isSourceSeen ? { address: null, port: -1 } : turned(other.destination)
  }
}
