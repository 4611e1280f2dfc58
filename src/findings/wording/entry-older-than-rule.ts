// The words of entry-older-than-rule.
import type { FlowFacts } from '../facts/facts.ts'
import { conntrack, type EntryMatch, forEachFlow } from './conntrack-command.ts'
import { advice, counted, number, type Wording } from './wording.ts'

export const entryOlderThanRule: Wording = {
  title: () => 'Flow stays untranslated: its entry is older than the NAT rule',
  cause: () =>
    'rules of the nat table see the first packet of a connection alone. An entry that was made before the rule stays as ' +
    'it is, and each packet renews it: who sends more often than the timeout never meets the rule',
  fix: facts => [
    advice(
      'delete the entry; the next packet makes a new one, by the rules of now',
      ...forEachFlow(facts, flow => conntrack('-D', entryOf(flow))),
    ),
  ],
  check: facts => [
    advice(
      "the entry, whose two tuples are each other's inverse",
      ...forEachFlow(facts, flow => conntrack('-L', entryOf(flow))),
    ),
  ],
  reasons: {
    'later-target': values =>
      `${counted(number(values, 'later'), 'flow that began', 'flows that began')} later asked for the same and ${number(values, 'later') === 1 ? 'was' : 'were'} sent to another address and answered; none that began later was not, and this one is not answered`,
    'later-source': values =>
      `${counted(number(values, 'later'), 'flow that began', 'flows that began')} later left by the same interface with a source of the host and ${number(values, 'later') === 1 ? 'was' : 'were'} answered; no earlier one did, and this one is not answered`,
  },
  steps: {
    untranslated: values => `${number(values, 'packets')} packets untranslated, none answered`,
  },
}

function entryOf({ protocol, client, server }: FlowFacts): EntryMatch {
  // its answers are expected by the client's own address, at the address it asked
  return { protocol, source: client, destination: server, replySource: server, replyDestination: client }
}
