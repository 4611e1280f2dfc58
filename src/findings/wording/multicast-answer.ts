// The words of multicast-answer.
import { advice, firstFlow, fromEnd, iptables, number, protocolArgument, type Wording } from './wording.ts'

export const multicastAnswer: Wording = {
  title: () => 'Replies to a multicast query are NEW to conntrack, not ESTABLISHED',
  cause: () =>
    "the entry of the query expects answers from the address of the group; those come from their senders' own addresses. " +
    'Rules that let in ESTABLISHED packets alone drop them',
  fix: facts => {
    const flow = firstFlow(facts)
    return flow?.client
      ? [
          advice(
            "where they are wanted, let them in, by the network of those who answer: a source port alone is anybody's choice",
            `${iptables(facts)} -I INPUT -p ${protocolArgument(flow.protocol)} ${fromEnd(flow.client)} -j ACCEPT`,
          ),
        ]
      : []
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
