// What the views of a handshake say together: which of its ends were translated, in sight or not.
import { isSameEnd, writeEnds } from '../record/seen-tuple.ts'
import {
  ANSWERS,
  CAPTURE,
  DESTINATION_MAC,
  type HandshakeViews,
  ORIGINAL,
  PLACE,
  REPLY,
  REQUESTS,
  SOURCE_MAC,
  TTL,
  timeOf,
  viewOf,
} from './handshake-views.ts'
import { ANSWER, REQUEST } from './joined-connections.ts'

/** One view, or views that agree: there is nothing to restore. */
export const STATUS_PLAIN = 0
/** What was seen on both ways says all. */
export const STATUS_SURE = 1
/** The answer comes from elsewhere, or goes elsewhere: only what the client makes of it can tell. */
export const STATUS_ASKED = 2
/** As asked, but other stations talk: the answer went past the host that the SYN was sent to, or nobody can tell. */
export const STATUS_STRANGE = 3
/** Not the handshake of one connection. */
export const STATUS_TWO = 4

/** One end in all views: equal on both ways, changed in sight, or seen half. */
const END_PLAIN = 0
const END_CHANGED = 1
const END_LOPSIDED = 2
const END_HALF = 3
const END_TWO = 4

/** How much sooner one of two views was seen: by the TTL, by one clock, by two clocks. */
const LEAD_TTL = 1e15
const LEAD_CLOCK = 1e12

export class HandshakeEnds {
  private readonly views: HandshakeViews
  /** What `compare` found: the views with each end's values, nearer to the client and farther from it. */
  private near = 0
  private far = 0
  private isNearDestination = false
  private isFarDestination = false
  private isDoubtful = false
  private firstIndex = 0
  private secondIndex = 0

  constructor(views: HandshakeViews) {
    this.views = views
  }

  /** STATUS_* of the handshake at `at`, by all views of it. */
  statusOf(at: number): number {
    const client = this.compare(at, false)
    const clientDoubt = this.isDoubtful
    const server = this.compare(at, true)
    const isDoubtful = clientDoubt || this.isDoubtful
    if (client === END_TWO || server === END_TWO || (client === END_HALF && server === END_HALF))
      return STATUS_TWO
    if (client === END_HALF || server === END_HALF) return this.statusOfHalf(at)
    if (client === END_LOPSIDED || server === END_LOPSIDED) return STATUS_ASKED
    return isDoubtful ? STATUS_SURE : STATUS_PLAIN
  }

  /** Writes the tuples that SYN and answer had in front of the first hook; false: they are not of one connection. */
  conclude(at: number): boolean {
    const { words } = this.views
    if (this.compare(at, false) === END_TWO) return false
    const { near: client, isNearDestination: clientIs, far: host, isFarDestination: hostIs } = this
    if (this.compare(at, true) === END_TWO) return false
    const { near: service, isNearDestination: serviceIs, far: backend, isFarDestination: backendIs } = this
    writeEnds(words, at + ORIGINAL, words, service, serviceIs, words, client, clientIs)
    writeEnds(words, at + REPLY, words, host, hostIs, words, backend, backendIs)
    return true
  }

  /**
   * Compares what SYNs and answers show of one end, the client's or the server's: END_*. Leaves in `near` and `far` views
   * that have the end's two values, as its own side of the translation has it and as the other side has.
   */
  private compare(at: number, isServer: boolean): number {
    const { words } = this.views
    const requests = this.distinct(at, REQUEST, isServer)
    const firstRequest = this.firstIndex
    const secondRequest = this.secondIndex
    const answers = this.distinct(at, ANSWER, !isServer)
    const firstAnswer = this.firstIndex
    const secondAnswer = this.secondIndex
    this.isDoubtful = false
    if (requests === 0 || answers === 0 || requests > 2 || answers > 2) return END_TWO
    // what requests show first is the client's own end, and of the server the service
    const lead = requests === 2 ? this.leadOf(at, REQUEST, firstRequest, secondRequest) : 0
    const back = answers === 2 ? this.leadOf(at, ANSWER, firstAnswer, secondAnswer) : 0
    const a = viewOf(at, REQUEST, firstRequest)
    const b = viewOf(at, REQUEST, secondRequest)
    const c = viewOf(at, ANSWER, firstAnswer)
    const d = viewOf(at, ANSWER, secondAnswer)
    if (requests === 1 && answers === 1) {
      // half a view each: a bridge shows a request behind the translation, its answer in front of the second half of it
      this.setEnds(c, !isServer, a, isServer)
      return isSameEnd(words, a, isServer, words, c, !isServer) ? END_PLAIN : END_HALF
    }
    if (requests === 2 && answers === 2) {
      const isStraight =
        isSameEnd(words, a, isServer, words, c, !isServer) &&
        isSameEnd(words, b, isServer, words, d, !isServer)
      if (
        !isStraight &&
        !(
          isSameEnd(words, a, isServer, words, d, !isServer) &&
          isSameEnd(words, b, isServer, words, c, !isServer)
        )
      )
        return END_TWO
      // as answers have it, the other way round
      const opposed = isStraight ? -back : back
      const isForward = Math.abs(lead) >= Math.abs(opposed) ? lead >= 0 : opposed >= 0
      this.setEnds(isForward ? a : b, isServer, isForward ? b : a, isServer)
      this.isDoubtful =
        Math.abs(lead) < LEAD_CLOCK || Math.abs(back) < LEAD_CLOCK || lead >= 0 !== opposed >= 0
      return END_CHANGED
    }
    if (requests === 2) {
      if (
        !isSameEnd(words, a, isServer, words, c, !isServer) &&
        !isSameEnd(words, b, isServer, words, c, !isServer)
      )
        return END_TWO
      this.setEnds(lead >= 0 ? a : b, isServer, lead >= 0 ? b : a, isServer)
      return END_LOPSIDED
    }
    if (
      !isSameEnd(words, a, isServer, words, c, !isServer) &&
      !isSameEnd(words, a, isServer, words, d, !isServer)
    )
      return END_TWO
    this.setEnds(back >= 0 ? d : c, !isServer, back >= 0 ? c : d, !isServer)
    return END_LOPSIDED
  }

  private setEnds(near: number, isNearDestination: boolean, far: number, isFarDestination: boolean): void {
    this.near = near
    this.isNearDestination = isNearDestination
    this.far = far
    this.isFarDestination = isFarDestination
  }

  /** How many different values an end has in the views of one way; leaves the earliest views of the first two. */
  private distinct(at: number, role: number, isDestination: boolean): number {
    const { words } = this.views
    const count = words[at + (role === REQUEST ? REQUESTS : ANSWERS)]
    this.firstIndex = 0
    this.secondIndex = 0
    if (count === 0) return 0
    let found = 1
    for (let i = 1; i < count; i++) {
      const view = viewOf(at, role, i)
      if (isSameEnd(words, view, isDestination, words, viewOf(at, role, this.firstIndex), isDestination)) {
        if (this.leadOf(at, role, i, this.firstIndex) > 0) this.firstIndex = i
      } else if (found === 1) {
        this.secondIndex = i
        found = 2
      } else if (
        isSameEnd(words, view, isDestination, words, viewOf(at, role, this.secondIndex), isDestination)
      ) {
        if (this.leadOf(at, role, i, this.secondIndex) > 0) this.secondIndex = i
      } else return 3
    }
    return found
  }

  /** Above 0: view `a` was seen on an earlier stretch of the way than view `b`, the surer the greater. */
  private leadOf(at: number, role: number, a: number, b: number): number {
    const { words, times } = this.views
    const one = viewOf(at, role, a)
    const other = viewOf(at, role, b)
    const hops = words[one + TTL] - words[other + TTL]
    if (hops !== 0) return hops * LEAD_TTL
    const time = times[timeOf(at, role, b)] - times[timeOf(at, role, a)]
    if (words[one + CAPTURE] !== words[other + CAPTURE]) return time
    return time < 0 ? time - LEAD_CLOCK : time + LEAD_CLOCK
  }

  /** What half a view is worth: asked where a place shows SYN and answer between the same two stations. */
  private statusOfHalf(at: number): number {
    const { words } = this.views
    let status = STATUS_PLAIN
    for (let i = 0; i < words[at + REQUESTS]; i++) {
      const request = viewOf(at, REQUEST, i)
      if (words[request + SOURCE_MAC] === 0 || words[request + DESTINATION_MAC] === 0) continue
      for (let j = 0; j < words[at + ANSWERS]; j++) {
        const answer = viewOf(at, ANSWER, j)
        if (words[answer + PLACE] !== words[request + PLACE]) continue
        const isBack =
          words[answer + SOURCE_MAC] === words[request + DESTINATION_MAC] &&
          words[answer + DESTINATION_MAC] === words[request + SOURCE_MAC]
        if (isBack) return STATUS_ASKED
        status = STATUS_STRANGE
      }
    }
    return status
  }
}
