// Holds one recording against another, the kernel's against the model's: verdicts, timeouts, events, the final table.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runModel } from './model.ts'
import {
  CAPTURE,
  type ConntrackEvent,
  type Recording,
  readRecording,
  type Sysctls,
  type TableEntry,
  type Verdict,
} from './recording.ts'

export interface Disagreement {
  /** 0 for the final table. */
  frame: number
  what: 'verdict' | 'timeout' | 'event' | 'table'
  kernel: string
  model: string
}

/** The kernel sends whole seconds rounded down, and a tick may fall between setting a timeout and telling it. */
const TICK_TOLERANCE = 1
/** Milliseconds that an entry has left are recorded in steps of 50 below 10,000, of 1000 above. */
const FINE_TIMEOUTS = 10_000
const FINE_STEP = 50
const COARSE_STEP = 1000
/** By so many milliseconds may one of two packets of an entry be late, and a few ticks. */
const LEFT_TOLERANCE = 60
/** An expired entry may be collected at once, but its frame may have been sent a little early or late. */
const TIME_TOLERANCE = 50e6

/**
 * Everything on which they differ, in order of frames. A DESTROY by lookup or collector need not come at the same
 * frame: the model's entry must have expired by then.
 */
export function compareRecordings(kernel: Recording, model: Recording): Disagreement[] {
  const found: Disagreement[] = []
  const frames = lastReplayed(kernel)
  compareVerdicts(kernel, model, frames, found)
  compareTimeouts(kernel, model, found)
  compareEvents(kernel, model, frames, found)
  compareEnds(kernel, model, frames, found)
  if (kernel.end > 0 && frames === kernel.verdicts.length) compareTables(kernel.table, model.table, found)
  return found.sort((a, b) => (a.frame || Number.POSITIVE_INFINITY) - (b.frame || Number.POSITIVE_INFINITY))
}

/** Frames up to the first one that was too late for the recording. */
function lastReplayed(kernel: Recording): number {
  const cut = kernel.verdicts.findIndex(v => v.state === 'unplayable' && v.reason.startsWith('beyond'))
  return cut < 0 ? kernel.verdicts.length : cut
}

function compareVerdicts(kernel: Recording, model: Recording, frames: number, found: Disagreement[]): void {
  for (let i = 0; i < frames; i++) {
    const [ours, theirs] = [model.verdicts[i], kernel.verdicts[i]]
    if (isUnplayable(theirs)) continue
    if (isUnseen(theirs) && (ours === undefined || isUnseen(ours))) continue
    const [a, b] = [verdictText(theirs), ours === undefined ? 'nothing' : verdictText(ours)]
    if (a !== b) found.push({ frame: i + 1, what: 'verdict', kernel: a, model: b })
  }
}

/** The recorder could not send it, though it may well be sound. */
function isUnplayable(verdict: Verdict | undefined): boolean {
  return verdict?.state === 'unplayable'
}

/** Neither IP nor anything that IP would have let through. */
function isUnseen(verdict: Verdict): boolean {
  return verdict.state === 'skipped' || verdict.state === 'dropped'
}

export function verdictText(verdict: Verdict): string {
  const bits = [verdict.seenReply === '1' ? 'seen_reply' : '', verdict.assured === '1' ? 'assured' : '']
  const { state, direction, reason } = verdict
  return [state, direction, ...bits, reason === '' ? '' : `(${reason})`].filter(word => word !== '').join(' ')
}

function compareTimeouts(kernel: Recording, model: Recording, found: Disagreement[]): void {
  for (const [frame, left] of kernel.timeouts) {
    const ours = model.timeouts.get(frame)
    // without one the verdicts differ already
    if (ours === undefined) continue
    const step = left < FINE_TIMEOUTS ? FINE_STEP : COARSE_STEP
    if (ours > left - LEFT_TOLERANCE && ours < left + step + LEFT_TOLERANCE) continue
    found.push({ frame, what: 'timeout', kernel: `${left} ms`, model: `${ours} ms` })
  }
}

function compareEvents(kernel: Recording, model: Recording, frames: number, found: Disagreement[]): void {
  const byFrame = new Map<number, [ConntrackEvent[], ConntrackEvent[]]>()
  for (const [side, recording] of [kernel, model].entries()) {
    for (const event of recording.events) {
      if (event.type === 'DESTROY' || event.frame > frames || isUnplayable(kernel.verdicts[event.frame - 1]))
        continue
      const entry = byFrame.get(event.frame) ?? byFrame.set(event.frame, [[], []]).get(event.frame)
      entry?.[side].push(event)
    }
  }
  for (const [frame, [theirs, ours]] of byFrame) {
    const same = theirs.length === ours.length && theirs.every((event, i) => sameEvent(event, ours[i]))
    if (!same) found.push({ frame, what: 'event', kernel: eventsText(theirs), model: eventsText(ours) })
  }
}

function sameEvent(kernel: ConntrackEvent, model: ConntrackEvent): boolean {
  const short = (model.timeout ?? 0) - (kernel.timeout ?? 0)
  // a new entry has the whole of its timeout
  const least = kernel.type === 'NEW' ? 0 : -TICK_TOLERANCE
  return eventText(kernel) === eventText(model) && short >= least && short <= TICK_TOLERANCE
}

function eventText(event: ConntrackEvent): string {
  const { type, protocol, original, reply, state, status } = event
  return `${type} ${protocol} ${original} ${reply} ${state} [${status}]`
}

function eventsText(events: ConntrackEvent[]): string {
  return (
    events
      .map(event => `${eventText(event)}${event.timeout === null ? '' : ` ${event.timeout} s`}`)
      .join('; ') || 'none'
  )
}

/** Matches every DESTROY with the end of the same entry in the other recording. */
function compareEnds(kernel: Recording, model: Recording, frames: number, found: Disagreement[]): void {
  const theirs = endsByEntry(kernel, frames)
  const ours = endsByEntry(model, frames)
  for (const [key, event] of theirs) {
    // the model says nothing of what comes after the last frame
    if (event.frame === 0) continue
    const wrong = wrongEnd(event, ours.get(key), kernel.times[event.frame - 1])
    if (wrong !== '') found.push({ frame: event.frame, what: 'event', kernel: endText(event), model: wrong })
  }
  for (const [key, event] of ours) {
    if (event.expired !== undefined || theirs.has(key)) continue
    found.push({ frame: event.frame, what: 'event', kernel: 'none', model: endText(event) })
  }
}

/** What is wrong with the model's end of an entry that the kernel destroyed at `time`; '' when nothing is. */
function wrongEnd(event: ConntrackEvent, ours: ConntrackEvent | undefined, time: number): string {
  if (ours === undefined) return 'still there'
  if (endText(ours) !== endText(event)) return endText(ours)
  if (ours.expired === undefined)
    return ours.frame === event.frame ? '' : `${endText(ours)} at frame ${ours.frame}`
  const early = ours.expired - time
  return early > TIME_TOLERANCE ? `expires ${(early / 1e9).toFixed(3)} s later` : ''
}

function endText(event: ConntrackEvent): string {
  return `${eventText(event)} ${event.counters.join(' ')}`
}

/** The DESTROY events, named by the frame that began their entry. */
function endsByEntry(recording: Recording, frames: number): Map<string, ConntrackEvent> {
  const begun = new Map<string, number>()
  const ends = new Map<string, ConntrackEvent>()
  for (const event of recording.events) {
    if (event.frame > frames) continue
    const key = `${event.protocol} ${event.original}`
    if (event.type === 'NEW') begun.set(key, event.frame)
    else if (event.type === 'DESTROY') ends.set(`${key} since ${begun.get(key)}`, event)
  }
  return ends
}

function compareTables(kernel: TableEntry[], model: TableEntry[], found: Disagreement[]): void {
  const ours = new Map(model.map(entry => [entryKey(entry), entry]))
  const theirs = new Map(kernel.map(entry => [entryKey(entry), entry]))
  for (const [key, entry] of theirs) {
    const other = ours.get(key)
    if (other === undefined) {
      if (entry.timeout > 0)
        found.push({ frame: 0, what: 'table', kernel: entryText(entry), model: 'not there' })
    } else if (
      Math.abs(other.timeout - entry.timeout) > TICK_TOLERANCE ||
      contents(other) !== contents(entry)
    ) {
      found.push({ frame: 0, what: 'table', kernel: entryText(entry), model: entryText(other) })
    }
  }
  for (const [key, entry] of ours) {
    if (!theirs.has(key) && entry.timeout > 0) {
      found.push({ frame: 0, what: 'table', kernel: 'not there', model: entryText(entry) })
    }
  }
}

const entryKey = (entry: TableEntry): string => `${entry.protocol} ${entry.original} ${entry.reply}`
const contents = (entry: TableEntry): string => `${entry.state} [${entry.status}] ${entry.counters.join(' ')}`
const entryText = (entry: TableEntry): string => `${entryKey(entry)} ${contents(entry)} ${entry.timeout} s`

/** One line, or two where both sides are long. */
export function disagreementText({ frame, what, kernel, model }: Disagreement): string {
  return `${frame === 0 ? 'at the end' : `frame ${frame}`}, ${what}:\n  kernel ${kernel}\n  model  ${model}`
}

/** Where the ticks of the kernel's clock may fall, seen from the first frame: a jiffy is 4 ms. */
const PHASES = [0, 1e6, 2e6, 3e6]

/**
 * Compares a recording with what the model makes of its capture. What a packet within a jiffy or two of a timeout meets
 * depends on when the kernel's clock ticks, so where there are disagreements other phases are tried: the best one counts.
 */
export async function compareWithModel(
  kernel: Recording,
  capture: string,
  sysctls: Sysctls,
): Promise<Disagreement[]> {
  let best: Disagreement[] | null = null
  for (const phase of PHASES) {
    const found = compareRecordings(kernel, await runModel(capture, sysctls, kernel.end, phase))
    if (best === null || found.length < best.length) best = found
    if (best.length === 0) break
  }
  return best ?? []
}

/** Compares a recording with the capture that lies beside it. */
export async function compareDirectory(
  directory: string,
): Promise<{ kernel: Recording; found: Disagreement[] }> {
  const kernel = readRecording(directory)
  return { kernel, found: await compareWithModel(kernel, join(directory, CAPTURE), kernel.sysctls) }
}

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = parseArgs({
    options: { show: { type: 'string', default: '20' } },
    allowPositionals: true,
  })
  for (const directory of positionals) {
    const { kernel, found } = await compareDirectory(directory)
    for (const disagreement of found.slice(0, Number(values.show)))
      console.log(disagreementText(disagreement))
    console.log(`${directory}: ${kernel.verdicts.length} frames, ${found.length} disagreements`)
    if (found.length === 0) continue
    process.exitCode = 1
    break
  }
}
