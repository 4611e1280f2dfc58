// npm run mutation: plants faults in the sources, one at a time, and looks which of them the tests catch.
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT, readSourceFiles } from '../support/source-files.ts'
import type { Measured } from './bench.ts'
import { Lane } from './lane.ts'
import { allFaults, drawSample, type Fault, nameOf, PARTS, partOf } from './sample.ts'
import { SURVIVORS } from './survivors.ts'

const USAGE = 'run.ts [--seed TEXT] [--only TEXT] [--tests TEXT] [--lanes N] [--listed] [--again]'
/** Of the faults planted so many have to be caught. */
const LEAST_CAUGHT = 0.85
/** Test files are run by so many milliseconds' worth, the quick ones first. */
const GROUP = 2_000
/** At first only so many milliseconds' worth, and those of the fault's own folder; the others when all faults have been planted. */
const FIRST = 10_000
/** Milliseconds that tests may take with a fault: far more than they take without, because machines are busy. */
const patience = (milliseconds: number): number => 30_000 + 10 * milliseconds
const MEASURING = 3_600_000

interface Result {
  name: string
  /** The first test that failed, `no end` when the tests did not end, null when all passed. */
  caughtBy: string | null
  /** Whether only the tests that come first have been run. */
  isFirst: boolean
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    tests: { type: 'string', default: '' },
    lanes: { type: 'string', default: '2' },
    listed: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
  },
})
const LANES = Number(values.lanes)
if (!(LANES >= 1)) throw new Error(`expected ${USAGE}`)
const faults = values.only === undefined ? drawSample(values.seed) : allFaults(values.only)
/** Only whole runs are gone on with. */
const keeps = values.only === undefined && values.tests === ''
const reasons = new Map(SURVIVORS.map(survivor => [nameOf(survivor), survivor.reason]))

const folder = join(ROOT, 'node_modules/.cache/ctpcap-mutation')
mkdirSync(folder, { recursive: true })
const digest = digestOfSources()
const coverage = await measure()
const results = readResults()
await plantAll(true)
await plantAll(false)
summarize()
if (digestOfSources() !== digest)
  throw new Error('sources or tests were changed while this went on: run it again')

/** Which test files run through each fault: from an earlier run of the same sources and tests, or measured. */
async function measure(): Promise<Measured[]> {
  const path = join(folder, 'coverage.json')
  const key = digestOf([digest, values.tests, faults.map(nameOf)])
  if (existsSync(path)) {
    const kept = JSON.parse(readFileSync(path, 'utf8')) as { key: string; measured: Measured[] }
    if (kept.key === key) return kept.measured
  }
  console.log(`${faults.length} faults; the tests as they are, to see which runs through what`)
  const parts = Array.from({ length: LANES }, (_, part) => measurePart(part))
  const answers = await Promise.all(parts)
  const failures = answers.flatMap(({ failures }) => failures)
  if (failures.length > 0) throw new Error(`tests fail without a fault:\n${failures.join('\n')}`)
  const measured = answers.flatMap(({ measured }) => measured)
  writeFileSync(path, JSON.stringify({ key, measured }))
  return measured
}

async function measurePart(part: number): Promise<{ measured: Measured[]; failures: string[] }> {
  const lane = new Lane()
  const order = { measure: { filter: values.tests, faults, part, parts: LANES } }
  const answer = await lane.ask(order, MEASURING)
  lane.close()
  if (answer === null || !('measured' in answer)) throw new Error('the tests did not end')
  return answer
}

function readResults(): Map<string, Result> {
  const path = join(folder, 'results.jsonl')
  const key = JSON.stringify({ digest, seed: values.seed })
  const [first, ...lines] = keeps && existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : []
  // tests that came since then catch no less
  if (first === key || (values.again && first !== undefined))
    return new Map(lines.map(line => JSON.parse(line) as Result).map(result => [result.name, result]))
  if (keeps) writeFileSync(path, `${key}\n`)
  return new Map()
}

function note(result: Result): void {
  results.set(result.name, result)
  if (keeps) appendFileSync(join(folder, 'results.jsonl'), `${JSON.stringify(result)}\n`)
}

/** Plants every fault that has no result yet, with the tests that come first or with the others. */
async function plantAll(isFirst: boolean): Promise<void> {
  const waiting = faults.filter(fault => {
    const isListed = reasons.has(nameOf(fault)) && !values.listed
    const result = results.get(nameOf(fault))
    if (isListed || (result !== undefined && result.caughtBy !== null)) return false
    return isFirst ? result === undefined || values.again : result === undefined || result.isFirst
  })
  // by chance: a run that is cut off has planted a sample of the sample
  waiting.sort((a, b) => (digestOf(nameOf(a)) < digestOf(nameOf(b)) ? -1 : 1))
  const loaders = loadersOf()
  let done = 0
  const work = async (): Promise<void> => {
    const lane = new Lane()
    for (let fault = waiting.shift(); fault !== undefined; fault = waiting.shift()) {
      const caughtBy = await plant(lane, fault, loaders, isFirst)
      note({ name: nameOf(fault), caughtBy, isFirst })
      if (caughtBy === null)
        console.log(`not caught${isFirst ? ' at first' : ''}: ${nameOf(fault)} (line ${fault.line})`)
      if (++done % 50 === 0) console.log(`${done} planted, ${waiting.length} to go`)
    }
    lane.close()
  }
  await Promise.all(Array.from({ length: LANES }, work))
}

async function plant(
  lane: Lane,
  fault: Fault,
  loaders: Map<string, Set<string>>,
  isFirst: boolean,
): Promise<string | null> {
  const number = faults.indexOf(fault)
  // one test file loads a source for all that come after it
  const isLoaded = fault.atLoad || coverage.some(({ loading }) => loading.includes(number))
  const runs = ({ file, hits }: Measured): boolean =>
    hits.includes(number) || (isLoaded && (loaders.get(fault.file)?.has(file) ?? false))
  const files = coverage.filter(runs).sort((a, b) => a.milliseconds - b.milliseconds)
  const own = `test/${fault.file.slice(0, fault.file.indexOf('/'))}/`
  let sum = 0
  const chosen = files.filter(({ file, milliseconds }) => {
    sum += milliseconds
    return (sum <= FIRST || file.startsWith(own)) === isFirst
  })
  for (const group of groupsOf(chosen)) {
    const order = { plant: { files: group.map(({ file }) => file), fault } }
    const answer = await lane.ask(
      order,
      patience(group.reduce((sum, { milliseconds }) => sum + milliseconds, 0)),
    )
    if (answer === null || !('failure' in answer)) return `no end: ${order.plant.files.join(', ')}`
    if (answer.failure !== null) return answer.failure
  }
  return null
}

/** Test files by the sources that they load, by themselves or over others. */
function loadersOf(): Map<string, Set<string>> {
  const modules = ['src', 'test'].flatMap(folder =>
    readSourceFiles(folder).map(({ path, imports }) => ({
      path: `${folder}/${path}`,
      imports: imports.map(name => posix.normalize(`${folder}/${name}`)),
    })),
  )
  const importsOf = new Map(modules.map(({ path, imports }) => [path, imports]))
  const loaders = new Map<string, Set<string>>()
  const load = (path: string, test: string): void => {
    const known = loaders.get(path) ?? new Set()
    if (known.has(test)) return
    loaders.set(path, known.add(test))
    for (const next of importsOf.get(path) ?? []) load(next, test)
  }
  for (const { path } of modules) if (path.endsWith('.test.ts')) load(path, path)
  return new Map([...loaders].map(([path, tests]) => [path.replace(/^src\//, ''), tests]))
}

function groupsOf(files: readonly Measured[]): Measured[][] {
  const groups: Measured[][] = []
  let sum = Number.POSITIVE_INFINITY
  for (const file of files) {
    sum += file.milliseconds
    if (sum <= GROUP) groups.at(-1)!.push(file)
    else {
      groups.push([file])
      sum = file.milliseconds
    }
  }
  return groups
}

/** Prints what was caught by part; a survivor that is not listed, and too many survivors, end the run with 1. */
function summarize(): void {
  const isCaught = (fault: Fault): boolean => typeof results.get(nameOf(fault))?.caughtBy === 'string'
  for (const { name } of PARTS) {
    const planted = faults.filter(({ file }) => partOf(file) === name)
    if (planted.length > 0)
      console.log(`${name.padEnd(16)} ${planted.filter(isCaught).length} of ${planted.length} caught`)
  }
  const survivors = faults.filter(fault => !isCaught(fault))
  const unlisted = survivors.filter(fault => !reasons.has(nameOf(fault)))
  const caught = faults.length - survivors.length
  const endless = [...results.values()].filter(({ caughtBy }) => caughtBy?.startsWith('no end')).length
  console.log(`${caught} of ${faults.length} caught, of these ${endless} because the tests did not end`)
  console.log(`${survivors.length - unlisted.length} listed survivors, ${unlisted.length} not listed`)
  for (const fault of unlisted) console.log(`not listed: ${nameOf(fault)} (line ${fault.line})`)
  const names = new Set(faults.map(nameOf))
  const stale = keeps ? [...reasons.keys()].filter(name => !names.has(name)) : []
  // the sample changes with the sources
  for (const name of stale) console.log(`listed, but not planted: ${name}`)
  for (const fault of faults)
    if (isCaught(fault) && reasons.has(nameOf(fault))) console.log(`listed, but caught: ${nameOf(fault)}`)
  if (unlisted.length > 0 || caught < LEAST_CAUGHT * faults.length) process.exitCode = 1
}

function digestOfSources(): string {
  const tests = readSourceFiles('test').filter(({ path }) => !path.startsWith('mutation/'))
  const sources = [...readSourceFiles('src'), ...tests]
  return digestOf(sources.map(({ path, lines }) => [path, lines]))
}

function digestOf(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
