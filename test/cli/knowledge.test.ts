// `--rules` and `--topology` on the command line: what the report says of them, NOTRACK, and files that are something else.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import type { SizeReport } from '../../src/report/size/size-model.ts'
import { runCli } from '../support/cli.ts'

const CAPTURE = 'fixtures/lab/same-bridge-dnat/any.pcap'
const HEALTHY = 'fixtures/lab/same-bridge-dnat-control/any.pcap'
const VETH = 'fixtures/findings/same-bridge-dnat.veth3a1f09c2.pcap'
const RULES = 'fixtures/knowledge/same-bridge-dnat.rules.txt'
const TOPOLOGY = 'fixtures/lab/same-bridge-dnat/topology.txt'

const folder = mkdtempSync(join(tmpdir(), 'ctpcap-knowledge-'))
afterAll(() => rmSync(folder, { recursive: true }))

function fileOf(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

async function reportOf(...args: string[]): Promise<Report> {
  return JSON.parse((await runCli(['analyze', ...args, '--json', '-q'])).stdout)
}

describe('analyze with rules and topology', () => {
  it('names points by their interfaces, and what these are', async () => {
    const { sightings, findings } = await reportOf(CAPTURE, '--topology', TOPOLOGY)
    expect(sightings?.points.map(({ name, role }) => [name, role])).toEqual([
      ['veth3a1f09c2', 'port of cni0'],
      ['cni0', 'bridge'],
      ['vethd94c6e10', 'port of cni0'],
    ])
    expect(findings[0].points).toEqual(['veth3a1f09c2', 'cni0', 'vethd94c6e10'])
  })

  it('says how the translations go with the rules', async () => {
    const { knowledge } = await reportOf(CAPTURE, '--rules', RULES)
    expect(knowledge).toEqual({
      rules: { files: [RULES], destinations: 2, sources: 2 },
      topology: null,
      translations: {
        confirmed: {
          flows: 1,
          groups: [
            {
              protocol: 'tcp',
              from: '10.96.45.12:80',
              to: '10.244.0.7:8080',
              name: 'default/web:http',
              flows: 1,
              firstFrame: 6,
            },
          ],
        },
        contradicted: { flows: 0, groups: [] },
        unknown: { flows: 0, groups: [] },
        undecided: 0,
      },
    })
    const { stdout } = await runCli(['analyze', CAPTURE, '--rules', RULES])
    expect(stdout).toContain('rules.txt:37 ("default/web:http") sends')
    expect(stdout).toContain('1 translation as the rules say')
  })

  it('tells translations that the rules do not have, or have otherwise', async () => {
    const text =
      '*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.96.45.12 -p tcp -m tcp --dport 80 -m comment --comment old -j DNAT --to-destination 10.244.0.9:8080\nCOMMIT\n'
    const old = await reportOf(HEALTHY, '--rules', fileOf('old.txt', text))
    expect(old.knowledge?.translations?.contradicted).toMatchObject({
      flows: 1,
      groups: [{ from: '10.96.45.12:80', to: '10.244.0.7:8080', name: 'old' }],
    })
    expect(old.findings.filter(({ severity }) => severity !== 'info')).toEqual([])
    const none = await reportOf(
      HEALTHY,
      '--rules',
      fileOf('none.txt', text.replace('10.96.45.12', '10.96.45.13')),
    )
    expect(none.knowledge?.translations?.unknown.flows).toBe(1)
    const perhaps = fileOf('perhaps.txt', text.replace('-p tcp', '-i eth7 -p tcp'))
    expect((await reportOf(HEALTHY, '--rules', perhaps)).knowledge?.translations?.undecided).toBe(1)
    const filter = fileOf('filter.txt', '*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n')
    const translations = (await reportOf(HEALTHY, '--rules', filter)).knowledge?.translations
    expect([translations?.unknown.flows, translations?.contradicted.flows]).toEqual([0, 0])
  })

  it('shows where a flow goes by the rules, and that it was not seen', async () => {
    const { flows } = await reportOf(VETH, '--rules', RULES)
    const flow = flows.top.find(({ orig }) => orig.dst === '10.96.45.12')
    expect(flow?.byRules).toEqual({
      to: '10.244.0.7:8080',
      name: 'default/web:http',
      rule: 'same-bridge-dnat.rules.txt:37',
    })
    expect(flow?.reply.src).toBe('10.96.45.12')
    const { stdout } = await runCli(['analyze', VETH, '--rules', RULES, '--details'])
    expect(stdout).toContain(
      'not seen translated; by same-bridge-dnat.rules.txt:37 it goes to 10.244.0.7:8080',
    )
  })

  it('says nothing of it without', async () => {
    const report = await reportOf(CAPTURE)
    expect(report.knowledge).toBeUndefined()
    expect(report.sightings?.points.every(({ role }) => role === undefined)).toBe(true)
  })
})

describe('NOTRACK', () => {
  const rules = fileOf(
    'notrack.txt',
    '*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.96.45.12/32 -j NOTRACK\n-A PREROUTING -s 10.96.45.12/32 -j NOTRACK\nCOMMIT\n',
  )

  it('leaves packets untracked in every command', async () => {
    const capture = 'fixtures/findings/same-bridge-dnat.veth3a1f09c2.pcap'
    const { packets } = await reportOf(capture, '--rules', rules)
    expect(packets.untracked).toBeGreaterThan(0)
    expect((await reportOf(capture)).packets.untracked).toBe(0)
    const { stdout } = await runCli(['packets', capture, '--rules', rules, '--only', 'untracked'])
    expect(stdout.match(/10\.96\.45\.12:80/g)?.length).toBe(packets.untracked)
    expect((await runCli(['list', capture, '--rules', rules])).stdout).not.toContain('10.96.45.12')
    expect((await runCli(['events', capture, '--rules', rules])).stdout).not.toContain('10.96.45.12')
  })

  it('leaves them out of the table of every scenario of size', async () => {
    const capture = 'fixtures/findings/same-bridge-dnat.veth3a1f09c2.pcap'
    const sized = async (...args: string[]): Promise<SizeReport> =>
      JSON.parse((await runCli(['size', '--json', capture, ...args])).stdout)
    const scenarios = ['--sweep', 'udp_timeout=10..20:10', '--notrack', 'udp port 53']
    const tracked = await sized(...scenarios)
    const untracked = await sized(...scenarios, '--rules', rules)
    const listed = (await runCli(['events', capture, '--rules', rules])).stdout.match(/\[NEW\]/g) ?? []
    for (const [i, { table }] of untracked.scenarios.entries()) {
      expect(table.created).toBe(listed.length)
      expect(table.created).toBeLessThan(tracked.scenarios[i].table.created)
    }
    // what is not tracked in the table as captured either is lost in no scenario
    expect(untracked.scenarios.map(({ loss }) => loss.untranslated)).toEqual([0, 0, 0, 0])
  })

  it('of OUTPUT is about what the host itself sends', async () => {
    const output = fileOf(
      'output.txt',
      '*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -d 10.96.45.12/32 -j NOTRACK\nCOMMIT\n',
    )
    expect((await reportOf(VETH, '--rules', output)).packets.untracked).toBe(0)
    const own = fileOf('own.txt', '2: eth0: <UP> mtu 1500\n    inet 10.244.0.5/24 scope global eth0\n')
    expect((await reportOf(VETH, '--rules', output, '--topology', own)).packets.untracked).toBeGreaterThan(0)
  })
})

describe('files that are something else', () => {
  it.each([
    [
      '--rules',
      'package.json',
      /^ctpcap: --rules package\.json:1: no rules in it, expected the output of iptables-save/,
    ],
    ['--rules', 'fixtures/README.md', /^ctpcap: --rules fixtures\/README\.md:\d+: no rules in it/],
    [
      '--topology',
      'fixtures/knowledge/nft-ruleset.json',
      /^ctpcap: --topology .*:1: no interfaces, routes or neighbours in it/,
    ],
    ['--topology', 'not/there', /^ctpcap: --topology not\/there: no such file/],
  ])('are refused in one line: %s %s', async (option, path, message) => {
    const { code, stderr } = await runCli(['analyze', CAPTURE, option, path])
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
    expect(stderr.trim().split('\n').length).toBe(1)
  })

  it('are refused where JSON ends in the middle', async () => {
    const path = fileOf('cut.json', '\n{"nftables": [{"metainfo": {}}')
    const { code, stderr } = await runCli(['analyze', CAPTURE, '--rules', path])
    expect([code, stderr]).toEqual([2, `ctpcap: --rules ${path}:2: JSON that begins here does not end\n`])
  })

  it('are warned of where a line is passed over', async () => {
    const path = fileOf(
      'odd.txt',
      '*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d nowhere.example -j ACCEPT\nCOMMIT\n',
    )
    const { code, stderr } = await runCli(['analyze', CAPTURE, '--rules', path])
    expect(code).toBe(0)
    expect(stderr).toBe(
      `ctpcap: warning: ${path}:3: -d nowhere.example: expected an address or a network, the rule is passed over\n`,
    )
    expect((await runCli(['analyze', CAPTURE, '--rules', path, '-q'])).stderr).toBe('')
  })

  it('are asked for by iptables-save where nft cannot show them', async () => {
    const rules = ['--rules', 'fixtures/knowledge/nft-of-iptables.json']
    const { stderr } = await runCli(['analyze', CAPTURE, ...rules])
    expect(stderr).toContain('rules were made by iptables, which nft cannot show')
    const both = [
      ...rules,
      '--rules',
      'fixtures/knowledge/iptables-save-counters.txt',
      '--rules',
      'fixtures/knowledge/ip6tables-save.txt',
    ]
    expect((await runCli(['analyze', CAPTURE, ...both])).stderr).toBe('')
  })
})

describe('comments of rules', () => {
  it('reach no terminal as they are', async () => {
    const text =
      '*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.96.45.12 -p tcp -m comment --comment "\u001b[31mred" -j DNAT --to-destination 10.244.0.7:8080\nCOMMIT\n'
    const { stdout } = await runCli(['analyze', VETH, '--rules', fileOf('red.txt', text)])
    expect(stdout).toContain('\\x1b[31mred')
    expect(stdout).not.toContain('\u001b')
  })
})
