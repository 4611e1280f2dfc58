// Kubernetes objects: what kubectl prints becomes names of addresses, whatever form the list has, and bad files are refused.
import { describe, expect, it } from 'vitest'
import { FileFault } from '../../src/host/files/file-fault.ts'
import { parseAddress } from '../../src/host/files/network.ts'
import { Cluster } from '../../src/host/kubernetes/cluster.ts'
import type { PolicyEnd } from '../../src/host/kubernetes/network-policies.ts'
import { objectionsTo } from '../../src/host/kubernetes/objections.ts'
import { readObjects } from '../../src/host/kubernetes/objects-file.ts'

const pod = (name: string, ips: string[], more: object = {}, status: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'shop', name },
  spec: { nodeName: 'worker-1', ...more },
  status: {
    phase: 'Running',
    podIP: ips[0],
    podIPs: ips.map(ip => ({ ip })),
    conditions: [{ type: 'Ready', status: 'True' }],
    ...status,
  },
})
const service = (name: string, spec: object, status: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'shop', name },
  spec,
  status,
})
const slice = (name: string, endpoints: object[], port = 8080) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { namespace: 'shop', name: `${name}-x`, labels: { 'kubernetes.io/service-name': name } },
  endpoints,
  ports: [{ name: 'http', port, protocol: 'TCP' }],
})
const node = (name: string, address: string, podCIDR: string) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: { podCIDR, podCIDRs: [podCIDR] },
  status: {
    addresses: [
      { type: 'InternalIP', address },
      { type: 'Hostname', address: name },
    ],
  },
})
const list = (...items: object[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items })

const web = service('web', {
  type: 'NodePort',
  clusterIP: '10.96.45.12',
  clusterIPs: ['10.96.45.12', 'FD00:10:96:0:0:0:0:4512'],
  ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080, nodePort: 30080 }],
})

function clusterOf(...texts: string[]): Cluster {
  const cluster = new Cluster()
  for (const text of texts) readObjects(text, cluster)
  return cluster
}

describe("a port of a node that is a pod's own", () => {
  const ports = [{ name: 'http', protocol: 'TCP', containerPort: 8080, hostPort: 8081 }]
  const cluster = clusterOf(
    list(
      pod('web-a', ['10.244.1.2'], { containers: [{ name: 'web', ports }] }),
      node('worker-1', '192.168.56.11', '10.244.1.0/24'),
    ),
  )

  it("has its name, and others the node's", () => {
    expect(cluster.nameAt(6, '192.168.56.11', 8081)).toBe('host port of pod shop/web-a')
    expect(cluster.nameAt(17, '192.168.56.11', 8081)).toBe('node worker-1')
    expect(cluster.nameAt(6, '192.168.56.11', 8080)).toBe('node worker-1')
    expect(cluster.nameAt(6, '192.168.56.12', 8081)).toBe('')
  })
})

describe('a Service whose policy is Local', () => {
  const cluster = clusterOf(
    list(
      pod('web-a', ['10.244.1.2']),
      service('web', {
        type: 'NodePort',
        clusterIP: '10.96.45.12',
        clusterIPs: ['10.96.45.12'],
        externalTrafficPolicy: 'Local',
        ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080, nodePort: 30080 }],
      }),
      slice('web', [
        { addresses: ['10.244.1.2'], nodeName: 'worker-1', conditions: { ready: true }, targetRef: null },
      ]),
      node('worker-1', '192.168.56.11', '10.244.1.0/24'),
    ),
  )
  const end = (address: string, port: number): PolicyEnd => ({ ...parseAddress(address)!, address, port })
  const from = (source: string): string[] =>
    objectionsTo(cluster, {
      protocol: 'TCP',
      protocolNumber: 6,
      client: end('198.51.100.7', 40_000),
      asked: end('192.168.56.11', 30_080),
      reached: end('10.244.1.2', 8080),
      source: end(source, 40_000),
    }).map(({ code, detail }) => `${code} ${detail}`)

  it('keeps the client as the source', () => {
    expect(from('198.51.100.7')).toEqual([])
    expect(from('10.244.1.1')).toEqual(['source-lost 10.244.1.1'])
  })
})

describe('names of addresses', () => {
  const cluster = clusterOf(
    list(
      pod('web-a', ['10.244.1.2', 'fd00:10:244:1::2']),
      web,
      node('worker-1', '192.168.56.11', '10.244.1.0/24'),
    ),
  )

  it('are those of pods, Services by their port, nodes and node ports', () => {
    expect(cluster.nameAt(6, '10.244.1.2', 8080)).toBe('pod shop/web-a')
    expect(cluster.nameAt(6, 'fd00:10:244:1::2', 8080)).toBe('pod shop/web-a')
    expect(cluster.nameAt(6, '10.96.45.12', 80)).toBe('service shop/web:http')
    expect(cluster.nameAt(6, 'fd00:10:96::4512', 80)).toBe('service shop/web:http')
    expect(cluster.nameAt(6, '192.168.56.11', 30080)).toBe('service shop/web:http')
    expect(cluster.nameAt(6, '192.168.56.11', 22)).toBe('node worker-1')
  })

  it('are of a Service without its port where the port or protocol is another', () => {
    expect(cluster.nameAt(6, '10.96.45.12', 81)).toBe('service shop/web')
    expect(cluster.nameAt(17, '10.96.45.12', 80)).toBe('service shop/web')
    expect(cluster.nameAt(17, '192.168.56.11', 30080)).toBe('node worker-1')
    // a node port is one at a node alone
    expect(cluster.nameAt(6, '10.244.1.2', 30080)).toBe('pod shop/web-a')
  })

  it('are empty where no object has the address', () => {
    expect(cluster.nameAt(6, '10.244.1.3', 80)).toBe('')
    expect(cluster.nameAt(1, '10.244.1.2', -1)).toBe('pod shop/web-a')
  })

  it('tell whose pods an address would be of', () => {
    const { family, words } = parseAddress('10.244.1.77')!
    expect(cluster.nodeOfPods(family, words)?.name).toBe('worker-1')
    const other = parseAddress('10.244.2.77')!
    expect(cluster.nodeOfPods(other.family, other.words)).toBeNull()
  })
})

describe('endpoints', () => {
  it('are found by their place and by their Service, with their conditions', () => {
    const cluster = clusterOf(
      list(
        slice('web', [
          { addresses: ['10.244.1.2'], conditions: { ready: true }, nodeName: 'worker-1' },
          { addresses: ['10.244.2.2'], conditions: { ready: false, serving: true, terminating: true } },
          { addresses: ['10.244.2.3'] },
        ]),
      ),
    )
    expect(cluster.endpointsOf({ namespace: 'shop', name: 'web' }).map(({ address }) => address)).toEqual([
      '10.244.1.2',
      '10.244.2.2',
      '10.244.2.3',
    ])
    const [leaving] = cluster.endpointsAt(6, '10.244.2.2', 8080)
    expect(leaving).toMatchObject({ isReady: false, isServing: true, isTerminating: true })
    // what the API does not say of an endpoint is good
    expect(cluster.endpointsAt(6, '10.244.2.3', 8080)[0]).toMatchObject({
      isReady: true,
      isTerminating: false,
    })
    expect(cluster.endpointsAt(6, '10.244.2.3', 8081)).toEqual([])
    expect(cluster.nameAt(6, '10.244.2.3', 8080)).toBe('endpoint of shop/web')
  })
})

describe('pods', () => {
  it('in the network of their node, and those that have ended, have no address of their own', () => {
    const cluster = clusterOf(
      list(
        pod('proxy', ['192.168.56.11'], { hostNetwork: true }),
        pod('job', ['10.244.1.9'], {}, { phase: 'Succeeded' }),
        pod('web-b', ['10.244.1.9']),
        node('worker-1', '192.168.56.11', '10.244.1.0/24'),
      ),
    )
    expect(cluster.nameAt(6, '192.168.56.11', 10256)).toBe('node worker-1')
    expect(cluster.nameAt(6, '10.244.1.9', 80)).toBe('pod shop/web-b')
  })
})

describe('the file', () => {
  it('may be one list, several documents, a list of the API server, or an object alone', () => {
    const pods = JSON.stringify({
      apiVersion: 'v1',
      kind: 'PodList',
      items: [{ ...pod('web-a', ['10.244.1.2']), kind: undefined, apiVersion: undefined }],
    })
    const cluster = clusterOf(`${pods}\n${JSON.stringify(web)}`)
    expect(cluster.nameAt(6, '10.244.1.2', 1)).toBe('pod shop/web-a')
    expect(cluster.nameAt(6, '10.96.45.12', 80)).toBe('service shop/web:http')
  })

  it('may hold other kinds, headless Services and names that objects inherit', () => {
    const cluster = clusterOf(
      list(
        { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } },
        service('constructor', { clusterIP: 'None', ports: [{ port: 80 }] }),
        pod('__proto__', ['10.244.1.2']),
      ),
    )
    expect(cluster.services[0]?.clusterAddresses).toEqual([])
    expect(cluster.nameAt(6, '10.244.1.2', 80)).toBe('pod shop/__proto__')
    expect(cluster.nameAt(6, 'constructor', 80)).toBe('')
  })

  it.each([
    ['no object', '{}'],
    ['a list of rules', '{"nftables": [{"metainfo": {}}]}'],
    ['a document that does not end', '{"kind": "List"'],
    ['no JSON', 'apiVersion: v1\nkind: List\n'],
    ['nothing', ''],
  ])('is refused: %s', (_what, text) => {
    expect(() => clusterOf(text)).toThrow(FileFault)
  })

  it('may have parts of another type than the API has', () => {
    const cluster = clusterOf(
      list(
        { apiVersion: 'v1', kind: 'Pod', metadata: 5, spec: [], status: { podIPs: [null, { ip: 7 }] } },
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 1 }, spec: { ports: [{ port: 'x' }, 4] } },
        { apiVersion: 'v1', kind: 'EndpointSlice', metadata: { labels: [] }, endpoints: 3 },
        { apiVersion: 'v1', kind: 'Node', status: { addresses: 'none' } },
      ),
    )
    expect(cluster.pods[0]?.addresses).toEqual([])
    expect(cluster.services[0]?.ports).toEqual([])
  })

  it('of a large cluster is read in time that follows its size', () => {
    const pods = Array.from({ length: 10_000 }, (_, i) =>
      pod(`p${i}`, [`10.${1 + (i >> 14)}.${(i >> 8) & 63}.${i & 255}`]),
    )
    const services = Array.from({ length: 5_000 }, (_, i) =>
      service(`s${i}`, { clusterIP: `10.96.${i >> 8}.${i & 255}`, ports: [{ port: 80 }] }),
    )
    const cluster = clusterOf(list(...pods, ...services))
    expect(cluster.nameAt(6, '10.96.19.135', 80)).toBe('service shop/s4999')
    expect(cluster.nameAt(6, '10.1.39.15', 80)).toBe('pod shop/p9999')
  })
})
