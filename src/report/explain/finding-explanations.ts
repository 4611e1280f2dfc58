// The explanation of every finding, by its id: docs/findings.md is written from these.
import type { FindingId } from '../../findings/facts/facts.ts'
import type { Explanation } from './explanation.ts'
import {
  loopbackSource,
  lostInHost,
  missingHelper,
  privateDestinationLeak,
  untranslatedSource,
} from './forwarding.ts'
import {
  idleGap,
  idleTimeoutInbound,
  idleTimeoutRemapped,
  idleTimeoutUntranslatedReply,
} from './idle-connections.ts'
import { invalidLeak, invalidLeakPrivateSource, invalidReset } from './invalid-packets.ts'
import {
  entryMissing,
  foreignChallengeAck,
  sackNotTranslated,
  tcpTimestampsNat,
  unacknowledgedData,
  unfinishedHandshake,
} from './left-over.ts'
import { partialNotrack, pmtuBlackhole, sctpPathWithoutEntry } from './lost-on-the-way.ts'
import { entryOlderThanRule, recycledAddress, staleMapping, staleSourceMapping } from './old-entries.ts'
import {
  asymmetricSameBridgeReturn,
  dsrInvalidDrop,
  dsrUntranslatedReply,
  hairpinModeOff,
  hairpinNoMasquerade,
  lanReflection,
  replyOtherInterface,
  twoAnswerers,
  wrongSourceAnswer,
} from './past-the-translation.ts'
import { dnsRace, portReuse, snatInsertRace, snatPortPressure } from './ports-and-races.ts'
import { midStreamPickup, multicastAnswer, offloadChecksum, oneWayFlow, vxlanChecksum } from './remarks.ts'
import { conntrackEarlyDrop, conntrackTableFull, synFlood, tableFileContradicted, udpFlood } from './table.ts'

export const FINDING_EXPLANATIONS: Readonly<Record<FindingId, Explanation>> = {
  'asymmetric-same-bridge-return': asymmetricSameBridgeReturn,
  'conntrack-early-drop': conntrackEarlyDrop,
  'conntrack-table-full': conntrackTableFull,
  'dns-race': dnsRace,
  'dsr-invalid-drop': dsrInvalidDrop,
  'dsr-untranslated-reply': dsrUntranslatedReply,
  'entry-missing': entryMissing,
  'entry-older-than-rule': entryOlderThanRule,
  'foreign-challenge-ack': foreignChallengeAck,
  'hairpin-mode-off': hairpinModeOff,
  'hairpin-no-masquerade': hairpinNoMasquerade,
  'idle-gap': idleGap,
  'idle-timeout-inbound': idleTimeoutInbound,
  'idle-timeout-remapped': idleTimeoutRemapped,
  'idle-timeout-untranslated-reply': idleTimeoutUntranslatedReply,
  'invalid-leak': invalidLeak,
  'invalid-leak-private-source': invalidLeakPrivateSource,
  'invalid-reset': invalidReset,
  'lan-reflection': lanReflection,
  'loopback-source': loopbackSource,
  'lost-in-host': lostInHost,
  'mid-stream-pickup': midStreamPickup,
  'missing-helper': missingHelper,
  'multicast-answer': multicastAnswer,
  'offload-checksum': offloadChecksum,
  'one-way-flow': oneWayFlow,
  'partial-notrack': partialNotrack,
  'pmtu-blackhole': pmtuBlackhole,
  'port-reuse': portReuse,
  'private-destination-leak': privateDestinationLeak,
  'recycled-address': recycledAddress,
  'reply-other-interface': replyOtherInterface,
  'sack-not-translated': sackNotTranslated,
  'sctp-path-without-entry': sctpPathWithoutEntry,
  'snat-insert-race': snatInsertRace,
  'snat-port-pressure': snatPortPressure,
  'stale-mapping': staleMapping,
  'stale-source-mapping': staleSourceMapping,
  'syn-flood': synFlood,
  'table-file-contradicted': tableFileContradicted,
  'tcp-timestamps-nat': tcpTimestampsNat,
  'two-answerers': twoAnswerers,
  'udp-flood': udpFlood,
  'unacknowledged-data': unacknowledgedData,
  'unfinished-handshake': unfinishedHandshake,
  'untranslated-source': untranslatedSource,
  'vxlan-checksum': vxlanChecksum,
  'wrong-source-answer': wrongSourceAnswer,
}
