// `ctpcap packets`: what conntrack made of each frame, a line each.
import type { FrameSource } from '../../capture/frame.ts'
import type { Engine } from '../../conntrack/engine.ts'
import {
  DIRECTION_NAMES,
  IPS_ASSURED,
  IPS_DYING,
  IPS_SEEN_REPLY,
  nameOfState,
} from '../../conntrack/status.ts'
import { FAULT_IP_CHECKSUM, FAULT_IP_HEADER, FAULT_NONE, faultText } from '../../packet/fault.ts'
import type { Packet } from '../../packet/packet.ts'
import { FRAME_QUEUED, FRAME_SKIPPED, FRAME_TRACKED } from '../../replay.ts'
import { stateName } from '../../report/conntrack/entry.ts'
import { writeTupleFields } from '../../report/conntrack/json.ts'
import {
  type Paint,
  VERDICT_COLUMNS,
  VERDICT_STATES,
  type Verdict,
  VerdictLines,
  type VerdictState,
  writeVerdictJson,
  writeVerdictRow,
} from '../../report/conntrack/packet.ts'
import type { Ascii } from '../../report/text/ascii.ts'
import { CaptureClock } from '../../report/text/capture-clock.ts'
import type { Io } from '../io/io.ts'
import type { LineOutput } from '../io/line-output.ts'
import { UsageError } from '../io/usage-error.ts'
import { nearest } from '../options/nearest.ts'
import { type LineReplay, type Printer, replayLines } from './line-replay.ts'

export const PACKET_FORMATS = ['text', 'tsv', 'ndjson'] as const

export interface PacketsOptions extends LineReplay {
  format: (typeof PACKET_FORMATS)[number]
  /** States whose frames are shown; null shows all. */
  only: ReadonlySet<VerdictState> | null
  color: boolean
}

/** Runs the command. */
export async function printPackets(options: PacketsOptions, io: Io): Promise<void> {
  await replayLines(options, new PacketPrinter(options), io)
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
    frame: 0,
    capture: -1,
    time: 0,
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
  private readonly statesBefore: string[] = []
  private touched = -1

  constructor(options: PacketsOptions) {
    this.format = options.format
    this.only = options.only
    this.lines = new VerdictLines(options.color ? COLORED : PLAIN)
  }

  start(engine: Engine, source: FrameSource, output: LineOutput): void {
    this.engine = engine
    this.source = source
    this.output = output
    this.severalCaptures = source.captures.length > 1
    if (this.format === 'ndjson') return
    if (this.format === 'tsv') output.text.text(VERDICT_COLUMNS)
    else this.lines.writeHeader(output.text)
    output.endLine()
  }

  created(ct: number): void {
    if (this.format === 'ndjson') this.statesBefore[ct] = 'NONE'
  }

  updated(): void {}

  /** A state may also change with a packet that is refused in the end. */
  reclassified(ct: number): void {
    this.touched = ct
  }

  expired(): void {}

  destroyed(): void {}

  seen(packet: Packet, outcome: number): void {
    const { verdict, output } = this
    if (outcome === FRAME_TRACKED) this.judge(packet)
    else this.passOver(packet, outcome)
    if (this.only === null || this.only.has(verdict.state)) {
      verdict.frame = packet.frame
      verdict.capture = this.severalCaptures ? packet.capture : -1
      verdict.time = packet.time
      this.write(output.text, packet, outcome)
      output.endLine()
    }
    if (this.format === 'ndjson') this.remember()
  }

  private judge(packet: Packet): void {
    const { engine, verdict } = this
    verdict.state = nameOfState(engine.state)
    verdict.direction = DIRECTION_NAMES[engine.direction] ?? ''
    verdict.seenReply = (engine.status & IPS_SEEN_REPLY) !== 0
    verdict.assured = (engine.status & IPS_ASSURED) !== 0
    verdict.reason = engine.context.reasons.count === 0 ? '' : this.complaints(packet.protocol)
  }

  /** As the kernel logs them, `nf_ct_proto_6: ` in front of each; people have a column for the protocol. */
  private complaints(protocol: number): string {
    return this.engine.context.reasons
      .text(this.format === 'text' ? '' : `nf_ct_proto_${protocol}: `)
      .trimEnd()
  }

  /** The kernel drops a bad IP header before conntrack; other frames without a verdict are the capture's doing. */
  private passOver(packet: Packet, outcome: number): void {
    const { verdict } = this
    const { fault } = packet
    verdict.direction = ''
    verdict.reason = outcome === FRAME_QUEUED ? '' : faultText(fault)
    if (outcome === FRAME_QUEUED) verdict.state = 'frag'
    else if (fault === FAULT_IP_HEADER || fault === FAULT_IP_CHECKSUM) verdict.state = 'dropped'
    else if (fault !== FAULT_NONE) verdict.state = 'skipped'
    // an atomic IPv6 fragment is no fragment to anyone but reassembly, which may lose it all the same
    else verdict.state = packet.fragmentOffset !== 0 || packet.moreFragments ? 'frag' : 'dropped'
  }

  private write(out: Ascii, packet: Packet, outcome: number): void {
    const { verdict } = this
    this.clock ??= new CaptureClock(this.source.epoch)
    if (this.format === 'tsv') {
      writeVerdictRow(out, verdict, this.clock)
      return
    }
    const shown = packet.family === 0 || outcome === FRAME_SKIPPED ? null : packet
    if (this.format === 'text') this.lines.write(out, verdict, shown)
    else
      writeVerdictJson(
        out,
        verdict,
        this.clock,
        shown,
        outcome === FRAME_TRACKED ? this.writeEntry : writeNothing,
      )
  }

  private readonly writeEntry = (out: Ascii): void => {
    const { ct, context, table, status } = this.engine
    if (ct < 0) return
    const after = stateName(table, ct)
    if (after !== '') {
      out.text(',"state_before":"')
      out.text(this.statesBefore[ct] ?? 'NONE')
      out.text('","state_after":"')
      out.text(after)
      out.text('"')
    }
    const left = context.expires(ct)
    out.text(',"timeout":')
    if ((status & IPS_DYING) !== 0) out.text('null')
    else if (left % table.hz === 0) out.decimal(left / table.hz)
    else out.text((left / table.hz).toFixed(3))
    writeTupleFields(out, table, ct)
  }

  private remember(): void {
    const { ct, table } = this.engine
    if (ct >= 0) this.statesBefore[ct] = stateName(table, ct)
    if (this.touched >= 0) this.statesBefore[this.touched] = stateName(table, this.touched)
    this.touched = -1
  }
}

function writeNothing(): void {}

const RESET = '\x1b[39m'

const COLORED: Paint = {
  new: ['\x1b[32m', RESET],
  established: ['', ''],
  related: ['\x1b[36m', RESET],
  invalid: ['\x1b[31m', RESET],
  untracked: ['\x1b[33m', RESET],
  dropped: ['\x1b[31m', RESET],
  frag: ['\x1b[2m', '\x1b[22m'],
  skipped: ['\x1b[2m', '\x1b[22m'],
}

const NO_COLOR = ['', ''] as const

const PLAIN: Paint = {
  new: NO_COLOR,
  established: NO_COLOR,
  related: NO_COLOR,
  invalid: NO_COLOR,
  untracked: NO_COLOR,
  dropped: NO_COLOR,
  frag: NO_COLOR,
  skipped: NO_COLOR,
}
