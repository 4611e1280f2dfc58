// lost-in-host: packets of a flow come in and do not leave, where earlier ones of the same flow did.

import { IPPROTO_TCP } from '../../net/numbers.ts'
import { phrase, step } from '../facts/facts.ts'
import type { Judge } from './forwarded-flows.ts'

/** Packets that stayed one after another: one or two are lost by a capture, too. */
const LEAST_STAYED = 3

/**
 * Look-alikes, none of which is this:
 * - a capture of the other side that ended earlier: nothing is seen to leave there later;
 * - segments that the host put together or cut up (TCP is left out: what is lost there is repeated);
 * - a flow that is answered: its packets arrive.
 */
export const lostInHost: Judge = (flow, { transits }) => {
  const { protocol, isAnswered, passed, stayed, stayedTime, passedTime, requestOut, requestIn } = flow
  if (protocol === IPPROTO_TCP || isAnswered || passed === 0 || stayed < LEAST_STAYED) return null
  if (stayedTime <= passedTime || stayedTime === 0) return null
  if (!transits.hasExitedSince(requestOut, stayedTime)) return null
  const { requestFrames, stayedFrames } = flow
  return {
    id: 'lost-in-host',
    severity: 'error',
    confidence: 'likely',
    reason: phrase('all-but-first', { passed, stayed }),
    steps: [
      step('leaves', [{ capture: requestFrames.capture, frame: requestFrames.first }]),
      step('stays', [
        { capture: stayedFrames.capture, frame: stayedFrames.first },
        { capture: stayedFrames.capture, frame: stayedFrames.last },
      ]),
    ],
    points: requestIn,
  }
}
