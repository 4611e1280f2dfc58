// reply-other-interface: a connection's answers leave by another interface than its requests came in by, and it never opens.

import { TCP_SYN_RECV } from '../../conntrack/proto/tcp-table.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import { phrase, step } from '../facts/facts.ts'
import type { Judge } from './forwarded-traffic.ts'

/** SYN-ACKs that left in vain: one is lost anywhere. */
const LEAST_ANSWERS = 2

/**
 * Look-alikes, none of which is this:
 * - asymmetric routing that works: the handshake completes;
 * - a bridge and its ports: the answers pass one of the points that the requests came in by;
 * - a handshake that ends for another reason: its answers leave where its requests came in.
 */
export const replyOtherInterface: Judge = flow => {
  const { protocol, state, requestIn, answerOut, answersPassed, requestFrames, answerFrames } = flow
  if (protocol !== IPPROTO_TCP || state !== TCP_SYN_RECV || answersPassed < LEAST_ANSWERS) return null
  if (answerOut === 0 || (requestIn & answerOut) !== 0) return null
  return {
    id: 'reply-other-interface',
    severity: 'error',
    confidence: 'likely',
    reason: phrase('never-opens', { answers: answersPassed }),
    steps: [
      step('syn-in', [{ capture: requestFrames.capture, frame: requestFrames.first }]),
      step('answer-out', [
        { capture: answerFrames.capture, frame: answerFrames.first },
        { capture: answerFrames.capture, frame: answerFrames.last },
      ]),
    ],
    points: answerOut | requestIn,
  }
}
