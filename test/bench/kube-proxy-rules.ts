// The rules of a kube-proxy (iptables) with many Services, of three endpoints each, as iptables-save prints them.

const ENDPOINTS = 3
const POD_NETWORK = '10.244.0.0/16'

/** Rules of `services` Services with cluster addresses from 10.96.0.0/12. */
export function kubeProxyRules(services: number): string {
  const chains: string[] = []
  const rules: string[] = []
  const jumps: string[] = []
  for (let service = 0; service < services; service++) {
    const name = `shop/web-${service}:http`
    const chain = `KUBE-SVC-${chainId(service)}`
    const address = `10.96.${service >> 8}.${service & 0xff}`
    const match = `-d ${address}/32 -p tcp -m comment --comment "${name} cluster IP" -m tcp --dport 80`
    chains.push(chain)
    jumps.push(`-A KUBE-SERVICES ${match} -j ${chain}`)
    rules.push(`-A ${chain} ! -s ${POD_NETWORK} ${match} -j KUBE-MARK-MASQ`)
    for (let endpoint = 0; endpoint < ENDPOINTS; endpoint++) {
      const number = service * ENDPOINTS + endpoint
      const pod = `10.244.${number >> 8}.${number & 0xff}`
      const end = `KUBE-SEP-${chainId(number + services)}`
      const left = ENDPOINTS - endpoint
      const chance = left === 1 ? '' : ` -m statistic --mode random --probability ${(1 / left).toFixed(11)}`
      chains.push(end)
      rules.push(
        `-A ${chain} -m comment --comment "${name} -> ${pod}:8080"${chance} -j ${end}`,
        `-A ${end} -s ${pod}/32 -m comment --comment "${name}" -j KUBE-MARK-MASQ`,
        `-A ${end} -p tcp -m comment --comment "${name}" -m tcp -j DNAT --to-destination ${pod}:8080`,
      )
    }
  }
  return `${[...FILTER, ...natOf(chains, [...jumps, ...rules])].join('\n')}\n`
}

const FILTER = [
  '*filter',
  ':INPUT ACCEPT [0:0]',
  ':FORWARD ACCEPT [0:0]',
  ':OUTPUT ACCEPT [0:0]',
  ':KUBE-FIREWALL - [0:0]',
  ':KUBE-FORWARD - [0:0]',
  ':KUBE-PROXY-FIREWALL - [0:0]',
  ':KUBE-SERVICES - [0:0]',
  '-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL',
  '-A INPUT -j KUBE-FIREWALL',
  '-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL',
  '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
  '-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
  '-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
  '-A OUTPUT -j KUBE-FIREWALL',
  '-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
  '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
  '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT',
  '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  'COMMIT',
]

function natOf(chains: readonly string[], rules: readonly string[]): string[] {
  return [
    '*nat',
    ':PREROUTING ACCEPT [0:0]',
    ':INPUT ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ':POSTROUTING ACCEPT [0:0]',
    ...['KUBE-MARK-MASQ', 'KUBE-POSTROUTING', 'KUBE-SERVICES', ...chains].map(chain => `:${chain} - [0:0]`),
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
    '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    ...rules,
    'COMMIT',
  ]
}

function chainId(number: number): string {
  return number.toString(32).toUpperCase().padStart(16, 'A')
}
