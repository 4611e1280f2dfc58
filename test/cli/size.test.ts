// `ctpcap size`: scenarios, sweeps, presets, series files, chart, advice, usage errors.
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import type { SizeReport } from '../../src/report/size/size-model.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { writeSyntheticCapture } from '../support/synthetic-capture.ts'

const SYN_FLOOD = 'fixtures/report/syn-flood.pcap'
const GATEWAY = 'fixtures/report/home-gateway.pcap'

const folder = new Folder()
afterAll(() => folder[Symbol.dispose]())

async function sized(...args: string[]): Promise<SizeReport> {
  const { code, stdout, stderr } = await runCli(['size', '--json', ...args])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

describe('scenarios', () => {
  it('are, where nobody asks, those timeouts that hold entries, and kube-proxy', async () => {
    const { scenarios } = await sized(SYN_FLOOD)
    expect(scenarios.map(({ name }) => name)).toEqual([
      'as captured',
      'tcp_timeout_syn_sent=60',
      'tcp_timeout_syn_sent=20',
      'kube-proxy, 4 cores',
    ])
    const levels = scenarios.map(({ table }) => table.projection?.level ?? 0)
    expect(levels[1] / levels[0]).toBeCloseTo(0.5, 2)
    expect(levels[2] / levels[0]).toBeCloseTo(20 / 120, 2)
    expect(scenarios[3].settings).toMatchObject({ nf_conntrack_max: 131072 })
  })

  it('are named, swept, or presets', async () => {
    const { scenarios } = await sized(
      GATEWAY,
      '--scenario',
      'short: udp_timeout=1, net.netfilter.nf_conntrack_tcp_timeout_time_wait = 5',
      '--sweep',
      'udp_timeout=10..30:10',
      '--presets',
      'ovs, kube-proxy',
      '--cores',
      '16',
    )
    expect(scenarios.map(({ name }) => name)).toEqual([
      'as captured',
      'short',
      'udp_timeout=10',
      'udp_timeout=20',
      'udp_timeout=30',
      'ovs',
      'kube-proxy, 16 cores',
    ])
    expect(scenarios[1].settings).toEqual({
      nf_conntrack_tcp_timeout_time_wait: 5,
      nf_conntrack_udp_timeout: 1,
    })
    // the last step of the sweep is what it is already: the same table
    expect(scenarios[4]).toEqual({ ...scenarios[0], name: scenarios[4].name, table: scenarios[4].table })
    expect(scenarios[6].settings.nf_conntrack_max).toBe(16 * 32768)
  })

  it('refuse only where a maximum is part of them', async () => {
    const { scenarios } = await sized(SYN_FLOOD, '--set', 'nf_conntrack_max=50', '--scenario', 'max=150')
    const rows = scenarios.map(({ name, table }) => [
      name,
      table.peak.entries,
      table.refused?.connections ?? null,
      table.projection === null,
    ])
    expect(rows).toEqual([
      ['as captured', 200, null, false],
      ['nf_conntrack_max=50', 50, 150, true],
      ['max=150', 150, 50, true],
    ])
  })

  it('count what traffic outside the capture holds', async () => {
    const { scenarios, advice } = await sized(
      SYN_FLOOD,
      '--set',
      'nf_conntrack_count=262100',
      '--set',
      'nf_conntrack_max=262144',
      '--presets',
      'linux',
    )
    expect(scenarios[1].table).toMatchObject({ peak: { entries: 44 }, refused: { connections: 156 } })
    expect(scenarios[2].table.refused?.connections).toBe(156)
    expect(advice.need).toBeGreaterThan(262100)
  })
})

describe('what is not tracked', () => {
  it('makes no entry, and loses its NAT', async () => {
    const { scenarios } = await sized(
      'fixtures/lab/published-port/any.pcap',
      '--notrack',
      'tcp port 80 or tcp port 8080',
    )
    const [captured, untracked] = scenarios
    expect(untracked.name).toBe('notrack tcp port 80 or tcp port 8080')
    expect(untracked.table.peak.entries).toBeLessThan(captured.table.peak.entries / 2)
    expect(untracked.loss.untranslated).toBeGreaterThan(0)
    expect(untracked.loss.examples[0].flow.status).toContain('DST_NAT')
  })
})

describe('a capture of all interfaces', () => {
  it('counts a connection once, unless every frame is to be a packet', async () => {
    const [once] = (await sized('fixtures/lab/published-port/any.pcap', '--presets', 'linux')).scenarios
    const frames = await sized(
      'fixtures/lab/published-port/any.pcap',
      '--presets',
      'linux',
      '--replay',
      'frames',
    )
    expect(frames.scenarios[0].table.created).toBeGreaterThan(once.table.created)
  })
})

describe('advice', () => {
  const commands = ({ advice }: SizeReport): string[] => advice.lines.map(({ command }) => command)

  it('is the one source, a larger maximum, buckets for it, and the timeout that buys most', async () => {
    const report = await sized(
      SYN_FLOOD,
      '--set',
      'nf_conntrack_max=50',
      '--set',
      'nf_conntrack_buckets=1024',
      '--sweep',
      'tcp_timeout_syn_sent=20..60:40',
    )
    const { isEnough, lines } = report.advice
    expect(isEnough).toBe(false)
    expect(commands(report)).toEqual([
      'conntrack -L --orig-src 192.0.2.10',
      'sysctl -w net.netfilter.nf_conntrack_max=163840',
      'sysctl -w net.netfilter.nf_conntrack_buckets=163840',
      'sysctl -w net.netfilter.nf_conntrack_tcp_timeout_syn_sent=20',
    ])
    expect(lines[1].reason).toMatch(
      /for 119,999 entries and a quarter of headroom, 60 MiB when full \(now 50\)$/,
    )
    expect(lines[2].reason).toMatch(
      /chains of 2 keys when full, 1\.3 MiB at once \(now 1,024: chains of 320\)$/,
    )
    // whoever is silent for 20 seconds cannot be in it
    expect(lines[3].reason).toContain(
      'the capture is too short to tell which flows that cuts (199 ms of capture against 20 s)',
    )
  })

  it('lowers nothing where there is enough, and says which timeouts buy nothing', async () => {
    const report = await sized(GATEWAY, '--sweep', 'udp_timeout=15..20:5')
    const { isEnough, noTimeout } = report.advice
    expect(isEnough).toBe(true)
    expect(commands(report)).toEqual([])
    expect(noTimeout).toBe(
      'no timeout buys anything: the best of 2 tried, udp_timeout=15, saves none of 14 entries',
    )
    const { stdout } = await runCli(['size', GATEWAY, '--sweep', 'udp_timeout=15..20:5'])
    expect(stdout).toContain('nf_conntrack_max 262,144 is enough: 14 entries needed')
    expect(stdout.trimEnd().endsWith('saves none of 14 entries')).toBe(true)
  })

  it('says where no timeout was tried', async () => {
    const { advice } = await sized(GATEWAY, '--presets', 'linux')
    expect(advice.noTimeout).toMatch(/^no timeout: none of the scenarios lowers a single one/)
  })

  it('is that a timeout cuts nothing where the capture is long enough to tell', async () => {
    const capture = new CaptureBuilder()
    for (let i = 0; i < 600; i++) {
      capture.udp({ sourcePort: 10_000 + i, destinationPort: 53 }).wait(0.1)
    }
    const { advice } = await sized(
      folder.write('queries.pcap', capture.bytes()),
      '--sweep',
      'udp_timeout=10..10',
    )
    expect(advice.noTimeout).toMatch(
      /^no timeout has to be lowered; udp_timeout=10: .* no flow of this capture was silent for so long and then went on$/,
    )
  })

  it('speaks of one entry as of one', async () => {
    const path = folder.write('one.pcap', new CaptureBuilder().udp().bytes())
    const { stdout } = await runCli(['size', path])
    expect(stdout).toContain('is enough: 1 entry needed')
    expect(stdout).not.toMatch(/\b1 (live )?(entries|flows|frames|others)\b/)
  })

  it('is nothing where no entry was made', async () => {
    const { advice } = await sized(folder.write('none.pcap', new CaptureBuilder().bytes()))
    expect(advice).toMatchObject({ need: 0, lines: [], noTimeout: null })
  })
})

describe('the text', () => {
  it('has a chart, a row a scenario, and advice', async () => {
    const { stdout } = await runCli(['size', SYN_FLOOD, '--ascii', '--sweep', 'tcp_timeout_syn_sent=60..60'])
    expect(stdout).toMatch(/^Size +200 \|/m)
    expect(stdout).toMatch(/# tcp SYN_SENT$/m)
    expect(stdout).toMatch(/as captured +200 +200 +119,999 +- +- /)
    expect(stdout).toMatch(/tcp_timeout_syn_sent=60 +200 +200 +59,9\d\d +- +0 /)
    expect(stdout).toMatch(/^Advice +/m)
  })

  it('is ASCII throughout the chart when asked, and as wide as the terminal', async () => {
    const { stdout } = await runCli(['size', SYN_FLOOD, '--ascii', '--no-color'], { terminal: true })
    const chart = stdout.slice(stdout.indexOf('Size'), stdout.indexOf('Table'))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII
    expect(chart).toMatch(/^[\x00-\x7f]+$/)
    for (const line of chart.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
    expect(Math.max(...chart.split('\n').map(line => line.length))).toBeGreaterThan(90)
  })

  it('says so where there is nothing', async () => {
    const path = folder.at('empty.pcap')
    writeSyntheticCapture(path, { conns: 0 })
    const { code, stdout } = await runCli(['size', path])
    expect(code).toBe(0)
    expect(stdout).toContain('no entry was made')
  })
})

describe('--series', () => {
  const capture = folder.at('series.pcap')
  writeSyntheticCapture(capture, { conns: 300, concurrent: 30, pps: 500, udp: 0.3 })

  async function series(name: string, ...more: string[]): Promise<string[]> {
    const path = folder.at(name)
    const { code, stdout } = await runCli([
      'size',
      capture,
      '-q',
      '--series',
      path,
      '--presets',
      'linux',
      ...more,
    ])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    return readFileSync(path, 'utf8').trimEnd().split('\n')
  }

  it('is CSV, whose states add up to the live entries', async () => {
    const [header, ...rows] = await series('size.csv', '--every', '0.5')
    const columns = header.split(',')
    expect(columns.slice(0, 4)).toEqual(['time', 'timestamp', 'live', 'count'])
    expect(rows.length).toBeGreaterThan(8)
    for (const [i, row] of rows.entries()) {
      const cells = row.split(',')
      expect(Number(cells[0])).toBeCloseTo(i / 2, 9)
      const states = cells.slice(columns.indexOf('early_drops') + 1).map(Number)
      expect(states.reduce((a, b) => a + b, 0)).toBe(Number(cells[2]))
    }
    expect(Number(rows.at(-1)?.split(',')[2])).toBeGreaterThan(200)
  })

  it('is NDJSON with the same numbers', async () => {
    const rows = (await series('size.ndjson')).map(line => JSON.parse(line))
    const csv = (await series('again.csv')).slice(1).map(line => line.split(','))
    expect(rows.map(({ live, count, timestamp }) => [timestamp, live, count])).toEqual(
      csv.map(([, timestamp, live, count]) => [timestamp, Number(live), Number(count)]),
    )
    expect(Object.keys(rows.at(-1).states)).toContain('tcp TIME_WAIT')
  })

  it('is OpenMetrics: families together, time stamps rising, an end', async () => {
    const lines = await series('size.om')
    expect(lines.at(-1)).toBe('# EOF')
    const families: string[] = []
    const stamps = new Map<string, number>()
    for (const line of lines.slice(0, -1)) {
      const [, family] = /^# TYPE (\S+) gauge$/.exec(line) ?? []
      if (family !== undefined) families.push(family)
      if (line.startsWith('#')) continue
      const [, name, labels, value, stamp] = /^(\w+)(\{.*\})? (\d+) (\d+\.\d{3})$/.exec(line) ?? []
      expect(name).toBe(families.at(-1))
      expect(Number(value)).toBeGreaterThanOrEqual(0)
      const metric = name + (labels ?? '')
      expect(Number(stamp)).toBeGreaterThan(stamps.get(metric) ?? 0)
      stamps.set(metric, Number(stamp))
    }
    expect(new Set(families).size).toBe(families.length)
    expect(families).toContain('ctpcap_nf_conntrack_entries')
    expect(families).toContain('ctpcap_nf_conntrack_entries_limit')
    expect([...stamps.keys()]).toContain(
      'ctpcap_nf_conntrack_entries_by_state{protocol="tcp",state="TIME_WAIT"}',
    )
  })
})

describe('usage', () => {
  it.each([
    [['--scenario', 'a: nonsense=1'], /--scenario nonsense: unknown sysctl; expected one of/],
    [['--scenario', 'a'], /--scenario a: expected name=value/],
    [['--sweep', 'udp_timeout=10'], /--sweep udp_timeout=10: expected name=from\.\.to:step/],
    [['--sweep', 'udp_timeout=30..10:5'], /expected 1 to 64 steps upwards/],
    [['--sweep', 'udp_timeout=1..100'], /expected 1 to 64 steps upwards/],
    [['--sweep', 'udp_timeout=1..10:0'], /expected 1 to 64 steps upwards/],
    [['--sweep', 'udp_timeout=1..40', '--sweep', 'icmp_timeout=1..40'], /80 scenarios: 64 are the most/],
    [['--notrack', 'udp port'], /--notrack udp port: column/],
    [['--presets', 'kubeproxy'], /--presets kubeproxy: unknown preset; did you mean kube-proxy\?/],
    [['--preset', 'opnwrt'], /--preset opnwrt: unknown preset; did you mean openwrt\?/],
    [['--cores', 'many'], /--cores many: expected a whole number/],
    [['--series', 'size.txt'], /--series size\.txt: expected a name that ends in/],
    [['--every', '0'], /--every 0: expected seconds/],
  ])('%j is refused', async (args, message) => {
    const { code, stdout, stderr } = await runCli(['size', SYN_FLOOD, ...args])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
  })
})

describe('a source that most entries are of', () => {
  const commands = async (capture: string): Promise<string[]> => {
    const args = ['size', `fixtures/findings/${capture}`, '--json', '--set', 'nf_conntrack_max=4']
    const { advice } = JSON.parse((await runCli(args)).stdout)
    return advice.lines.map(({ command }: { command: string }) => command)
  }

  it('is named before a larger table is advised', async () => {
    const [first, second] = await commands('snat-port-race-udp.veth3a1f09c2.pcap')
    expect(first).toBe('conntrack -L --orig-src 10.244.0.5')
    expect(second).toMatch(/nf_conntrack_max=/)
  })

  it('is none of many', async () => {
    const [first] = await commands('syn-flood-unanswered.eth0.pcap')
    expect(first).toMatch(/nf_conntrack_max=/)
  })
})
