// Which faults are planted: for each part of the sources as many as it is due, spread over its files and over the kinds of faults.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, readSourceFiles } from '../support/source-files.ts'
import { findSites, type Kind, type Site } from './sites.ts'

/** A site with the line it is on, before and after, without indentation: what it is known by when lines move. */
export interface Fault extends Site {
  from: string
  to: string
  /** Which of the faults of this file with this `from` and `to` it is. */
  nth: number
  line: number
}

interface Part {
  name: string
  folder: string
  without?: string
  quota: number
}

/** test/kernel/mutants.ts plants faults in the trackers, and looks for them with the kernel's verdicts on random packets. */
export const PARTS: readonly Part[] = [
  { name: 'conntrack', folder: 'conntrack', without: 'conntrack/proto', quota: 56 },
  { name: 'conntrack/proto', folder: 'conntrack/proto', quota: 15 },
  { name: 'vantage', folder: 'vantage', quota: 58 },
  { name: 'packet', folder: 'packet', quota: 44 },
  { name: 'filter', folder: 'filter', quota: 16 },
  { name: 'capture', folder: 'capture', quota: 58 },
  { name: 'host', folder: 'host', quota: 58 },
]

/** The faults of a sample, in order of part and file; the same sources and seed give the same ones. */
export function drawSample(seed: string): Fault[] {
  return PARTS.flatMap(part => inOrder(draw(faultsOf(part), part.quota, seed)))
}

/** Every fault that can be planted in files whose path contains a text. */
export function allFaults(only: string): Fault[] {
  return PARTS.flatMap(faultsOf).filter(({ file }) => file.includes(only))
}

export function partOf(file: string): string {
  return PARTS.find(part => contains(part, file))!.name
}

/** What a fault is known by, as one line. */
export function nameOf({ file, from, to, nth }: Pick<Fault, 'file' | 'from' | 'to' | 'nth'>): string {
  return `${file}: ${JSON.stringify(from)} -> ${JSON.stringify(to)}${nth > 1 ? ` (${nth})` : ''}`
}

function contains({ folder, without }: Part, file: string): boolean {
  return file.startsWith(`${folder}/`) && (without === undefined || !file.startsWith(`${without}/`))
}

function faultsOf(part: Part): Fault[] {
  return readSourceFiles('src')
    .filter(({ path }) => contains(part, path))
    .flatMap(({ path }) => faultsIn(path, readFileSync(join(ROOT, 'src', path), 'utf8')))
}

/** All faults of a source, told apart. */
export function faultsIn(file: string, source: string): Fault[] {
  const met = new Map<string, number>()
  return findSites(file, source).map(site => {
    const lineStart = source.lastIndexOf('\n', site.start - 1) + 1
    const lineEnd = source.indexOf('\n', site.end)
    const head = source.slice(lineStart, site.start)
    const tail = source.slice(site.end, lineEnd < 0 ? undefined : lineEnd)
    const from = source.slice(lineStart, lineEnd < 0 ? undefined : lineEnd).trim()
    const to = `${head}${site.replacement}${tail}`.trim()
    const key = JSON.stringify([from, to])
    const nth = (met.get(key) ?? 0) + 1
    met.set(key, nth)
    return { ...site, from, to, nth, line: source.slice(0, lineStart).split('\n').length }
  })
}

/** One of each file, then of the kinds in turn; by a hash of what a fault is known by, so that other code does not matter. */
function draw(faults: Fault[], quota: number, seed: string): Fault[] {
  const rank = new Map(faults.map(fault => [fault, hashOf(`${seed} ${nameOf(fault)}`)]))
  const sorted = faults.toSorted((a, b) => (rank.get(a)! < rank.get(b)! ? -1 : 1))
  const files = new Set<string>()
  const drawn = new Set(sorted.filter(({ file }) => !files.has(file) && files.add(file)).slice(0, quota))
  const queues = new Map<Kind, Fault[]>()
  for (const fault of sorted)
    if (!drawn.has(fault)) queues.set(fault.kind, [...(queues.get(fault.kind) ?? []), fault])
  const kinds = [...queues.keys()].sort()
  for (let turn = 0; drawn.size < Math.min(quota, faults.length); turn++) {
    const next = queues.get(kinds[turn % kinds.length])!.shift()
    if (next !== undefined) drawn.add(next)
  }
  return [...drawn]
}

function inOrder(faults: Fault[]): Fault[] {
  return faults.sort((a, b) => (a.file === b.file ? a.start - b.start : a.file < b.file ? -1 : 1))
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
