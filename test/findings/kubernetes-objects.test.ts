// Kubernetes objects as evidence: what they have against flows is told where those were answered, and named where nobody answered.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Ends, FlowCapture, reportOf, turned } from '../support/flow-captures.ts'

const SYN = 0x02
const SYN_ACK = 0x12

const CLIENT = '10.244.1.2'
const WEB = '10.244.1.3'
const REMOTE = '10.244.2.2'
const SERVICE = '10.96.45.12'
const BALANCER = '192.0.2.80'
const NODE = '192.168.56.11'
const OUTSIDE = '203.0.113.10'

const pod = (name: string, node: string, ip: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'shop', name, labels: { app: name } },
  spec: { nodeName: node },
  status: { phase: 'Running', podIP: ip },
})
const node = (name: string, address: string, podCIDR: string) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: { podCIDR },
  status: { addresses: [{ type: 'InternalIP', address }] },
})
const service = (spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'shop', name: 'web' },
  spec: {
    type: 'LoadBalancer',
    clusterIP: SERVICE,
    ports: [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30080 }],
    ...spec,
  },
  status: { loadBalancer: { ingress: [{ ip: BALANCER }] } },
})
const slice = (...endpoints: object[]) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { namespace: 'shop', name: 'web-x', labels: { 'kubernetes.io/service-name': 'web' } },
  endpoints,
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
})
const endpoint = (address: string, nodeName: string, ready = true) => ({
  addresses: [address],
  conditions: { ready, serving: ready },
  nodeName,
})
const policy = (ingress: object[]) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { namespace: 'shop', name: 'closed' },
  spec: { podSelector: { matchLabels: { app: 'web' } }, ingress },
})

const CLUSTER = [
  pod('client', 'worker-1', CLIENT),
  pod('web', 'worker-1', WEB),
  pod('remote', 'worker-2', REMOTE),
  node('worker-1', NODE, '10.244.1.0/24'),
  node('worker-2', '192.168.56.12', '10.244.2.0/24'),
]

function fileOf(...objects: object[]): string {
  const path = join(mkdtempSync(join(tmpdir(), 'ctpcap-objects-')), 'objects.json')
  writeFileSync(path, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...CLUSTER, ...objects] }))
  return path
}

interface Try {
  client?: string
  asked: string
  port?: number
  /** Where it was sent to; the address that was asked without. */
  backend?: string
  isAnswered?: boolean
  sourcePort?: number
}

/** SYNs on both sides of the node, which translates them to port 8080 of a backend, and the answers. */
function captureOf(...tries: Try[]): FlowCapture[] {
  const inside = new FlowCapture()
  const outside = new FlowCapture()
  for (const [
    index,
    { client = CLIENT, asked, port = 80, backend, isAnswered = true, sourcePort },
  ] of tries.entries()) {
    const flow: Ends = {
      source: client,
      destination: asked,
      sourcePort: sourcePort ?? 41_000 + index,
      destinationPort: port,
    }
    const behind = backend === undefined ? flow : { ...flow, destination: backend, destinationPort: 8080 }
    for (let again = 0; again < (isAnswered ? 1 : 3); again++) {
      outside.identification = inside.identification
      inside.segment(flow, { flags: SYN, sequence: 1000 + index })
      outside.wait(0.00002)
      if (backend !== undefined) outside.segment(behind, { flags: SYN, sequence: 1000 + index, ttl: 63 })
      for (const capture of [inside, outside]) capture.wait(1)
    }
    if (isAnswered) {
      outside.identification = inside.identification
      const answer = { flags: SYN_ACK, sequence: 5000, acknowledgment: 1001 + index }
      if (backend !== undefined) outside.segment(turned(behind), answer)
      inside.wait(0.00002).segment(turned(flow), { ...answer, ttl: 63 })
    }
    for (const capture of [inside, outside]) capture.wait(1)
  }
  return [inside, outside]
}

async function told(tries: Try[], objects: object[]): Promise<{ findings: string[]; objections: string[] }> {
  const report = await reportOf(captureOf(...tries), '--kubernetes', fileOf(...objects))
  return {
    findings: report.findings
      .filter(({ id }) => id === 'lost-in-host')
      .map(({ severity, confidence, title }) => `${severity} ${confidence}: ${title}`),
    objections: (report.knowledge?.objections ?? []).map(
      ({ code, object, detail, flows, answered }) => `${code} ${object} ${detail} ${flows}/${answered}`,
    ),
  }
}

describe('objects that go with the traffic', () => {
  it('have nothing against it', async () => {
    const objects = [service(), slice(endpoint(WEB, 'worker-1'), endpoint(REMOTE, 'worker-2'))]
    const tries = [
      { asked: SERVICE, backend: WEB },
      { asked: BALANCER, client: OUTSIDE, backend: REMOTE },
      { asked: NODE, port: 30080, client: OUTSIDE, backend: WEB },
      { asked: OUTSIDE, isAnswered: false },
    ]
    expect(await told(tries, objects)).toEqual({ findings: [], objections: [] })
  })
})

describe('a NetworkPolicy that does not allow a flow', () => {
  const objects = [service(), slice(endpoint(WEB, 'worker-1'))]
  const closed = policy([{ from: [{ podSelector: { matchLabels: { app: 'other' } } }] }])

  it('is named as a policy where nobody answers, and never certain', async () => {
    const { findings } = await told(
      [{ asked: SERVICE, backend: WEB, isAnswered: false }],
      [...objects, closed],
    )
    expect(findings).toEqual([
      'warning likely: NetworkPolicy shop/closed does not allow what clients open, and nobody answers',
    ])
  })

  it('is contradicted where somebody does', async () => {
    expect(await told([{ asked: SERVICE, backend: WEB }], [...objects, closed])).toEqual({
      findings: [],
      objections: ['policy shop/closed ingress of pod shop/web 1/1'],
    })
  })

  it('explains nothing that it allows', async () => {
    const open = policy([{ ports: [{ port: 8080 }] }])
    const tries = [{ asked: SERVICE, backend: WEB, isAnswered: false }]
    expect(await told(tries, [...objects, open])).toEqual({ findings: [], objections: [] })
  })
})

describe('a Service', () => {
  it('has endpoints: others, and those that are not ready, are told', async () => {
    const objects = [service(), slice(endpoint(REMOTE, 'worker-2', false))]
    const { objections } = await told(
      [
        { asked: SERVICE, backend: WEB },
        { asked: SERVICE, backend: REMOTE },
      ],
      objects,
    )
    expect(objections).toEqual([
      `no-endpoint shop/web:http ${WEB}:8080 1/1`,
      `not-ready shop/web:http ${REMOTE}:8080 1/1`,
    ])
  })

  it('without a ready endpoint explains that nobody answers', async () => {
    const tries = [{ asked: SERVICE, isAnswered: false }]
    expect((await told(tries, [service(), slice()])).findings).toEqual([
      'info likely: Nobody answers what clients open: no endpoint of shop/web:http is ready',
    ])
  })

  it.each([
    ['internalTrafficPolicy', SERVICE, 80, CLIENT],
    ['externalTrafficPolicy', NODE, 30080, OUTSIDE],
  ])('with %s Local has endpoints of the node alone', async (setting, asked, port, client) => {
    const objects = [service({ [setting]: 'Local' }), slice(endpoint(REMOTE, 'worker-2'))]
    const silent = await told([{ client, asked, port, isAnswered: false }], objects)
    expect(silent.findings).toEqual([
      'warning likely: Nobody answers what clients open: shop/web:http has traffic policy Local and no endpoint that is ready on worker-1',
    ])
    expect((await told([{ client, asked, port, backend: REMOTE }], objects)).objections).toEqual([
      'other-node shop/web:http worker-2 1/1',
    ])
  })

  it('with loadBalancerSourceRanges takes no other clients', async () => {
    const objects = [
      service({ loadBalancerSourceRanges: ['198.51.100.0/24'] }),
      slice(endpoint(WEB, 'worker-1')),
    ]
    const silent = await told([{ client: OUTSIDE, asked: BALANCER, isAnswered: false }], objects)
    expect(silent.findings).toEqual([
      expect.stringContaining('outside of loadBalancerSourceRanges of shop/web:http'),
    ])
    const inside = await told([{ client: '198.51.100.9', asked: BALANCER, isAnswered: false }], objects)
    expect(inside.findings).toEqual([])
    expect((await told([{ client: OUTSIDE, asked: BALANCER, backend: WEB }], objects)).objections).toEqual([
      `outside-ranges shop/web:http ${OUTSIDE} 1/1`,
    ])
  })

  it('with sessionAffinity keeps the backend of a client, for its time', async () => {
    const ends = slice(endpoint(WEB, 'worker-1'), endpoint(REMOTE, 'worker-2'))
    const tries = [
      { asked: SERVICE, backend: WEB },
      { asked: SERVICE, backend: REMOTE },
    ]
    const affine = (more: object = {}) => service({ sessionAffinity: 'ClientIP', ...more })
    expect((await told(tries, [affine(), ends])).objections).toEqual([`affinity shop/web ${CLIENT} 1/1`])
    expect((await told(tries, [service(), ends])).objections).toEqual([])
    const short = affine({ sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } } })
    expect((await told(tries, [short, ends])).objections).toEqual([])
  })
})
