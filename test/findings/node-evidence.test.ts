// Whose translation an answer went past, by addresses of nodes and of their pods: another node's is not told of this host.
import { describe, expect, it } from 'vitest'
import { phrase } from '../../src/findings/facts/facts.ts'
import { informedBy } from '../../src/findings/rule-evidence.ts'
import { say } from '../../src/findings/wording/say.ts'
import { Knowledge } from '../../src/host/knowledge.ts'
import { Cluster } from '../../src/host/kubernetes/cluster.ts'
import { readObjects } from '../../src/host/kubernetes/objects-file.ts'
import { bareFacts } from '../support/bare-facts.ts'
import { endpointOf, topologyOf } from '../support/knowledge.ts'

const node = (name: string, addresses: string[], podCIDRs: string[]) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: { podCIDR: podCIDRs[0], podCIDRs },
  status: { addresses: addresses.map(address => ({ type: 'InternalIP', address })) },
})
const OBJECTS = JSON.stringify({
  apiVersion: 'v1',
  kind: 'List',
  items: [
    node('worker-1', ['192.168.56.11', 'fd00:56::11'], ['10.244.1.0/24', 'fd00:244:1::/64']),
    node('worker-2', ['192.168.56.12', 'fd00:56::12'], ['10.244.2.0/24', 'fd00:244:2::/64']),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'shop', name: 'web' },
      spec: {
        clusterIP: '10.96.45.12',
        clusterIPs: ['10.96.45.12', 'fd00:96::12'],
        ports: [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30080 }],
      },
    },
  ],
})
/** Of worker-1: its bridge has both pods, if all of the addresses are theirs. */
const TOPOLOGY = JSON.stringify([
  {
    ifindex: 2,
    ifname: 'eth0',
    addr_info: [
      { family: 'inet', local: '192.168.56.11', prefixlen: 24 },
      { family: 'inet6', local: 'fd00:56::11', prefixlen: 64 },
    ],
  },
])

function told(service: string, client: string, backend: string, topology?: string) {
  const cluster = new Cluster()
  readObjects(OBJECTS, cluster)
  const knowledge = new Knowledge(null, topology === undefined ? null : topologyOf(topology), cluster)
  const [from, to] = [endpointOf(client), endpointOf(backend)]
  const flow = {
    protocol: 6,
    client: from,
    server: endpointOf(service),
    translated: { client: from, server: to },
  }
  const facts = bareFacts('asymmetric-same-bridge-return', flow, {
    confidence: 'likely',
    reasons: [phrase('switched')],
  })
  const found = informedBy(knowledge)(facts)
  if (found === null) throw new Error('not told')
  const { id, confidence, reason, fix } = say(found, String)
  return { id, confidence, reason, fix: fix.map(({ text }) => text).join('; ') }
}

describe('the node that translates', () => {
  it.each([
    ['IPv4', '192.168.56.12:30080', '10.244.1.5:40001', '10.244.1.7:8080', '192.168.56.12'],
    ['IPv6', '[fd00:56::12]:30080', '[fd00:244:1::5]:40001', '[fd00:244:1::7]:8080', 'fd00:56::12'],
  ])('is the one whose node port was asked for, over %s', (_, service, client, backend, address) => {
    const { id, confidence, reason, fix } = told(service, client, backend, TOPOLOGY)
    expect(id).toBe('dsr-untranslated-reply')
    // objects are of one moment
    expect(confidence).toBe('likely')
    expect(reason).toContain(
      `node worker-2 (${address}) translates it, another host than the captures are of`,
    )
    expect(fix).toContain('(node worker-2)')
  })

  it('is the one of the client, by its pods, where a Service was asked for; a pod that is gone is one of them, too', () => {
    const { id, reason } = told('10.96.45.12:80', '10.244.1.99:40001', '10.244.1.7:8080', TOPOLOGY)
    expect(id).toBe('asymmetric-same-bridge-return')
    expect(reason).toContain('node worker-1 (192.168.56.11) translates it')
    expect(reason).not.toContain('another host')
    expect(told('10.96.45.12:80', '10.244.2.9:40001', '10.244.1.7:8080', TOPOLOGY).id).toBe(
      'dsr-untranslated-reply',
    )
  })

  it('stays where nothing says whose the captures are', () => {
    const { id, reason } = told('192.168.56.12:30080', '10.244.1.5:40001', '10.244.1.7:8080')
    expect(id).toBe('asymmetric-same-bridge-return')
    expect(reason).toContain('by the objects given node worker-2 (192.168.56.12) translates it')
  })

  it('is not known for other addresses, ports and clients', () => {
    for (const [service, client] of [
      ['192.168.56.12:30081', '10.244.1.5:40001'],
      ['10.96.45.13:80', '10.244.1.5:40001'],
      ['10.96.45.12:80', '203.0.113.9:40001'],
    ]) {
      const { id, reason } = told(service, client, '10.244.1.7:8080', TOPOLOGY)
      expect(id).toBe('asymmetric-same-bridge-return')
      expect(reason).not.toContain('translates it')
    }
  })
})
