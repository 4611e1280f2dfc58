// stale-source-mapping: a flow keeps a source address that the host has no more, kept alive by its own packets.

import { addressWord } from '../../net/address.ts'
import type { ForwardedFlow } from '../evidence/forwarded-flow.ts'
import { firstPoint } from '../evidence/transits.ts'
import { phrase, step } from '../facts/facts.ts'
import { exitKey, type Judge, type Masqueraded, type Traffic } from './forwarded-traffic.ts'

/** Packets that left without an answer, and how long that went on. */
const LEAST_PACKETS = 4
const LEAST_TIME = 10e9

/**
 * Look-alikes, none of which is this:
 * - a pool of source addresses in turn: flows with the old address begin after the first with the new one;
 * - a peer that is gone: no later flow with another source was answered;
 * - a flow that is answered still.
 */
export const staleSourceMapping: Judge = (flow, traffic) => {
  const { isSourceTranslated, passed, lastTime, lastAnswerTime, start, requestOut, requestFrames } = flow
  if (!isSourceTranslated || passed < LEAST_PACKETS) return null
  if (lastTime - Math.max(lastAnswerTime, start) < LEAST_TIME) return null
  const later = laterAddress(flow, traffic)
  if (later === null || lastAnswerTime > later.first || lastTime <= later.first) return null
  return {
    id: 'stale-source-mapping',
    severity: 'error',
    confidence: later.answered > 1 ? 'likely' : 'possible',
    reason: phrase('later-source', { answered: later.answered }),
    steps: [
      step('old-source', [
        { capture: requestFrames.capture, frame: requestFrames.first },
        { capture: requestFrames.capture, frame: requestFrames.last },
      ]),
    ],
    points: requestOut,
  }
}

/** What flows got that began later and left there, where none of them got this flow's address any more. */
function laterAddress({ flow, start, requestOut }: ForwardedFlow, { exits }: Traffic): Masqueraded | null {
  const source = flow.translated?.client
  const exit = firstPoint(requestOut)
  if (!source || exit < 0) return null
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = source.words
  const own = addressWord(source.family, w0, w1, w2, w3)
  const addresses = exits.get(exitKey(exit, source.family))
  const mine = addresses?.get(own)
  if (addresses === undefined || mine === undefined) return null
  let found: Masqueraded | null = null
  for (const [address, other] of addresses) {
    if (address === own || other.first <= start || other.answered === 0) continue
    if (mine.newest >= other.first) return null
    if (found === null || other.first < found.first) found = other
  }
  return found
}
