// The words of foreign-challenge-ack: a fault where the connection was not made, a remark where the client's RST cured it.
import { shellWord } from '../../net/shell-word.ts'
import type { Values } from '../facts/facts.ts'
import { advice, counted, end, endText, firstFlow, NO_FIX, number, type Wording } from './wording.ts'

export const foreignChallengeAck: Wording = {
  title: ({ severity }) =>
    severity === 'info'
      ? 'SYN answered by an ACK of another connection first, and then accepted'
      : 'SYN answered by an ACK of another connection, and never accepted',
  cause: ({ severity }) =>
    'the server, or a box in front of it, still holds a connection from the port that this SYN came with: one of another ' +
    'host behind the same address, or one that began before the capture. It answers the SYN by a challenge ACK (RFC 5961)' +
    (severity === 'info'
      ? ', and the RST of the client, who knows no such numbers, ends that connection'
      : '. The RST of the client, who knows no such numbers, would end that connection, and does not get through'),
  fix: ({ severity }) =>
    severity === 'info'
      ? NO_FIX
      : [
          advice(
            'let RSTs of clients pass: a rule that drops them, or INVALID packets, keeps the old connection alive',
          ),
          advice(
            'have the host that translates take ports at random, so that one is not used again at once: --random-fully behind its MASQUERADE or SNAT rule, and no conntrack -D or -F while connections are open',
          ),
        ],
  check: facts => {
    const flow = firstFlow(facts)
    const client = flow?.translated?.client ?? flow?.client ?? null
    return facts.severity === 'info' || client === null
      ? []
      : [
          advice(
            'on the server: the connection that it still has from that port',
            `ss -tno dst ${shellWord(endText(client))}`,
          ),
        ]
  },
  reasons: {
    refused: values =>
      `${numbers(values)}, the client refused them by RST, and none of its ${counted(number(values, 'syns'), 'SYN')} was accepted`,
    repeated: values =>
      `${numbers(values)}, and none of ${counted(number(values, 'syns'), 'SYN')} was accepted; no RST of the client was seen`,
    accepted: values => `${numbers(values)}, and a later SYN was accepted`,
  },
  steps: {
    syn: () => 'SYN',
    challenge: () => 'ACK instead of a SYN-ACK, of a number that this client has not sent',
    reset: () => 'RST of the client, with that number',
    'syn-ack': () => 'SYN-ACK',
  },
}

function numbers(values: Values): string {
  return values.owner === undefined
    ? 'the ACK acknowledges what this client has not sent'
    : `the ACK acknowledges exactly what ${end(values, 'owner')} had sent from the same port`
}
