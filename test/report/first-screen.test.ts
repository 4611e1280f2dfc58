// The report at 80, 120 and 200 columns, over recorded hosts: what fits, what can be typed, what stands on one screen.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { FindingReport } from '../../src/report/analyze/finding-model.ts'
import type { Report } from '../../src/report/analyze/model.ts'
import { type Extent, renderText } from '../../src/report/analyze/text.ts'
import { shellWords } from '../../src/report/text/command.ts'
import { columns } from '../../src/report/text/wrap.ts'
import { runCli } from '../support/cli.ts'

const WIDTHS = [80, 120, 200]
const MINUTES = 300_000

/** One case for each of ten kinds; the first screen of each is kept. */
const CASES = [
  'fixtures/report/clusterip-hangs.pcap',
  'fixtures/findings/hairpin.vethd94c6e10.pcap',
  'fixtures/findings/idle-timeout.eth0.pcap',
  'fixtures/findings/invalid-leak.cni0.pcap',
  'fixtures/findings/syn-flood-unanswered.eth0.pcap',
  'fixtures/flow-findings/dns-race.inside.pcap',
  'fixtures/flow-findings/lost-in-host.any.pcap',
  'fixtures/flow-findings/vxlan-ladder.pcap',
  'fixtures/report/handshake-reordered.pcap',
  'fixtures/findings/hairpin-control-promisc.vethd94c6e10.pcap',
]
const GOLDENS = new URL('../../fixtures/first-screen/', import.meta.url).pathname

const FIXTURES = ['fixtures/findings', 'fixtures/flow-findings', 'fixtures/report'].flatMap(folder =>
  readdirSync(folder)
    .filter(name => name.endsWith('.pcap'))
    .map(name => join(folder, name)),
)

const CORPUS = process.env.CTPCAP_CORPUS ?? ''
const RECORDED = ['lab', 'wild'].flatMap(folder => {
  const cases = join(CORPUS, folder)
  if (CORPUS === '' || !existsSync(cases)) return []
  return readdirSync(cases)
    .map(name => join(cases, name, 'captures'))
    .filter(captures => existsSync(captures))
    .flatMap(captures => {
      const names = readdirSync(captures).filter(name => name.endsWith('.pcap'))
      const all = names.filter(name => name.startsWith('any'))
      return (all.length > 0 ? all : names).map(name => join(captures, name))
    })
})
if (RECORDED.length === 0)
  console.warn('first-screen.test.ts: CTPCAP_CORPUS has no recorded hosts: fixtures alone')

async function reportOf(path: string): Promise<Report> {
  const { code, stdout } = await runCli([path, '--json', '-q'])
  expect(code).toBe(0)
  const report: Report = JSON.parse(stdout)
  // where the corpus lies has nothing to do with what the report has room for
  if (RECORDED.includes(path)) for (const capture of report.captures) capture.path = basename(capture.path)
  return report
}

function screen(report: Report, width: number, extent: Extent = 'usual'): string {
  return renderText(report, {
    color: false,
    width,
    zone: 'UTC',
    extent,
    showsFlows: false,
    repeatsVerdict: true,
  })
}

function findingsOf(report: Report): FindingReport[] {
  return [report, ...report.tunnels].flatMap(({ findings }) => findings)
}

function commandsOf(report: Report): string[] {
  return findingsOf(report)
    .filter(({ severity }) => severity !== 'info')
    .flatMap(({ fix, check }) => [...fix, ...check])
    .flatMap(({ commands }) => commands)
}

/** Words in capitals that commands are made of; any other stands for something that has to be filled in. */
const CAPITALS =
  /^(?:A|ACCEPT|BPF|CONNMARK|CT|DESTROY|DNAT|DROP|ESTABLISHED|FORWARD|GRE|I|ICMP|ID|INPUT|INVALID|MASQUERADE|NEW|NOTRACK|OUTPUT|POSTROUTING|PREROUTING|RELATED|REPLY|RETURN|RST|SNAT|SYN|SYNPROXY|TCP|TCPMSS|TCPOPTSTRIP|UDP|UNTRACKED|Y)$/

function expectTypable(report: Report, text: string): void {
  const joined = text.replace(/ \\\n\s+/g, ' ')
  for (const command of commandsOf(report)) {
    expect(joined).toContain(` ${command}\n`)
    execFileSync('sh', ['-n', '-c', command])
    const capitals = command.replace(/'[^']*'|"[^"]*"/g, '').match(/(?<![\w-])[A-Z]{2,}(?![\w-])/g) ?? []
    expect(capitals.filter(word => !CAPITALS.test(word))).toEqual([])
    expect(command).not.toMatch(/…|\.\.\. |<[a-z]|\n/)
  }
}

/** A word that is longer than the line, alone or behind its option. */
function isOneWord(line: string): boolean {
  const words = shellWords(line.trim().replace(/ \\$/, ''))
  return words.length === 1 || (words.length === 2 && (words[0] ?? '').startsWith('-'))
}

function expectFits(text: string, width: number): void {
  for (const line of text.split('\n')) {
    if (columns(line) > width && !isOneWord(line)) expect({ width, line }).toBeNull()
    expect(line).toBe(line.trimEnd())
  }
}

describe('the report', () => {
  it.each([...FIXTURES, ...RECORDED])('of %s fits, and can be typed', { timeout: MINUTES }, async path => {
    const report = await reportOf(path)
    for (const width of WIDTHS) {
      for (const extent of ['brief', 'usual', 'full'] as const)
        expectFits(screen(report, width, extent), width)
    }
    expectTypable(report, screen(report, 80))
    const blocks = screen(report, 80, 'brief')
    for (const { id, severity, facts } of findingsOf(report)) {
      expect(facts.first === null).toBe(id === 'conntrack-early-drop' || id === 'table-file-contradicted')
      if (severity !== 'info')
        expect(blocks).toMatch(/^ {2}when {4}(?:within )?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} .*UTC/m)
    }
  })

  it.each(RECORDED.filter(path => /-control|-ok|-healthy/.test(path)))(
    'of the sound %s has room on one screen',
    { timeout: MINUTES },
    async path => {
      const text = screen(await reportOf(path), 80)
      if (text.startsWith('OK')) expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(24)
    },
  )

  it.each(CASES)('of %s begins with this screen', async path => {
    const name =
      path
        .split('/')
        .at(-1)
        ?.replace(/\.pcap$/, '.txt') ?? ''
    await expect(screen(await reportOf(path), 80)).toMatchFileSnapshot(`${GOLDENS}${name}`)
  })
})
