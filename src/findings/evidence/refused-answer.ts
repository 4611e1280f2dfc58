// An answer that its client refuses, as one row of facts: who was asked, who answered, from which station, with which TTL, how translated.

import { sameAddress } from '../../host/files/network.ts'
import type { Endpoint } from '../../host/knowledge.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import { formsOf } from './flow-forms.ts'
import {
  DNS_ANSWER,
  DNS_LAST_ID,
  LEG_DNS,
  LEG_FROM_HOST,
  LEG_SYN,
  LEG_SYN_ACK,
  LEG_TO_HOST,
  SIDE_PACKETS,
  SYN_ACK_SOURCE_MAC,
  SYN_DESTINATION_MAC,
  SYN_SEQUENCE,
  SYN_SOURCE_MAC,
} from './leg-layout.ts'
import type { Legs } from './legs.ts'
import { DNS_HEAD, DNS_ID, type Observation } from './observation.ts'

/** A datagram is answered sooner. */
const ANSWER_TIME = 5e9

/** What the refusal is proven to be about; of UDP addresses and ports alone prove nothing. */
export type Proof =
  /** TCP: the numbers of the answer are those of the request. */
  | 'number'
  /** DNS: answer and query have one id. */
  | 'query-id'
  /** The request itself was seen on its way to who answered. */
  | 'translation'
  /** Nothing but that it came in time, from the port that was asked. */
  | 'none'

/**
 * NAT detectors differ in the row they match, not in how they look. Legs are those of the observation point where the
 * client refuses; -1 where something was not seen.
 */
export interface RefusedAnswer {
  legs: Legs
  /** The client with who answered. */
  leg: number
  /** The client's request as it sent it, to whom it asked. */
  meant: number
  /** The request on its way to who answered, next to where it was translated. */
  translated: number
  proof: Proof
  /** The refusal: a RST, or an ICMP error. */
  seen: Observation
  /** Whether the answer itself was seen here. */
  isAnswerSeen: boolean
  /** Routers that the request passed until it had its other destination, by its TTLs; -1: not both were seen. */
  routers: number
  /** Whether no router has touched the request where it was seen first, by its TTL: there it left the client. */
  isRequestFresh: boolean
  /** Whether the station that was asked is the one that sent the request on; null: it is not known of both. */
  isOneStation: boolean | null
  /** Whether the answer comes from the station that was asked, by its hardware address; null: it is not known. */
  isFromAsked: boolean | null
  /** Whether the host that was captured was asked, and made the answer itself. */
  isHostAsked: boolean
  /** Whether no router has touched the answer, by its TTL. */
  isAnswerFresh: boolean
  /** Whether the request came through a router here, and the refusal straight from the client. */
  isRefusedDirectly: boolean
}

/** Whether no router has touched a TTL: hosts begin with one of these. */
export function isFresh(ttl: number): boolean {
  return ttl === 64 || ttl === 128 || ttl === 255
}

/** @param leg the client with who answered, of which `seen` is the refusal; `meant`: its request, -1: not seen here */
export function refusedAnswer(legs: Legs, leg: number, meant: number, seen: Observation): RefusedAnswer {
  const request = meant >= 0 ? meant : leg
  const forms = formsOf(legs, request)
  const translated = highest(
    legs,
    forms.filter(form => legs.sameResponder(form, leg) && isSamePacket(legs, form, request)),
  )
  const asked =
    meant >= 0
      ? meant
      : highest(
          legs,
          forms.filter(form => !legs.sameResponder(form, leg) && legs.openingTtl(form, 0) > ttlOf(legs, leg)),
        )
  const gateway = asked < 0 ? 0 : legs.get(asked, SYN_DESTINATION_MAC)
  const relay = translated < 0 ? 0 : legs.get(translated, SYN_SOURCE_MAC)
  const isAnswerSeen = legs.has(leg, LEG_SYN_ACK)
  const sender = isAnswerSeen ? legs.get(leg, SYN_ACK_SOURCE_MAC) : seen.destinationMac
  return {
    legs,
    leg,
    meant: asked,
    translated,
    proof: proofOf(legs, leg, asked, translated),
    seen,
    isAnswerSeen,
    routers: asked < 0 || translated < 0 ? -1 : ttlOf(legs, asked) - ttlOf(legs, translated),
    isRequestFresh: asked >= 0 && isFresh(ttlOf(legs, asked)),
    isOneStation: gateway === 0 || relay === 0 ? null : gateway === relay,
    isFromAsked: gateway === 0 || sender === 0 ? null : gateway === sender,
    isHostAsked: asked >= 0 && legs.has(asked, LEG_TO_HOST) && legs.has(leg, LEG_FROM_HOST),
    isAnswerFresh: isAnswerSeen && isFresh(legs.openingTtl(leg, 1)),
    isRefusedDirectly: isRefusedDirectly(legs, leg, seen),
  }
}

/** The flow of the same client port that sent the SYN which `seen` gives up, unanswered at this point; or -1. */
export function askedFor(legs: Legs, leg: number, seen: Observation): number {
  let asked = -1
  for (const sibling of legs.siblings(leg)) {
    if (legs.point(sibling) !== seen.point || !legs.has(sibling, LEG_SYN)) continue
    if (((legs.get(sibling, SYN_SEQUENCE) + 1) | 0) !== seen.sequence) continue
    // a scanner gives all its SYNs one number: it proves nothing of whom it asked
    if (asked >= 0 && !legs.sameResponder(asked, sibling)) return -1
    asked = sibling
  }
  return asked >= 0 && !legs.has(asked, LEG_SYN_ACK) ? asked : -1
}

/** The unanswered datagram of the same client port that the datagram which `seen` refuses may answer, or -1. */
export function askedByDatagram(legs: Legs, leg: number, seen: Observation): number {
  let asked = -1
  for (const sibling of legs.siblings(leg)) {
    if (legs.point(sibling) !== seen.point || !legs.has(sibling, LEG_SYN)) continue
    if (legs.side(sibling, 1, SIDE_PACKETS) > 0 || seen.time - legs.time(sibling) > ANSWER_TIME) continue
    if (asked < 0 || isSameQuery(legs, leg, sibling)) asked = sibling
  }
  return asked
}

/**
 * Whether a request was for many: what is sent to a group or to the broadcast address of a network is answered by each
 * station from its own address. Masks are not in packets: an address that ends in ones where client and answer have the
 * same beginning may be such an address.
 */
export function isForMany(asked: Endpoint, client: Endpoint, answerer: Endpoint): boolean {
  const [first] = asked.words
  if (asked.family === 6) return first >>> 24 === 0xff
  if (first >>> 28 === 0xe || first === -1) return true
  const hostBits = trailingOnes(first)
  if (hostBits < 2) return false
  const network = first >>> hostBits
  return client.words[0] >>> hostBits === network && answerer.words[0] >>> hostBits === network
}

function trailingOnes(word: number): number {
  return 31 - Math.clz32(~word & (word + 1))
}

/** Whether two ends have one address. */
export function isOneAddress(a: Endpoint, b: Endpoint): boolean {
  return a.family === b.family && sameAddress(a.words, b.words)
}

function proofOf(legs: Legs, leg: number, asked: number, translated: number): Proof {
  if (legs.protocol(leg) === IPPROTO_TCP) return 'number'
  if (translated >= 0) return 'translation'
  return asked >= 0 && isSameQuery(legs, leg, asked) ? 'query-id' : 'none'
}

/** Datagrams of one socket that leave in one moment have nothing but their entry in common. */
function isSamePacket(legs: Legs, form: number, request: number): boolean {
  if (legs.protocol(form) === IPPROTO_TCP || form === request) return true
  return legs.entry(form) >= 0 && legs.entry(form) === legs.entry(request)
}

function isSameQuery(legs: Legs, leg: number, asked: number): boolean {
  const answer = legs.get(leg, DNS_ANSWER)
  if (!legs.has(asked, LEG_DNS) || (answer & DNS_HEAD) === 0) return false
  return legs.get(asked, DNS_LAST_ID) === (answer & DNS_ID)
}

/** Its numbers and hardware addresses tell of two ways between one client and one server. */
function isRefusedDirectly(legs: Legs, leg: number, seen: Observation): boolean {
  if (!legs.has(leg, LEG_SYN)) return false
  const router = legs.get(leg, SYN_SOURCE_MAC)
  const isOther = router !== 0 && seen.sourceMac !== 0 && seen.sourceMac !== router
  return isOther && isFresh(seen.ttl) && seen.ttl > ttlOf(legs, leg)
}

function highest(legs: Legs, forms: readonly number[]): number {
  return forms.reduce((best, form) => (best < 0 || ttlOf(legs, form) > ttlOf(legs, best) ? form : best), -1)
}

function ttlOf(legs: Legs, leg: number): number {
  return legs.openingTtl(leg, 0)
}
