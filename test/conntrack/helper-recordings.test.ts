// Recordings of kernels with helpers assigned: state and bits of every frame, events of entries and of expectations.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { type HelperAssignment, isHelperName } from '../../src/conntrack/helper-assignment.ts'
import { type Kernel, kernelOf, withHz } from '../../src/conntrack/kernel.ts'
import { runModel } from '../kernel/model.ts'
import { runCli } from '../support/cli.ts'
import { knowledgeFrom } from '../support/knowledge.ts'

/** Ours, of 6.18 alone, and a collection of five kernels. */
const FIXTURES = 'fixtures/helpers'
const COLLECTION = join(process.env.CTPCAP_CORPUS ?? '', 'helpers')

const KERNELS: Readonly<Record<string, readonly [release: string, hz: number]>> = {
  '5.10.46': ['5.10.46', 100],
  '6.1.176': ['6.1.176', 100],
  '6.12.113': ['6.12.113', 100],
  '6.18.44': ['6.18.44', 250],
  '7.2.7': ['7.2.7', 100],
}

/** 6.1.176 gives expected flows their master's helper, which 6.1.192 does not: media live as long as signalling. */
const NOT_OF_THE_NEWEST = ['sip-rtp-pause 6.1.176']
/** Where nftables' `ct helper set` gives an expected flow a helper, which `CT --helper` does not. */
const BY_NFT = ['ftp-data-to-control-port', 'tftp-request-from-69']

const isCase = (folder: string, name: string): boolean => existsSync(join(folder, name, 'helper.txt'))
const own = readdirSync(FIXTURES)
const collected =
  process.env.CTPCAP_CORPUS !== undefined && existsSync(COLLECTION)
    ? readdirSync(COLLECTION).filter(name => isCase(COLLECTION, name) && !own.includes(name))
    : []

/** Name and folder of each case. */
const cases: [name: string, folder: string][] = [
  ...own.map((name): [string, string] => [name, join(FIXTURES, name)]),
  ...collected.map((name): [string, string] => [name, join(COLLECTION, name)]),
]

/** Cases of which a kernel's lines were recorded, some at least. */
const casesWith = (file: string): typeof cases =>
  cases.filter(([, folder]) => {
    const path = join(folder, file)
    return existsSync(path) && readFileSync(path, 'utf8') !== ''
  })

describe('each frame', () => {
  it.each(cases)('%s', async (name, folder) => {
    const topology = join(folder, 'topology.txt')
    const { networks } = knowledgeFrom([], existsSync(topology) ? [topology] : [])
    const undecided = undecidedIn(folder)
    let compared = 0
    for (const [recorded, [release, hz]] of Object.entries(KERNELS)) {
      const rows = rowsOf(join(folder, `verdicts-${recorded}.tsv`))
      if (rows.length === 0 || NOT_OF_THE_NEWEST.includes(`${name} ${recorded}`)) continue
      let last = 0
      const times = rows.map(([, sent]) => {
        last = Math.max(last, Number(sent) || last)
        return last
      })
      const kernel = withHz(kernelOf(release, 'option') as Kernel, hz)
      const sysctls = { nf_conntrack_checksum: 1 }
      const helpers = helpersOf(folder)
      const model = await runModel(captureOf(folder), sysctls, 0, 0, kernel, times, helpers, networks)
      const differing = rows.flatMap(([frame, , state, direction, seenReply, assured], i) => {
        if (['skipped', 'dropped', 'frag'].includes(state) || undecided.has(frame)) return []
        compared++
        const ours = model.verdicts[i]
        const mine = [ours?.state, ours?.direction, ours?.seenReply, ours?.assured].join(' ')
        const theirs = [state, direction, seenReply, assured].join(' ')
        return mine === theirs ? [] : [`${recorded}, frame ${frame}: kernel ${theirs}, model ${mine}`]
      })
      expect(differing).toEqual([])
    }
    expect(compared).toBeGreaterThan(0)
  })
})

/** What is told otherwise, by kernel: nothing is compared of it. */
const TOLD_OTHERWISE: Readonly<Record<string, readonly string[]>> = {
  // 431,999 seconds for 432,000: a tick between setting a timeout and telling it
  '5.10.46 events': ['ftp-same-port-two-controls'],
  // the same, and media that live as long as signalling
  '6.1.176 events': [
    'ftp-eprt-ipv4',
    'nat-real-sip-inside',
    'nat-real-sip-outside',
    'sip-call',
    'sip-expectation-timeouts',
    'sip-ipv6',
    'sip-nat-outside-not-rewritten',
    'sip-re-invite',
    'sip-rtp-pause',
  ],
  '6.1.176 expectations': ['ftp-data-to-control-port'],
  '6.18.44 events': BY_NFT,
  '6.18.44 expectations': ['ftp-data-to-control-port'],
  '7.2.7 events': BY_NFT,
  // the other direction's expectation is marked, and goes when its hash chain is walked the next time
  '7.2.7 expectations': ['ftp-data-to-control-port', 'nat-real-pptp-outside', 'pptp-incoming-call'],
}

/** Without the collection it is one kernel. */
const recordedKernels = Object.keys(KERNELS).filter(kernel => casesWith(`events-${kernel}.txt`).length > 0)

describe.each(recordedKernels)('what %s tells', recorded => {
  const compared = (what: string): typeof cases =>
    casesWith(`${what}-${recorded}.txt`).filter(
      ([name]) => TOLD_OTHERWISE[`${recorded} ${what}`]?.includes(name) !== true,
    )
  /** 6.1.176 gives every expected flow its master's helper. */
  const alike = (lines: string[]): string[] =>
    recorded === '6.1.176' ? lines.map(line => line.replace(/ helper=\S+$/, '')) : lines
  const told = (folder: string, what: string): string =>
    readFileSync(join(folder, `${what}-${recorded}.txt`), 'utf8')

  it.each(compared('events'))('events of %s', async (_name, folder) => {
    const ours = await eventsOf(folder, recorded)
    expect(alike(changes(ours))).toEqual(alike(changes(told(folder, 'events'))))
  })

  it.each(compared('expectations'))('expectations of %s', async (_name, folder) => {
    const ours = await eventsOf(folder, recorded, '--expect')
    expect(announcements(ours)).toEqual(announcements(told(folder, 'expectations')))
  })

  it.each(compared('events'))('the table that %s leaves', async (_name, folder) => {
    expect(alike(await listOf(folder, recorded))).toEqual(alike(leftBy(told(folder, 'events'))))
  })
})

function optionsOf(folder: string, recorded: string): string[] {
  const [release, hz] = KERNELS[recorded] ?? ['', 0]
  const helpers = helpersOf(folder).flatMap(({ helper, port }) => ['--helper', `${helper}:${port}`])
  return ['--replay', 'frames', '--set', 'checksum=1', '--kernel', release, '--hz', String(hz), ...helpers]
}

async function eventsOf(folder: string, recorded: string, ...options: string[]): Promise<string> {
  return (await runCli(['events', ...optionsOf(folder, recorded), ...options, captureOf(folder)])).stdout
}

async function listOf(folder: string, recorded: string): Promise<string[]> {
  const { stdout } = await runCli(['list', ...optionsOf(folder, recorded), captureOf(folder)])
  return stdout
    .split('\n')
    .filter(line => line !== '')
    .map(entryOf)
    .toSorted()
}

/** Entries that no event of `conntrack -E` ends, as `conntrack -L` has them but for timeouts. */
function leftBy(text: string): string[] {
  const left = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, event = '', entry = '', id = ''] = /\[(NEW|UPDATE|DESTROY)\] (.*) id=(\d+)/.exec(line) ?? []
    if (event === 'DESTROY') left.delete(id)
    else if (event !== '') left.set(id, entryOf(entry))
  }
  return [...left.values()].toSorted()
}

/** A line of a listing or an event without timeout and what only listings have. */
function entryOf(line: string): string {
  return line
    .replace(/ (mark|use)=\d+/g, '')
    .trim()
    .replace(/^(\w+) +(\d+) \d+ /, '$1 $2 ')
}

/** Lines of `conntrack -E expect` without time and what is left of theirs; in the order of the lines: at one instant any is right. */
function announcements(text: string): string[] {
  const lines = text.split('\n').filter(line => line !== '')
  return lines.map(line => line.replace(/^\S+\t\s*(\[\w+\]) \d+ /, '$1 ')).toSorted()
}

/** Lines of `conntrack -E` without time and id, and without ends, which timers bring. */
function changes(text: string): string[] {
  const lines = text.split('\n').filter(line => /\[(NEW|UPDATE)\]/.test(line))
  return lines.map(line => line.replace(/^.*?(?=\[(NEW|UPDATE)\])/, '').replace(/ id=\d+$/, ''))
}

function captureOf(folder: string): string {
  return join(folder, readdirSync(folder).find(file => file.startsWith('capture')) ?? '')
}

function helpersOf(folder: string): HelperAssignment[] {
  const lines = readFileSync(join(folder, 'helper.txt'), 'utf8').trim().split('\n')
  return lines.map(line => {
    const [helper, , port] = line.split(':')
    if (!isHelperName(helper)) throw new Error(line)
    return { helper, port: Number(port) }
  })
}

/** Frames that are not to be judged: `{ "29-31": "why" }`. */
function undecidedIn(folder: string): Set<string> {
  const path = join(folder, 'truth.json')
  const { undecided = {} } = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}
  const frames = Object.keys(undecided).flatMap(range => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => String(first + i))
  })
  return new Set(frames)
}

/** Rows of a table, which may be gzipped; none where it is not there. */
function rowsOf(path: string): string[][] {
  const bytes = existsSync(path)
    ? readFileSync(path)
    : existsSync(`${path}.gz`)
      ? gunzipSync(readFileSync(`${path}.gz`))
      : Buffer.from('')
  const lines = bytes.toString().split('\n').slice(1, -1)
  return lines.map(line => line.split('\t'))
}
