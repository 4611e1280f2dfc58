// `ctpcap list`: the table as `conntrack -L` would have shown it at an instant of the capture.
import { stat } from 'node:fs/promises'
import type { CaptureFile, CaptureInterface, Frame, FrameSource } from '../capture/frame.ts'
import type { Engine } from '../conntrack/engine.ts'
import type { Observer } from '../conntrack/events.ts'
import type { Settings } from '../conntrack/settings.ts'
import { IPS_CONFIRMED } from '../conntrack/status.ts'
import { HZ } from '../conntrack/timeouts.ts'
import { Defragmenter } from '../packet/fragments.ts'
import { replay } from '../replay.ts'
import { CaptureClock, formatElapsed } from '../report/capture-clock.ts'
import type { Shown } from '../report/conntrack-entry.ts'
import { formatEntryFields } from '../report/conntrack-json.ts'
import { formatListLine, formatProcLine } from '../report/conntrack-line.ts'
import { sortEntries } from '../report/conntrack-order.ts'
import { formatSaveLine } from '../report/conntrack-save.ts'
import { formatXmlFlow, XML_HEAD, XML_TAIL } from '../report/conntrack-xml.ts'
import { formatTime } from '../report/format.ts'
import type { Instant } from './instant.ts'
import { LineOutput } from './line-output.ts'
import { makeEngine, openFrames, type Streams, warnOfDamage } from './line-replay.ts'
import { fragmentSettings, type Sysctls } from './sysctl.ts'
import { UsageError } from './usage-error.ts'

const STANDARD_INPUT = '-'

export const LIST_FORMATS = ['conntrack', 'extended', 'proc', 'xml', 'save', 'ndjson'] as const

export interface ListOptions {
  captures: readonly string[]
  format: (typeof LIST_FORMATS)[number]
  at: Instant
  sysctls: Sysctls
  /** Name and version of this program, for the summary line. */
  program: string
}

/** Runs the command: the entries to stdout, sorted, and what conntrack says under them to stderr. */
export async function printList(options: ListOptions, streams: Streams): Promise<void> {
  const { captures, at, sysctls } = options
  let frames = Number.POSITIVE_INFINITY
  if (at.kind === 'peak') {
    // A copy of the table at every new peak would cost its size again with each new entry; reading twice costs one
    // more replay, whatever the size.
    await requireFiles(captures)
    frames = await findPeak(captures, sysctls)
  }
  const source = new StoppingSource(await openFrames(captures), frames, at)
  try {
    const engine = makeEngine(sysctls, SILENT)
    await replay(source, [engine], new Defragmenter(fragmentSettings(sysctls)), { seen: () => {} })
    if (source.limit !== null) engine.advance(source.limit)
    const count = await printTable(engine, source.epoch, options, streams)
    warnOfDamage(source.captures, streams.stderr)
    const time = engine.context.time
    const when =
      source.epoch === 0n
        ? 'no frame'
        : `+${formatElapsed(time)} s, ${formatTime(source.epoch + BigInt(time))}`
    streams.stderr.write(`${options.program}: ${count} flow entries have been shown. (at ${when})\n`)
  } finally {
    await source.close()
  }
}

/** The number of frames after which the most entries were live, the first of equals. */
async function findPeak(captures: readonly string[], sysctls: Sysctls): Promise<number> {
  const source = await openFrames(captures)
  try {
    let frames = 0
    let peak = 0
    let peakFrames = 0
    const engine: Engine = makeEngine(sysctls, {
      ...SILENT,
      created: () => {
        const live = engine.table.count - engine.table.expiredCount
        if (live <= peak) return
        peak = live
        peakFrames = frames + 1
      },
    })
    await replay(source, [engine], new Defragmenter(fragmentSettings(sysctls)), { seen: () => frames++ })
    return peakFrames
  } finally {
    await source.close()
  }
}

async function requireFiles(captures: readonly string[]): Promise<void> {
  for (const path of captures) {
    const isFile = path !== STANDARD_INPUT && (await stat(path).catch(() => null))?.isFIFO() !== true
    if (!isFile)
      throw new UsageError(
        `--at peak reads the capture twice, which ${path === STANDARD_INPUT ? 'standard input' : path} cannot be`,
      )
  }
}

async function printTable(
  engine: Engine,
  epoch: bigint,
  options: ListOptions,
  streams: Streams,
): Promise<number> {
  const { table } = engine
  const output = new LineOutput(streams.stdout)
  const entries = sortEntries(table, liveEntries(engine))
  const format = formatter(engine, new CaptureClock(epoch), options)
  if (options.format === 'xml') output.text(XML_HEAD)
  for (const ct of entries) {
    output.line(format(ct))
    if (output.full) await output.drained()
    if (output.closed) break
  }
  if (options.format === 'xml') output.text(XML_TAIL)
  await output.end()
  return entries.length
}

/** The kernel passes over entries whose timeout has passed. */
function liveEntries({ table, context }: Engine): Int32Array {
  const entries = new Int32Array(table.count)
  let count = 0
  for (let ct = 0; ct < table.top; ct++) {
    if ((table.status(ct) & IPS_CONFIRMED) !== 0 && context.expires(ct) > 0) entries[count++] = ct
  }
  return entries.subarray(0, count)
}

function formatter(engine: Engine, clock: CaptureClock, options: ListOptions): (ct: number) => string {
  const { table, context } = engine
  const { settings } = options.sysctls
  const now = clock.secondsAt(context.time)
  const shown: Shown = { seconds: 0, state: true, counters: settings.nf_conntrack_acct !== 0, age: null }
  return ct => {
    shown.seconds = Math.floor(context.expires(ct) / HZ)
    if (settings.nf_conntrack_timestamp !== 0) shown.age = ageOf(ct)
    switch (options.format) {
      case 'conntrack':
      case 'extended':
        return formatListLine(table, ct, shown, options.format === 'extended')
      case 'proc':
        return formatProcLine(table, ct, shown, greTimeouts(settings))
      case 'xml':
        return formatXmlFlow(table, ct, shown)
      case 'save':
        return formatSaveLine(table, ct, shown)
      case 'ndjson':
        return `{${formatEntryFields(table, ct, shown)}}`
    }
  }

  /** conntrack subtracts whole seconds of the clock, the kernel itself takes the difference. */
  function ageOf(ct: number): number {
    const start = table.start(ct)
    if (options.format === 'proc') return Math.max(0, Math.floor((context.time - start) / 1e9))
    return now - clock.secondsAt(start)
  }
}

function greTimeouts(settings: Settings): [number, number] {
  return [settings.nf_conntrack_gre_timeout, settings.nf_conntrack_gre_timeout_stream]
}

const SILENT: Observer = {
  created: () => {},
  updated: () => {},
  reclassified: () => {},
  expired: () => {},
  destroyed: () => {},
}

/** Frames up to an instant or a number, and no further. */
class StoppingSource implements FrameSource {
  /** The instant in nanoseconds since the first frame; null where the end or a number of frames stops the replay. */
  limit: number | null = null
  private readonly source: FrameSource
  private readonly at: Instant
  private framesLeft: number
  private stopped = false

  constructor(source: FrameSource, frames: number, at: Instant) {
    this.source = source
    this.framesLeft = frames
    this.at = at
  }

  get captures(): readonly CaptureFile[] {
    return this.source.captures
  }

  get interfaces(): readonly CaptureInterface[] {
    return this.source.interfaces
  }

  get epoch(): bigint {
    return this.source.epoch
  }

  next(): Frame | null {
    if (this.stopped || this.framesLeft === 0) return null
    const frame = this.source.next()
    if (frame === null) return null
    this.framesLeft--
    this.limit ??= this.limitOf()
    if (this.limit === null || frame.time <= this.limit) return frame
    this.stopped = true
    return null
  }

  async fill(): Promise<boolean> {
    return !this.stopped && this.framesLeft > 0 && this.source.fill()
  }

  close(): Promise<void> {
    return this.source.close()
  }

  /** The clock's zero is known with the first frame. */
  private limitOf(): number | null {
    if (this.at.kind === 'elapsed') return this.at.nanoseconds
    return this.at.kind === 'clock' ? Number(this.at.epoch - this.source.epoch) : null
  }
}
