// lost-in-host: packets of a flow come in and do not leave, where earlier ones of the same flow did, or those of another interface.

import { TCP_SYN_SENT } from '../../conntrack/proto/tcp-table.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import type { ForwardedFlow } from '../evidence/forwarded-flow.ts'
import { phrase, type Step, step } from '../facts/facts.ts'
import type { Judge, Traffic } from './forwarded-traffic.ts'

/** Packets that stayed one after another: one or two are lost by a capture, too. */
const LEAST_STAYED = 3
/** SYNs that stayed. */
const LEAST_SYNS = 2

/**
 * Look-alikes, none of which is this:
 * - a capture of the other side that ended earlier: nothing is seen to leave there later;
 * - segments that the host put together or cut up (of an open TCP connection nothing is said: what is lost is repeated);
 * - a flow that is answered: its packets arrive;
 * - a stranger who is refused: the same client reaches the same port by another interface.
 */
export const lostInHost: Judge = (flow, traffic) => {
  if (flow.isAnswered) return null
  return flow.protocol === IPPROTO_TCP ? byInterface(flow, traffic) : allButFirst(flow, traffic)
}

function allButFirst(flow: ForwardedFlow, { transits, hasLostOthers }: Traffic): ReturnType<Judge> {
  const { passed, stayed, stayedTime, passedTime, requestOut, requestIn } = flow
  if (passed === 0 || stayed < LEAST_STAYED || stayedTime === 0 || stayedTime <= passedTime) return null
  if (!hasLostOthers && !transits.hasExitedSince(requestOut, stayedTime)) return null
  const { capture, first } = flow.requestFrames
  return {
    id: 'lost-in-host',
    severity: 'error',
    confidence: 'likely',
    reason: phrase('all-but-first', { passed, stayed }),
    steps: [step('leaves', [{ capture, frame: first }]), stays(flow)],
    points: requestIn,
  }
}

function byInterface(flow: ForwardedFlow, { arrivals }: Traffic): ReturnType<Judge> {
  const { state, passed, stayed, requestIn } = flow
  if (state !== TCP_SYN_SENT || passed > 0 || stayed < LEAST_SYNS) return null
  if (arrivals === 0 || (arrivals & requestIn) !== 0) return null
  return {
    id: 'lost-in-host',
    severity: 'error',
    confidence: 'likely',
    reason: phrase('by-interface', { stayed }),
    steps: [stays(flow)],
    points: requestIn,
  }
}

function stays({ stayedFrames: { capture, first, last } }: ForwardedFlow): Step {
  return step('stays', [
    { capture, frame: first },
    { capture, frame: last },
  ])
}
