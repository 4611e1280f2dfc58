// The words of multicast-answer.
import { forEachFlow } from './conntrack-command.ts'
import { advice, fromEnd, iptables, number, protocolArgument, type Wording } from './wording.ts'

export const multicastAnswer: Wording = {
  title: () => 'Replies to a multicast query are NEW to conntrack, not ESTABLISHED',
  cause: () =>
    "the entry of the query expects answers from the address of the group; those come from their senders' own addresses. " +
    'Rules that let in ESTABLISHED packets alone drop them',
  fix: facts => {
    const commands = forEachFlow(facts, ({ protocol, client }) =>
      client === null
        ? ''
        : `${iptables(facts)} -I INPUT -p ${protocolArgument(protocol)} ${fromEnd(client)} -j ACCEPT`,
    )
    return [
      advice(
        "where they are wanted, let them in, by the network of those who answer: a source port alone is anybody's choice",
        ...commands.filter(command => command !== ''),
      ),
    ]
  },
  check: () => [],
  reasons: {
    new: values =>
      `they come from port ${number(values, 'port')}, which was asked in the group, to the port that asked`,
  },
  steps: {
    answer: () => "an answer from a sender's own address",
  },
}
