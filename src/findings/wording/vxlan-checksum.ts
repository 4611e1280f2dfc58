// The words of vxlan-checksum: a fault where SYNs were answered late, a remark where never.
import { advice, number, seconds, text, type Wording } from './wording.ts'

export const vxlanChecksum: Wording = {
  title: ({ severity }) =>
    severity === 'info'
      ? 'SYNs into a tunnel stay unanswered while the server answers others'
      : 'Connection through the tunnel took half a minute or more to open',
  cause: ({ severity }) =>
    severity === 'info'
      ? 'a rule that drops them on the other node, or the outer checksum that some drivers miscalculate: the packets ' +
        'alone do not tell'
      : 'this is how a driver looks that miscalculates the outer checksum of masqueraded packets: the other node drops ' +
        'each silently, until the connection is sent without offloading',
  fix: ({ severity }) => [
    advice(
      `${severity === 'info' ? 'if the counter grows, ' : ''}let the kernel calculate the outer checksum, at the device of the tunnel (flannel.1, vxlan.calico): ethtool -K DEVICE tx-checksum-ip-generic off`,
    ),
  ],
  check: () => [
    advice('devices of tunnels', 'ip -brief link show type vxlan', 'ip -brief link show type geneve'),
    advice('on the other node: does it grow?', 'nstat -az UdpInCsumErrors Udp6InCsumErrors'),
  ],
  reasons: {
    late: values =>
      `the SYN was answered after ${seconds(number(values, 'wait'), 1)} s, until then it was repeated at doubling intervals`,
    never: values =>
      `${number(values, 'syns')} SYNs at doubling intervals went unanswered, other connections of that server were accepted`,
  },
  steps: {
    syns: values => `SYNs at ${text(values, 'seconds')} s`,
    'syn-ack': () => 'SYN-ACK',
  },
}
