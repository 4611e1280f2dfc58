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

/** Cases of which the kernel's lines were recorded, some at least, and told as `CT --helper` does. */
const casesWith = (file: string): typeof cases =>
  cases.filter(([name, folder]) => {
    const path = join(folder, file)
    return !BY_NFT.includes(name) && existsSync(path) && readFileSync(path, 'utf8') !== ''
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

describe('events of 6.18', () => {
  it.each(casesWith('events-6.18.44.txt'))('%s', async (_name, folder) => {
    const kernel = readFileSync(join(folder, 'events-6.18.44.txt'), 'utf8')
    expect(changes(await eventsOf(folder))).toEqual(changes(kernel))
  })
})

describe('expectations of 6.18', () => {
  it.each(casesWith('expectations-6.18.44.txt'))('%s', async (_name, folder) => {
    const kernel = readFileSync(join(folder, 'expectations-6.18.44.txt'), 'utf8')
    expect(announcements(await eventsOf(folder, '--expect'))).toEqual(announcements(kernel))
  })
})

async function eventsOf(folder: string, ...options: string[]): Promise<string> {
  const helpers = helpersOf(folder).flatMap(({ helper, port }) => ['--helper', `${helper}:${port}`])
  const replay = ['--replay', 'frames', '--set', 'checksum=1']
  return (await runCli(['events', ...replay, ...helpers, ...options, captureOf(folder)])).stdout
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
