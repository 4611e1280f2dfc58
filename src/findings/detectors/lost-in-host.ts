// lost-in-host: packets of a flow come in and do not leave, where earlier ones did, those of another interface do, or rules send them on.

import { TCP_SYN_RECV, TCP_SYN_SENT } from '../../conntrack/proto/tcp-table.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import type { ForwardedFlow } from '../evidence/forwarded-flow.ts'
import { type FrameReference, phrase, type Step, step } from '../facts/facts.ts'
import type { Judge, Traffic } from './forwarded-traffic.ts'

/** Packets that stayed one after another: one or two are lost by a capture, too. */
const LEAST_STAYED = 3
/** SYNs that stayed. */
const LEAST_SYNS = 2
/** Answers of a flow that stayed, and requests that left before them; answers of all flows to the same server and port. */
const LEAST_ANSWERS = 2
const LEAST_OF_ALL = 6

/**
 * Look-alikes, none of which is this:
 * - a capture of the other side that ended earlier: nothing is seen to leave there later;
 * - segments that the host put together or cut up (of an open TCP connection nothing is said: what is lost is repeated);
 * - a flow that is answered: its packets arrive;
 * - a target that is gone: the kernel drops what waits for its hardware address, and says so by ICMP;
 * - a stranger who is refused: the same client reaches the same port by another interface, or rules that were given send
 *   it to another host, and none of them drops it;
 * - frames that the capture has lost: of so many answers some would be seen to leave;
 * - answers that a bridge switched: more points show them than those that the requests left by;
 * - answers of an open TCP connection, which may leave put together or cut up: of TCP, SYN-ACKs alone count.
 */
export const lostInHost: Judge = (flow, traffic) => {
  if (flow.isAnswered) return answersStay(flow, traffic)
  const found = flow.protocol === IPPROTO_TCP ? byInterface(flow, traffic) : allButFirst(flow, traffic)
  return found ?? neverLeft(flow, traffic)
}

/** Nothing of a flow left: whether it was to, the packets do not tell, but rules do that send it to another host. */
function neverLeft(flow: ForwardedFlow, { isSentOn }: Traffic): ReturnType<Judge> {
  const { protocol, state, passed, stayed } = flow
  const isOpening = protocol !== IPPROTO_TCP || state === TCP_SYN_SENT
  if (!flow.isToHost || !isOpening || passed > 0) return null
  // translated it goes on to where it is routed; who is not there does not answer ARP, which the kernel tells the client
  if (flow.isTargetTranslated || flow.hasError) return null
  if (stayed < (protocol === IPPROTO_TCP ? LEAST_SYNS : LEAST_STAYED) || !isSentOn(flow.flow)) return null
  return {
    id: 'lost-in-host',
    severity: 'error',
    confidence: 'possible',
    reason: phrase('never-left', { stayed }),
    steps: [stays(flow)],
    points: flow.requestIn,
  }
}

/** Requests left, and all that answers them came in where they had left, and went no further. */
function answersStay(flow: ForwardedFlow, { service }: Traffic): ReturnType<Judge> {
  const { protocol, state, passed, answersPassed, answersStayed, answerIn, requestIn, requestOut } = flow
  if (passed < LEAST_ANSWERS || answersPassed > 0 || answersStayed < LEAST_ANSWERS) return null
  // a capture that loses frames loses some of each kind
  if (service === null || service.answersPassed > 0 || service.answersStayed < LEAST_OF_ALL) return null
  if (protocol === IPPROTO_TCP && state !== TCP_SYN_RECV && state !== TCP_SYN_SENT) return null
  if ((answerIn & requestIn) !== 0 || (answerIn & ~requestOut) !== 0) return null
  return {
    id: 'lost-in-host',
    severity: 'error',
    confidence: 'likely',
    reason: phrase('answers-stay', { passed, stayed: answersStayed }),
    steps: [
      step('leaves', framesOf(flow.requestFrames)),
      step('answers-stay', framesOf(flow.stayedAnswerFrames)),
    ],
    points: answerIn,
  }
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

function stays({ stayedFrames }: ForwardedFlow): Step {
  return step('stays', framesOf(stayedFrames))
}

function framesOf({ capture, first, last }: ForwardedFlow['stayedFrames']): FrameReference[] {
  return [
    { capture, frame: first },
    { capture, frame: last },
  ]
}
