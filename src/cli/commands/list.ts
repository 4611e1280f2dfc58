// `ctpcap list`: the table as `conntrack -L` would have shown it at an instant of the capture.
import { stat } from 'node:fs/promises'
import type { Frame, FrameSource } from '../../capture/frame.ts'
import { FramesOf } from '../../capture/frames-of.ts'
import { STANDARD_INPUT } from '../../capture/open/stored.ts'
import type { Engine } from '../../conntrack/engine.ts'
import { IPS_CONFIRMED, IPS_DYING, IPS_NAT_CLASH } from '../../conntrack/status.ts'
import { Defragmenter } from '../../packet/defrag/fragments.ts'
import { replay } from '../../replay.ts'
import type { Shown } from '../../report/conntrack/entry.ts'
import { openObject } from '../../report/conntrack/host.ts'
import { writeEntryFields } from '../../report/conntrack/json.ts'
import { writeListLine, writeProcLine } from '../../report/conntrack/line.ts'
import { sortEntries } from '../../report/conntrack/order.ts'
import { writeSaveLine } from '../../report/conntrack/save.ts'
import { writeXmlFlow, XML_HEAD, XML_TAIL } from '../../report/conntrack/xml.ts'
import type { Ascii } from '../../report/text/ascii.ts'
import { CaptureClock, formatElapsed } from '../../report/text/capture-clock.ts'
import type { WallClock } from '../../report/text/wall-clock.ts'
import type { Interrupt } from '../io/interrupt.ts'
import type { Io } from '../io/io.ts'
import { LineOutput } from '../io/line-output.ts'
import { withProgress } from '../io/progress.ts'
import { UsageError } from '../io/usage-error.ts'
import type { Instant } from '../options/instant.ts'
import { endOf } from '../replay/describe-captures.ts'
import { oneTable } from '../replay/inner-replay.ts'
import { clockCorrections, windowFor } from '../replay/sightings.ts'
import { fragmentSettings } from '../replay/sysctls.ts'
import {
  DEAF,
  type LineReplay,
  loadTable,
  ruledEngine,
  warnOfDamage,
  withCaptures,
  writeHeading,
} from './line-replay.ts'

export const LIST_FORMATS = ['conntrack', 'extended', 'proc', 'xml', 'save', 'ndjson'] as const

export interface ListOptions extends LineReplay {
  format: (typeof LIST_FORMATS)[number]
  at: Instant
  /** Whose times of day. */
  clock: WallClock
  /** Name and version of this program, for the summary line. */
  program: string
}

/** Runs the command: the entries to stdout, sorted, and what conntrack says under them to stderr. */
export async function printList(options: ListOptions, io: Io): Promise<void> {
  const { captures, at, sysctls } = options
  const corrections = await clockCorrections(captures, options.replay, io)
  let entriesAtPeak = Number.POSITIVE_INFINITY
  if (at.kind === 'peak') {
    // A copy of the table at every new peak would cost its size again with each new entry; reading twice costs one
    // more replay, whatever the size.
    await requireFiles(captures)
    entriesAtPeak = await findPeak(options, corrections, io)
  }
  const use = async (source: FrameSource, interrupt: Interrupt): Promise<void> => {
    const stopping = new StoppingSource(source, at)
    let made = 0
    const window = windowFor(stopping, sysctls, options.replay, options)
    const { engine } = ruledEngine(options, { ...DEAF, created: () => made++ }, source, window)
    loadTable(engine, options.table)
    const engines = [engine]
    const stopAtPeak = (): void => {
      if (made < entriesAtPeak) return
      // what the window still holds came later
      engines.length = 0
      stopping.stop()
    }
    const settings = fragmentSettings(sysctls)
    const fragments = new Defragmenter(settings)
    if (entriesAtPeak > 0) {
      const tracking = oneTable(engines, { seen: stopAtPeak }, options.tunnels, settings)
      await withProgress(source, io, { quiet: false, ending: interrupt.ending }, () =>
        replay(stopping, tracking.engines, fragments, tracking.witness, window),
      )
    }
    interrupt.finish()
    requireInside(stopping, source, options)
    // the last frame may hold no packet
    if (at.kind === 'end') engine.advance(endOf(source))
    else if (stopping.limit !== null) engine.advance(stopping.limit)
    const count = await printTable(engine, source.epoch, options, io)
    warnOfDamage(source.captures, io.stderr)
    const when = stopping.hadFrames
      ? describeInstant(engine.context.time, source.epoch, options.clock)
      : 'no frame'
    const { host } = options.place
    const whose = host === '' ? '' : ` of ${host}`
    io.stderr.write(`${options.program}: ${count} flow entries${whose} have been shown. (${when})\n`)
  }
  await withCaptures(options, io, use, { corrections })
}

function describeInstant(time: number, epoch: bigint, clock: WallClock): string {
  return `${formatElapsed(time)} s after the first frame, ${clock.at(epoch + BigInt(Math.floor(time)))}`
}

/** @throws UsageError for an instant that the capture does not have */
function requireInside(stopping: StoppingSource, source: FrameSource, { clock, table }: ListOptions): void {
  const { limit, frames } = stopping
  const end = endOf(source)
  if (limit === null || frames === 0 || (limit >= 0 && (limit <= end || stopping.wasStopped))) return
  // before its start there is what was listed
  if (limit < 0 && table !== null) return
  const at = (time: number): string => clock.at(source.epoch + BigInt(Math.floor(time)))
  // what is behind an instant was not read
  const range =
    limit < 0 ? `begins at ${at(0)}` : `lasts from ${at(0)} to ${at(end)} (+0 to +${formatElapsed(end)})`
  throw new UsageError(`--at ${at(limit)}: outside of the capture, which ${range}`)
}

/** How many entries had been made when the most were live, the first of equals. */
async function findPeak(options: ListOptions, corrections: readonly number[], io: Io): Promise<number> {
  const { sysctls } = options
  const use = async (source: FrameSource, interrupt: Interrupt): Promise<number> => {
    let made = 0
    let peak = 0
    let madeAtPeak = 0
    const created = (): void => {
      made++
      const live = engine.table.count - engine.table.expiredCount
      if (live <= peak) return
      peak = live
      madeAtPeak = made
    }
    const window = windowFor(source, sysctls, options.replay, options)
    const { engine } = ruledEngine(options, { ...DEAF, created }, source, window)
    loadTable(engine, options.table)
    const settings = fragmentSettings(sysctls)
    const { engines, witness } = oneTable([engine], { seen: () => {} }, options.tunnels, settings)
    await withProgress(source, io, { quiet: false, ending: interrupt.ending }, () =>
      replay(source, engines, new Defragmenter(settings), witness, window),
    )
    interrupt.finish()
    return madeAtPeak
  }
  return withCaptures(options, io, use, { corrections })
}

async function requireFiles(captures: readonly string[]): Promise<void> {
  for (const path of captures) {
    const isFile = path !== STANDARD_INPUT && (await stat(path).catch(() => null))?.isFIFO() !== true
    if (!isFile)
      throw new UsageError(
        `--at peak reads the capture twice; ${path === STANDARD_INPUT ? 'standard input' : path} can be read only once`,
      )
  }
}

async function printTable(engine: Engine, epoch: bigint, options: ListOptions, io: Io): Promise<number> {
  const output = new LineOutput(io.stdout)
  const entries = sortEntries(engine.table, liveEntries(engine))
  const write = entryWriter(engine, new CaptureClock(epoch), options)
  writeHead(output.text, options)
  for (const ct of entries) {
    write(output.text, ct)
    output.endLine()
    if (output.full) await output.drained()
    if (output.closed) break
  }
  if (options.format === 'xml' && options.place.isLast) output.text.text(XML_TAIL)
  await output.end()
  return entries.length
}

/** What stands over the entries of a host: a comment where the format has comments, nothing where each entry names it. */
function writeHead(out: Ascii, { format, place }: ListOptions): void {
  const { host, isFirst } = place
  if (format === 'xml' && isFirst) out.text(XML_HEAD)
  if (host === '' || format === 'ndjson') return
  if (format === 'xml') out.text(`<!-- ${host.replaceAll('--', '- -')} -->\n`)
  else if (format === 'save') out.text(`# ${host}\n`)
  else writeHeading(out, place)
}

/** The kernel passes over entries whose timeout has passed. */
function liveEntries({ table, context }: Engine): Int32Array {
  const entries = new Int32Array(table.count)
  let count = 0
  for (let ct = 0; ct < table.top; ct++) {
    // an entry that a RST ended can still be read, but is no longer in the table; one of a clash is found by replies alone
    const inTable = (table.status(ct) & (IPS_CONFIRMED | IPS_DYING | IPS_NAT_CLASH)) === IPS_CONFIRMED
    if (inTable && context.expires(ct) > 0) entries[count++] = ct
  }
  return entries.subarray(0, count)
}

function entryWriter(
  engine: Engine,
  clock: CaptureClock,
  options: ListOptions,
): (out: Ascii, ct: number) => void {
  const { table, context } = engine
  const { format, sysctls } = options
  const {
    nf_conntrack_acct,
    nf_conntrack_timestamp,
    nf_conntrack_gre_timeout,
    nf_conntrack_gre_timeout_stream,
  } = sysctls.settings
  const now = clock.secondsAt(context.time)
  const shown: Shown = { seconds: 0, state: true, counters: nf_conntrack_acct !== 0, age: null }
  return (out, ct) => {
    shown.seconds = Math.floor(context.expires(ct) / context.table.hz)
    if (nf_conntrack_timestamp !== 0) shown.age = ageOf(ct)
    switch (format) {
      case 'conntrack':
      case 'extended':
        return writeListLine(out, table, ct, shown, format === 'extended')
      case 'proc':
        return writeProcLine(out, table, ct, shown, [
          nf_conntrack_gre_timeout,
          nf_conntrack_gre_timeout_stream,
        ])
      case 'xml':
        return writeXmlFlow(out, table, ct, shown)
      case 'save':
        return writeSaveLine(out, table, ct, shown)
      case 'ndjson':
        openObject(out, options.place.host)
        writeEntryFields(out, table, ct, shown)
        out.text('}')
    }
  }

  /** conntrack subtracts whole seconds of the clock, the kernel itself takes the difference. */
  function ageOf(ct: number): number {
    const start = table.start(ct)
    if (format === 'proc') return Math.max(0, Math.floor((context.time - start) / 1e9))
    return now - clock.secondsAt(start)
  }
}

/** A capture goes back in time by no more; where it may, later frames do not end the reading. */
const REORDER_TIME = 1e9

/** Frames up to an instant, and no further. */
class StoppingSource extends FramesOf {
  /** The instant in nanoseconds since the first frame; null where the replay goes to the end. */
  limit: number | null = null
  private readonly at: Instant
  /** Whether there was a frame before it; frames before it or not. */
  hadFrames = false
  frames = 0
  private stopped = false

  constructor(source: FrameSource, at: Instant) {
    super(source)
    this.at = at
  }

  /** Whether a frame later than that was met. */
  get wasStopped(): boolean {
    return this.stopped
  }

  /** Hands no more frames out. */
  stop(): void {
    this.stopped = true
  }

  next(): Frame | null {
    while (!this.stopped) {
      const frame = this.source.next()
      if (frame === null) return null
      this.frames++
      this.limit ??= this.limitOf()
      if (this.limit === null || frame.time <= this.limit) {
        this.hadFrames = true
        return frame
      }
      this.stopped = frame.time > this.limit + REORDER_TIME
    }
    return null
  }

  override async fill(): Promise<boolean> {
    return !this.stopped && this.source.fill()
  }

  /** The clock's zero is known with the first frame. */
  private limitOf(): number | null {
    if (this.at.kind === 'elapsed') return this.at.nanoseconds
    return this.at.kind === 'clock' ? Number(this.at.epoch - this.source.epoch) : null
  }
}
