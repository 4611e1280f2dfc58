// The forms of a flow: as its client meant it, and as NAT made it, from the trails that different points saw.
import { IPPROTO_TCP } from '../net/numbers.ts'
import { OPENING_SEQUENCE, OPENING_TTL, SYN, TRAIL_SYN, type Trails } from './trails.ts'

/** Trails that searches may look at, all together. */
const MOST_VISITS = 1 << 24
/** The first datagrams of two forms of a flow are that close. */
const SAME_MOMENT = 1e6

export interface FlowForm {
  /** The endpoint that the client has where nothing is translated yet. */
  client: string
  /** `tcp 10.0.0.5:40001 -> 10.96.0.1:80, translated to 10.0.0.7:8080` */
  flow: string
  /** The trails of the flow in front of all translation and behind, equal where there is none. */
  meant: number
  translated: number
}

export class FlowForms {
  private readonly trails: Trails
  private visits = 0

  constructor(trails: Trails) {
    this.trails = trails
  }

  /** The forms of the flow in `trail`, as far as other points saw them. */
  of(trail: number): FlowForm {
    const { trails } = this
    let meant = trail
    let translated = trail
    if (trails.has(trail, TRAIL_SYN) && this.visits + trails.count <= MOST_VISITS) {
      this.visits += trails.count
      for (let other = 0; other < trails.count; other++) {
        if (!this.isSame(trail, other)) continue
        if (this.ttl(other) > this.ttl(meant)) meant = other
        if (this.ttl(other) < this.ttl(translated) || this.isHalfTranslated(meant, translated, other))
          translated = other
      }
    }
    const client = trails.initiator(meant)
    const protocol = trails.protocol(trail) === IPPROTO_TCP ? 'tcp' : 'udp'
    const text = `${protocol} ${client} -> ${trails.responder(meant)}`
    return { client, flow: text + this.translation(meant, translated), meant, translated }
  }

  private translation(meant: number, translated: number): string {
    const { trails } = this
    const isMasked = trails.initiator(meant) !== trails.initiator(translated)
    if (isMasked) return `, translated to ${trails.initiator(translated)} -> ${trails.responder(translated)}`
    if (trails.responder(meant) === trails.responder(translated)) return ''
    return `, translated to ${trails.responder(translated)}`
  }

  /** Whether two trails began with one packet, of which NAT changed one end. */
  private isSame(trail: number, other: number): boolean {
    const { trails } = this
    if (!trails.has(other, TRAIL_SYN) || trails.protocol(other) !== trails.protocol(trail)) return false
    if (trails.get(other, SYN + OPENING_SEQUENCE) !== trails.get(trail, SYN + OPENING_SEQUENCE)) return false
    const isOneMoment = Math.abs(trails.startTimes[other] - trails.startTimes[trail]) <= SAME_MOMENT
    if (trails.protocol(trail) !== IPPROTO_TCP && !isOneMoment) return false
    return trails.sameResponder(trail, other) || trails.initiator(trail) === trails.initiator(other)
  }

  /** On a bridge the translated copy keeps its TTL. */
  private isHalfTranslated(meant: number, translated: number, other: number): boolean {
    const { trails } = this
    if (this.ttl(other) !== this.ttl(translated) || !trails.sameResponder(meant, translated)) return false
    return trails.initiator(meant) === trails.initiator(translated) && !trails.sameResponder(meant, other)
  }

  private ttl(trail: number): number {
    return this.trails.get(trail, SYN + OPENING_TTL)
  }
}
