// The words of two-answerers.
import { shellWord } from '../../net/shell-word.ts'
import { addressText, advice, end, endText, firstFlow, type Wording } from './wording.ts'

export const twoAnswerers: Wording = {
  title: facts => {
    const flow = firstFlow(facts)
    return flow?.answerer === undefined
      ? 'Two addresses answer one connection'
      : `Two addresses answer one connection: the client resets ${endText(flow.answerer)}`
  },
  cause: () =>
    'two hosts get the request: a bridge or switch delivers it twice, or one answers past the translation beside the answer that is translated back. ' +
    'The client knows one of them alone; its RST may end the connection on a server that has both for one',
  fix: () => [
    advice(
      'let one of them have the request: no address on two hosts, no bridge that passes on what it also routes (promiscuous ports, flooding), no mirror that answers',
    ),
  ],
  check: facts => {
    const flow = firstFlow(facts)
    if (flow?.answerer === undefined) return []
    return [
      advice(
        'on the client: which stations the two addresses are',
        `ip neigh show ${addressText(flow.server)}`,
        `ip neigh show ${addressText(flow.answerer)}`,
      ),
      advice(
        'on the second: whether requests for the first come to it',
        `tcpdump -eni any ${shellWord(`dst host ${addressText(flow.server)} and tcp[tcpflags] & tcp-syn != 0`)}`,
      ),
    ]
  },
  reasons: {
    number: values =>
      `the client resets the answer of ${end(values, 'answerer')} with the number of its own request, and gets another answer from whom it asked`,
  },
  steps: {
    expected: values => `answer from ${end(values, 'asked')}`,
    answer: values => `answer from ${end(values, 'answerer')}`,
    reset: values => `the client resets ${end(values, 'answerer')}`,
  },
}
