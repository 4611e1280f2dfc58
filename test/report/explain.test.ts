// `ctpcap explain` and docs/findings.md: one source, whole for every finding, every reason and every sysctl.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { REASON_COUNT } from '../../src/conntrack/reason.ts'
import { SYSCTL_NAMES } from '../../src/conntrack/settings.ts'
import { FINDING_IDS } from '../../src/findings/facts/facts.ts'
import { renderTopic, topicsNamed } from '../../src/report/explain/explain-text.ts'
import { FINDING_EXPLANATIONS } from '../../src/report/explain/finding-explanations.ts'
import { REASONS, reasonsNamed, wordingsOf } from '../../src/report/explain/reasons.ts'
import { SYSCTL_EXPLANATIONS } from '../../src/report/explain/sysctls.ts'
import { createStyle } from '../../src/report/text/style.ts'
import { runCli } from '../support/cli.ts'
import { findingsPage } from '../support/findings-page.ts'
import { isInstalled } from '../support/installed.ts'
import { ROOT } from '../support/source-files.ts'

const page = readFileSync(join(ROOT, 'docs/findings.md'), 'utf8')
const explanations = FINDING_IDS.map(id => ({ id, ...FINDING_EXPLANATIONS[id] }))
const commands = explanations.flatMap(({ confirm, fix }) =>
  [...confirm, ...fix].flatMap(each => each.commands),
)

describe('docs/findings.md', () => {
  it('is written from the explanations (npx tsx test/report/write-findings-page.ts)', () => {
    expect(page).toBe(findingsPage(page))
  })

  it('has a section for each finding and for nothing else', () => {
    const sections = [...page.matchAll(/^### (.+)$/gm)].map(([, id]) => id)
    expect(sections).toEqual([...FINDING_IDS])
  })

  it('has a row for each finding', () => {
    const rows = [...page.matchAll(/^\| \[`([a-z-]+)`\]/gm)].map(([, id]) => id)
    // what contradicts a table has a table of its own, by kinds
    expect([...rows, 'table-file-contradicted'].sort()).toEqual([...FINDING_IDS].sort())
  })
})

describe('an explanation', () => {
  it.each(explanations)(
    'of $id says all of it',
    ({ title, kernel, points, evidence, certain, confirm, fix, source }) => {
      for (const text of [title, kernel, points, evidence, certain]) expect(text.length).toBeGreaterThan(0)
      expect(kernel.split(' ').length).toBeGreaterThan(30)
      expect(confirm.length).toBeGreaterThan(0)
      expect(fix.length).toBeGreaterThan(0)
      for (const { cost } of fix) expect(cost).not.toBe('')
      expect(source.every(each => /^[\w]+\(\) \((net|drivers)\/[\w/-]+\.c\)$/.test(each))).toBe(true)
    },
  )

  it.each(explanations)(
    'of $id names findings that there are, and reports by number',
    ({ id, alike, evidence, reports }) => {
      const named = `${alike} ${evidence}`.match(/\b[a-z]+(-[a-z]+){2,}\b/g) ?? []
      const strangers = named.filter(word => !(FINDING_IDS as readonly string[]).includes(word))
      expect(
        strangers.filter(word => !/^(bridge-nf-call|half-closed)/.test(word)),
        id,
      ).toEqual([])
      expect(reports.filter(report => !/^[\w.-]+\/[\w.-]+#\d+$/.test(report))).toEqual([])
    },
  )

  it.skipIf(!isInstalled('bash'))('has commands that a shell takes, with nothing to fill in', () => {
    expect(commands.length).toBeGreaterThan(20)
    for (const command of commands) {
      expect(command).not.toMatch(
        /\b[A-Z]{4,}\b(?<!RELATED|TCPMSS|DROP|INPUT|FORWARD|INVALID|POSTROUTING|PREROUTING|ACCEPT|DESTROY|UNREPLIED|SENT|RECV)/,
      )
      expect(spawnSync('bash', ['-n', '-c', command]).status, command).toBe(0)
    }
  })
})

describe('reasons', () => {
  it('are all explained', () => {
    expect(REASONS.length).toBe(REASON_COUNT)
  })

  it.each(REASONS.map(({ title }, code) => ({ title, code })))(
    'are found by the words of every kernel: $title',
    ({ title, code }) => {
      for (const words of wordingsOf(code)) {
        for (const text of [
          words,
          `nf_ct_proto_6: ${words}`,
          `[ 12.3] nf_ct_proto_6: ${words} IN=eth0 OUT= SRC=10.0.0.1`,
        ]) {
          expect(
            reasonsNamed(text).map(reason => reason.title),
            text,
          ).toEqual([title])
        }
      }
    },
  )

  it('are found by a part of their words, and by none that belongs to several', () => {
    expect(reasonsNamed('SEQ is over upper bound').map(({ title }) => title)).toEqual([REASONS[10]?.title])
    expect(
      reasonsNamed('packet (index 3) in dir 0 invalid, state SYN_SENT').map(({ title }) => title),
    ).toEqual([REASONS[6]?.title])
    expect(reasonsNamed('upper bound').length).toBe(2)
    expect(reasonsNamed('the')).toEqual([])
    expect(reasonsNamed('')).toEqual([])
  })
})

describe('ctpcap explain', () => {
  it('alone lists all that can be explained', async () => {
    const { code, stdout } = await runCli(['explain'])
    expect(code).toBe(0)
    const lines = stdout.split('\n')
    for (const id of FINDING_IDS)
      expect(
        lines.some(line => line.startsWith(`${id} `)),
        id,
      ).toBe(true)
    for (const name of [...SYSCTL_NAMES, ...REASONS.map(({ title }) => title)]) expect(lines).toContain(name)
  })

  it.each([
    'tcp_timeout_close_wait',
    'nf_conntrack_tcp_timeout_close_wait',
    'net/netfilter/nf_conntrack_tcp_timeout_close_wait',
  ])('knows a sysctl as %s', async name => {
    const { stdout } = await runCli(['explain', name])
    expect(stdout).toContain('net.netfilter.nf_conntrack_tcp_timeout_close_wait\n')
    expect(stdout).toMatch(/^Default +60$/m)
  })

  it('takes a name that the shell has split', async () => {
    const whole = await runCli(['explain', 'SEQ is over upper bound'])
    expect((await runCli(['explain', ...'SEQ is over upper bound'.split(' ')])).stdout).toBe(whole.stdout)
    expect(whole.stdout).toContain('tcp_in_window()')
  })

  it.each<[string, string]>([
    ['asymetric-same-bridge-return', 'did you mean asymmetric-same-bridge-return?'],
    ['tcp_timeout_establisched', 'did you mean nf_conntrack_tcp_timeout_established?'],
    ['bananas', 'lists all of them'],
    ['eks', 'lists all of them'],
    ['upper bound', 'a part of several, expected one of "SEQ is over upper bound'],
  ])('of %s is an error that says "%s"', async (name, message) => {
    const { code, stdout, stderr } = await runCli(['explain', name])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(message)
  })

  it.each([60, 80, 120])('fits %i columns, but for commands and addresses of reports', width => {
    const style = createStyle(false)
    const topics = [...FINDING_IDS, ...SYSCTL_NAMES, ...REASONS.map(({ title }) => title)].flatMap(
      topicsNamed,
    )
    const lines = topics.flatMap(topic => renderTopic(topic, { style, width }).split('\n'))
    expect(lines.length).toBeGreaterThan(1000)
    expect(lines.filter(line => line.length > width && !/\$ |https:|\(net\//.test(line))).toEqual([])
  })

  it('is what a finding in a report ends with', async () => {
    const { stdout } = await runCli(['fixtures/findings/same-bridge-dnat.multi.pcapng'])
    expect(stdout).toMatch(/^ +more +ctpcap explain asymmetric-same-bridge-return$/m)
    const { stdout: json } = await runCli(['--json', 'fixtures/findings/same-bridge-dnat.multi.pcapng'])
    const count = JSON.parse(json).findings.length
    expect(stdout.match(/ctpcap explain /g)?.length).toBe(count)
  })
})

it('every sysctl says what it costs', () => {
  for (const name of SYSCTL_NAMES) {
    expect(SYSCTL_EXPLANATIONS[name].text.length).toBeGreaterThan(20)
    expect(SYSCTL_EXPLANATIONS[name].cost).not.toBe('')
  }
})
