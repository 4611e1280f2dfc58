// wrong-source-answer: a UDP server answers from another address of its own than the one that was asked.

import { LEG_SYN_ACK, PORTS } from '../evidence/leg-layout.ts'
import type { RefusedAnswer } from '../evidence/refused-answer.ts'
import { phrase } from '../facts/facts.ts'
import type { Judgement } from './detector.ts'

/**
 * Look-alikes, none of which is this:
 * - a gateway that was asked passes an answer on: a router has lowered its TTL (dsr-untranslated-reply);
 * - a host that passes an answer on: it came in before it left (dsr-untranslated-reply);
 * - a datagram from another port than the one that was asked is no answer to it.
 */
export function wrongSourceAnswer(row: RefusedAnswer): Judgement | null {
  const { legs, leg, meant, isFromAsked, isHostAsked, isAnswerFresh } = row
  const isOneStation = isFromAsked === true || isHostAsked
  if (!isOneStation || !isAnswerFresh || !legs.has(leg, LEG_SYN_ACK)) return null
  if (row.proof === 'number' || row.translated >= 0) return null
  if ((legs.get(leg, PORTS) & 0xffff) !== (legs.get(meant, PORTS) & 0xffff)) return null
  return {
    id: 'wrong-source-answer',
    severity: 'error',
    // hardware addresses tell stations apart, the direction of frames what the host's own kernel saw alone
    confidence: isFromAsked === true ? 'certain' : 'likely',
    reason: phrase(isFromAsked === true ? 'same-station' : 'same-host'),
  }
}
