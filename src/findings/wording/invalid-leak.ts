// The words of invalid-leak.
import { checkInvalid, invalidRemedies, UNTRANSLATED } from './untranslated.ts'
import type { Wording } from './wording.ts'

export const invalidLeak: Wording = {
  title: () => 'INVALID reply passed NAT untranslated; the client reset the connection',
  cause: () =>
    'the segment was outside the TCP window: INVALID, so NAT left its source alone. The client knows no connection with ' +
    'that address and sends a RST, which reaches the server untranslated and ends its socket',
  fix: facts => {
    const [drop, liberal] = invalidRemedies(facts, 'FORWARD')
    if (facts.values.isKubeProxyNftables !== true) return [drop, liberal]
    return [
      {
        ...drop,
        text: `${drop.text}: kube-proxy has no rule for that in mode nftables, as it has in mode iptables`,
      },
      { ...liberal, text: `${liberal.text} (kube-proxy sets it by conntrack.tcpBeLiberal)` },
    ]
  },
  check: checkInvalid,
  ...UNTRANSLATED,
}
