// The words of stale-source-mapping: of an address that the host has no more, or of a port that its own socket has not.
import type { Facts, FlowFacts } from '../facts/facts.ts'
import { conntrack, type EntryMatch, forEachFlow } from './conntrack-command.ts'
import { addressText, advice, counted, end, firstFlow, number, type Wording } from './wording.ts'

export const staleSourceMapping: Wording = {
  title: facts =>
    isOfPort(facts)
      ? 'Host sends from another port than its socket has, and gets no answer'
      : 'Packets still leave with a source address that new connections do not get',
  cause: facts =>
    isOfPort(facts)
      ? 'a port can be used once to each peer. Where a masqueraded flow had it to this one, NAT gave the own socket of the ' +
        'host another when its entry was made. Each packet renews that entry: who sends more often than the timeout ' +
        'keeps the other port, though its own has long been free'
      : 'the source address of a masqueraded connection is chosen once, with its first packet. The address of the host has ' +
        'changed since, and each packet renews the entry: who sends more often than the timeout keeps the old one',
  fix: facts => {
    const deletions = forEachFlow(facts, flow => conntrack('-D', entryOf(flow)))
    return isOfPort(facts)
      ? [
          advice('delete the entry, once nobody else has the port to that peer', ...deletions),
          advice('and masquerade others to a range of ports (--to-ports) without that one'),
        ]
      : [
          advice(
            'delete the entries with the old address (MASQUERADE does so itself when its interface goes down or loses the address, SNAT does not)',
            ...deletions,
          ),
        ]
  },
  check: facts => {
    if (isOfPort(facts)) {
      return [
        advice(
          'the entry: its first tuple has the port of the socket, its second another',
          ...forEachFlow(facts, flow => conntrack('-L', entryOf(flow))),
        ),
      ]
    }
    const old = firstFlow(facts)?.translated?.client ?? null
    return old === null
      ? []
      : [
          advice('whether the host has the address still', `ip -brief addr | grep -wF ${addressText(old)}`),
          advice('entries that use it', `conntrack -L --reply-dst ${addressText(old)}`),
        ]
  },
  reasons: {
    'later-source': values =>
      `${counted(number(values, 'answered'), 'flow that began', 'flows that began')} later left with another source address and ${number(values, 'answered') === 1 ? 'was' : 'were'} answered; none that began since then got this one, and it has not been answered since`,
    'port-changed': values =>
      `${number(values, 'packets')} packets in ${number(values, 'seconds')} s were not answered; by its entry the socket has port ${number(values, 'own')}, from which others are reached and answer`,
    'port-taken': values =>
      `${number(values, 'packets')} packets in ${number(values, 'seconds')} s were not answered; when they began ${end(values, 'holder')} had port ${number(values, 'own')} to this peer, from which the host itself reaches others, and they answer`,
  },
  steps: {
    'old-source': () => 'packets with the old source address: the first and the last',
    'other-port': values => `packets from port ${number(values, 'port')}: the first and the last`,
  },
}

/** By the end that it leaves with: of a port the first tuple was not seen. */
function entryOf({ protocol, client, server, translated }: FlowFacts): EntryMatch {
  const source = translated === null ? null : client
  return { protocol, source, destination: server, replyDestination: translated?.client ?? client }
}

function isOfPort({ reasons }: Facts): boolean {
  return reasons[0]?.code.startsWith('port-') === true
}
