// What kube-proxy's own rules drop or refuse on purpose, told by their chains and comments: iptables and nftables mode.
import type { Rule, Ruleset } from './ruleset.ts'

/**
 * Why: no endpoint on this node where the policy is Local; none at all; a client outside of loadBalancerSourceRanges; a
 * cluster address or port that no Service has.
 */
export type ServicePurpose = 'no-local-endpoints' | 'no-endpoints' | 'source-ranges' | 'no-such-service'

const NFTABLES = /^nft (?:ip|ip6|inet) kube-proxy$/
/** Chains of nftables mode that look into its maps of Services without endpoints. */
const ENDPOINT_CHECKS = ['nodeport-endpoints-check', 'service-endpoints-check', 'reject-chain']

/** Whether a table is that of kube-proxy's mode nftables. */
function isKubeProxyTable(table: string): boolean {
  return NFTABLES.test(table)
}

/** Whether the rules are of kube-proxy in mode nftables. */
export function hasKubeProxyNftables({ chains }: Ruleset): boolean {
  return chains.some(({ table }) => isKubeProxyTable(table))
}

/** Why a rule of kube-proxy drops or refuses what it does; null for any other rule. */
export function servicePurpose(table: string, chain: string, { source, steps }: Rule): ServicePurpose | null {
  if (isKubeProxyTable(table)) {
    if (chain.startsWith('firewall-')) return 'source-ranges'
    if (chain === 'cluster-ips-check') return 'no-such-service'
    if (!ENDPOINT_CHECKS.includes(chain)) return null
    // what has endpoints on other nodes alone is dropped, what has none is refused
    const isRefused = steps.some(step => 'action' in step && step.action.kind === 'reject')
    return isRefused || chain === 'reject-chain' ? 'no-endpoints' : 'no-local-endpoints'
  }
  if (!chain.startsWith('KUBE-')) return null
  if (chain === 'KUBE-PROXY-FIREWALL' || chain.startsWith('KUBE-FW-')) return 'source-ranges'
  if (source.comment.endsWith(' has no local endpoints')) return 'no-local-endpoints'
  return source.comment.endsWith(' has no endpoints') ? 'no-endpoints' : null
}
