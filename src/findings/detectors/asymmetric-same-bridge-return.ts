// asymmetric-same-bridge-return: one router translated the request, and the answer was switched past it, straight to the client.
import type { RefusedAnswer } from '../evidence/refused-answer.ts'
import { phrase } from '../facts/facts.ts'
import type { Judgement } from './detector.ts'

/**
 * Look-alikes, none of which is this:
 * - another host translated: the request passed several routers, or was not seen where it left the client, so that some
 *   may be missing (dsr-untranslated-reply);
 * - one end alone was captured, and nothing tells who translated (dsr-untranslated-reply);
 * - the answer was routed (dsr-untranslated-reply), or comes from the station that was asked (wrong-source-answer).
 */
export function asymmetricSameBridgeReturn(row: RefusedAnswer): Judgement | null {
  const { routers, isOneStation, isAnswerSeen, isRefusedDirectly, proof } = row
  if (proof === 'none' || routers !== 1 || !row.isRequestFresh || isOneStation === false) return null
  if (isRefusedDirectly) return { ...FOUND, reason: phrase('direct') }
  if (row.isFromAsked === true || row.isHostAsked || !isAnswerSeen || !row.isAnswerFresh) return null
  return { ...FOUND, reason: phrase('switched') }
}

const FOUND = { id: 'asymmetric-same-bridge-return', severity: 'error', confidence: 'certain' } as const
