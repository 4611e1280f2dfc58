// What Kubernetes objects have against a connection as it was seen: its Service's ports, endpoints and policies, NetworkPolicies.
import { type Address, contains, formatAddress } from '../files/network.ts'
import { type Cluster, nameOf, portText } from './cluster.ts'
import { type PolicyDenial, type PolicyEnd, policyDenial } from './network-policies.ts'
import type { Endpoint, Node, Service, ServicePort } from './objects.ts'

/**
 * - `policy`: NetworkPolicies isolate a pod, and none of them allows it;
 * - `no-port`: the Service that has the address has no such port;
 * - `no-endpoints`: no endpoint of the Service is ready; `no-local-endpoints`: none of the node, where the policy is Local;
 * - `outside-ranges`: the client is in none of loadBalancerSourceRanges;
 * - `no-endpoint`: it was sent to an address that is no endpoint of the Service; `not-ready`: to one that is not ready;
 * - `other-node`: to one of another node, where the policy is Local;
 * - `source-lost`: its source was changed, which the policy Local would keep.
 */
export type ObjectionCode =
  | 'policy'
  | 'no-port'
  | 'no-endpoints'
  | 'no-local-endpoints'
  | 'outside-ranges'
  | 'no-endpoint'
  | 'not-ready'
  | 'other-node'
  | 'source-lost'

export interface Objection {
  code: ObjectionCode
  /** The Service with its port, or the policies: `shop/web:http`, `shop/deny-all, shop/allow-dns`. */
  object: string
  /** What is wrong with it: an endpoint, a node, a pod with the direction; `''` where the code says all. */
  detail: string
}

/** A connection: as its client meant it, and as it became. */
export interface SeenConnection {
  /** As Kubernetes spells it: `TCP`. */
  protocol: string
  protocolNumber: number
  client: PolicyEnd
  asked: PolicyEnd
  /** Whom it was sent to, and with which source; the same as asked and client where nothing was translated. */
  reached: PolicyEnd
  source: PolicyEnd
}

/** All that the objects have against a connection; nothing where they know neither Service nor pod. */
export function objectionsTo(cluster: Cluster, seen: SeenConnection): Objection[] {
  const found: Objection[] = []
  const known = cluster.servicePort(seen.protocolNumber, seen.asked.address, seen.asked.port)
  if (known === null) {
    const [service] = cluster.servicesAt(seen.asked.address)
    if (service !== undefined) found.push({ code: 'no-port', object: nameOf(service), detail: '' })
  } else found.push(...serviceObjections(cluster, seen, known.service, known.port))
  const isToService = known !== null && isSame(seen.asked, seen.reached)
  const denial = isToService ? null : policyDenial(cluster, seen.protocol, seen.source, seen.reached)
  if (denial !== null) found.push(deniedBy(denial))
  return found
}

function deniedBy({ direction, pod, policies }: PolicyDenial): Objection {
  return {
    code: 'policy',
    object: policies.map(nameOf).join(', '),
    detail: `${direction} of pod ${nameOf(pod)}`,
  }
}

function serviceObjections(
  cluster: Cluster,
  seen: SeenConnection,
  service: Service,
  port: ServicePort,
): Objection[] {
  const found: Objection[] = []
  const object = portText(service, port)
  const say = (code: ObjectionCode, detail = ''): void => void found.push({ code, object, detail })
  const isInside = service.clusterAddresses.includes(seen.asked.address)
  const policy = isInside ? service.internalTrafficPolicy : service.externalTrafficPolicy
  const node = nodeThatTranslates(cluster, seen, isInside)
  const own = cluster
    .endpointsOf(service)
    .filter(endpoint => endpoint.portName === port.name && endpoint.protocol === port.protocol)
  const [range] = service.sourceRanges
  const isBalancer = service.externalAddresses.includes(seen.asked.address)
  if (isBalancer && range !== undefined && !isInRanges(service, seen.client))
    say('outside-ranges', seen.client.address)
  if (isSame(seen.asked, seen.reached)) {
    if (!own.some(isUsable)) say('no-endpoints')
    else if (policy === 'Local' && node !== '' && !own.some(each => each.node === node && isUsable(each)))
      say('no-local-endpoints', node)
    return found
  }
  const { address, port: reachedPort } = seen.reached
  const endpoint = own.find(each => each.address === address && each.port === reachedPort)
  if (endpoint === undefined) say('no-endpoint', `${endText(seen.reached)}`)
  else if (!isUsable(endpoint)) say('not-ready', `${endText(seen.reached)}`)
  else if (policy === 'Local' && node !== '' && endpoint.node !== '' && endpoint.node !== node)
    say('other-node', endpoint.node)
  const isFromPod = cluster.pod(seen.client.address) !== null
  const isChanged = seen.source.address !== seen.client.address
  if (!isInside && policy === 'Local' && isChanged && !isFromPod && endpoint?.node === node)
    say('source-lost', seen.source.address)
  return found
}

/** The node whose kube-proxy translates it: the client's, or the one that was asked; `''` where nobody knows. */
function nodeThatTranslates(cluster: Cluster, { client, asked }: SeenConnection, isInside: boolean): string {
  const node = isInside ? cluster.nodeOf(client.family, client.words) : cluster.node(asked.address)
  return node?.name ?? ''
}

/**
 * The node whose kube-proxy translates what a client sends to a Service: the one that has the address that was asked, else
 * the client's own; null where it is of no Service, or nobody knows.
 */
export function translatingNode(
  cluster: Cluster,
  protocolNumber: number,
  client: Address,
  asked: Address & { port: number },
): Node | null {
  const address = formatAddress(asked.family, asked.words)
  if (cluster.servicePort(protocolNumber, address, asked.port) === null) return null
  return cluster.node(address) ?? cluster.nodeOf(client.family, client.words)
}

/** kube-proxy sends to what is ready, and where nothing is to what still serves while it ends. */
function isUsable({ isReady, isServing, isTerminating }: Endpoint): boolean {
  return isReady || (isServing && isTerminating)
}

/** A range that cannot be read may hold anybody. */
function isInRanges({ sourceNetworks, sourceRanges }: Service, { family, words }: PolicyEnd): boolean {
  if (sourceNetworks.length < sourceRanges.length) return true
  return sourceNetworks.some(network => network.family === family && contains(network, words))
}

function isSame(a: PolicyEnd, b: PolicyEnd): boolean {
  return a.address === b.address && a.port === b.port
}

function endText({ family, address, port }: PolicyEnd): string {
  return family === 6 ? `[${address}]:${port}` : `${address}:${port}`
}
