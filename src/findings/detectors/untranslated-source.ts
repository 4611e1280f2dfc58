// untranslated-source: packets leave for the Internet with a private source, by an interface where others are masqueraded.

import { isGlobal, isPrivate } from '../../net/special-ranges.ts'
import { firstPoint } from '../evidence/transits.ts'
import { phrase, step } from '../facts/facts.ts'
import { exitKey, type Judge, type UplinkJudge } from './forwarded-traffic.ts'

const LEAST_PACKETS = 2

/**
 * Look-alikes, none of which is this:
 * - routing between private networks: the destination is private, too;
 * - a link where nobody is masqueraded, because another router does it;
 * - flows that are answered: somebody further on translates them.
 */
export const untranslatedSource: Judge = (flow, { exits }) => {
  const { isSourceTranslated, isAnswered, passed, requestOut, requestFrames } = flow
  const { client, server } = flow.flow
  const exit = firstPoint(requestOut)
  if (
    isSourceTranslated ||
    flow.translated > 0 ||
    isAnswered ||
    passed < LEAST_PACKETS ||
    client === null ||
    exit < 0
  )
    return null
  if (!isPrivate(client.family, client.words) || !isGlobal(server.family, server.words)) return null
  const masqueraded = [...(exits.get(exitKey(exit, server.family))?.values() ?? [])].reduce(
    (sum, { answered }) => sum + answered,
    0,
  )
  if (masqueraded === 0) return null
  const { capture, first, last } = requestFrames
  return {
    id: 'untranslated-source',
    severity: 'error',
    confidence: masqueraded > 1 ? 'likely' : 'possible',
    reason: phrase('others-masqueraded', { masqueraded, packets: passed }),
    steps: [
      step('leaves', [
        { capture, frame: first },
        { capture, frame: last },
      ]),
    ],
    points: requestOut,
  }
}

/**
 * The same from the uplink alone, which shows others with a public source and not how they came by it. Look-alikes,
 * none of which is this:
 * - a host of its own on that link: its packets have the TTL that they were sent with, and another station;
 * - a link where private sources are answered: another router translates them.
 */
export const untranslatedSourceAtUplink: UplinkJudge = ({
  isPrivateSource,
  isForwarded,
  packets,
  frame,
  exit,
}) => {
  if (!isPrivateSource || !isForwarded || exit.hasPrivateSources) return null
  const others = [...exit.forwarded.values()].reduce((sum, { answered }) => sum + answered, 0)
  if (others === 0) return null
  return {
    id: 'untranslated-source',
    severity: 'error',
    confidence: 'possible',
    reason: phrase('others-public', { others, packets }),
    steps: [step('leaves', [frame])],
  }
}
