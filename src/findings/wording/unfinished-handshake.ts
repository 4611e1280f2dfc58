// The words of unfinished-handshake.
import { shellWord } from '../../net/shell-word.ts'
import type { Values } from '../facts/facts.ts'
import { often } from './unacknowledged-data.ts'
import { advice, counted, endText, firstFlow, number, seconds, type Wording } from './wording.ts'

export const unfinishedHandshake: Wording = {
  title: () => 'SYN-ACKs sent again and again, handshake never finished',
  cause: () =>
    'nothing that this capture shows: the SYN-ACK does not reach its client, which drops it or never asked, or the ' +
    'acknowledgment takes another way and does not come through',
  fix: () => [
    advice(
      'none by this capture: a second one at the client shows whether the SYN-ACK arrives, and what it answers',
    ),
  ],
  check: facts => {
    const server = firstFlow(facts)?.server ?? null
    return server === null
      ? []
      : [
          advice(
            'on the client: sockets that still wait for a SYN-ACK',
            `ss -tn state syn-sent dst ${shellWord(endText(server))}`,
          ),
        ]
  },
  reasons: {
    'never-acknowledged': values => unanswered(values),
    'never-acknowledged-often': values =>
      `${unanswered(values)}; ${often(values, 'connections to this server')}`,
  },
  steps: {
    syn: () => 'SYN',
    answers: values =>
      `SYN-ACK, the first of ${number(values, 'answers')} in ${seconds(number(values, 'time'), 1)} s, and the last`,
  },
}

function unanswered(values: Values): string {
  return `${counted(number(values, 'answers'), 'SYN-ACK')} in ${seconds(number(values, 'time'), 1)} s, and no acknowledgment, no RST and no data of the client`
}
