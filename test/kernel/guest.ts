// Captures through the conntrack of another kernel: a guest that CTPCAP_CORPUS has the starter of, and what the model says of them.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Kernel, kernelOf, withHz } from '../../src/conntrack/kernel.ts'
import { compareRecordings, type Disagreement } from './compare.ts'
import { runModel } from './model.ts'
import { RecordingUnavailable } from './record.ts'
import type { Recording, Sysctls, Verdict } from './recording.ts'

/** A capture that a guest is to be shown. */
export interface GuestJob {
  /** A name of its own, of letters, digits and dashes. */
  name: string
  capture: string
  sysctls: Sysctls
  /** How much of it. */
  maxSeconds: number
}

/** What came of a job: the guest's recording, and what the model says otherwise. */
export interface GuestOutcome {
  recording: Recording
  found: Disagreement[]
}

/** Seconds until a guest is ended. */
const TIME = 900

/** The kernel in each guest: what the model is to be, and jiffies a second. An exact version is emulated, which is slow. */
const GUESTS: Readonly<Record<string, { release: string; hz: number }>> = {
  '5.10': { release: '5.10.46', hz: 100 },
  '5.10.262': { release: '5.10.262', hz: 250 },
  '6.1': { release: '6.1', hz: 100 },
  '6.12': { release: '6.12.113', hz: 100 },
  '7.2': { release: '7.2', hz: 100 },
}

/** What there are guests of: series, and exact versions. */
export const GUEST_SERIES = Object.keys(GUESTS)

/** The kernel in the guest of a series, as the model knows it. */
export function guestKernel(series: string): Kernel {
  const guest = Object.hasOwn(GUESTS, series) ? GUESTS[series] : null
  const kernel = guest === null ? null : kernelOf(guest.release, 'option')
  if (guest === null || kernel === null)
    throw new Error(`no guest ${series}; there are ${GUEST_SERIES.join(', ')}`)
  return withHz(kernel, guest.hz)
}

/**
 * Shows captures to a kernel.
 * @param directory where what it says is put; it must be there
 * @throws RecordingUnavailable when there is no such guest here
 */
export async function recordInGuest(
  series: string,
  jobs: readonly GuestJob[],
  directory: string,
): Promise<void> {
  const corpus = process.env.CTPCAP_CORPUS
  if (corpus === undefined) throw new RecordingUnavailable('CTPCAP_CORPUS is not set')
  const oracle = join(corpus, 'kernel-oracle')
  const starter = join(oracle, 'in-kernel')
  if (!existsSync(starter)) throw new RecordingUnavailable(`no ${starter}`)
  if (process.getuid?.() !== 0) throw new RecordingUnavailable('needs root')
  const list = join(directory, 'jobs')
  const line = ({ name, capture, sysctls, maxSeconds }: GuestJob): string => {
    const settings = Object.entries(sysctls).map(([sysctl, value]) => `${sysctl}=${value}`)
    return [name, capture, settings.join(','), maxSeconds].join('\t')
  }
  // fewest sysctls first: the recorder sets them back to what it read, and 5.10 shows 300 ms of SCTP as 0
  const ordered = jobs.toSorted((a, b) => Object.keys(a.sysctls).length - Object.keys(b.sysctls).length)
  writeFileSync(list, ordered.map(job => `${line(job)}\n`).join(''))
  const verdicts = join(directory, 'v')
  mkdirSync(verdicts, { recursive: true })
  const replay = ['python3', join(oracle, 'versions/batch-replay'), list, verdicts]
  const { code, text } = await run(starter, [
    '--timeout',
    String(TIME),
    '--out',
    directory,
    series,
    ...replay,
  ])
  const missing = jobs.filter(({ name }) => !existsSync(join(verdicts, `${name}.sent`)))
  if (missing.length === 0) return
  if (missing.length === jobs.length)
    throw new RecordingUnavailable(`guest ${series}: ${text.trim().slice(-300)}`)
  throw new Error(`guest ${series} ended with ${code} before ${missing[0].name}: ${text.trim().slice(-300)}`)
}

/** Holds what a guest said of a job against the model. */
export async function judgeGuest(job: GuestJob, kernel: Kernel, directory: string): Promise<GuestOutcome> {
  const recording = readGuest(join(directory, 'v', job.name))
  return { recording, found: await compareWithKernel(job, kernel, recording) }
}

/** What the model says otherwise than a recording, at the times at which the frames were really sent. */
export async function compareWithKernel(
  { capture, sysctls }: GuestJob,
  kernel: Kernel,
  recording: Recording,
): Promise<Disagreement[]> {
  let best: Disagreement[] | null = null
  for (const phase of PHASES) {
    const model = await runModel(capture, sysctls, 0, phase, kernel, recording.times)
    const all = compareRecordings(recording, { ...model, events: [], timeouts: new Map() })
    const found = all.filter(one => !isDropped(one))
    if (best === null || found.length < best.length) best = found
    if (best.length === 0) break
  }
  return best ?? []
}

/**
 * Nothing came of the packet either way. Up to 6.1 the DCCP tracker drops what is too short for its type, which later
 * ones call INVALID; and the guest's recorder takes a whole datagram with a fragment header for no fragment.
 */
function isDropped({ kernel, model }: Disagreement): boolean {
  return kernel === 'dropped' && (model === 'invalid' || model === 'frag')
}

/** Where the ticks of the guest's clock may fall, seen from the first frame. */
const PHASES = [0, 5e6]

/** The verdicts beside `stem`, with the times at which frames were really sent. */
function readGuest(stem: string): Recording {
  const sentAt = new Map(lines(`${stem}.sent`).map(([frame, time]) => [Number(frame), Number(time)]))
  const verdicts: Verdict[] = []
  const times: number[] = []
  let last = 0
  for (const [frame, , state, direction, seenReply, assured, reason] of lines(`${stem}.tsv`).slice(1)) {
    last = Math.max(last, sentAt.get(Number(frame)) ?? last)
    times.push(last)
    verdicts.push({ state: STATES[state] ?? state, direction, seenReply, assured, reason })
  }
  return { verdicts, times, timeouts: new Map(), events: [], table: [], end: 0, sysctls: {}, latest: 0 }
}

/** What the guest's recorder calls otherwise. */
const STATES: Readonly<Record<string, string>> = { 'not-replayed': 'unplayable' }

function lines(path: string): string[][] {
  const text = readFileSync(path, 'utf8')
  return text
    .split('\n')
    .slice(0, -1)
    .map(line => line.split('\t'))
}

function run(command: string, options: string[]): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, options, { stdio: ['ignore', 'ignore', 'pipe'] })
    let text = ''
    child.stderr.on('data', chunk => {
      text += chunk
    })
    child.once('error', reject)
    child.once('close', code => resolve({ code, text }))
  })
}
