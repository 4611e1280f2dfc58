// entry-older-than-rule: a flow goes on untranslated, because its entry is older than the rule that later flows get.

import { addressWord } from '../../net/address.ts'
import { isGlobal, isPrivate } from '../../net/special-ranges.ts'
import type { ForwardedFlow } from '../evidence/forwarded-flow.ts'
import { firstPoint } from '../evidence/transits.ts'
import { phrase, type Step, step } from '../facts/facts.ts'
import { exitKey, type Judge, type Traffic, type UplinkJudge } from './forwarded-traffic.ts'

const LEAST_PACKETS = 3

/**
 * Look-alikes, none of which is this:
 * - a flow that no rule translates: flows of its kind that begin later are not translated either;
 * - a rule that came and went: a later flow of its kind is untranslated, too (untranslated-source);
 * - a destination that answers without translation: some flow to it was answered so.
 */
export const entryOlderThanRule: Judge = (flow, traffic) => {
  if (flow.isAnswered || flow.translated > 0 || flow.passed + flow.stayed < LEAST_PACKETS) return null
  const later = laterTargets(flow, traffic)
  if (later > 0) return found(flow, 'target', later)
  const masqueraded = laterSources(flow, traffic)
  return masqueraded > 0 ? found(flow, 'source', masqueraded) : null
}

function found(flow: ForwardedFlow, side: 'target' | 'source', later: number): ReturnType<Judge> {
  return {
    id: 'entry-older-than-rule',
    severity: 'error',
    confidence: later > 1 ? 'likely' : 'possible',
    reason: phrase(`later-${side}`, { later }),
    steps: stepsOf(flow),
    points: flow.requestOut | flow.requestIn,
  }
}

function stepsOf({ passed, stayed, requestFrames, stayedFrames }: ForwardedFlow): Step[] {
  const { capture, first, last } = passed > 0 ? requestFrames : stayedFrames
  return [
    step(
      'untranslated',
      [
        { capture, frame: first },
        { capture, frame: last },
      ],
      { packets: passed + stayed },
    ),
  ]
}

/** Answered flows that began later, asked for the same, and were sent elsewhere; 0 where some were not. */
function laterTargets(flow: ForwardedFlow, { service }: Traffic): number {
  if (flow.isTargetTranslated || service === null || service.hasAnsweredUntranslated) return 0
  if (service.firstTranslated <= flow.start || service.newestUntranslated > service.firstTranslated) return 0
  return flow.lastTime > service.firstTranslated ? service.answered : 0
}

/**
 * Flows that began later and left by the same interface with a source of the host; 0 where some did before. Between a
 * private source and the Internet any of them tells; else those of the same client to the same destination and port alone:
 * rules may well masquerade some hosts and not others.
 */
function laterSources(
  { flow, isSourceTranslated, requestOut, start, lastTime }: ForwardedFlow,
  { exits, service }: Traffic,
): number {
  const { client, server } = flow
  const exit = firstPoint(requestOut)
  if (isSourceTranslated || client === null || exit < 0) return 0
  const addresses = exits.get(exitKey(exit, server.family))
  if (addresses === undefined) return 0
  if (!isPrivate(client.family, client.words) || !isGlobal(server.family, server.words)) {
    if (service === null || service.hasAnsweredOwnSource) return 0
    const { firstMasqueraded, masqueradedClient, newestOwnSource, answeredMasqueraded } = service
    const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = client.words
    const isSame = masqueradedClient === addressWord(client.family, w0, w1, w2, w3)
    const isLater = firstMasqueraded > start && firstMasqueraded <= lastTime
    return isSame && isLater && newestOwnSource <= firstMasqueraded ? answeredMasqueraded : 0
  }
  let later = 0
  for (const { first, answered } of addresses.values()) {
    if (first <= start) return 0
    if (first <= lastTime) later += answered
  }
  return later
}

/** The same from the uplink alone, which shows the source that others leave with. Its look-alikes are the same. */
export const entryOlderThanRuleAtUplink: UplinkJudge = flow => {
  const { isPrivateSource, isForwarded, packets, start, lastTime, frame, exit } = flow
  if (!isPrivateSource || !isForwarded || exit.hasPrivateSources || packets < LEAST_PACKETS) return null
  let later = 0
  for (const { first, answered } of exit.forwarded.values()) {
    if (first <= start) return null
    if (first <= lastTime) later += answered
  }
  if (later === 0) return null
  return {
    id: 'entry-older-than-rule',
    severity: 'error',
    confidence: 'possible',
    reason: phrase('later-source', { later }),
    steps: [step('untranslated', [frame], { packets })],
  }
}
