// `ctpcap events`: the lines that `conntrack -E -o timestamp` would have printed, in capture time.
import type { FrameSource } from '../../capture/frame.ts'
import type { Engine } from '../../conntrack/engine.ts'
import { CAUSE_NAMES } from '../../conntrack/events.ts'
import { isKnown } from '../../conntrack/known-entry.ts'
import { IPCT_PROTOINFO, IPS_NAT_CLASH } from '../../conntrack/status.ts'
import type { EventName, Shown } from '../../report/conntrack/entry.ts'
import {
  EVENT_COLUMNS,
  type EventOrigin,
  writeEventJson,
  writeEventRow,
} from '../../report/conntrack/event.ts'
import { columnsOf } from '../../report/conntrack/host.ts'
import { writeEventLine } from '../../report/conntrack/line.ts'
import { CaptureClock } from '../../report/text/capture-clock.ts'
import type { Io } from '../io/io.ts'
import type { LineOutput } from '../io/line-output.ts'
import { UsageError } from '../io/usage-error.ts'
import type { HostPlace } from '../options/hosts.ts'
import { ExpectationPrinter } from './expectation-events.ts'
import { type LineReplay, type Printer, replayLines, writeHeading } from './line-replay.ts'

export const EVENT_FORMATS = ['conntrack', 'tsv', 'ndjson'] as const

export interface EventsOptions extends LineReplay {
  format: (typeof EVENT_FORMATS)[number]
  /** Whether the events are those of expectations. */
  ofExpectations: boolean
}

/** Runs the command. @throws UsageError for expectations in another format than conntrack's */
export async function printEvents(options: EventsOptions, io: Io): Promise<void> {
  const { ofExpectations, format } = options
  if (ofExpectations && format !== 'conntrack')
    throw new UsageError(`--expect prints lines of conntrack alone, not ${format}`)
  await replayLines(options, ofExpectations ? new ExpectationPrinter() : new EventPrinter(options), io)
}

class EventPrinter implements Printer {
  private readonly format: EventsOptions['format']
  private readonly countersShown: boolean
  private readonly ageShown: boolean
  private readonly place: HostPlace
  private readonly origin: EventOrigin
  private readonly shown: Shown = { seconds: null, state: false, counters: false, age: null }
  private engine!: Engine
  private source!: FrameSource
  private output!: LineOutput
  private clock: CaptureClock | null = null

  constructor({ format, place, sysctls: { settings } }: EventsOptions) {
    this.format = format
    this.place = place
    this.origin = { event: 'NEW', time: 0, frame: 0, cause: '', host: place.host }
    this.countersShown = settings.nf_conntrack_acct !== 0
    this.ageShown = settings.nf_conntrack_timestamp !== 0
  }

  start(engine: Engine, source: FrameSource, output: LineOutput): void {
    this.engine = engine
    this.source = source
    this.output = output
    const { host, isFirst } = this.place
    if (this.format === 'conntrack') writeHeading(output.text, this.place)
    else if (this.format === 'tsv' && isFirst) output.line(columnsOf(EVENT_COLUMNS, host))
  }

  created(ct: number, time: number): void {
    const { table } = this.engine
    // kernel: nf_ct_resolve_clash_harder() sends none; nor is what was there before new
    if ((table.status(ct) & IPS_NAT_CLASH) !== 0 || isKnown(table, ct)) return
    this.show(ct, true, false)
    this.print(ct, 'NEW', time, '')
  }

  updated(ct: number, events: number, time: number): void {
    this.show(ct, (events & IPCT_PROTOINFO) !== 0, false)
    this.print(ct, 'UPDATE', time, '')
  }

  reclassified(): void {}

  expired(): void {}

  destroyed(ct: number, cause: number, time: number): void {
    this.show(ct, true, true)
    if (this.shown.seconds === 0) this.shown.seconds = null
    if (this.ageShown)
      this.shown.age = Math.max(
        0,
        this.clockOf().secondsAt(time) - this.clockOf().secondsAt(this.engine.table.start(ct)),
      )
    this.print(ct, 'DESTROY', time, CAUSE_NAMES[cause] ?? '')
  }

  seen(): void {}

  /** kernel: ctnetlink_conntrack_event(); counters and times only go with the end of an entry */
  private show(ct: number, state: boolean, ends: boolean): void {
    const { shown } = this
    shown.seconds = Math.floor(this.engine.context.expires(ct) / this.engine.table.hz)
    shown.state = state
    shown.counters = ends && this.countersShown
    shown.age = null
  }

  private print(ct: number, event: EventName, time: number, cause: string): void {
    const { engine, shown, origin, output } = this
    const clock = this.clockOf()
    if (this.format === 'conntrack') {
      output.text.text('[')
      clock.writeMicroStamp(output.text, time)
      output.text.text(']\t')
      writeEventLine(output.text, engine.table, ct, event, shown)
    } else {
      origin.event = event
      origin.time = time
      origin.frame = engine.frame
      origin.cause = cause
      const write = this.format === 'tsv' ? writeEventRow : writeEventJson
      write(output.text, engine.table, ct, origin, clock, shown)
    }
    output.endLine()
  }

  /** The epoch is known once there was a frame. */
  private clockOf(): CaptureClock {
    this.clock ??= new CaptureClock(this.source.epoch)
    return this.clock
  }
}
