// NetworkPolicies: which connections they do not allow, by selectors, namespaces, blocks, ports and directions, and what stays open.
import { describe, expect, it } from 'vitest'
import { parseAddress } from '../../src/host/files/network.ts'
import { Cluster } from '../../src/host/kubernetes/cluster.ts'
import { type PolicyEnd, policyDenial } from '../../src/host/kubernetes/network-policies.ts'
import { readObjects } from '../../src/host/kubernetes/objects-file.ts'

const pod = (namespace: string, name: string, ip: string, labels: object, ports: object[] = []) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace, name, labels },
  spec: { nodeName: 'worker-1', containers: [{ ports }] },
  status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
})
const policy = (spec: object, name = 'own', namespace = 'shop') => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { namespace, name },
  spec,
})
const namespace = (name: string, labels: object) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
})

const WEB = '10.244.1.2'
const API = '10.244.1.3'
const PROBE = '10.244.2.9'
const NODE = '192.168.56.11'
const OUTSIDE = '203.0.113.10'
const OBJECTS = [
  pod('shop', 'web-1', WEB, { app: 'web', tier: 'front' }, [{ name: 'http', containerPort: 8080 }]),
  pod('shop', 'api-1', API, { app: 'api' }),
  pod('monitoring', 'probe', PROBE, { app: 'probe' }),
  {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'worker-1' },
    spec: { podCIDR: '10.244.1.0/24' },
    status: { addresses: [{ type: 'InternalIP', address: NODE }] },
  },
]

function end(address: string, port: number): PolicyEnd {
  const { family, words } = parseAddress(address)!
  return { family, words, address, port }
}

/** `direction policies` of what is not allowed, or null. */
function denied(objects: object[], from: string, to: string, port = 8080, protocol = 'TCP'): string | null {
  const cluster = new Cluster()
  readObjects(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...OBJECTS, ...objects] }), cluster)
  const found = policyDenial(cluster, protocol, end(from, 40_000), end(to, port))
  return found === null ? null : `${found.direction} ${found.policies.map(({ name }) => name).join(' ')}`
}

/** The policy of web's pods that lets in what a rule says. */
const letsIn = (...ingress: object[]): object =>
  policy({ podSelector: { matchLabels: { app: 'web' } }, ingress })
const blockOf = (ip: string): object => ({ podSelector: { matchLabels: { app: ip } } })

describe('a NetworkPolicy', () => {
  it('isolates the pods that it selects, in the directions that it is of', () => {
    expect(denied([letsIn()], API, WEB)).toBe('ingress own')
    expect(denied([letsIn()], WEB, API)).toBeNull()
    expect(denied([policy({ podSelector: {}, policyTypes: ['Egress'] })], API, WEB)).toBe('egress own')
    expect(denied([policy({ podSelector: {}, policyTypes: ['Ingress'] })], API, WEB)).toBe('ingress own')
    // rules of egress alone make it one of both directions
    const both = policy({ podSelector: { matchLabels: { app: 'web' } }, egress: [{}] })
    expect([denied([both], WEB, API), denied([both], API, WEB)]).toEqual([null, 'ingress own'])
    expect(denied([policy({ podSelector: {}, ingress: [] }, 'own', 'monitoring')], API, WEB)).toBeNull()
  })

  it('selects peers by their labels, of its own namespace or of others', () => {
    const api = { from: [{ podSelector: { matchLabels: { app: 'api' } } }] }
    expect([denied([letsIn(api)], API, WEB), denied([letsIn(api)], PROBE, WEB)]).toEqual([
      null,
      'ingress own',
    ])
    const all = { from: [{ namespaceSelector: {} }] }
    expect(denied([letsIn(all)], PROBE, WEB)).toBeNull()
    const named = { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } }
    const probes = { from: [{ namespaceSelector: named, podSelector: { matchLabels: { app: 'probe' } } }] }
    expect([denied([letsIn(probes)], PROBE, WEB), denied([letsIn(probes)], API, WEB)]).toEqual([
      null,
      'ingress own',
    ])
  })

  it.each([
    ['In', ['api', 'x'], null],
    ['In', ['x'], 'ingress own'],
    ['NotIn', ['api'], 'ingress own'],
    ['NotIn', ['x'], null],
    ['Exists', [], null],
    ['DoesNotExist', [], 'ingress own'],
  ])('understands %s %j', (operator, values, expected) => {
    const selector = { matchExpressions: [{ key: 'app', operator, values }] }
    expect(denied([letsIn({ from: [{ podSelector: selector }] })], API, WEB)).toBe(expected)
  })

  it('leaves open what labels decide that were not given', () => {
    const team = { namespaceSelector: { matchLabels: { team: 'ops' } } }
    expect(denied([letsIn({ from: [team] })], PROBE, WEB)).toBeNull()
    expect(
      denied([namespace('monitoring', { team: 'ops' }), letsIn({ from: [team] })], PROBE, WEB),
    ).toBeNull()
    expect(denied([namespace('monitoring', { team: 'dev' }), letsIn({ from: [team] })], PROBE, WEB)).toBe(
      'ingress own',
    )
    // an address among the node's pods that is no pod any more
    expect(denied([letsIn({ from: [blockOf('api')] })], '10.244.1.77', WEB)).toBeNull()
    expect(denied([letsIn({ from: [{ ipBlock: { cidr: 'everywhere' } }] })], OUTSIDE, WEB)).toBeNull()
  })

  it('knows blocks of addresses with what is excepted', () => {
    const block = { from: [{ ipBlock: { cidr: '203.0.113.0/24', except: ['203.0.113.8/29'] } }] }
    expect(denied([letsIn(block)], '203.0.113.77', WEB)).toBeNull()
    expect(denied([letsIn(block)], OUTSIDE, WEB)).toBe('ingress own')
    expect(denied([letsIn(block)], '198.51.100.1', WEB)).toBe('ingress own')
  })

  it('knows ports by number, range, name and protocol', () => {
    const ports = (...list: object[]): object => letsIn({ ports: list })
    expect(denied([ports({ port: 8080 })], API, WEB)).toBeNull()
    expect(denied([ports({ port: 80 })], API, WEB)).toBe('ingress own')
    expect(denied([ports({ port: 8000, endPort: 8090 })], API, WEB)).toBeNull()
    expect(denied([ports({ port: 8000, endPort: 8079 })], API, WEB)).toBe('ingress own')
    expect(denied([ports({ port: 'http' })], API, WEB)).toBeNull()
    expect(denied([ports({ port: 'http' })], API, WEB, 8081)).toBe('ingress own')
    expect(denied([ports({ port: 8080 })], API, WEB, 8080, 'UDP')).toBe('ingress own')
    expect(denied([ports({ protocol: 'UDP' })], API, WEB, 53, 'UDP')).toBeNull()
  })

  it('is allowed by any of several, and all of them are named where none does', () => {
    const others = policy({ podSelector: {}, ingress: [{ from: [blockOf('api')] }] }, 'api-too')
    expect(denied([letsIn(), others], API, WEB)).toBeNull()
    expect(denied([letsIn(), others], PROBE, WEB)).toBe('ingress own api-too')
  })

  it('says nothing of nodes, nor of a pod that asks itself', () => {
    expect(denied([letsIn()], NODE, WEB)).toBeNull()
    expect(denied([letsIn()], WEB, WEB)).toBeNull()
    expect(denied([letsIn()], OUTSIDE, WEB)).toBe('ingress own')
  })
})
