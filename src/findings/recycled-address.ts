// An address that went to another station while somebody still talked to it: the hardware address behind it changed.
import { TCP_ACK } from '../net/numbers.ts'
import type { Cases } from './cases.ts'
import type { Confidence, FindingStep } from './finding.ts'
import type { FlowForms } from './flow-forms.ts'
import type { Sight } from './sight.ts'
import { isFresh } from './stray-answers.ts'
import {
  CAPTURE,
  OPENING_DESTINATION_MAC,
  OPENING_FRAME,
  OPENING_SOURCE_MAC,
  OPENING_TTL,
  SIDE_ACK,
  SIDE_FRAME,
  SYN,
  SYN_ACK,
  SYN_PACKET,
  TRAIL_EXPLAINED,
  TRAIL_RST,
  TRAIL_SYN_ACK,
  type Trails,
} from './trails.ts'

/** SYNs remembered that went to another station than the first; a power of two. */
const MOVED = 256

export class RecycledAddresses {
  private readonly trails: Trails
  private readonly cases: Cases
  private readonly forms: FlowForms
  private readonly moved = new Int32Array(MOVED).fill(-1)
  private readonly serials = new Int32Array(MOVED)
  private readonly stations = new Int32Array(MOVED)
  private readonly frames = new Int32Array(MOVED)

  constructor(trails: Trails, cases: Cases, forms: FlowForms) {
    this.trails = trails
    this.cases = cases
    this.forms = forms
  }

  /** A SYN is sent once more; `number` is its packet's. */
  repeated(trail: number, sight: Sight, number: number): void {
    const { trails } = this
    const station = trails.get(trail, SYN + OPENING_DESTINATION_MAC)
    if (trails.has(trail, TRAIL_SYN_ACK) || station === 0 || sight.destinationMac === 0) return
    // a copy of the packet, or its routed form: a bridge shows both
    if (number === trails.get(trail, SYN_PACKET) || sight.ttl !== trails.get(trail, SYN + OPENING_TTL)) return
    const slot = trail & (MOVED - 1)
    if (sight.destinationMac === station) {
      if (this.moved[slot] === trail) this.moved[slot] = -1
      return
    }
    this.moved[slot] = trail
    this.serials[slot] = trails.serial(trail)
    this.stations[slot] = sight.destinationMac
    this.frames[slot] = sight.frame
  }

  /** A RST of the server, on a flow that may have had one. */
  reset(trail: number, sight: Sight): void {
    const { trails } = this
    if (trails.has(trail, TRAIL_RST | TRAIL_EXPLAINED) || sight.sourceMac === 0 || !isFresh(sight.ttl)) return
    if (trails.has(trail, TRAIL_SYN_ACK)) this.resetOpen(trail, sight)
    else this.refused(trail, sight)
  }

  /** A connection is reset by a station that did not accept it. */
  private resetOpen(trail: number, sight: Sight): void {
    const { trails } = this
    const owner = trails.get(trail, SYN_ACK + OPENING_SOURCE_MAC)
    const asked = trails.get(trail, SYN + OPENING_DESTINATION_MAC)
    // straight from the station that was asked, not around a router
    if (owner === 0 || owner === sight.sourceMac || (asked !== 0 && asked !== owner)) return
    if (trails.get(trail, SYN_ACK + OPENING_TTL) !== sight.ttl) return
    const hasNoSocket = (sight.flags & TCP_ACK) === 0 && sight.window === 0
    if (!hasNoSocket || sight.sequence !== trails.side(trail, 0, SIDE_ACK)) return
    trails.mark(trail, TRAIL_EXPLAINED)
    this.add(
      trail,
      'certain',
      'the RST comes from another hardware address than the SYN-ACK, both straight from the host',
      [
        this.step(
          trail,
          'SYN-ACK of the station that had the address',
          trails.get(trail, SYN_ACK + OPENING_FRAME),
        ),
        this.step(trail, 'data for it', trails.side(trail, 0, SIDE_FRAME)),
        this.step(trail, 'RST of another station with that address', sight.frame),
      ],
    )
  }

  /** A SYN that nobody answered goes to another station, which refuses it. */
  private refused(trail: number, sight: Sight): void {
    const { trails } = this
    const slot = trail & (MOVED - 1)
    if (this.moved[slot] !== trail || this.serials[slot] !== trails.serial(trail)) return
    if (this.stations[slot] !== sight.sourceMac) return
    this.moved[slot] = -1
    this.add(
      trail,
      'likely',
      'the SYN was not answered by one station, and refused by the next with its address',
      [
        this.step(trail, 'SYN to the station that had the address', trails.get(trail, SYN + OPENING_FRAME)),
        this.step(trail, 'SYN to another station with that address', this.frames[slot]),
        this.step(trail, 'RST of that station', sight.frame),
      ],
    )
  }

  private add(trail: number, confidence: Confidence, reason: string, steps: FindingStep[]): void {
    const { client, flow } = this.forms.of(trail)
    this.cases.add({
      id: 'recycled-address',
      confidence,
      reason,
      client,
      flow,
      point: this.trails.point(trail),
      steps,
    })
  }

  private step(trail: number, what: string, frame: number): FindingStep {
    return { what, frames: [{ capture: this.trails.get(trail, CAPTURE), frame }] }
  }
}
