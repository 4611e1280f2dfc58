// Recorded node runs: their tables listed as they were loaded, and captures cut in two that go on as if they were whole.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { LAB, labPath, labRuns } from '../support/lab.ts'
import { splitPcap } from '../support/split-pcap.ts'

if (LAB === null)
  console.warn('table-lab.test.ts: skipped, CTPCAP_CORPUS names no folder with recorded scenarios in `lab`')

const runs = labRuns('conntrack-final.txt')
/** Larger captures only take longer. */
const MOST_BYTES = 600_000

async function printed(...args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await runCli(args)
  expect(code, stderr).toBe(0)
  return stdout.split('\n').filter(line => line !== '')
}

/** The capture of everything, and those of single interfaces that have something to cut. */
function capturesOf(run: string): string[] {
  const folder = labPath(run, 'captures')
  return readdirSync(folder)
    .filter(name => /^(any|eth0|veth\w+)\.pcap$/.test(name))
    .filter(name => statSync(join(folder, name)).size <= MOST_BYTES)
    .filter(name => splitPcap(readFileSync(join(folder, name))) !== null)
}

describe.skipIf(LAB === null)('recorded node runs', () => {
  it('are there', () => {
    expect(runs.length).toBeGreaterThan(40)
  })

  it.each(runs)('%s: the table it was given is listed', async run => {
    const table = labPath(run, 'conntrack-final.txt')
    // a capture of other traffic, before its first frame
    const listed = await printed('list', 'fixtures/report/syn-flood.pcap', '--at', '1', '--table', table)
    const expected = readFileSync(table, 'utf8')
      .split('\n')
      .filter(line => line !== '')
    expect(listed.sort()).toEqual(expected.sort())
  })

  const cases = runs.flatMap(run => capturesOf(run).map(name => [run, name]))
  it.each(cases)('%s: %s, cut in two, goes on as if it were whole', async (run, name) => {
    using halves = new Folder()
    const capture = labPath(run, 'captures', name)
    const cut = splitPcap(readFileSync(capture))
    if (cut === null) throw new Error('nothing to cut')
    const rest = halves.write('rest.pcap', cut.second)
    for (const replay of name === 'any.pcap' ? ['auto', 'frames'] : ['auto']) {
      const options = ['--sysctl', labPath(run, 'sysctl.txt'), '--replay', replay]
      const table = halves.write(
        't',
        (await printed('list', capture, ...options, '--at', instantBefore(cut.time))).join('\n'),
      )
      const events = await printed('events', capture, ...options)
      const expected = events.filter(line => stampOf(line) >= cut.time / 1000n)
      const continued = await printed('events', rest, ...options, '--table', table)
      expect(comparable(continued)).toEqual(comparable(expected))
      expect(comparable(await printed('list', rest, ...options, '--table', table))).toEqual(
        comparable(await printed('list', capture, ...options)),
      )
    }
  })
})

/** Runs in which translated connections go on for long enough to be cut. */
const TRANSLATED = [
  'hairpin-control-routed',
  'idle-timeout-control',
  'idle-timeout-dnat-control',
  'invalid-leak-control',
  'invalid-leak-egress-control',
  'masquerade-egress',
  'invalid-leak-egress',
]

describe.skipIf(LAB === null)('a capture of one interface that begins amid translated connections', () => {
  it.each(TRANSLATED)('%s: the table of the node tells what they are', async run => {
    using files = new Folder()
    const folder = labPath(run, 'captures')
    const any = join(folder, 'any.pcap')
    const time = splitPcap(readFileSync(any))?.time ?? 0n
    const sysctl = ['--sysctl', labPath(run, 'sysctl.txt')]
    const lines = await printed('list', any, ...sysctl, '--at', instantBefore(time))
    const table = files.write('t', lines.join('\n'))
    const begin = entriesOf(lines)
    const end = entriesOf(await printed('list', any, ...sysctl))
    const moved: string[] = []
    for (const name of readdirSync(folder).filter(name => /^(eth0|veth\w+)\.pcap$/.test(name))) {
      const cut = splitPcap(readFileSync(join(folder, name)), time)
      if (cut === null) continue
      const rest = files.write(name, cut.second)
      const own = entriesOf(await printed('list', rest, ...sysctl, '--table', table))
      // an entry is as it was where its packets do not pass
      for (const [tuples, state] of begin) {
        if (own.get(tuples) === state) continue
        expect(`${name} ${tuples}: ${own.get(tuples)}`).toBe(`${name} ${tuples}: ${end.get(tuples)}`)
        moved.push(tuples)
      }
    }
    expect(moved.length).toBeGreaterThan(0)
  })
})

/** State and flags by protocol and tuples. */
function entriesOf(lines: readonly string[]): Map<string, string> {
  return new Map(
    lines.map(line => {
      const [, protocol, state = '', tuples = ''] =
        /^(\w+ +\d+) \d+ (?:([A-Z_0-9]+) )?(.*) mark=/.exec(line) ?? []
      const flags = tuples.match(/\[\w+\]/g) ?? []
      return [`${protocol} ${tuples.replace(/ ?\[\w+\]/g, '')}`, `${state} ${flags.join(' ')}`]
    }),
  )
}

/** For --at: the last nanosecond before. */
function instantBefore(time: bigint): string {
  const before = time - 1n
  return `${before / 1_000_000_000n}.${String(before % 1_000_000_000n).padStart(9, '0')}`
}

/** Microseconds since 1970. */
function stampOf(line: string): bigint {
  const [, seconds, micros] = /^\[(\d+)\.(\d{6})\]/.exec(line) ?? []
  return BigInt(seconds) * 1_000_000n + BigInt(micros)
}

/**
 * A listing has whole seconds, so that what is left of them differs by one; an entry whose time has passed is in no
 * listing, but the collector destroys it later; who reset a connection in CLOSE is not listed, so that a SYN which
 * opens it anew does not replace its entry.
 */
function comparable(lines: readonly string[]): string[] {
  const events = lines
    .map(line => line.replace(/^\[[\d.]+\]\t/, '').replace(/^(.*?\w+ +\d+) \d+/, '$1 …'))
    .filter(line => line !== '' && !(line.startsWith('[DESTROY]') && !line.includes('…')))
  const closed = new Set(
    events.filter(line => line.includes('[DESTROY]') && line.includes(' CLOSE ')).map(originalOf),
  )
  return events.filter(line => !closed.has(originalOf(line)))
}

const originalOf = (line: string) => /src=\S+ dst=\S+ sport=\d+ dport=\d+/.exec(line)?.[0] ?? line
