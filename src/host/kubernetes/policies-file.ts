// The spec of a NetworkPolicy as the API server has it, and labels.
import { asList, asObject, asText, type JsonObject } from '../files/json-documents.ts'
import { parseNetwork } from '../files/network.ts'
import type { Labels, NetworkPolicy, Peer, PolicyPort, PolicyRule, Selector } from './objects.ts'

const DEFAULT_PROTOCOL = 'TCP'

export function labelsOf(value: unknown): Labels {
  return new Map(Object.entries(asObject(value) ?? {}).map(([key, label]) => [key, asText(label)]))
}

/** @param spec of a NetworkPolicy of networking.k8s.io/v1 */
export function readPolicy(spec: JsonObject): Pick<NetworkPolicy, 'pods' | 'ingress' | 'egress'> {
  const types = asList(spec.policyTypes).map(asText)
  // what is not said: ingress always, egress where there are rules of it
  const isIngress = types.length === 0 || types.includes('Ingress')
  const isEgress = types.length === 0 ? asList(spec.egress).length > 0 : types.includes('Egress')
  return {
    pods: readSelector(spec.podSelector),
    ingress: isIngress ? asList(spec.ingress).map(rule => readRule(asObject(rule), 'from')) : null,
    egress: isEgress ? asList(spec.egress).map(rule => readRule(asObject(rule), 'to')) : null,
  }
}

function readRule(rule: JsonObject | null, side: 'from' | 'to'): PolicyRule {
  return {
    peers: asList(rule?.[side]).map(peer => readPeer(asObject(peer) ?? {})),
    ports: asList(rule?.ports).map(port => readPort(asObject(port) ?? {})),
  }
}

function readPeer(peer: JsonObject): Peer {
  const block = asObject(peer.ipBlock)
  const network = parseNetwork(asText(block?.cidr))
  if (network !== null) {
    const except = asList(block?.except).flatMap(each => parseNetwork(asText(each)) ?? [])
    return { kind: 'block', network, except }
  }
  if (block !== null) return { kind: 'unknown' }
  const selector = (value: unknown): Selector | null =>
    asObject(value) === null ? null : readSelector(value)
  return { kind: 'pods', pods: selector(peer.podSelector), namespaces: selector(peer.namespaceSelector) }
}

function readPort({ protocol, port, endPort }: JsonObject): PolicyPort {
  return {
    protocol: asText(protocol) || DEFAULT_PROTOCOL,
    port: typeof port === 'number' || typeof port === 'string' ? port : null,
    endPort: typeof endPort === 'number' ? endPort : 0,
  }
}

function readSelector(value: unknown): Selector {
  const selector = asObject(value) ?? {}
  return {
    labels: [...labelsOf(selector.matchLabels)],
    expressions: asList(selector.matchExpressions).map(item => {
      const expression = asObject(item) ?? {}
      return {
        key: asText(expression.key),
        operator: asText(expression.operator),
        values: asList(expression.values).map(asText),
      }
    }),
  }
}
