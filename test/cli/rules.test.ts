// `ctpcap rules`: what each rule met and dropped, as text and JSON; what `--rules-after` would change; fates in `packets`.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import type { RulesReport } from '../../src/report/rules/rules-model.ts'
import type { SizeReport } from '../../src/report/size/size-model.ts'
import { CaptureBuilder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'

const CAPTURE = 'fixtures/lab/same-bridge-dnat-control/any.pcap'
const TOPOLOGY = ['--topology', 'fixtures/lab/same-bridge-dnat/topology.txt']
const folder = mkdtempSync(join(tmpdir(), 'ctpcap-rules-'))
afterAll(() => rmSync(folder, { recursive: true }))

function rulesFile(name: string, ...rules: string[]): string {
  const path = join(folder, name)
  const head = ['*filter', ':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]']
  writeFileSync(path, [...head, ...rules, 'COMMIT', ''].join('\n'))
  return path
}

const OPEN = rulesFile(
  'open.txt',
  '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT',
  '-A FORWARD -p tcp -j ACCEPT',
  '-A FORWARD -p udp -j DROP',
)
const CLOSED = rulesFile('closed.txt', '-A FORWARD -p tcp -m tcp --tcp-flags SYN,ACK SYN -j DROP')

async function reportOf(...args: string[]): Promise<RulesReport> {
  const { code, stdout, stderr } = await runCli([
    'rules',
    CAPTURE,
    ...TOPOLOGY,
    ...args,
    '--format',
    'json',
    '-q',
  ])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

describe('ctpcap rules', () => {
  it('counts what each rule and policy met', async () => {
    const { schema, packets, fates, rules, dropped } = await reportOf('--rules', OPEN)
    expect(schema).toBe('ctpcap.rules/1')
    expect(Object.values(fates).reduce((sum, count) => sum + count, 0)).toBe(packets)
    const [established, tcp, udp] = rules.filter(rule => !rule.isPolicy)
    expect([established.line, tcp.line, udp.line]).toEqual([5, 6, 7])
    expect(established.packets).toBeGreaterThan(tcp.packets)
    expect(tcp.packets).toBeGreaterThan(0)
    expect([udp.packets, udp.first, dropped]).toEqual([0, null, []])
    expect(tcp.first).not.toBeNull()
    // what is forwarded meets one of them, and the policy nothing
    expect(rules.find(rule => rule.isPolicy && rule.chain === 'FORWARD')?.packets).toBe(0)
  })

  it('tells what other rules would change, and by which of them', async () => {
    const { change } = await reportOf('--rules', OPEN, '--rules-after', CLOSED)
    expect(change?.packets).toBeGreaterThan(0)
    for (const { before, after } of change?.groups ?? []) {
      expect(['forwarded', 'bridged']).toContain(before.fate)
      expect(after).toMatchObject({ fate: 'dropped', rule: expect.stringContaining('closed.txt:5') })
    }
    expect((await reportOf('--rules', OPEN, '--rules-after', OPEN)).change).toMatchObject({
      packets: 0,
      groups: [],
    })
  })

  it('is there for people, too', async () => {
    const { code, stdout } = await runCli(['rules', CAPTURE, ...TOPOLOGY, '--rules', CLOSED, '-q'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Packets {3}\d+ packets replayed through the rules/)
    expect(stdout).toMatch(/closed\.txt:5 -A FORWARD/)
  })

  it('needs rules', async () => {
    const { code, stdout, stderr } = await runCli(['rules', CAPTURE])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('--rules')
  })

  it('asks for the rules before it reads those that might come in their place', async () => {
    const args = ['rules', 'no-such-capture.pcap', '--rules-after', 'no-such-file.txt']
    const { code, stderr } = await runCli(args)
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'ctpcap: --rules-after: give the rules in whose place they come with --rules FILE\n',
    })
    expect((await runCli(['rules', 'no-such-capture.pcap'])).stderr).toBe(
      'ctpcap: give the rules of the host with --rules FILE\n',
    )
  })
})

describe('ctpcap analyze with other rules', () => {
  const asked = join(folder, 'connections.pcap')
  const topology = join(folder, 'host.txt')
  writeFileSync(
    asked,
    // two questions with answers, and one whose answer the rules that ran drop
    new CaptureBuilder()
      .udp({ sourcePort: 1 })
      .udp({ source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 53, destinationPort: 1 })
      .udp({ sourcePort: 2 })
      .udp({ source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 53, destinationPort: 2 })
      .udp({ sourcePort: 3, destinationPort: 54 })
      .udp({ sourcePort: 3, destinationPort: 54 })
      .bytes(),
  )
  writeFileSync(topology, '2: eth0: <UP>\n    inet 10.0.0.2/24 scope global eth0\n')
  const sysctl = join(folder, 'sysctl.txt')
  writeFileSync(sysctl, 'net.ipv4.conf.all.rp_filter = 0\nnet.netfilter.nf_conntrack_udp_timeout = 30\n')
  const raw = (name: string, ...lines: string[]): string => {
    const path = join(folder, name)
    const head = ['*raw', ':PREROUTING ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]']
    writeFileSync(path, [...head, ...lines, 'COMMIT', ''].join('\n'))
    return path
  }
  const before = raw('before.txt', '-A PREROUTING -p udp --dport 54 -j DROP')
  const args = [
    'analyze',
    asked,
    '--topology',
    topology,
    '--sysctl',
    sysctl,
    '--rules',
    before,
    '-q',
    '--json',
  ]

  it('counts connections that would break and that would come about', async () => {
    const after = raw(
      'after.txt',
      '-A OUTPUT -p udp --sport 53 -j DROP',
      '-A PREROUTING -p udp --dport 54 -j DROP',
    )
    const { code, stdout } = await runCli([...args, '--rules-after', after])
    expect(code).toBe(0)
    const { change } = JSON.parse(stdout) as Report
    expect(change).toMatchObject({ packets: 2, broken: 2, opened: 0 })
    expect(change?.groups).toMatchObject([
      {
        state: 'established',
        source: '10.0.0.1',
        destination: '10.0.0.2:53',
        isAnswer: true,
        packets: 2,
        connections: 2,
        before: { fate: 'sent' },
        after: { fate: 'dropped', rule: 'after.txt:4 -A OUTPUT -p udp --sport 53 -j DROP' },
      },
    ])
    const open = raw('open-raw.txt', '-A PREROUTING -p udp --dport 53 -j ACCEPT')
    expect(JSON.parse((await runCli([...args, '--rules-after', open])).stdout).change).toMatchObject({
      packets: 2,
      broken: 0,
      opened: 1,
      groups: [{ packets: 2, connections: 1, before: { fate: 'dropped' }, after: { fate: 'delivered' } }],
    })
    expect(JSON.parse((await runCli([...args, '--rules-after', before])).stdout).change).toMatchObject({
      packets: 0,
      broken: 0,
      groups: [],
    })
    expect('change' in JSON.parse((await runCli(args)).stdout)).toBe(false)
  })

  it('is refused where no packet goes through rules', async () => {
    for (const how of [
      ['--replay', 'frames'],
      ['--tunnels', 'inner'],
    ]) {
      const { code, stderr } = await runCli([...args, '--rules-after', before, ...how])
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: `ctpcap: --rules-after: with ${how.join(' ')} no packet goes through rules\n`,
      })
    }
  })
})

describe('ctpcap analyze with rules', () => {
  const capture = join(folder, 'invalid.pcap')
  const topology = join(folder, 'own.txt')
  const sysctl = join(folder, 'own-sysctl.txt')
  // SYN and FIN together
  writeFileSync(
    capture,
    new CaptureBuilder().tcp({ flags: 3 }).tcp({ flags: 3, destinationPort: 81 }).bytes(),
  )
  writeFileSync(topology, '2: eth0: <UP>\n    inet 10.0.0.2/24 scope global eth0\n')
  writeFileSync(sysctl, 'net.ipv4.conf.all.rp_filter = 0\nnet.netfilter.nf_conntrack_udp_timeout = 30\n')
  const verdict = async (...rules: string[]): Promise<string> => {
    const given = rules.length === 0 ? [] : ['--rules', rulesFile('invalid.txt', ...rules)]
    const { stdout } = await runCli([
      'analyze',
      capture,
      '--topology',
      topology,
      '--sysctl',
      sysctl,
      ...given,
    ])
    return stdout
  }

  it('names the rule that drops INVALID packets', async () => {
    const rule = '-A INPUT -p tcp --dport 81 -m state --state INVALID -j DROP'
    const some = await verdict(rule)
    expect(some).toContain(
      '2 of 2 packets INVALID (100 %): NAT skips them, and the given rules drop 1 of them',
    )
    expect(some).toContain(`1 dropped by invalid.txt:5 (ip filter INPUT): ${rule}`)
    expect(await verdict('-A INPUT -m conntrack --ctstate INVALID -j DROP')).toContain(
      'and the given rules drop them',
    )
    expect(await verdict('-A INPUT -p udp -j DROP')).toContain('and the given rules let them through')
    expect(await verdict()).toContain('and rules with --ctstate INVALID -j DROP drop them')
  })

  const recorded = join(process.env.CTPCAP_CORPUS ?? '', 'wild', 'k8s-k8s72511')

  it.skipIf(!existsSync(recorded))(
    'names what dropped the packets that are lost inside the host',
    async () => {
      const given = ['--rules', 'rules.txt', '--topology', 'topo.txt', '--sysctl', 'sysctl.txt'].map(word =>
        word.startsWith('--') ? word : join(recorded, word),
      )
      const captures = ['any.pcap', 'cni0.pcap'].map(name => join(recorded, 'captures', name))
      const { stdout } = await runCli(['analyze', ...captures, ...given, '--json', '-q'])
      const lost = (JSON.parse(stdout) as Report).findings.find(({ id }) => id === 'lost-in-host')
      expect(lost?.cause).toBe('in this host: the policy of ip filter FORWARD drops them')
      expect(lost?.reason).toContain('the policy of ip filter FORWARD drops them')
    },
  )
})

describe('ctpcap size with rules', () => {
  const capture = join(folder, 'questions.pcap')
  const topology = join(folder, 'server.txt')
  const sysctl = join(folder, 'server-sysctl.txt')
  const questions = new CaptureBuilder()
  for (let port = 1; port <= 5; port++) {
    questions
      .udp({ sourcePort: port })
      .udp({ source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 53, destinationPort: port })
      .udp({ sourcePort: port, destinationPort: 99 })
  }
  writeFileSync(capture, questions.bytes())
  writeFileSync(topology, '2: eth0: <UP>\n    inet 10.0.0.2/24 scope global eth0\n')
  writeFileSync(sysctl, 'net.ipv4.conf.all.rp_filter = 0\nnet.netfilter.nf_conntrack_udp_timeout = 30\n')
  const closed = (name: string, ...more: string[]): string => {
    const path = join(folder, name)
    const lines = [
      '*filter',
      ':INPUT DROP [0:0]',
      ':OUTPUT DROP [0:0]',
      '-A INPUT -p udp -m udp --dport 53 -j ACCEPT',
      '-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT',
    ]
    writeFileSync(path, [...lines, ...more, 'COMMIT', ''].join('\n'))
    return path
  }
  const sizeOf = async (...args: string[]): Promise<SizeReport> => {
    const { code, stdout, stderr } = await runCli([
      ...['size', capture, '--topology', topology, '--sysctl', sysctl, '--json', '-q'],
      ...args,
    ])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return JSON.parse(stdout)
  }

  it('has no entry for what they drop', async () => {
    const { scenarios } = await sizeOf('--rules', closed('closed-host.txt'), '--scenario', 'udp_timeout=10')
    expect(scenarios.map(({ table }) => table.peak.entries)).toEqual([5, 5])
    expect(scenarios.map(({ loss }) => loss.refused)).toEqual([0, 0])
    expect((await sizeOf('--scenario', 'udp_timeout=10')).scenarios[1]?.loss.refused).toBeUndefined()
  })

  it('says what they refuse of what is no longer tracked, and what would let it through', async () => {
    const { scenarios } = await sizeOf('--rules', closed('closed-host.txt'), '--notrack', 'udp port 53')
    expect(scenarios[1]?.table.peak.entries).toBe(0)
    expect(scenarios[1]?.loss).toMatchObject({
      refused: 5,
      refusals: [
        {
          rule: 'policy OUTPUT DROP',
          protocol: 'udp',
          port: 53,
          isAnswer: true,
          flows: 5,
          accept: 'iptables -t filter -I OUTPUT -p udp --sport 53 -m conntrack --ctstate UNTRACKED -j ACCEPT',
        },
      ],
    })
    const accepting = closed(
      'accepting.txt',
      '-A OUTPUT -p udp --sport 53 -m conntrack --ctstate UNTRACKED -j ACCEPT',
    )
    const { scenarios: later } = await sizeOf('--rules', accepting, '--notrack', 'udp port 53')
    expect(later[1]?.loss).toMatchObject({ refused: 0, refusals: [] })
  })

  it('in a tool of their own', async () => {
    const nft = join(folder, 'host.nft')
    const chain = (hook: string, ...lines: string[]): string =>
      [`chain ${hook} {`, `type filter hook ${hook} priority filter; policy drop;`, ...lines, '}'].join('\n')
    const input = chain('input', 'udp dport 53 accept', 'udp dport 99 accept')
    writeFileSync(nft, `table inet own {\n${input}\n${chain('output', 'ct state established accept')}\n}\n`)
    const { scenarios } = await sizeOf('--rules', nft, '--notrack', 'udp port 53')
    expect(scenarios[1]?.loss.refusals?.[0]?.accept).toBe(
      'nft insert rule inet own output ct state untracked udp sport 53 accept',
    )
  })

  it('has a scenario with other rules in their place', async () => {
    const open = closed('open-host.txt', '-A INPUT -p udp --dport 99 -j ACCEPT')
    const { scenarios } = await sizeOf('--rules', closed('closed-host.txt'), '--rules-after', open)
    expect(scenarios.map(({ name, table }) => [name, table.peak.entries])).toEqual([
      ['as captured', 5],
      ['--rules-after', 10],
    ])
    const back = await sizeOf('--rules', open, '--rules-after', closed('closed-host.txt'))
    expect(back.scenarios[1]?.loss).toMatchObject({
      refused: 5,
      refusals: [{ rule: 'policy INPUT DROP', port: 99, isAnswer: false, flows: 5, accept: null }],
    })
  })
})

describe('ctpcap list with rules', () => {
  const capture = join(folder, 'asked.pcap')
  const topology = join(folder, 'addresses.txt')
  writeFileSync(
    capture,
    new CaptureBuilder().udp({ sourcePort: 1 }).udp({ sourcePort: 2, destinationPort: 54 }).bytes(),
  )
  writeFileSync(topology, '2: eth0: <UP>\n    inet 10.0.0.2/24 scope global eth0\n')
  const ports = async (...args: string[]): Promise<string[]> => {
    const { code, stdout } = await runCli(['list', capture, '--topology', topology, ...args])
    expect(code).toBe(0)
    return [...stdout.matchAll(/sport=\d+ dport=(\d+) \[UNREPLIED\]/g)].map(([, port = '']) => port)
  }

  it.each(['end', 'peak'])('shows no entry whose packet they drop, at the %s', async at => {
    expect(await ports('--at', at)).toEqual(['53', '54'])
    expect(await ports('--at', at, '--rules', OPEN)).toEqual(['53', '54'])
    const rules = join(folder, 'dns.txt')
    writeFileSync(
      rules,
      '*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 53 -j DROP\nCOMMIT\n',
    )
    expect(await ports('--at', at, '--rules', rules)).toEqual(['54'])
  })
})

describe('ctpcap packets with rules', () => {
  it('has a line for each packet, with its fate and the rule that decided', async () => {
    const args = ['packets', CAPTURE, ...TOPOLOGY, '--rules', OPEN, '--format', 'ndjson']
    const { code, stdout } = await runCli(args)
    expect(code).toBe(0)
    const lines = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { fate?: string; rule?: { place: string } | null; state: string })
    const { packets } = await reportOf('--rules', OPEN)
    const told = lines.filter(({ fate }) => fate !== undefined)
    expect(told.length).toBe(packets)
    expect(told.some(({ rule }) => rule?.place === 'open.txt:6')).toBe(true)
  })
})
