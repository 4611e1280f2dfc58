// The words of asymmetric-same-bridge-return.
import type { Facts } from '../facts/facts.ts'
import { SENT_BACK_REASONS, SENT_BACK_STEPS } from './lan-reflection.ts'
import { masqueradeRules } from './masquerade.ts'
import { REFUSED_REASONS, REFUSED_STEPS } from './refused-answer.ts'
import { adviceFor, firstFlow, HOST, isIpv6, type Place, placeOf, type Wording } from './wording.ts'

export const asymmetricSameBridgeReturn: Wording = {
  title: () => 'Reply bypasses NAT: client and backend share a bridge',
  cause: facts =>
    'the request was routed and DNATed; the reply was switched inside the bridge, straight to the client. conntrack on ' +
    `the host of the bridge does not see that while ${callOf(isIpv6(facts))}=0, a router beside it never does. So the ` +
    "reply kept the backend's address, and the client refused it",
  fix: facts => {
    const place = whoTranslates(facts)
    return [
      adviceFor(
        place,
        'masquerade what clients send to services on their own network, so that answers come back',
        ...masqueradeRules(facts),
      ),
      adviceFor(
        place,
        'or, where the host of the bridge translates, have conntrack see what it switches; rules of FORWARD then meet that, too',
        'modprobe br_netfilter',
        `sysctl -w net.bridge.${callOf(isIpv6(facts))}=1`,
      ),
    ]
  },
  check: facts => [
    adviceFor(
      whoTranslates(facts),
      '0, or no such file, on the host of the bridge',
      `sysctl net.bridge.${callOf(isIpv6(facts))}`,
    ),
  ],
  reasons: {
    ...SENT_BACK_REASONS,
    direct: () => REFUSED_REASONS.direct,
    // where one end was captured, and what was given of the host told the rest
    answered: () => REFUSED_REASONS.answered,
    unseen: () => REFUSED_REASONS.unseen,
    switched: () =>
      'the answer comes from an address the client did not ask, acknowledges its request, and no router was between (its TTL); the request had passed one',
  },
  steps: { ...REFUSED_STEPS, ...SENT_BACK_STEPS },
}

/** The host that was given where its bridge has both ends; otherwise whoever translates for the address that was asked. */
function whoTranslates(facts: Facts): Place {
  return facts.values.bridge === undefined ? placeOf('gateway', firstFlow(facts)?.server ?? null) : HOST
}

function callOf(isOfIpv6: boolean): string {
  return isOfIpv6 ? 'bridge-nf-call-ip6tables' : 'bridge-nf-call-iptables'
}
