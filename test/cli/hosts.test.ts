// Captures of several hosts in one command line: a table for each, as that host's kernel had it.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { TCP_ACK, TCP_SYN } from '../../src/net/numbers.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'

const FOLDER = 'fixtures/two-hosts'
const ELSEWHERE = 'nodeport-elsewhere'
const MASQUERADED = 'nodeport-elsewhere-masqueraded'

/** Both nodes of a recorded case, with their rules and topologies. */
function nodes(name: string): string[] {
  const of = (node: string, kind: string): string => `${node}=${join(FOLDER, name, `${node}.${kind}`)}`
  const files = (kind: string) => ['nodeA', 'nodeB'].map(node => of(node, kind))
  return [
    ...files('any.pcap'),
    ...files('rules.txt').flatMap(file => ['--rules', file]),
    ...files('topology.txt').flatMap(file => ['--topology', file]),
  ]
}

/** Lines of a listing without the seconds left, which go on between the last packet and the listing. */
function entriesOf(text: string): string[] {
  return text
    .trim()
    .split('\n')
    .map(line => line.replace(/^(\w+ +\d+) \d+ /, '$1 '))
    .sort()
}

const handshake = (answered: boolean): CaptureBuilder => {
  const capture = new CaptureBuilder().tcp({
    sourcePort: 1000,
    destinationPort: 80,
    flags: TCP_SYN,
    sequence: 1,
  })
  if (!answered) return capture
  const back = { source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 80, destinationPort: 1000 }
  return capture.wait(0.01).tcp({ ...back, flags: TCP_SYN | TCP_ACK, sequence: 7, acknowledgment: 2 })
}

/** Two captures of two hosts that show the same tuple. */
function twins(folder: Folder): [string, string] {
  return [folder.write('a.pcap', handshake(false).bytes()), folder.write('b.pcap', handshake(true).bytes())]
}

describe('captures of two hosts', () => {
  it.each([ELSEWHERE, MASQUERADED])(
    "%s: give two listings, each as that host's kernel had it",
    async name => {
      const { code, stdout } = await runCli(['list', ...nodes(name)])
      expect(code).toBe(0)
      const [, a = '', b = ''] = stdout.split(/==> node[AB] <==\n/)
      const recorded = (node: string): string[] =>
        entriesOf(readFileSync(join(FOLDER, name, `${node}.final.txt`), 'utf8'))
      // IGMP of the other node's pods is in no capture
      const seen = (lines: string[]) => lines.filter(line => !line.includes('224.0.0.22'))
      expect(seen(entriesOf(a))).toEqual(seen(recorded('nodeA')))
      expect(seen(entriesOf(b))).toEqual(seen(recorded('nodeB')))
    },
  )

  it('are told of one after the other, with one connection through both', async () => {
    const { stdout } = await runCli(['analyze', ...nodes(MASQUERADED)])
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      'tcp nodeA 10.244.0.5:40001 -> 192.168.56.12:30080, nodeB 10.244.0.5:40001 -> 192.168.56.12:30080, nodeA 192.168.56.12:41453 -> 10.244.0.7:8080',
    )
    expect(stdout.split('\n').filter(line => line.startsWith('==> '))).toEqual([
      '==> nodeA <==',
      '==> nodeB <==',
    ])
    expect(stdout.match(/Nothing wrong found;/g)).toHaveLength(2)
  })

  it('are told at a glance as the verdict of each tells of them', async () => {
    using folder = new Folder()
    const [a, b] = twins(folder)
    const { stdout } = await runCli(['analyze', `a=${a}`, `b=${b}`, '--only', 'syn-flood'])
    expect(stdout.split('\n').slice(0, 2)).toEqual([
      'Hosts     a  1 without a reply; 1 flow, peak 1 live entry',
      '          b  1 unfinished; 1 flow, peak 1 live entry',
    ])
    const sound = folder.write('sound.pcap', new CaptureBuilder().connection(1000).bytes())
    const { stdout: told } = await runCli(['analyze', `a=${sound}`, `b=${b}`])
    expect(told).toMatch(/^Hosts {5}a {2}Nothing wrong found;/)
  })

  it('have a document each, in one', async () => {
    const { stdout } = await runCli(['analyze', ...nodes(ELSEWHERE), '--json'])
    const { schema, hosts, connections } = JSON.parse(stdout)
    expect(schema).toBe('ctpcap.hosts/1')
    expect(hosts.map((each: { host: string }) => each.host)).toEqual(['nodeA', 'nodeB'])
    expect(hosts[1].report.schema).toBe('ctpcap.report/2')
    expect(connections).toHaveLength(1)
    const [{ hops }] = connections
    expect(
      hops.map(({ host, findings }: { host: string; findings: string[] }) => [host, findings[0]]),
    ).toEqual([
      ['nodeA', 'dsr-untranslated-reply'],
      ['nodeB', 'dsr-untranslated-reply'],
      ['nodeA', undefined],
    ])
  })

  it('have one story where one host does what the other shows', async () => {
    const { stdout } = await runCli(['analyze', ...nodes(ELSEWHERE)])
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      'Hosts     nodeA  error dsr-untranslated-reply (because of nodeB), 1 without a reply; 6 flows, peak 3 live entries',
      '          nodeB  error dsr-untranslated-reply, 1 without a reply; 1 flow, peak 1 live entry',
      '          fix on nodeB: dsr-untranslated-reply; it is the cause of dsr-untranslated-reply on nodeA (1 connection)',
    ])
    const [, a = '', b = ''] = stdout.split(/==> node[AB] <==\n/)
    expect(a).toContain('fix     on nodeB, as told there')
    expect(a).not.toContain('iptables -t nat')
    expect(b).toContain('iptables -t nat -A POSTROUTING')

    const document = JSON.parse((await runCli(['analyze', ...nodes(ELSEWHERE), '--json'])).stdout)
    const cause = { host: 'nodeB', id: 'dsr-untranslated-reply' }
    expect(document.connections[0].causes).toEqual([
      { ...cause, consequences: [{ host: 'nodeA', id: 'dsr-untranslated-reply' }] },
    ])
    const causes = document.hosts.map((each: { report: { findings: { causedBy?: unknown }[] } }) =>
      each.report.findings.map(({ causedBy }) => causedBy ?? null),
    )
    expect(causes).toEqual([
      [cause, null],
      [null, null],
    ])
  })

  it('whose traffic is one stream are one table without names, and two with them', async () => {
    using folder = new Folder()
    const [a, b] = twins(folder)
    const states = async (...captures: string[]): Promise<string[]> => {
      const { stdout } = await runCli(['list', ...captures])
      return stdout.match(/SYN_SENT|SYN_RECV/g) ?? []
    }
    expect(await states(a, b)).toEqual(['SYN_RECV'])
    expect(await states(`a=${a}`, `b=${b}`)).toEqual(['SYN_SENT', 'SYN_RECV'])
  })

  it('are told to be taken for one where no name tells them apart', async () => {
    const captures = (prefix: (node: string) => string): string[] =>
      ['nodeA', 'nodeB'].map(node => `${prefix(node)}${join(FOLDER, MASQUERADED, `${node}.any.pcap`)}`)
    const limits = async (...args: string[]): Promise<string> =>
      (await runCli(['analyze', ...args])).stdout.replace(/\s+/g, ' ')
    expect(await limits(...captures(() => ''))).toMatch(/12 packets went from .*nodeA.any.pcap \(frame 10\)/)
    expect(await limits(...captures(node => `${node}=`))).not.toContain('taken for one')
    // the interfaces of one host
    const [host] = captures(() => '')
    expect(await limits(host)).not.toContain('taken for one')
  })

  it('are named in each line that a program reads', async () => {
    using folder = new Folder()
    const [a, b] = twins(folder)
    const lines = async (...args: string[]): Promise<string[]> =>
      (await runCli([...args, `a=${a}`, `b=${b}`])).stdout.trim().split('\n')
    for (const command of ['list', 'events', 'packets']) {
      const objects = (await lines(command, '--format', 'ndjson')).map(line => JSON.parse(line).host)
      expect(new Set(objects)).toEqual(new Set(['a', 'b']))
    }
    for (const command of ['events', 'packets']) {
      const [header, ...rows] = await lines(command, '--format', 'tsv')
      expect(header).toMatch(/^host\t/)
      expect(new Set(rows.map(row => row.split('\t')[0]))).toEqual(new Set(['a', 'b']))
    }
    const xml = (await lines('list', '--format', 'xml')).join('\n')
    expect(xml.match(/<\/?conntrack>/g)).toEqual(['<conntrack>', '</conntrack>'])
    expect(xml).toMatch(/<!-- a -->.*<!-- b -->/s)
    expect((await lines('list', '--format', 'save')).filter(line => line.startsWith('#'))).toEqual([
      '# a',
      '# b',
    ])
  })

  it.each(['size', 'info', 'packets', 'events', 'list', 'analyze'])(
    'have a part each of %s',
    async command => {
      using folder = new Folder()
      const [a, b] = twins(folder)
      const { stdout } = await runCli([command, `a=${a}`, `b=${b}`])
      expect(stdout.match(/==> \w <==/g)).toEqual(['==> a <==', '==> b <=='])
    },
  )

  it('have a file each of all their flows', async () => {
    using folder = new Folder()
    const [a, b] = twins(folder)
    const flows = folder.at('flows.csv')
    await runCli(['analyze', `a=${a}`, `b=${b}`, '--flows', flows, '--quiet'])
    expect(existsSync(flows)).toBe(false)
    expect(readdirSync(folder.at('.')).filter(name => name.startsWith('flows'))).toEqual([
      'flows.a.csv',
      'flows.b.csv',
    ])
    expect(readFileSync(folder.at('flows.b.csv'), 'utf8')).toContain('SYN_RECV')
    const [header = '', ...lines] = readFileSync(folder.at('flows.b.csv'), 'utf8').trimEnd().split('\n')
    expect(header.split(',')[0]).toBe('host')
    expect(new Set(lines.map(line => line.split(',')[0]))).toEqual(new Set(['b']))
    expect(lines.every(line => line.split(',').length === header.split(',').length)).toBe(true)
    const named = folder.at('flows.ndjson')
    await runCli(['analyze', `a=${a}`, `b=${b}`, '--flows', named, '--quiet'])
    expect(JSON.parse(readFileSync(folder.at('flows.a.ndjson'), 'utf8').split('\n')[0]).host).toBe('a')
  })

  it('fail as the gravest of their findings does', async () => {
    const { code } = await runCli(['analyze', ...nodes(ELSEWHERE), '--fail-on', 'error'])
    expect(code).toBe(1)
    expect((await runCli(['analyze', ...nodes(MASQUERADED), '--fail-on', 'error'])).code).toBe(0)
  })
})

describe('names of hosts', () => {
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await runCli(args)
    expect(code).toBe(2)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    return stderr
  }

  it('are asked for where some files have one and others have none', async () => {
    using folder = new Folder()
    const [a, b] = twins(folder)
    const rules = folder.write(
      'rules.txt',
      Buffer.from('*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -s 10.9.9.9/32 -j NOTRACK\nCOMMIT\n'),
    )
    expect(await refused('list', `a=${a}`, b)).toContain(`${b}: of which host?`)
    expect(await refused('list', `a=${a}`, `b=${b}`, '--rules', rules)).toContain(
      `--rules ${rules}: of which host?`,
    )
    expect(await refused('list', `a=${a}`, '--rules', `c=${rules}`)).toContain('no capture is named c=FILE')
    expect(await refused('list', a, '--rules', `c=${rules}`)).toContain('no capture is named c=FILE')
    expect((await runCli(['list', `a=${a}`, '--rules', rules])).code).toBe(0)
  })

  it('do not make two captures of one, nor two tables of one host', async () => {
    using folder = new Folder()
    const [a] = twins(folder)
    expect(await refused('list', `a=${a}`, `b=${a}`)).toContain('given twice')
    const table = folder.write('table.txt', Buffer.from(''))
    const other = folder.write('other.txt', Buffer.from(''))
    expect(await refused('list', a, '--table', table, '--table', other)).toContain('a second listing')
  })

  it('are none where a file has an equals sign in its own name, or a folder', async () => {
    using folder = new Folder()
    const path = folder.write('x=y.pcap', handshake(false).bytes())
    const { code, stdout } = await runCli(['list', path])
    expect([code, stdout.includes('==>')]).toEqual([0, false])
  })

  it('are words of ASCII: lines of a program are, too', async () => {
    using folder = new Folder()
    const [a] = twins(folder)
    expect(await refused('list', `köln=${a}`)).toContain(`köln=${a}`)
  })

  it('may be given to one alone', async () => {
    using folder = new Folder()
    const [a] = twins(folder)
    const { stdout } = await runCli(['list', `edge-1=${a}`])
    expect(stdout).toMatch(/^==> edge-1 <==\ntcp/)
  })

  it('are those of sysctls, which else are for all', async () => {
    using folder = new Folder()
    const [a, b] = twins(folder)
    const common = folder.write(
      'all.txt',
      Buffer.from('net.netfilter.nf_conntrack_tcp_timeout_syn_sent = 50\n'),
    )
    const own = folder.write('b.txt', Buffer.from('net.netfilter.nf_conntrack_tcp_timeout_syn_recv = 20\n'))
    const args = ['--sysctl', common, '--sysctl', `b=${own}`]
    const { stdout } = await runCli(['list', `a=${a}`, `b=${b}`, ...args])
    expect(stdout.match(/tcp {6}6 \d+ \w+/g)).toEqual(['tcp      6 50 SYN_SENT', 'tcp      6 20 SYN_RECV'])
  })
})
