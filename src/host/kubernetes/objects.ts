// Kubernetes objects as far as they tell of connections: pods, Services, endpoints, nodes, NetworkPolicies.
import type { Network } from '../files/network.ts'

export interface ObjectName {
  namespace: string
  name: string
}

export interface Pod extends ObjectName {
  /** In the form of formatAddress(). A pod in its node's network has none of its own. */
  addresses: string[]
  node: string
  isReady: boolean
  labels: Labels
  /** Ports of its containers, as policies may name them. */
  ports: { name: string; protocol: string; port: number; hostPort: number }[]
}

export interface ServicePort {
  /** `''` where a Service has one port without a name. */
  name: string
  protocol: string
  port: number
  /** 0 for none. */
  nodePort: number
}

export interface Service extends ObjectName {
  type: string
  /** Cluster addresses; of a headless Service none. */
  clusterAddresses: string[]
  /** externalIPs and those of load balancers. */
  externalAddresses: string[]
  ports: ServicePort[]
  externalTrafficPolicy: string
  internalTrafficPolicy: string
  sessionAffinity: string
  /** For how long a client keeps its backend. */
  affinitySeconds: number
  sourceRanges: string[]
  /** Those of them that are networks. */
  sourceNetworks: Network[]
}

/** An address behind a Service's port. */
export interface Endpoint {
  service: ObjectName
  /** Name of the Service's port. */
  portName: string
  protocol: string
  address: string
  port: number
  isReady: boolean
  isServing: boolean
  isTerminating: boolean
  node: string
}

export interface Node {
  name: string
  addresses: string[]
  /** The addresses of its pods. */
  podNetworks: Network[]
  /** What `uname -r` prints there; `''` where it is not told, or is no Linux. */
  kernel: string
}

/** Labels by their keys. */
export type Labels = ReadonlyMap<string, string>

export interface Selector {
  labels: readonly (readonly [string, string])[]
  expressions: readonly { key: string; operator: string; values: readonly string[] }[]
}

/** Who a rule is about: pods of the policy's own namespace or of selected ones, or addresses. */
export type Peer =
  | { kind: 'pods'; pods: Selector | null; namespaces: Selector | null }
  | { kind: 'block'; network: Network; except: readonly Network[] }
  | { kind: 'unknown' }

export interface PolicyPort {
  protocol: string
  /** A name is that of a container's port; null: every port. */
  port: number | string | null
  /** The last of a range; 0 for a single port. */
  endPort: number
}

/** Peers and ports that are let through; an empty list is all of them. */
export interface PolicyRule {
  peers: readonly Peer[]
  ports: readonly PolicyPort[]
}

export type PolicyDirection = 'ingress' | 'egress'

export interface NetworkPolicy extends ObjectName {
  pods: Selector
  /** null: the policy does not isolate its pods in that direction. */
  ingress: readonly PolicyRule[] | null
  egress: readonly PolicyRule[] | null
}
