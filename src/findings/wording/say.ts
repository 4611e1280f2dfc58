// Facts into a finding as it is printed: sentences and commands beside the facts they are made of.
import type { Kernel, Traits } from '../../conntrack/kernel.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import type { Facts, FindingId, Phrase } from '../facts/facts.ts'
import type { KernelTrial } from '../facts/kernel-trial.ts'
import { improves, type SysctlTrial } from '../facts/sysctl-trial.ts'
import { asymmetricSameBridgeReturn } from './asymmetric-same-bridge-return.ts'
import { conntrackEarlyDrop } from './conntrack-early-drop.ts'
import { conntrackTableFull } from './conntrack-table-full.ts'
import { dnsRace } from './dns-race.ts'
import { dsrInvalidDrop } from './dsr-invalid-drop.ts'
import { dsrUntranslatedReply } from './dsr-untranslated-reply.ts'
import { entryMissing } from './entry-missing.ts'
import { entryOlderThanRule } from './entry-older-than-rule.ts'
import type { Finding } from './finding.ts'
import { flowText } from './flow.ts'
import { foreignChallengeAck } from './foreign-challenge-ack.ts'
import { GIVEN_REASONS } from './given.ts'
import { hairpinModeOff } from './hairpin-mode-off.ts'
import { hairpinNoMasquerade } from './hairpin-no-masquerade.ts'
import { idleGap } from './idle-gap.ts'
import { idleTimeoutInbound } from './idle-timeout-inbound.ts'
import { idleTimeoutRemapped } from './idle-timeout-remapped.ts'
import { idleTimeoutUntranslatedReply } from './idle-timeout-untranslated-reply.ts'
import { invalidLeak } from './invalid-leak.ts'
import { invalidLeakPrivateSource } from './invalid-leak-private-source.ts'
import { invalidReset } from './invalid-reset.ts'
import { lanReflection } from './lan-reflection.ts'
import { loopbackSource } from './loopback-source.ts'
import { lostInHost } from './lost-in-host.ts'
import { midStreamPickup } from './mid-stream-pickup.ts'
import { missingHelper } from './missing-helper.ts'
import { multicastAnswer } from './multicast-answer.ts'
import { offloadChecksum } from './offload-checksum.ts'
import { oneWayFlow } from './one-way-flow.ts'
import { otherKernels, triedKernels } from './other-kernels.ts'
import { partialNotrack } from './partial-notrack.ts'
import { pmtuBlackhole } from './pmtu-blackhole.ts'
import { portReuse } from './port-reuse.ts'
import { privateDestinationLeak } from './private-destination-leak.ts'
import { recycledAddress } from './recycled-address.ts'
import { replyOtherInterface } from './reply-other-interface.ts'
import { sackNotTranslated } from './sack-not-translated.ts'
import { sctpPathWithoutEntry } from './sctp-path-without-entry.ts'
import { snatInsertRace } from './snat-insert-race.ts'
import { snatPortPressure } from './snat-port-pressure.ts'
import { staleMapping } from './stale-mapping.ts'
import { staleSourceMapping } from './stale-source-mapping.ts'
import { synFlood } from './syn-flood.ts'
import { tableFileContradicted } from './table-file-contradicted.ts'
import { tcpTimestampsNat } from './tcp-timestamps-nat.ts'
import { sysctlOf, triedAdvice } from './tried-sysctls.ts'
import { twoAnswerers } from './two-answerers.ts'
import { udpFlood } from './udp-flood.ts'
import { unacknowledgedData } from './unacknowledged-data.ts'
import { unfinishedHandshake } from './unfinished-handshake.ts'
import { untranslatedSource } from './untranslated-source.ts'
import { vxlanChecksum } from './vxlan-checksum.ts'
import { counted, type Wording } from './wording.ts'
import { wrongSourceAnswer } from './wrong-source-answer.ts'

const WORDINGS: Readonly<Record<FindingId, Wording>> = {
  'asymmetric-same-bridge-return': asymmetricSameBridgeReturn,
  'conntrack-early-drop': conntrackEarlyDrop,
  'conntrack-table-full': conntrackTableFull,
  'dns-race': dnsRace,
  'dsr-invalid-drop': dsrInvalidDrop,
  'dsr-untranslated-reply': dsrUntranslatedReply,
  'hairpin-mode-off': hairpinModeOff,
  'hairpin-no-masquerade': hairpinNoMasquerade,
  'idle-gap': idleGap,
  'idle-timeout-inbound': idleTimeoutInbound,
  'idle-timeout-remapped': idleTimeoutRemapped,
  'idle-timeout-untranslated-reply': idleTimeoutUntranslatedReply,
  'invalid-leak': invalidLeak,
  'invalid-leak-private-source': invalidLeakPrivateSource,
  'invalid-reset': invalidReset,
  'mid-stream-pickup': midStreamPickup,
  'offload-checksum': offloadChecksum,
  'one-way-flow': oneWayFlow,
  'port-reuse': portReuse,
  'recycled-address': recycledAddress,
  'sctp-path-without-entry': sctpPathWithoutEntry,
  'foreign-challenge-ack': foreignChallengeAck,
  'sack-not-translated': sackNotTranslated,
  'snat-insert-race': snatInsertRace,
  'snat-port-pressure': snatPortPressure,
  'stale-mapping': staleMapping,
  'syn-flood': synFlood,
  'entry-missing': entryMissing,
  'entry-older-than-rule': entryOlderThanRule,
  'stale-source-mapping': staleSourceMapping,
  'reply-other-interface': replyOtherInterface,
  'lost-in-host': lostInHost,
  'partial-notrack': partialNotrack,
  'pmtu-blackhole': pmtuBlackhole,
  'private-destination-leak': privateDestinationLeak,
  'untranslated-source': untranslatedSource,
  'loopback-source': loopbackSource,
  'lan-reflection': lanReflection,
  'missing-helper': missingHelper,
  'multicast-answer': multicastAnswer,
  'table-file-contradicted': tableFileContradicted,
  'two-answerers': twoAnswerers,
  'udp-flood': udpFlood,
  'tcp-timestamps-nat': tcpTimestampsNat,
  'unacknowledged-data': unacknowledgedData,
  'unfinished-handshake': unfinishedHandshake,
  'vxlan-checksum': vxlanChecksum,
  'wrong-source-answer': wrongSourceAnswer,
}

/** Sentences of one reason that are said of what was given of the host. */
const MOST_GIVEN = 4

/**
 * @param nameOf what to call an observation point
 * @param more whose conntrack was replayed, on which of its traits the finding rests, and what other kernels and sysctls
 *   made of its connections; `kernelTrials` is null where these were not replayed as other kernels do
 */
export function say(
  facts: Facts,
  nameOf: (point: number) => string,
  {
    differences = [],
    kernelTrials = null,
    trials = [],
  }: {
    differences?: readonly { trait: keyof Traits; kernel: Kernel }[]
    kernelTrials?: { trials: readonly KernelTrial[]; kernel: Kernel } | null
    trials?: readonly SysctlTrial[]
  } = {},
): Finding {
  const wording = WORDINGS[facts.id]
  const fix = triedAdvice(wording.fix(facts), trials)
  return {
    id: facts.id,
    severity: facts.severity,
    confidence: facts.confidence,
    title: wording.title(facts),
    amount: amountOf(facts, wording),
    flows: facts.flows.map(flowText),
    flowCount: facts.flowCount,
    occurrences: facts.occurrences,
    frames: facts.frames,
    frameCount: Math.max(facts.frameCount ?? 0, facts.frames.length),
    steps: facts.steps.map(step => ({ what: sentence(wording.steps, step, facts.id), frames: step.frames })),
    points: facts.points.map(nameOf),
    reason: reasonOf(facts, wording),
    kernels:
      kernelTrials === null
        ? differences.map(({ trait, kernel }) => otherKernels(trait, kernel))
        : kernelTrials.trials.flatMap(trial => triedKernels(trial, kernelTrials.kernel)),
    cause: wording.cause(facts),
    fix,
    check: wording.check(facts),
    sysctls: trials.filter(improves).map(sysctlOf),
    facts,
  }
}

/** How many connections there are, and how often it happened: `2 connections, 6 attempts`. */
function amountOf({ severity, flows, flowCount, occurrences, values }: Facts, wording: Wording): string {
  if (wording.countsItself === true || values.by !== undefined || values.pairs !== undefined) return ''
  const isTcp = flows.every(({ protocol }) => protocol === IPPROTO_TCP)
  const noun = isTcp ? 'connection' : 'flow'
  // one flow of facts may stand for many, which it counts
  const listed = flows.length === flowCount ? flows.map(({ counts }) => counts?.flows ?? 1) : []
  const count = listed.length === 0 ? flowCount : listed.reduce((sum, flows) => sum + flows, 0)
  if (occurrences <= count) return counted(count, noun)
  return `${counted(count, noun)}, ${severity === 'info' ? `${counted(occurrences, 'time')} in all` : counted(occurrences, 'attempt')}`
}

function reasonOf({ id, reasons }: Facts, { reasons: sentences }: Wording): string {
  const [first, ...given] = reasons
  const told = [...new Set(given.map(reason => sentence(GIVEN_REASONS, reason, id)))]
  const more = told.length > MOST_GIVEN ? ', and more of the kind' : ''
  return [sentence(sentences, first, id), ...told.slice(0, MOST_GIVEN)].join('; ') + more
}

function sentence(sentences: Wording['steps'], { code, values }: Phrase, id: FindingId): string {
  const say = sentences[code]
  if (say === undefined) throw new Error(`${id} has no words for ${code}`)
  return say(values)
}
