// The words of unacknowledged-data.
import { shellWord } from '../../net/shell-word.ts'
import type { Values } from '../facts/facts.ts'
import { advice, counted, endText, firstFlow, number, seconds, type Wording } from './wording.ts'

export const unacknowledgedData: Wording = {
  title: () => 'Data sent again and again, never acknowledged',
  cause: () =>
    'nothing that this capture shows: the data do not reach the other side, it is gone without a word, or its ' +
    'acknowledgments are lost on their way back here',
  fix: () => [
    advice(
      'none by this capture: a second one, at the other side or a hop further, shows how far the data come',
    ),
  ],
  check: facts => {
    const server = firstFlow(facts)?.server ?? null
    return server === null
      ? []
      : [
          advice(
            'on the client: what waits for an acknowledgment, and how often it was sent again',
            `ss -tino dst ${shellWord(endText(server))}`,
          ),
        ]
  },
  reasons: {
    repeated: values => repeated(values),
    'repeated-often': values => `${repeated(values)}; ${often(values, 'connections of this server')}`,
  },
  steps: {
    repeated: () => 'data that were sent before',
    last: values =>
      `the last packet of that side, after ${counted(number(values, 'count'), 'repetition')} in ${seconds(number(values, 'time'), 1)} s`,
  },
}

function repeated(values: Values): string {
  const whose = values.isOfServer === true ? 'the server' : 'the client'
  return `${whose} sent data ${counted(number(values, 'count'), 'more time')} in ${seconds(number(values, 'time'), 1)} s, and the other side, which was heard before, acknowledged none of it`
}

/** `7 of 9 connections of this server, 1 of 200 others: more than chance`. */
export function often(values: Values, what: string): string {
  const [struck, all] = [number(values, 'struck'), number(values, 'all')]
  const [restStruck, restAll] = [number(values, 'restStruck'), number(values, 'restAll')]
  return `so it went with ${struck} of ${all} ${what}, and with ${restStruck} of ${restAll} others: that is more than chance`
}
