// private-destination-leak: packets for a private network leave by the uplink with the host's public address, unanswered.

import { isGlobal, isPrivate } from '../../net/special-ranges.ts'
import { networkOf } from '../evidence/uplinks.ts'
import { phrase, step } from '../facts/facts.ts'
import type { Judge, UplinkJudge } from './forwarded-traffic.ts'

/**
 * Look-alikes, none of which is this:
 * - a private network behind a private uplink (NAT twice): the source that the packets get is private, too;
 * - a private network that is reached so: it answers.
 */
export const privateDestinationLeak: Judge = flow => {
  const { isSourceTranslated, isTargetTranslated, isAnswered, passed, requestFrames, requestOut } = flow
  const source = flow.flow.translated?.client ?? null
  const { server } = flow.flow
  if (!isSourceTranslated || isTargetTranslated || isAnswered || passed < 2 || source === null) return null
  if (!isGlobal(source.family, source.words) || !isPrivate(server.family, server.words)) return null
  const { capture, first, last } = requestFrames
  return {
    id: 'private-destination-leak',
    severity: 'error',
    confidence: 'likely',
    reason: phrase('masqueraded', { packets: passed, source }),
    steps: [
      step(
        'leaves',
        [
          { capture, frame: first },
          { capture, frame: last },
        ],
        { source },
      ),
    ],
    points: requestOut,
  }
}

/**
 * The same from the uplink alone, which does not show who sent them before. Look-alikes, none of which is this:
 * - clients out there that ask for a private address behind this host: they ask for no public one by the same station;
 * - a host with a public address on a link where private networks are reached, too: others of that network answer.
 */
export const privateDestinationAtUplink: UplinkJudge = ({ flow, isPrivateSource, packets, frame, exit }) => {
  const { client, server } = flow
  if (isPrivateSource || client === null) return null
  if (!exit.answered.has(client.words[0]) || exit.answering.has(networkOf(server.words[0]))) return null
  return {
    id: 'private-destination-leak',
    severity: 'error',
    confidence: 'possible',
    reason: phrase('masqueraded', { packets, source: client }),
    steps: [step('leaves', [frame], { source: client })],
  }
}
