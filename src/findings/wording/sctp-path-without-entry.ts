// The words of sctp-path-without-entry.
import type { Facts } from '../facts/facts.ts'
import { conntrack, forEachFlow } from './conntrack-command.ts'
import { advice, end, firstFlow, iptables, type Wording } from './wording.ts'

export const sctpPathWithoutEntry: Wording = {
  title: () => 'SCTP data on a second path are INVALID: no HEARTBEAT has made its entry',
  cause: () =>
    'to conntrack each pair of addresses of an association is a connection of its own, which an INIT or a HEARTBEAT begins. ' +
    'Data that come first find no entry: they are INVALID and lost where rules drop that, so a switch to the other path fails',
  fix: facts => [
    advice(
      'on both ends: HEARTBEATs on idle paths, so that each has its entry before data come',
      'sysctl -w net.sctp.hb_interval=10000',
    ),
    advice('or do not track the association', ...notTracked(facts)),
  ],
  check: facts => [
    advice(
      'an entry for each path',
      ...forEachFlow(facts, ({ protocol, client, server }) =>
        conntrack('-L', { protocol, source: client, destination: server }),
      ),
    ),
  ],
  reasons: {
    lost: () =>
      'ports and verification tag are those of an association that was opened here on other addresses; the packets do not leave this host',
    invalid: () =>
      'ports and verification tag are those of an association that was opened here on other addresses',
  },
  steps: {
    data: values =>
      `packets of the association of ${end(values, 'from')} with ${end(values, 'to')} on another pair of addresses`,
  },
}

function notTracked(facts: Facts): string[] {
  const flow = firstFlow(facts)
  if (flow === null) return []
  return ['dport', 'sport'].map(
    port => `${iptables(facts)} -t raw -A PREROUTING -p sctp --${port} ${flow.server.port} -j CT --notrack`,
  )
}
