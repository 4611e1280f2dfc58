// One packet through the hooks of its way, from PREROUTING or OUTPUT to where it stays or leaves: nf_hook_slow() and the routing between.
import type { HelperName } from '../../conntrack/helper-assignment.ts'
import { IPS_CONFIRMED, IPS_NAT_DONE_MASK } from '../../conntrack/status.ts'
import type { Family } from '../files/network.ts'
import { ASKS_ALL, ASKS_DESTINATION, ASKS_TUPLES } from '../rules/asks.ts'
import { HookOrder, isBehindNat, isDestinationHook, type Side } from '../rules/hook-order.ts'
import { PacketFacts, type Turns } from '../rules/packet-facts.ts'
import type { Chain, Hook, Ruleset } from '../rules/ruleset.ts'
import type { CtState, Subject } from '../rules/subject.ts'
import { ChainWalk, type Ending, type Notes, type Verdict } from './chain-walk.ts'
import type { Course } from './course.ts'
import { FirstTranslation } from './first-translation.ts'
import type { HostRouting } from './host-routing.ts'
import type { End, Fate, SeenNat } from './packet-end.ts'
import type { RuleNumbers } from './rule-numbers.ts'
import { addWay, FIRST_WAY, type Way } from './way.ts'

/** One end of a packet behind the translation of its entry: the address is null where nobody knows. */
export interface Turned {
  address: Int32Array | null
  port: number
}

export class Journey {
  readonly facts = new PacketFacts()
  readonly subject: Subject
  private readonly order: HookOrder
  private readonly walk: ChainWalk
  private readonly routing: HostRouting
  private ways: Way[] = []
  /** Whether the packet is on one of the ways for certain: no other one ended before. */
  private isOnly = true
  /** What ended ways before the last hook: all of them decide what is certain. */
  private ended: Ending[] = []
  private lastPassed = -1
  private course!: Course
  /** Whether the packet came through its VRF, so that hooks see that as the interface it came in by. */
  private isInVrf = false
  /** Whether conntrack found it INVALID by its interface, and looked it up again by its VRF. */
  isFoundAgain = false
  private readonly first: FirstTranslation
  /** Where a later packet of a translated entry is sent, and what source it leaves with. */
  laterDestination: Turned | null = null
  laterSource: Turned | null = null

  constructor(ruleset: Ruleset, numbers: RuleNumbers, routing: HostRouting, notes: Notes, turns: Turns) {
    this.order = new HookOrder(ruleset)
    this.routing = routing
    this.subject = {
      family: 4,
      protocol: 0,
      source: new Int32Array(4),
      destination: new Int32Array(4),
      sourcePort: -1,
      destinationPort: -1,
      input: null,
      output: null,
      state: null,
      isLocal: (family, address) => routing.isLocal(family, address),
      isSourceKnown: true,
      isDestinationKnown: true,
      packet: this.facts,
    }
    this.first = new FirstTranslation(this.subject, this.facts, routing)
    this.facts.routing = routing
    this.facts.turns = turns
    this.walk = new ChainWalk(ruleset, numbers, this.subject, this.facts, notes)
  }

  /** Whether any chain stands in front of conntrack. */
  hasFront(family: Family): boolean {
    return ['prerouting', 'output'].some(hook => this.order.at(hook as Hook, family, 'front').length > 0)
  }

  /** The ways that are left. */
  get left(): readonly Way[] {
    return this.ways
  }

  /** Whether the packet is on one of those for certain. */
  get isSure(): boolean {
    return this.isOnly
  }

  /** Begins with a packet that `subject` and `facts` describe. */
  begin(course: Course): void {
    this.course = course
    this.isInVrf = false
    this.isFoundAgain = false
    this.routing.enter(course.vrf)
    this.ways = [FIRST_WAY]
    this.isOnly = true
    this.ended = []
    this.lastPassed = -1
    this.first.nat = null
    this.laterDestination = null
    this.laterSource = null
    this.facts.physicalInput = course.physicalInput
    this.facts.physicalOutput = ''
    this.facts.isBridged = false
    this.subject.isSourceKnown = true
    this.subject.isDestinationKnown = true
  }

  /** Goes on with a packet where front() left it. */
  resume(course: Course, ways: readonly Way[], isOnly: boolean, isFoundAgain: boolean): void {
    this.begin(course)
    this.isFoundAgain = isFoundAgain
    this.ways = [...ways]
    this.isOnly = isOnly
  }

  /** The chains in front of conntrack. @returns the ways that come to it; none where it is dropped */
  front(): readonly Way[] {
    if (this.course.vrf !== '' && this.course.origin === 'out') this.throughVrf()
    this.subject.state = 'invalid'
    this.place(this.firstHook)
    this.hook(this.firstHook, 'front')
    return this.ways
  }

  /**
   * A packet of the host's own passes OUTPUT and POSTROUTING of its VRF, untracked, before those of the interface it
   * leaves by. kernel: vrf_ip_out_direct(), vrf_nf_set_untracked(), vrf_nf_reset_ct()
   */
  private throughVrf(): void {
    const { subject, course } = this
    subject.state = 'untracked'
    this.ways = this.ways.map(way => ({ ...way, isUntracked: true }))
    subject.input = ''
    subject.output = course.vrf
    this.hook('output', 'front')
    this.hook('output', 'behind')
    this.hook('postrouting', 'behind')
    this.ways = this.ways.map(way => (way.isFixed ? way : { ...way, isUntracked: false }))
  }

  /**
   * PREROUTING once more, with the VRF as the interface the packet came in by. What has an entry brings it along, so that
   * no rule changes its zone any more. kernel: l3mdev_ip_rcv(), vrf_rcv_nfhook()
   */
  private intoVrf(state: CtState, isFirst: boolean, seenNat: SeenNat | null): void {
    this.isInVrf = true
    if (this.isToGroup()) return
    const hasEntry = state !== 'invalid' && !this.isFoundAgain
    this.ways = this.ways.map(way => (hasEntry ? { ...way, isFixed: true } : withoutTemplate(way)))
    this.place('prerouting')
    this.hook('prerouting', 'front')
    this.subject.state = state
    this.hook('prerouting', 'behind', isFirst && this.isFoundAgain, seenNat)
  }

  /**
   * The chains in front of conntrack as a packet meets them that was INVALID where it was looked up first: at the interface
   * it came in by, or at the VRF it leaves through. @returns null where it is looked up once
   */
  frontAgain(): readonly Way[] | null {
    const { course, subject } = this
    const isOut = course.origin === 'out'
    if (course.vrf === '' || (!isOut && course.origin !== 'in') || this.isToGroup()) return null
    if (isOut) {
      this.ways = [FIRST_WAY]
      this.throughVrf()
      // else it was untracked there
      if (!this.ways.every(way => way.isFixed)) return null
    } else this.isInVrf = true
    this.ways = this.ways.map(withoutTemplate)
    subject.state = 'invalid'
    this.place(this.firstHook)
    this.hook(this.firstHook, 'front')
    return this.ways
  }

  /** The end of a packet that the chains in front of conntrack dropped. */
  droppedInFront(): End {
    return { ...this.conclude('dropped'), mayLeave: false }
  }

  private get firstHook(): 'prerouting' | 'output' {
    return this.course.origin === 'in' ? 'prerouting' : 'output'
  }

  /**
   * From conntrack to the end.
   * @param isFirst whether nat chains look at the packet: it made its entry
   * @param seenNat what the packet left with, where that was seen
   */
  behind(state: CtState, isFirst: boolean, seenNat: SeenNat | null): End {
    const { course, subject } = this
    const isFoundAgain = this.isFoundAgain && course.origin === 'in'
    subject.state = isFoundAgain ? 'invalid' : state
    this.place(this.firstHook)
    this.hook(this.firstHook, 'behind', isFirst && !isFoundAgain, isFoundAgain ? null : seenNat)
    if (this.ways.length === 0) return this.conclude('unknown')
    if (course.origin !== 'in') return this.outward(isFirst, seenNat)
    if (course.vrf !== '') this.intoVrf(state, isFirst, seenNat)
    if (this.ways.length === 0) return this.conclude('unknown')
    return this.inward(isFirst, seenNat)
  }

  /** The answer that a rule made: it is not looked up, and nat looks at it where the source was not settled. */
  answer(state: CtState, isUnsettled: boolean): End {
    const { subject } = this
    subject.state = state
    this.place('output')
    this.hook('output', 'front')
    this.hook('output', 'behind')
    this.place('postrouting')
    this.hook('postrouting', 'behind', isUnsettled)
    return this.conclude('sent')
  }

  private outward(isFirst: boolean, seenNat: SeenNat | null): End {
    this.place('postrouting')
    this.hook('postrouting', 'behind', isFirst, seenNat)
    if (this.course.origin !== 'loop') return this.conclude('sent')
    const isConfirmed = this.ways.length > 0 && this.ended.length === 0
    // it brings its entry along, so that rules in front of conntrack see it, too
    if (isFirst) this.facts.status |= IPS_CONFIRMED
    this.ways = this.ways.map(way => ({ ...way, isFixed: true }))
    this.place('prerouting')
    this.hook('prerouting', 'front')
    this.hook('prerouting', 'behind')
    this.place('input')
    this.hook('input', 'behind')
    return { ...this.conclude('delivered'), isConfirmed }
  }

  private inward(isFirst: boolean, seenNat: SeenNat | null): End {
    const { course, subject, routing, facts } = this
    // a bridge floods such a frame and takes it up itself: it has as many fates as there are copies
    if (course.hasLeft && course.physicalInput !== '' && this.isToGroup()) return this.lost()
    const isSwitched = this.isSwitched()
    if (isSwitched) {
      facts.isBridged = true
      const { family, destination } = subject
      this.facts.asked |= ASKS_DESTINATION
      if (!course.hasLeft && routing.isTurnedBack(family, destination, course.physicalInput ?? '')) {
        return this.stackDrop('no hairpin mode')
      }
      this.place('forward')
      facts.physicalOutput = course.hasLeft ? course.physicalOutput : null
      this.hook('forward', 'behind')
      this.place('postrouting')
      this.hook('postrouting', 'behind', isFirst, seenNat)
      return this.conclude('bridged')
    }
    if (!course.hasLeft) {
      const { family, source, destination, isDestinationKnown } = subject
      const decision = routing.decide(
        family,
        source,
        isDestinationKnown ? destination : null,
        subject.input,
        facts.ttl,
      )
      // which groups it is in nobody but the group tells
      if (routing.kindOf(family, destination) === 'multicast') this.facts.asked |= ASKS_DESTINATION
      if (decision === null) return this.lost()
      if (decision.kind === 'drop') return this.stackDrop(decision.why)
      if (decision.kind === 'local') {
        this.place('input')
        this.hook('input', 'behind', isFirst, seenNat)
        return this.conclude('delivered')
      }
      // kernel: ip_forward() passes on what a frame brought for this host alone
      if (facts.frameKind !== null && facts.frameKind !== 'unicast') {
        return this.stackDrop('the frame was for a group')
      }
    }
    // kernel: ip_forward() and ip6_forward() take one off before the hook
    facts.ttl--
    this.place('forward')
    this.hook('forward', 'behind')
    this.place('postrouting')
    this.hook('postrouting', 'behind', isFirst, seenNat)
    return this.conclude('forwarded')
  }

  private isToGroup(): boolean {
    const { subject, routing } = this
    const kind = subject.isDestinationKnown ? routing.kindOf(subject.family, subject.destination) : null
    return kind === 'broadcast' || kind === 'multicast'
  }

  /** Whether a bridge passes the frame on without IP. */
  private isSwitched(): boolean {
    const { course, subject, routing } = this
    if (course.physicalInput === '' || course.physicalInput === null || course.isUp) return false
    if (course.hasLeft) return course.output === course.input && course.physicalOutput !== ''
    if (!subject.isDestinationKnown) return false
    const { family, destination } = subject
    return (
      routing.kindOf(family, destination) === 'unicast' &&
      routing.deviceTo(family, destination) === course.input
    )
  }

  /** The interfaces that a hook knows. */
  private place(hook: Hook): void {
    const { subject, course, routing } = this
    const isLoop = course.origin === 'loop'
    const hasInput = hook === 'prerouting' || hook === 'input' || hook === 'forward'
    const isForwarded = course.origin === 'in' && hook === 'postrouting'
    subject.input = hasInput || isForwarded ? (isLoop ? 'lo' : this.inputOf()) : ''
    if (hook === 'prerouting' || hook === 'input') {
      subject.output = ''
      return
    }
    if (isLoop) subject.output = 'lo'
    else if (course.origin === 'out') subject.output = course.input
    else if (course.hasLeft) subject.output = course.output
    else {
      const { family, destination, isDestinationKnown } = subject
      subject.output = isDestinationKnown ? routing.deviceTo(family, destination) : null
    }
  }

  private inputOf(): string | null {
    const { course, subject, routing } = this
    if (this.isInVrf) return course.vrf
    // a capture that does not tell shows it where it lives
    return course.input ?? routing.deviceTo(subject.family, subject.source)
  }

  /** All chains of a hook on one side of conntrack. */
  private hook(hook: Hook, side: Side, isFirst = false, seenNat: SeenNat | null = null): void {
    const { subject } = this
    // a helper has translated it, as the flow that announced it
    const isSettled = (this.facts.status & IPS_NAT_DONE_MASK) !== 0
    let isTranslated = false
    for (const chain of this.order.at(hook, subject.family, side)) {
      if (this.ways.length === 0) break
      if (isBehindNat(hook, chain)) this.turn(hook)
      if (chain.base?.type === 'nat') {
        if (!isFirst || isTranslated || isSettled) continue
        isTranslated = this.translate(chain, hook, seenNat)
      } else this.pass(chain)
    }
    if (side === 'behind') this.turn(hook)
    // a translation that was seen, and that no rule given explains
    if (isFirst && side === 'behind' && seenNat !== null && !isTranslated) {
      this.facts.asked |= ASKS_ALL
      this.first.settle(hook, seenNat)
    }
  }

  /** Translates a later packet as its first one was, at the hook where that is done. kernel: nf_nat_packet() */
  private turn(hook: Hook): void {
    const { laterDestination, laterSource, subject } = this
    if (hook === 'forward') return
    if (isDestinationHook(hook)) {
      if (laterDestination === null) return
      this.laterDestination = null
      subject.isDestinationKnown = laterDestination.address !== null
      if (laterDestination.address !== null) subject.destination.set(laterDestination.address)
      subject.destinationPort = laterDestination.port
    } else {
      if (laterSource === null) return
      this.laterSource = null
      subject.isSourceKnown = laterSource.address !== null
      if (laterSource.address !== null) subject.source.set(laterSource.address)
      subject.sourcePort = laterSource.port
    }
    this.facts.asked |= ASKS_TUPLES
  }

  /** @returns the endings of ways that may go on */
  private pass(chain: Chain): Ending[] {
    const passing: Ending[] = []
    this.walk.through(chain, this.ways, this.isOnly)
    const next: Way[] = []
    for (const ending of this.walk.endings) {
      if (ending.verdict === 'accept' || ending.verdict === 'tproxy') {
        addWay(next, ending.way)
        passing.push(ending)
        this.lastPassed = ending.decided
      } else if (ending.verdict === 'unknown') {
        // it may go on, and it may not
        addWay(next, ending.way)
        passing.push(ending)
        this.ended.push(ending)
      } else this.ended.push(ending)
    }
    if (this.ended.length > 0) this.isOnly = false
    this.ways = next
    return passing
  }

  /** @returns whether the chain settled the translation */
  private translate(chain: Chain, hook: Hook, seenNat: SeenNat | null): boolean {
    const passing = this.pass(chain)
    const changes = passing.map(({ nat }) => nat)
    const isAny = changes.some(change => change !== null)
    if (!isAny) return false
    this.facts.asked |= ASKS_ALL
    if (seenNat !== null && this.first.settle(hook, seenNat)) return true
    // it was seen leaving as it was: a source that is the packet's own changes nothing
    if (hook === 'postrouting' && (this.course.hasLeft || this.course.origin === 'out')) return true
    const isEvery = changes.every(change => change !== null)
    const [change = null] = changes
    this.first.apply(hook, isEvery && changes.length === 1 ? change : null, this.inputOf())
    return true
  }

  private lost(): End {
    this.ended.push({ verdict: 'unknown', way: FIRST_WAY, decided: -1, nat: null })
    return this.conclude('unknown')
  }

  private stackDrop(why: string): End {
    if (this.ended.length > 0) return { ...this.conclude('dropped'), mayLeave: false }
    return { ...this.conclude('dropped'), decided: -1, why, mayLeave: false }
  }

  /** @param passed what became of it if it came through */
  private conclude(passed: Fate): End {
    const { ways, ended, lastPassed } = this
    const { nat } = this.first
    const marks = new Set(ways.map(way => way.connMark))
    const connMark = marks.size === 1 ? (ways[0]?.connMark ?? null) : null
    const end = {
      fate: passed,
      decided: lastPassed,
      why: '',
      mayLeave: true,
      isRefused: false,
      isReset: false,
      isConfirmed: false,
      connMark,
      helper: helperOf(ways),
      nat,
    }
    if (ended.length === 0) return end
    const fates = new Set<Fate>(ended.map(({ verdict }) => fateOf(verdict)))
    if (ways.length > 0) fates.add(passed)
    const [fate = 'unknown'] = fates
    const decided = ended.every(one => one.decided === ended[0]?.decided) ? (ended[0]?.decided ?? -1) : -1
    const isReset = ended.some(({ verdict }) => verdict === 'reject-reset')
    return {
      ...end,
      fate: fates.size === 1 ? fate : 'unknown',
      decided,
      mayLeave: ways.length > 0 || fates.has('unknown'),
      isRefused: isReset || ended.some(({ verdict }) => verdict === 'reject-icmp'),
      isReset,
    }
  }
}

/** The helper of all ways; null where they differ. */
function helperOf([first, ...others]: readonly Way[]): HelperName | null {
  return first !== undefined && others.every(({ helper }) => helper === first.helper) ? first.helper : null
}

/** kernel: nf_conntrack_in() takes both off a packet that is INVALID */
function withoutTemplate(way: Way): Way {
  return way.isUntracked ? way : { ...way, isFixed: false, zone: 0, zoneDirection: null }
}

function fateOf(verdict: Verdict): Fate {
  switch (verdict) {
    case 'drop':
      return 'dropped'
    case 'reject-reset':
    case 'reject-icmp':
      return 'rejected'
    default:
      return 'unknown'
  }
}
