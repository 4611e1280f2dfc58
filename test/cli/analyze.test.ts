// The flags of `ctpcap analyze`: what each changes in the report, the exit code, the colours.
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'

const SYN_FLOOD = 'fixtures/report/syn-flood.pcap'
const HEALTHY = 'fixtures/report/pings-beside-idle-tcp.pcap'

async function reportOf(bytes: Uint8Array, ...args: string[]): Promise<Report> {
  using folder = new Folder()
  return JSON.parse((await runCli(['analyze', folder.write('x.pcap', bytes), '--json', ...args])).stdout)
}

describe('ctpcap', () => {
  it('without a command analyses', async () => {
    const short = await runCli([SYN_FLOOD])
    const long = await runCli(['analyze', SYN_FLOOD])
    expect(short).toEqual(long)
    expect(short.stdout).toContain('200 of 200 flows UNREPLIED')
  })

  it('gives the same output for the same input', async () => {
    for (const args of [[HEALTHY], [HEALTHY, '--json']])
      expect(await runCli(args)).toEqual(await runCli(args))
  })

  it('prints nothing when quiet, but the JSON it was asked for', async () => {
    expect(await runCli([SYN_FLOOD, '-q'])).toEqual({ code: 0, stdout: '', stderr: '' })
    const { stdout } = await runCli([SYN_FLOOD, '-q', '--json'])
    expect(JSON.parse(stdout).schema).toBe('ctpcap.report/2')
  })
})

describe('--fail-on', () => {
  it.each([
    [['--set', 'nf_conntrack_max=100', '--fail-on', 'error'], 1],
    [['--set', 'nf_conntrack_max=100', '--fail-on', 'info'], 1],
    [['--set', 'nf_conntrack_max=100'], 0],
    [['--set', 'nf_conntrack_max=200', '--fail-on', 'info'], 0],
    [['--fail-on', 'error'], 0],
  ])('%j exits with %i', async (args, code) => {
    expect((await runCli([SYN_FLOOD, ...args])).code).toBe(code)
  })

  it('refuses what exceeds a maximum that was given', async () => {
    const { stdout } = await runCli([SYN_FLOOD, '--json', '--set', 'net.netfilter.nf_conntrack_max=100'])
    const report: Report = JSON.parse(stdout)
    expect(report.settings).toEqual({ nf_conntrack_max: 100 })
    expect(report.table).toMatchObject({
      max: 100,
      peak: { entries: 100 },
      exceeded: null,
      refused: { packets: 100, connections: 100, first: { capture: 0, frame: 101 }, firstTime: 0.1 },
      projection: null,
    })
    expect(report.packets.dropped).toBe(100)
    expect(report.findings).toMatchObject([
      {
        id: 'conntrack-table-full',
        severity: 'error',
        confidence: 'certain',
        frames: Array.from({ length: 20 }, (_, i) => ({ capture: 0, frame: 101 + i })),
      },
    ])
  })
})

describe('colours', () => {
  const ESCAPE = '\u001b['

  it.each([
    ['on a terminal', [], {}, true],
    ['with --no-color', ['--no-color'], {}, false],
    ['with NO_COLOR', [], { NO_COLOR: '1' }, false],
    ['with an empty NO_COLOR', [], { NO_COLOR: '' }, true],
    ['on a dumb terminal', [], { TERM: 'dumb' }, false],
  ])('%s', async (_what, args, env, expected) => {
    const { stdout } = await runCli([SYN_FLOOD, ...args], {
      terminal: true,
      env: env as Record<string, string>,
    })
    expect(stdout.includes(ESCAPE)).toBe(expected)
  })

  it('in a pipe there are none', async () => {
    expect((await runCli([SYN_FLOOD])).stdout).not.toContain(ESCAPE)
  })

  it('change nothing but the colours', async () => {
    const plain = await runCli([SYN_FLOOD, '--no-color'], { terminal: true })
    const coloured = await runCli([SYN_FLOOD], { terminal: true })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one
    expect(coloured.stdout.replace(/\u001b\[\d+m/g, '')).toBe(plain.stdout)
  })
})

describe('the largest flows', () => {
  const capture = new CaptureBuilder()
    .udp({ sourcePort: 1 }, 1000)
    .wait(1)
    .udp({ sourcePort: 2 })
    .udp({ sourcePort: 2 })
    .udp({ sourcePort: 2 })
    .wait(10)
    .udp({ sourcePort: 3 }, 10)
    .bytes()

  it.each([
    ['bytes', [1, 2, 3]],
    ['packets', [2, 1, 3]],
    ['entry-seconds', [1, 2, 3]],
  ])('by %s', async (sort, ports) => {
    const { flows } = await reportOf(capture, '--sort', sort)
    expect(flows.sort).toBe(sort)
    expect(flows.top.map(flow => flow.orig.sport)).toEqual(ports)
  })

  it('are as many as --top says', async () => {
    expect((await reportOf(capture, '--top', '1')).flows.top).toHaveLength(1)
    expect((await reportOf(capture, '--top', '0')).flows.top).toHaveLength(0)
  })

  it('count an entry as long as it lives: longer than its packets', async () => {
    const [first] = (await reportOf(capture, '--sort', 'entry-seconds')).flows.top
    expect(first).toMatchObject({ duration: 0, entrySeconds: 11, ended: 'open' })
  })
})

describe('the table', () => {
  it('counts live entries exactly: what has expired makes room for the next', async () => {
    const capture = new CaptureBuilder()
    for (let i = 0; i < 10; i++) capture.udp({ sourcePort: 1000 + i }).wait(31)
    const { table } = await reportOf(capture.bytes())
    expect(table.peak).toMatchObject({ entries: 1, time: 0 })
    expect(table.created).toBe(10)
    expect(table.end).toBe(1)
    expect(table.entrySeconds).toEqual([{ protocol: 'udp', state: '', seconds: expect.closeTo(9 * 30, 1) }])
  })

  it('lets a timeout be set', async () => {
    const capture = new CaptureBuilder()
    for (let i = 0; i < 10; i++) capture.udp({ sourcePort: 1000 + i }).wait(10)
    const bytes = capture.bytes()
    expect((await reportOf(bytes)).table.peak.entries).toBe(3)
    expect((await reportOf(bytes, '--set', 'udp_timeout=60')).table.peak.entries).toBe(6)
  })

  it('costs 384 bytes an entry and 8 a bucket', async () => {
    const { table } = await reportOf(new CaptureBuilder().udp().bytes(), '--set', 'nf_conntrack_buckets=1024')
    expect(table.memoryBytes).toBe(384 + 1024 * 8)
  })
})
