// NetworkPolicies (networking.k8s.io/v1): whether they allow a connection between two addresses, and which do not.
import { contains, type Family, type Network } from '../files/network.ts'
import type { Cluster } from './cluster.ts'
import type { Labels, NetworkPolicy, Peer, Pod, PolicyDirection, PolicyRule, Selector } from './objects.ts'

export interface PolicyEnd {
  family: Family
  words: Int32Array
  /** In the form of formatAddress(). */
  address: string
  port: number
}

/** Policies that isolate a pod in a direction, and none of which allows a connection. */
export interface PolicyDenial {
  direction: PolicyDirection
  pod: Pod
  policies: readonly NetworkPolicy[]
}

/** The label that the API server itself gives every namespace. */
const NAME_OF_NAMESPACE = 'kubernetes.io/metadata.name'

/**
 * Which policies do not allow a connection: those of its source's pod for what leaves it, else those of its destination's
 * pod for what comes in. Nodes reach their own pods whatever policies say, and what a label that is not in the objects
 * decides may be allowed: neither is a denial.
 * @param protocol as Kubernetes spells it
 * @param source as the destination sees it; `destination` behind the translation
 * @returns null where they allow it, or may
 */
export function policyDenial(
  cluster: Cluster,
  protocol: string,
  source: PolicyEnd,
  destination: PolicyEnd,
): PolicyDenial | null {
  const from = cluster.pod(source.address)
  const to = cluster.pod(destination.address)
  if (from !== null && from === to) return null
  const isOfNode = cluster.node(source.address) !== null || cluster.node(destination.address) !== null
  if (isOfNode) return null
  return (
    denialOf(cluster, 'egress', from, destination, protocol, destination) ??
    denialOf(cluster, 'ingress', to, source, protocol, destination)
  )
}

function denialOf(
  cluster: Cluster,
  direction: PolicyDirection,
  pod: Pod | null,
  peer: PolicyEnd,
  protocol: string,
  destination: PolicyEnd,
): PolicyDenial | null {
  if (pod === null) return null
  const policies = cluster
    .policiesOf(pod.namespace)
    .filter(policy => policy[direction] !== null && matches(policy.pods, pod.labels) === true)
  if (policies.length === 0) return null
  const mayPass = policies.some(policy =>
    (policy[direction] ?? []).some(
      rule =>
        hasPeer(cluster, policy, rule, peer) !== false &&
        hasPort(cluster, rule, protocol, destination) !== false,
    ),
  )
  return mayPass ? null : { direction, pod, policies }
}

/** Whether a rule is about an address; null: it depends on labels that were not given. */
function hasPeer(
  cluster: Cluster,
  policy: NetworkPolicy,
  { peers }: PolicyRule,
  end: PolicyEnd,
): boolean | null {
  if (peers.length === 0) return true
  const pod = cluster.pod(end.address)
  return anyOf(peers.map(peer => isPeer(cluster, policy, peer, end, pod)))
}

function isPeer(
  cluster: Cluster,
  policy: NetworkPolicy,
  peer: Peer,
  { family, words }: PolicyEnd,
  pod: Pod | null,
): boolean | null {
  if (peer.kind === 'unknown') return null
  if (peer.kind === 'block') {
    const holds = (network: Network): boolean => network.family === family && contains(network, words)
    return holds(peer.network) && !peer.except.some(holds)
  }
  // an address among those of pods may be a pod that the objects do not have any more
  if (pod === null) return cluster.nodeOfPods(family, words) === null ? false : null
  if (peer.namespaces === null) {
    if (pod.namespace !== policy.namespace) return false
  } else {
    const isOfNamespace = matches(peer.namespaces, cluster.labelsOfNamespace(pod.namespace), pod.namespace)
    if (isOfNamespace !== true) return isOfNamespace
  }
  return peer.pods === null ? true : matches(peer.pods, pod.labels)
}

function hasPort(
  cluster: Cluster,
  { ports }: PolicyRule,
  protocol: string,
  destination: PolicyEnd,
): boolean | null {
  if (ports.length === 0) return true
  const pod = cluster.pod(destination.address)
  return anyOf(
    ports.map(({ protocol: own, port, endPort }) => {
      if (own !== protocol) return false
      if (port === null) return true
      if (typeof port === 'number')
        return port <= destination.port && destination.port <= Math.max(port, endPort)
      if (pod === null)
        return cluster.nodeOfPods(destination.family, destination.words) === null ? false : null
      return pod.ports.some(
        each => each.name === port && each.protocol === protocol && each.port === destination.port,
      )
    }),
  )
}

/** @param name of a namespace whose labels these are; @returns null where a label that is asked for was not given */
function matches({ labels, expressions }: Selector, own: Labels | null, name?: string): boolean | null {
  const labelOf = (key: string): string | null | undefined => {
    if (name !== undefined && key === NAME_OF_NAMESPACE) return name
    return own === null ? null : own.get(key)
  }
  const answers: (boolean | null)[] = labels.map(([key, value]) => {
    const found = labelOf(key)
    return found === null ? null : found === value
  })
  for (const { key, operator, values } of expressions) {
    const found = labelOf(key)
    answers.push(found === null ? null : isExpressed(operator, values, found))
  }
  if (answers.includes(false)) return false
  return answers.includes(null) ? null : true
}

function isExpressed(operator: string, values: readonly string[], found: string | undefined): boolean | null {
  switch (operator) {
    case 'In':
      return found !== undefined && values.includes(found)
    case 'NotIn':
      return found === undefined || !values.includes(found)
    case 'Exists':
      return found !== undefined
    case 'DoesNotExist':
      return found === undefined
    default:
      return null
  }
}

function anyOf(answers: readonly (boolean | null)[]): boolean | null {
  if (answers.includes(true)) return true
  return answers.includes(null) ? null : false
}
