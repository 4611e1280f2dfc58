// lan-reflection, and dsr-untranslated-reply: a request is sent back by the interface it came in by, so that it is answered past the host.

import type { ForwardedFlow } from '../evidence/forwarded-flow.ts'
import { phrase, step } from '../facts/facts.ts'
import type { Judge } from './forwarded-traffic.ts'

/** Requests that were sent back: one whose answer the capture lost is no fault. */
const LEAST_PACKETS = 2

/**
 * Look-alikes, none of which is this:
 * - the same with source NAT: the answer comes back through the gateway;
 * - a request that is routed back by the interface it came in by, to another network there: its destination is its own;
 * - a server in that segment that answers by the gateway, being told to: the gateway sees the answer;
 * - a bridge of the host itself, which shows the answer as it is switched (asymmetric-same-bridge-return).
 */
export const lanReflection: Judge = (flow, { points }) => {
  const { isTargetTranslated, isSourceTranslated, requestIn, requestOut, passed, requestFrames } = flow
  if (!isTargetTranslated || isSourceTranslated || passed < LEAST_PACKETS) return null
  if (flow.isAnswered || flow.isAnsweredDirectly) return null
  if ((requestIn & requestOut) === 0) return null
  const { capture, first, last } = requestFrames
  return {
    // one interface alone may be a bridge of the host, whose answers it does not show
    id: points > 1 && isOneNetwork(flow) ? 'lan-reflection' : 'dsr-untranslated-reply',
    severity: 'error',
    confidence: 'likely',
    reason: phrase('sent-back', { packets: passed }),
    steps: [
      step('sent-back', [
        { capture, frame: first },
        { capture, frame: last },
      ]),
    ],
    points: requestIn & requestOut,
  }
}

/** Bits that the addresses of one segment have in common, whatever its mask: most are no larger. */
const NETWORK_BITS = { 4: 24, 6: 32 }

/** Whether the server is likely in the client's own segment, and not behind another router there. */
function isOneNetwork({ flow: { client, translated } }: ForwardedFlow): boolean {
  if (client === null || translated === null) return false
  const shift = 32 - NETWORK_BITS[client.family]
  return client.words[0] >>> shift === translated.server.words[0] >>> shift
}
