// The words of entry-missing.
import { conntrack, forEachFlow } from './conntrack-command.ts'
import { advice, iptables, number, type Wording } from './wording.ts'

export const entryMissing: Wording = {
  title: () => 'Host resets open connections that it should translate: their entry is gone',
  cause: () =>
    'it has no entry for them: since a failover, a flush or a restart (conntrack -F, conntrack -D), what comes for a ' +
    'translated connection is for the host itself, which has no such socket',
  fix: facts => [
    advice(
      'replicate entries to the host that takes over, before it gets the address: conntrackd, and conntrackd -c on takeover',
    ),
    advice(
      'delete the entries that are meant by their addresses and ports: conntrack -F deletes those of all connections',
    ),
    advice(
      'let such segments be dropped and not answered: as soon as the side behind the host sends something it makes the entry anew, and what was dropped is sent again',
      `${iptables(facts)} -I INPUT -p tcp ! --syn -m conntrack --ctstate NEW -j DROP`,
      'sysctl -w net.netfilter.nf_conntrack_tcp_loose=1',
    ),
  ],
  check: facts => [
    advice(
      'whether the table has these connections',
      ...forEachFlow(facts, ({ protocol, client, server }) =>
        conntrack('-L', { protocol, source: client, destination: server }),
      ),
    ),
    advice('entries that are deleted while their connections go on', 'conntrack -E -e DESTROY -o timestamp'),
  ],
  reasons: {
    translated: values =>
      `${madeHere('translated before, and packets', number(values, 'ttl'), number(values, 'usual'))}, no pause in which the entry would have expired`,
    'or-refused': values =>
      `${madeHere('translated before, and packets', number(values, 'ttl'), number(values, 'usual'))}, no pause in which the entry would have expired; a rule that rejects with a RST, put in meanwhile, would look so, too: nothing of the other side passed later`,
    forwarded: values =>
      `${madeHere('forwarded before: packets', number(values, 'ttl'), number(values, 'usual'))}, no pause in which the entry would have expired; whether it was translated did not show`,
    unseen: values =>
      `the RST was made here (its TTL is ${number(values, 'ttl')}), several connections that were open before the capture were reset so, and later ones of the same address are forwarded`,
  },
  steps: {
    before: () => 'last packet that was forwarded of the side behind the host',
    segment: () => 'segment that should have been translated',
    reset: () => 'RST of the host, in the name of that side',
  },
}

function madeHere(how: string, ttl: number, usual: number): string {
  return `the connection was ${how} of that side have a TTL of ${usual}; the RST was made here (its TTL is ${ttl}), for a segment that is within the window`
}
