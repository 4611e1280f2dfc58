// `ctpcap packets`: what conntrack made of each frame, a line each.
import pc from 'picocolors'
import type { FrameSource } from '../capture/frame.ts'
import type { Engine } from '../conntrack/engine.ts'
import { DIRECTION_NAMES, IPS_ASSURED, IPS_DYING, IPS_SEEN_REPLY, STATE_NAMES } from '../conntrack/status.ts'
import { HZ } from '../conntrack/timeouts.ts'
import { FAULT_IP_CHECKSUM, FAULT_IP_HEADER, FAULT_NONE, faultText } from '../packet/fault.ts'
import type { Packet } from '../packet/packet.ts'
import { FRAME_QUEUED, FRAME_SKIPPED, FRAME_TRACKED } from '../replay.ts'
import { CaptureClock, formatElapsed } from '../report/capture-clock.ts'
import { stateName } from '../report/conntrack-entry.ts'
import { formatTupleFields } from '../report/conntrack-json.ts'
import {
  formatVerdictJson,
  formatVerdictRow,
  type Paint,
  VERDICT_COLUMNS,
  VERDICT_STATES,
  type Verdict,
  VerdictLines,
  type VerdictState,
} from '../report/conntrack-packet.ts'
import type { LineOutput } from './line-output.ts'
import { type Printer, replayLines, type Streams } from './line-replay.ts'
import { nearest } from './nearest.ts'
import type { Sysctls } from './sysctl.ts'
import { UsageError } from './usage-error.ts'

export const PACKET_FORMATS = ['text', 'tsv', 'ndjson'] as const

export interface PacketsOptions {
  captures: readonly string[]
  format: (typeof PACKET_FORMATS)[number]
  /** States whose frames are shown; null shows all. */
  only: ReadonlySet<VerdictState> | null
  sysctls: Sysctls
  color: boolean
}

/** Runs the command. */
export async function printPackets(options: PacketsOptions, streams: Streams): Promise<void> {
  await replayLines(options.captures, options.sysctls, new PacketPrinter(options), streams)
}

/**
 * Reads `--only invalid,new`.
 * @throws UsageError for a state that there is not
 */
export function parseStates(text: string): Set<VerdictState> {
  const states = new Set<VerdictState>()
  for (const word of text.split(',')) {
    const name = word.trim().toLowerCase()
    const state = VERDICT_STATES.find(known => known === name)
    if (state === undefined) {
      throw new UsageError(
        `--only ${word}: no such state; did you mean ${nearest(name, VERDICT_STATES)}? There are ${VERDICT_STATES.join(', ')}`,
      )
    }
    states.add(state)
  }
  return states
}

class PacketPrinter implements Printer {
  private readonly format: PacketsOptions['format']
  private readonly only: ReadonlySet<VerdictState> | null
  private readonly lines: VerdictLines
  private readonly verdict: Verdict = {
    frame: '',
    state: 'skipped',
    direction: '',
    seenReply: false,
    assured: false,
    reason: '',
  }
  private engine!: Engine
  private source!: FrameSource
  private output!: LineOutput
  private clock: CaptureClock | null = null
  private severalCaptures = false
  /** Tracker states as they were after the packet before, by entry: what a packet found. Kept for JSON alone. */
  private statesBefore: string[] = []
  private touched = -1

  constructor(options: PacketsOptions) {
    this.format = options.format
    this.only = options.only
    this.lines = new VerdictLines(options.color ? PAINT : (_, text) => text)
  }

  start(engine: Engine, source: FrameSource, output: LineOutput): void {
    this.engine = engine
    this.source = source
    this.output = output
    this.severalCaptures = source.captures.length > 1
    if (this.format === 'tsv') output.line(VERDICT_COLUMNS)
    else if (this.format === 'text') output.line(this.lines.header())
  }

  created(ct: number): void {
    if (this.format === 'ndjson')
      this.statesBefore[ct] = stateName(this.engine.table, ct) === '' ? '' : 'NONE'
  }

  updated(): void {}

  /** A state may also change with a packet that is refused in the end. */
  reclassified(ct: number): void {
    this.touched = ct
  }

  expired(): void {}

  destroyed(): void {}

  seen(packet: Packet, outcome: number): void {
    const { verdict } = this
    if (outcome === FRAME_TRACKED) this.judge()
    else this.passOver(packet, outcome)
    if (this.only === null || this.only.has(verdict.state)) {
      verdict.frame = this.severalCaptures ? `${packet.capture + 1}:${packet.frame}` : String(packet.frame)
      this.output.line(this.formatLine(packet, outcome))
    }
    if (this.format === 'ndjson') this.remember()
  }

  private judge(): void {
    const { engine, verdict } = this
    verdict.state = STATE_NAMES[engine.state]
    verdict.direction = engine.direction < 0 ? '' : DIRECTION_NAMES[engine.direction]
    verdict.seenReply = (engine.status & IPS_SEEN_REPLY) !== 0
    verdict.assured = (engine.status & IPS_ASSURED) !== 0
    verdict.reason = engine.context.reasons.count === 0 ? '' : engine.context.reasons.text().trimEnd()
  }

  /** The kernel drops a bad IP header before conntrack; other frames without a verdict are the capture's doing. */
  private passOver(packet: Packet, outcome: number): void {
    const { verdict } = this
    const { fault } = packet
    verdict.direction = ''
    verdict.reason = outcome === FRAME_QUEUED ? '' : faultText(fault)
    if (outcome === FRAME_SKIPPED)
      verdict.state = fault === FAULT_IP_HEADER || fault === FAULT_IP_CHECKSUM ? 'dropped' : 'skipped'
    else if (fault !== FAULT_NONE && outcome !== FRAME_QUEUED) verdict.state = 'skipped'
    // an atomic IPv6 fragment is no fragment to anyone but reassembly, which may lose it all the same
    else verdict.state = packet.fragmentOffset !== 0 || packet.moreFragments ? 'frag' : 'dropped'
  }

  private formatLine(packet: Packet, outcome: number): string {
    const { verdict } = this
    const shown = packet.family === 0 || outcome === FRAME_SKIPPED ? null : packet
    if (this.format === 'text') return this.lines.format(verdict, formatElapsed(packet.time), shown)
    this.clock ??= new CaptureClock(this.source.epoch)
    const time = this.clock.stamp(packet.time)
    if (this.format === 'tsv') return formatVerdictRow(verdict, time)
    return formatVerdictJson(verdict, time, shown, outcome === FRAME_TRACKED ? this.formatEntry() : '')
  }

  private formatEntry(): string {
    const { ct, context, table, status } = this.engine
    if (ct < 0) return ''
    const after = stateName(table, ct)
    const states = after === '' ? '' : `"state_before":"${this.statesBefore[ct]}","state_after":"${after}",`
    const timeout = (status & IPS_DYING) === 0 ? Math.round((context.expires(ct) / HZ) * 1000) / 1000 : null
    return `${states}"timeout":${timeout},${formatTupleFields(table, ct)}`
  }

  private remember(): void {
    const { ct, table } = this.engine
    if (ct >= 0) this.statesBefore[ct] = stateName(table, ct)
    if (this.touched >= 0) this.statesBefore[this.touched] = stateName(table, this.touched)
    this.touched = -1
  }
}

const COLORS = pc.createColors(true)

const PAINT: Paint = (state, text) => {
  switch (state) {
    case 'new':
      return COLORS.green(text)
    case 'established':
      return text
    case 'related':
      return COLORS.cyan(text)
    case 'invalid':
    case 'dropped':
      return COLORS.red(text)
    case 'untracked':
      return COLORS.yellow(text)
    default:
      return COLORS.dim(text)
  }
}
