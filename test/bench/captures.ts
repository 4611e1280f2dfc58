// The captures that are measured: written once into bench-data/, which git does not keep.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../support/source-files.ts'
import { type SyntheticOptions, writeSyntheticCapture } from '../support/synthetic-capture.ts'

export const BENCH_DATA = join(ROOT, 'bench-data')

export interface BenchCapture {
  path: string
  packets: number
}

/** 4.0 million packets of 400,000 conversations, 20,000 at a time: what a busy node looks like. */
export const BUSY_NODE = {
  conns: 400_000,
  data: 6,
  payload: 200,
  concurrent: 20_000,
  pps: 200_000,
} satisfies Partial<SyntheticOptions>

/** 9 million packets of 1.5 million short connections, which all stay in the table: what fills it. */
export const SHORT_CONNECTIONS = {
  conns: 1_500_000,
  data: 0,
  payload: 0,
  concurrent: 2_000,
  pps: 400_000,
  udp: 0,
} satisfies Partial<SyntheticOptions>

/** 3.1 million packets of 3,000 conversations of 500 segments in each direction: what is left when openings are few. */
export const LONG_CONNECTIONS = {
  conns: 3_000,
  data: 1_000,
  payload: 200,
  concurrent: 1_000,
  pps: 200_000,
  snaplen: 96,
} satisfies Partial<SyntheticOptions>

/** A quarter of the busy node, which other captures of the same traffic are compared with. */
export const QUARTER_NODE = { ...BUSY_NODE, conns: 100_000, snaplen: 96 } satisfies Partial<SyntheticOptions>

/** The capture of that name, written if it is not there with these options. */
export function benchCapture(name: string, options: Partial<SyntheticOptions>): BenchCapture {
  mkdirSync(BENCH_DATA, { recursive: true })
  const path = join(BENCH_DATA, `${name}.pcap`)
  const notes = join(BENCH_DATA, `${name}.json`)
  if (existsSync(path) && existsSync(notes)) {
    const { packets, ...made } = JSON.parse(readFileSync(notes, 'utf8'))
    if (JSON.stringify(made) === JSON.stringify(options)) return { path, packets }
  }
  console.error(`writing ${path}`)
  const { packets } = writeSyntheticCapture(`${path}.tmp`, options)
  renameSync(`${path}.tmp`, path)
  writeFileSync(notes, JSON.stringify({ ...options, packets }))
  return { path, packets }
}
