// The forms of a flow: as its client meant it, and as NAT made it, from the legs that different points saw.

import { sameAddress } from '../../host/files/network.ts'
import type { Endpoint } from '../../host/knowledge.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import type { FlowFacts } from '../facts/facts.ts'
import { LEG_SYN, SYN_SEQUENCE } from './leg-layout.ts'
import type { Legs } from './legs.ts'

/** The first datagrams of two forms of a flow are that close. */
const SAME_MOMENT = 1e6
/** A SYN passes a host in less; one that the other point missed is repeated once or twice until then. */
export const SAME_OPENING = 3.5e9

export interface FlowForm {
  /** The end that the client has where nothing is translated yet. */
  client: Endpoint
  flow: FlowFacts
  /** The legs of the flow in front of all translation and behind, equal where there is none. */
  meant: number
  translated: number
}

export class FlowForms {
  private readonly legs: Legs

  constructor(legs: Legs) {
    this.legs = legs
  }

  /** The forms of the flow in `leg`, as far as other points saw them. */
  of(leg: number): FlowForm {
    const { legs } = this
    let meant = leg
    let translated = leg
    for (const other of formsOf(legs, leg)) {
      if (this.ttl(other) > this.ttl(meant)) meant = other
      if (this.ttl(other) < this.ttl(translated) || this.isHalfTranslated(meant, translated, other))
        translated = other
    }
    const client = legs.initiatorEnd(meant)
    return { client, flow: flowOfLegs(legs, meant, translated), meant, translated }
  }

  /** On a bridge the translated copy keeps its TTL. */
  private isHalfTranslated(meant: number, translated: number, other: number): boolean {
    const { legs } = this
    if (this.ttl(other) !== this.ttl(translated) || !legs.sameResponder(meant, translated)) return false
    return legs.sameInitiator(meant, translated) && !legs.sameResponder(meant, other)
  }

  private ttl(leg: number): number {
    return this.legs.openingTtl(leg, 0)
  }
}

/** The flow that one leg shows as it was meant, and another as NAT made it; both may be one. */
export function flowOfLegs(legs: Legs, meant: number, translated: number): FlowFacts {
  const client = legs.initiatorEnd(meant)
  const server = legs.responderEnd(meant)
  const made = { client: legs.initiatorEnd(translated), server: legs.responderEnd(translated) }
  const isSame = isOneEnd(client, made.client) && isOneEnd(server, made.server)
  return { protocol: legs.protocol(meant), client, server, translated: isSame ? null : made }
}

/** Whether two ends have one address and one port. */
export function isOneEnd(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && a.family === b.family && sameAddress(a.words, b.words)
}

/** The legs that began with the same packet as `leg`, whatever NAT changed of it: itself too if its start was seen. */
export function formsOf(legs: Legs, leg: number): number[] {
  if (!legs.has(leg, LEG_SYN)) return []
  const isTcp = legs.protocol(leg) === IPPROTO_TCP
  const longest = isTcp ? SAME_OPENING : SAME_MOMENT
  const isSame = (other: number): boolean =>
    legs.has(other, LEG_SYN) &&
    (!isTcp || legs.get(other, SYN_SEQUENCE) === legs.get(leg, SYN_SEQUENCE)) &&
    Math.abs(legs.start(other) - legs.start(leg)) <= longest
  const forms = new Set([leg])
  const entry = legs.entry(leg)
  if (entry >= 0) {
    for (let other = legs.firstOf(entry); other >= 0; other = legs.next(other))
      if (isSame(other)) forms.add(other)
  }
  for (const sibling of legs.siblings(leg)) {
    if (isSame(sibling)) forms.add(sibling)
  }
  if (!isTcp) return [...forms].sort((a, b) => a - b)
  // one responder's legs stand in the order in which they began
  for (
    let other = legs.older(leg);
    other >= 0 && isNear(legs, leg, other, longest);
    other = legs.older(other)
  ) {
    if (isSame(other) && legs.sameResponder(leg, other)) forms.add(other)
  }
  for (
    let other = legs.newer(leg);
    other >= 0 && isNear(legs, leg, other, longest);
    other = legs.newer(other)
  ) {
    if (isSame(other) && legs.sameResponder(leg, other)) forms.add(other)
  }
  return [...forms].sort((a, b) => a - b)
}

function isNear(legs: Legs, leg: number, other: number, longest: number): boolean {
  return Math.abs(legs.start(other) - legs.start(leg)) <= longest
}
