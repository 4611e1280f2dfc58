// The words of asymmetric-same-bridge-return.
import { shellWord } from '../../net/shell-word.ts'
import { masqueradeRule } from './masquerade.ts'
import { REFUSED_REASONS, REFUSED_STEPS } from './refused-answer.ts'
import { advice, iptables, isIpv6, type Wording } from './wording.ts'

export const asymmetricSameBridgeReturn: Wording = {
  title: () => 'Reply bypasses NAT: client and backend share a bridge',
  cause: facts =>
    'the request was routed and DNATed; the reply was switched inside the bridge, straight to the client. conntrack on ' +
    `the host of the bridge does not see that while ${callOf(isIpv6(facts))}=0, a router beside it never does. So the ` +
    "reply kept the backend's address, and the client refused it",
  fix: facts => {
    const { network, bridge } = facts.values
    const rule =
      typeof network === 'string' && typeof bridge === 'string'
        ? `${iptables(facts)} -t nat -A POSTROUTING -s ${network} -d ${network} -o ${shellWord(bridge)} -m conntrack --ctstate DNAT -j MASQUERADE`
        : masqueradeRule(facts)
    return [
      advice(
        'masquerade what clients send to services on their own network, so that answers come back',
        rule,
      ),
      advice(
        'or, where the host of the bridge translates, have conntrack see what it switches; rules of FORWARD then meet that, too',
        'modprobe br_netfilter',
        `sysctl -w net.bridge.${callOf(isIpv6(facts))}=1`,
      ),
    ]
  },
  check: facts => [
    advice('0, or no such file, on the host of the bridge', `sysctl net.bridge.${callOf(isIpv6(facts))}`),
  ],
  reasons: {
    direct: () => REFUSED_REASONS.direct,
    // where one end was captured, and what was given of the host told the rest
    answered: () => REFUSED_REASONS.answered,
    unseen: () => REFUSED_REASONS.unseen,
    switched: () =>
      'the answer comes from an address the client did not ask, acknowledges its request, and no router was between (its TTL); the request had passed one',
  },
  steps: REFUSED_STEPS,
}

function callOf(isOfIpv6: boolean): string {
  return isOfIpv6 ? 'bridge-nf-call-ip6tables' : 'bridge-nf-call-iptables'
}
