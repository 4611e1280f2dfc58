// The words of tcp-timestamps-nat.
import { advice, answererOf, counted, iptables, number, toEnd, type Wording } from './wording.ts'

export const tcpTimestampsNat: Wording = {
  title: () => 'Server ignores SYNs with older TCP timestamps of hosts behind one address',
  cause: () =>
    'the server, or a box in front of it, remembers the last TCP timestamp of an address for a minute and drops SYNs ' +
    'with older ones as old duplicates (PAWS for each host: net.ipv4.tcp_tw_recycle of kernels before 4.12). Behind ' +
    'NAT hosts share the address, and each has a clock of its own',
  fix: facts => {
    const server = answererOf(facts)
    return [
      advice('on the server, where its kernel still has the switch', 'sysctl -w net.ipv4.tcp_tw_recycle=0'),
      advice('on the hosts behind the address: no timestamps', 'sysctl -w net.ipv4.tcp_timestamps=0'),
      ...(server === null
        ? []
        : [
            advice(
              'or on the host that translates: take the option out of SYNs to this server',
              `${iptables(facts)} -t mangle -A POSTROUTING -p tcp ${toEnd(server)} --syn -j TCPOPTSTRIP --strip-options timestamp`,
            ),
          ]),
    ]
  },
  check: () => [
    advice(
      'on the server: whether it is set; it prints nothing where the kernel has no such switch',
      'sysctl -e net.ipv4.tcp_tw_recycle',
    ),
    advice('on the server: SYNs that it dropped for their timestamps', 'nstat -az TcpExtPAWSPassive'),
  ],
  reasons: {
    older: () =>
      'each SYN without an answer has an older timestamp than another of its address that was answered less than a minute before; none as new went unanswered, none older was answered, and the server accepted others afterwards',
  },
  steps: {
    answered: () => 'SYN of the same address that was answered: its timestamp is newer',
    unanswered: values =>
      `SYN with an older timestamp, the first of ${counted(number(values, 'syns'), 'try', 'tries')}`,
  },
}
