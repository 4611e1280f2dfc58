// Recorded nodes of a cluster: what kube-proxy drops on purpose, backends that are gone, and what each file adds to that.
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { FindingReport } from '../../src/report/analyze/finding-model.ts'
import type { Report } from '../../src/report/analyze/model.ts'
import { asIpv6 } from '../support/as-ipv6.ts'
import { runCli } from '../support/cli.ts'
import { EVERYTHING, renumber } from '../support/renumber.ts'

const FOLDER = 'fixtures/kubernetes'
const OPTIONS: Readonly<Record<string, string>> = {
  'rules.txt': '--rules',
  'nft.json': '--rules',
  'topology.json': '--topology',
  'cluster.json': '--kubernetes',
}

async function reportOf(capture: string, ...files: string[]): Promise<Report> {
  const options = files.flatMap(file => [OPTIONS[file] ?? '', join(FOLDER, capture, '..', file)])
  const { code, stdout, stderr } = await runCli(['analyze', '--json', join(FOLDER, capture), ...options])
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Report
}

async function finding(id: string, capture: string, ...files: string[]): Promise<FindingReport | undefined> {
  return (await reportOf(capture, ...files)).findings.find(found => found.id === id)
}

describe('SYNs to a node port without an endpoint on the node', () => {
  const CAPTURE = 'local-no-endpoint/any.pcap'

  it('are told with the rule that drops them, its line and its Service', async () => {
    const found = await finding('lost-in-host', CAPTURE, 'rules.txt', 'topology.json')
    expect(found).toMatchObject({ severity: 'warning', confidence: 'certain', flowCount: 2 })
    expect(found?.title).toContain('rules.txt:34 ("shop/web:http has no local endpoints")')
    expect(found?.cause).toContain('Service shop/web:http')
    const { flows } = await reportOf(CAPTURE, 'rules.txt', 'topology.json')
    expect(flows.total).toBe(0)
  })

  it('are likely by the objects alone, and nothing without files', async () => {
    const found = await finding('lost-in-host', CAPTURE, 'cluster.json')
    expect(found).toMatchObject({ severity: 'warning', confidence: 'likely', flowCount: 2 })
    expect(await finding('lost-in-host', CAPTURE)).toBeUndefined()
  })

  it('are told once where rules and objects say so', async () => {
    const { findings } = await reportOf(CAPTURE, 'rules.txt', 'topology.json', 'cluster.json')
    expect(findings.filter(({ id }) => id === 'lost-in-host')).toHaveLength(1)
  })
})

describe('the same by maps of nftables mode, which name no Service', () => {
  const MAPS = `table ip kube-proxy {
  map no-endpoint-nodeports {
    type inet_proto . inet_service : verdict
    elements = { tcp . 30080 : drop }
  }
  chain filter-input {
    type filter hook input priority filter; policy accept;
    ct state new jump nodeport-endpoints-check
  }
  chain nodeport-endpoints-check {
    ip daddr 192.168.56.11 meta l4proto . th dport vmap @no-endpoint-nodeports
  }
}
`

  it('has the name that objects give it', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'ctpcap-maps-')), 'nft.txt')
    writeFileSync(path, MAPS)
    const folder = join(FOLDER, 'local-no-endpoint')
    const run = async (...more: string[]): Promise<FindingReport | undefined> => {
      const given = ['--rules', path, '--topology', join(folder, 'topology.json'), ...more]
      const { stdout } = await runCli(['analyze', '--json', join(folder, 'any.pcap'), ...given])
      return (JSON.parse(stdout) as Report).findings.find(({ id }) => id === 'lost-in-host')
    }
    const named = await run('--kubernetes', join(folder, 'cluster.json'))
    expect(named).toMatchObject({ severity: 'warning', confidence: 'certain', flowCount: 2 })
    expect(named?.title).toContain('("shop/web:http")')
    const bare = await run()
    expect(bare).toMatchObject({ severity: 'warning', confidence: 'certain', flowCount: 2 })
    expect(bare?.cause).toContain('externalTrafficPolicy')
  })
})

describe('datagrams that keep the entry of a backend that is gone', () => {
  const CAPTURE = 'stale-udp/any.pcap'

  it('are stale-mapping though the first ones were answered', async () => {
    const found = await finding('stale-mapping', CAPTURE)
    expect(found).toMatchObject({ severity: 'error', flowCount: 1 })
    expect(found?.flows[0]).toBe('udp 10.244.1.2:40001 -> 10.96.0.10:53, translated to 10.244.1.3:53')
    expect(found?.steps[0]?.what).toContain('47 packets in 70 s to 10.244.1.3:53 since its last answer')
  })

  it('are so with other addresses, stations, ids and times', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'ctpcap-others-')), 'any.pcap')
    writeFileSync(path, renumber(readFileSync(join(FOLDER, CAPTURE)), EVERYTHING))
    const { stdout } = await runCli(['analyze', '--json', path])
    const found = (JSON.parse(stdout) as Report).findings.find(({ id }) => id === 'stale-mapping')
    const own = await finding('stale-mapping', CAPTURE)
    expect(found).toMatchObject({ severity: 'error', confidence: own?.confidence, flowCount: 1 })
  })

  it('are confirmed by rules that send elsewhere, and by objects without the endpoint', async () => {
    const found = await finding('stale-mapping', CAPTURE, 'nft.json', 'cluster.json')
    expect(found?.confidence).toBe('certain')
    expect(found?.reason).toContain('10.244.1.3:53 gets no new flow')
    expect(found?.reason).toContain('10.244.1.3:53 is no endpoint of kube-system/kube-dns:dns any more')
    expect(found?.title).toContain('their entry is older')
  })

  it('are of rules that still hold the backend where those do: another cause, another fix', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ctpcap-stale-'))
    for (const file of ['any.pcap', 'cluster.json'])
      copyFileSync(join(FOLDER, 'stale-udp', file), join(folder, file))
    const text = readFileSync(join(FOLDER, 'stale-udp/nft.json'), 'utf8')
    const old = text.replaceAll('{"addr": "10.244.2.2", "port": 53}', '{"addr": "10.244.1.3", "port": 53}')
    expect(old).not.toBe(text)
    writeFileSync(join(folder, 'nft.json'), old)
    const args = ['--rules', join(folder, 'nft.json'), '--kubernetes', join(folder, 'cluster.json')]
    const { stdout } = await runCli(['analyze', '--json', join(folder, 'any.pcap'), ...args])
    const { findings } = JSON.parse(stdout) as Report
    const still = findings.find(({ id }) => id === 'stale-mapping')
    expect(still?.title).toBe('Rules still send to a backend that is gone')
    expect(still?.fix[0]?.commands[0]).toContain('k8s-app=kube-proxy')
  })

  it('leave a topology useful from which the port of the pod is gone', async () => {
    const { knowledge } = await reportOf(CAPTURE, 'topology.json')
    expect(knowledge?.topology?.host).toBe('')
  })
})

describe('rules that lack what the traffic met', () => {
  const PLUGIN = '*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -s 10.244.1.2/32 -j MASQUERADE\nCOMMIT\n'
  const folder = mkdtempSync(join(tmpdir(), 'ctpcap-lacking-'))
  const write = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  const capture = join(FOLDER, 'stale-udp/any.pcap')
  const overIpv6 = write('any6.pcap', asIpv6(readFileSync(capture)))
  const plugin = write('rules.txt', PLUGIN)
  const plugin6 = write('rules6.txt', PLUGIN.replace('10.244.1.2/32', 'fd00::1:0:0:af4:102/128'))
  const nft = join(FOLDER, 'stale-udp/nft.json')

  it.each<[string, string, string[], string[] | undefined]>([
    ['nftables where iptables-save was given alone', capture, [plugin], ['nft -j list ruleset']],
    ['nothing where both were given', capture, [plugin, nft], undefined],
    ['nothing where no iptables plays a part', capture, [nft], undefined],
    ['IPv6 where rules of IPv4 were given', overIpv6, [plugin], ['ip6tables-save']],
    ['nftables where both of iptables were given', overIpv6, [plugin, plugin6], ['nft -j list ruleset']],
  ])('are asked for: %s', async (_, path, files, lacking) => {
    const rules = files.flatMap(file => ['--rules', file])
    const { stdout } = await runCli(['analyze', '--json', path, ...rules])
    expect((JSON.parse(stdout) as Report).knowledge?.rules?.lacking).toEqual(lacking)
    const text = await runCli(['analyze', path, ...rules])
    expect(text.stdout.replaceAll(/\s+/g, ' ').includes('give the output of')).toBe(lacking !== undefined)
  })
})

describe('queries of which a bridge shows the answers in front of the translation', () => {
  it('were answered one after the other: none was exposed to a race', async () => {
    expect(await finding('dns-race', 'dns-answered.cni0.pcap')).toBeUndefined()
  })
})
