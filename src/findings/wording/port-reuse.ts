// The words of port-reuse: a fault where the connection was not made, or only after failures; a remark where it worked.
import type { Endpoint } from '../../host/knowledge.ts'
import { shellWord } from '../../net/shell-word.ts'
import type { Values } from '../facts/facts.ts'
import { moreLocalPorts } from './remedies.ts'
import {
  type Advice,
  advice,
  adviceFor,
  endText,
  firstFlow,
  NO_FIX,
  number,
  placeOf,
  seconds,
  text,
  type Wording,
} from './wording.ts'

const ENDS: Record<string, string> = {
  open: 'was still open',
  'half-closed': 'was half closed',
  closed: 'had been closed',
  reset: 'had been reset',
}

export const portReuse: Wording = {
  title: ({ severity }) =>
    severity === 'info'
      ? 'Source port reused while its last connection was in the table; it worked'
      : 'Source port reused too early: the connection failed',
  cause: ({ severity }) =>
    severity === 'info'
      ? 'the SYN opens the entry again: DESTROY and NEW in one packet'
      : "one side, or a box between them, still held the port's last connection: a SYN that does not belong to it is " +
        'answered by a challenge ACK, refused or ignored',
  fix: facts =>
    facts.severity === 'info'
      ? NO_FIX
      : [
          moreLocalPorts('on the client', firstFlow(facts)?.client ?? null),
          advice('connections that stay open, and more addresses where NAT chose the port'),
        ],
  check: facts => {
    if (facts.severity === 'info') return []
    const flow = firstFlow(facts)
    if (flow === null) return []
    const { client, server } = flow
    return [
      ...timeWait('client', client, server),
      ...(client === null ? [] : timeWait('server', server, client)),
    ]
  },
  reasons: {
    worked: values => lastEnded(values),
    challenged: values => `the SYN was answered by an ACK of the last connection; ${lastEnded(values)}`,
    failed: values => failed(values, 'answered by an ACK of the last connection and given up'),
    'failed-refused': values =>
      failed(values, 'refused by what was left of the last connection, with its sequence numbers'),
    'refused-by-last': values =>
      `the SYN was refused by what is left of the last connection: the RST goes on with its sequence numbers; ${lastEnded(values)}`,
    silent: values =>
      `the SYN was never answered, and the server accepted other connections afterwards; ${lastEnded(values)}`,
    refused: values =>
      `the SYN was refused, and the server accepted other connections afterwards; ${lastEnded(values)}`,
  },
  steps: {
    before: () => 'last packet of the connection before',
    syn: values =>
      `SYN from the same port ${seconds(number(values, 'pause'), 3)} s later${values.isBelow === true ? ', its number below the last one' : ''}`,
    'syn-ack': () => 'SYN-ACK',
    challenge: () => 'ACK instead of a SYN-ACK',
    reset: () => 'RST',
  },
}

function timeWait(role: 'client' | 'server', end: Endpoint | null, peer: Endpoint): Advice[] {
  const command = `ss -tan state time-wait dst ${shellWord(endText(peer))}`
  return [adviceFor(placeOf(role, end), `ports in TIME_WAIT, on the ${role}`, command)]
}

function failed(values: Values, how: string): string {
  const failures = number(values, 'failures')
  const alike = number(values, 'alike')
  const alone = alike === 1 ? 'one try' : `${alike} tries`
  const tries = failures > alike ? `${failures} tries failed, of which ${alike}` : alone
  return `${tries} ${alike === 1 ? 'was' : 'were'} ${how}, ${seconds(number(values, 'failedFor'), 1)} s until one was accepted; ${lastEnded(values)}`
}

function lastEnded(values: Values): string {
  return `the last connection ${ENDS[text(values, 'end')]}`
}
