// The words of lost-in-host.
import { advice, counted, number, type Wording } from './wording.ts'

export const lostInHost: Wording = {
  title: () => 'only the first packets of a flow are forwarded, the others are lost inside the host',
  cause: () =>
    'in this host, by the packets alone no rule or setting can be named. The first packet of a flow passes the nat table, ' +
    'later ones do not: what depends on a mark or a verdict of a rule there is different for them',
  fix: () => [
    advice(
      'give the rules of the host (--rules): a rule of FORWARD that asks for a mark set in the nat table lets first packets through alone',
    ),
  ],
  check: () => [
    advice('which rule counts the packets that are lost', 'iptables-save -c', 'nft list ruleset'),
    advice('where the kernel drops them', 'perf trace -e skb:kfree_skb'),
  ],
  reasons: {
    'all-but-first': values =>
      `${counted(number(values, 'passed'), 'packet')} left, ${number(values, 'stayed')} later ones came in and did not, and other packets left there meanwhile; nobody answered`,
  },
  steps: {
    leaves: () => 'a packet of it leaves',
    stays: () => 'later ones come in and do not leave: the first and the last',
  },
}
