// npm run bench: the built command line beside other programs on the same captures, and whether it keeps its bars.
import { cpus, loadavg, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { isInstalled } from '../support/installed.ts'
import { benchPairs } from './bars.ts'
import { type BenchCapture, BUSY_NODE, benchCapture, SHORT_CONNECTIONS } from './captures.ts'
import { best, HAS_GNU_TIME, type Measurement, measure } from './measure.ts'
import { CTPCAP, OTHERS, type Program, SOFTFLOWD, TCPDUMP } from './programs.ts'

/** What ctpcap is held to, beside others in the same run. */
const MOST_TIMES_TCPDUMP = 3
const LEAST_TIMES_FASTER_THAN_SOFTFLOWD = 3
const MOST_MEMORY = 600e6
/** Memory on top of a live entry's share that the program itself may take. */
const BASE_MEMORY = 100e6
const MOST_BYTES_AN_ENTRY = 400

type Results = Map<Program, Measurement>

/** Measures every program in turn, `rounds` times over, and keeps the best run of each. */
function runAll(programs: readonly Program[], { path }: BenchCapture, rounds: number): Results {
  const runs = new Map<Program, Measurement[]>(programs.map(program => [program, []]))
  for (let round = 0; round < rounds; round++) {
    for (const program of programs) {
      if (round > 0 && program.slow === true) continue
      runs.get(program)?.push(measure(program.command, program.options(path)))
    }
  }
  return new Map(programs.map(program => [program, best(runs.get(program) ?? [])]))
}

function printTable(results: Results, { packets }: BenchCapture): void {
  const row = (cells: string[]): string =>
    [cells[0].padEnd(22), ...cells.slice(1, 6).map(cell => cell.padStart(11)), `  ${cells[6]}`].join('')
  console.log(row(['program', 'time', 'CPU time', 'memory', 'packets/s', '÷ ctpcap', 'does']))
  const own = results.get(CTPCAP)?.seconds ?? Number.NaN
  for (const [{ name, does }, { seconds, cpu, peakMemory }] of results) {
    const rate = `${(packets / seconds / 1e6).toFixed(2)} M`
    const cells = [name, secondsText(seconds), secondsText(cpu), megabytes(peakMemory), rate]
    console.log(row([...cells, (seconds / own).toFixed(2), does]))
  }
}

function secondsText(seconds: number): string {
  return Number.isNaN(seconds) ? '-' : `${seconds.toFixed(2)} s`
}

function megabytes(bytes: number): string {
  return Number.isNaN(bytes) ? '-' : `${Math.round(bytes / 1e6)} MB`
}

/** Prints a bar and whether it is kept. */
function printBar(text: string, measured: number, kept: boolean): void {
  const verdict = Number.isNaN(measured) ? 'not measured' : kept ? 'met' : 'NOT MET'
  const value = Number.isNaN(measured) ? '' : `: ${measured.toFixed(measured < 100 ? 2 : 0)}`
  console.log(`${text}${value}, ${verdict}`)
}

function benchBusyNode(rounds: number, withOthers: boolean): void {
  const capture = benchCapture('busy-node', BUSY_NODE)
  console.log(`\n${capture.packets} packets of ${BUSY_NODE.conns} conversations`)
  const wanted = [CTPCAP, TCPDUMP, SOFTFLOWD, ...(withOthers ? OTHERS : [])]
  const present = wanted.filter(({ command }) => isInstalled(command))
  const results = runAll(present, capture, rounds)
  printTable(results, capture)
  const missing = wanted.filter(program => !present.includes(program)).map(({ name }) => name)
  if (missing.length > 0) console.log(`not installed here: ${missing.join(', ')}`)
  const own = results.get(CTPCAP)
  const slowdown = (own?.seconds ?? Number.NaN) / (results.get(TCPDUMP)?.seconds ?? Number.NaN)
  printBar(`at most ${MOST_TIMES_TCPDUMP} × the time of tcpdump`, slowdown, slowdown <= MOST_TIMES_TCPDUMP)
  const speedup = (results.get(SOFTFLOWD)?.seconds ?? Number.NaN) / (own?.seconds ?? Number.NaN)
  const faster = `at least ${LEAST_TIMES_FASTER_THAN_SOFTFLOWD} × faster than softflowd`
  printBar(faster, speedup, speedup >= LEAST_TIMES_FASTER_THAN_SOFTFLOWD)
  const memory = own?.peakMemory ?? Number.NaN
  printBar(`at most ${MOST_MEMORY / 1e6} MB of memory`, memory / 1e6, memory <= MOST_MEMORY)
}

function benchShortConnections(rounds: number): void {
  const capture = benchCapture('short-connections', SHORT_CONNECTIONS)
  console.log(`\n${capture.packets} packets of ${SHORT_CONNECTIONS.conns} short connections`)
  const json: Program = { ...CTPCAP, options: path => [...CTPCAP.options(path), '--json'] }
  const run = best(Array.from({ length: rounds }, () => measure(json.command, json.options(capture.path))))
  printTable(new Map([[CTPCAP, run]]), capture)
  const { entries } = (JSON.parse(run.stdout) as { table: { peak: { entries: number } } }).table.peak
  const each = (run.peakMemory - BASE_MEMORY) / entries
  const text = `at most ${MOST_BYTES_AN_ENTRY} bytes for each of ${entries} live entries, above ${BASE_MEMORY / 1e6} MB`
  printBar(text, each, each <= MOST_BYTES_AN_ENTRY)
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, quick: { type: 'boolean', default: false } },
})
const rounds = Math.max(1, Number(values.rounds))
const [{ model }] = cpus()
console.log(
  `${new Date().toISOString().slice(0, 10)}, ${model}, ${cpus().length} CPUs, ${megabytes(totalmem())}, node ${process.version}; best of ${rounds} rounds`,
)
const [load] = loadavg()
if (load > 0.5)
  console.log(`other programs are running here (load ${load.toFixed(1)}): the times are too long`)
if (!HAS_GNU_TIME) console.log('GNU time is not installed here: no CPU time, no memory')
benchBusyNode(rounds, !values.quick)
benchShortConnections(Math.min(rounds, 2))
console.log(`\nin pairs, ${rounds} rounds: the median, and the least and the most`)
benchPairs(rounds)
