// `ctpcap packets`: what conntrack made of each packet, a line each, and one for each further frame that shows it.
import type { FrameSource } from '../../capture/frame.ts'
import type { Engine } from '../../conntrack/engine.ts'
import {
  DIRECTION_NAMES,
  IPS_ASSURED,
  IPS_DYING,
  IPS_SEEN_REPLY,
  nameOfState,
} from '../../conntrack/status.ts'
import type { Names } from '../../host/names/names.ts'
import { tableParts } from '../../host/rules/ruleset.ts'
import type { ReplayedRules } from '../../host/walk/replayed-rules.ts'
import { placeOf, type RulePlace } from '../../host/walk/rule-numbers.ts'
import { FAULT_IP_CHECKSUM, FAULT_IP_HEADER, FAULT_NONE, faultText } from '../../packet/fault.ts'
import { Packet } from '../../packet/packet.ts'
import {
  FRAME_LATE,
  FRAME_QUEUED,
  FRAME_REASSEMBLED,
  FRAME_SKIPPED,
  FRAME_TRACKED,
  FRAME_UNMET,
} from '../../replay.ts'
import { stateName } from '../../report/conntrack/entry.ts'
import { columnsOf } from '../../report/conntrack/host.ts'
import { writeTupleFields } from '../../report/conntrack/json.ts'
import {
  type PacketFate,
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
import { MET, NOT_FOR_US, ONE_SIDED, type Sightings, SWITCHED } from '../../vantage/record/sighting.ts'
import type { Io } from '../io/io.ts'
import type { LineOutput } from '../io/line-output.ts'
import { UsageError } from '../io/usage-error.ts'
import type { HostPlace } from '../options/hosts.ts'
import { nearest, suggestion } from '../options/nearest.ts'
import { type LineReplay, type Printer, replayLines, writeHeading } from './line-replay.ts'

export const PACKET_FORMATS = ['text', 'tsv', 'ndjson'] as const

export interface PacketsOptions extends LineReplay {
  format: (typeof PACKET_FORMATS)[number]
  /** States whose frames are shown; null shows all. */
  only: ReadonlySet<VerdictState> | null
  color: boolean
  /** What addresses are called. */
  names: Names
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
        `--only ${word}: no such state${suggestion(nearest(name, VERDICT_STATES), `expected ${VERDICT_STATES.join(', ')}`)}`,
      )
    }
    states.add(state)
  }
  return states
}

/** A rule's place with family and table apart, as `ctpcap rules` has them. */
function withFamily({ place, table, chain, text }: RulePlace): NonNullable<PacketFate['rule']> {
  return { place, ...tableParts(table), chain, text }
}

class PacketPrinter implements Printer {
  private readonly format: PacketsOptions['format']
  private readonly names: Names
  private readonly only: ReadonlySet<VerdictState> | null
  private lines!: VerdictLines
  private readonly paint: Paint
  private readonly place: HostPlace
  private readonly verdict: Verdict
  /** A frame as it was captured, where that is not what was tracked. */
  private readonly captured = new Packet()
  private engine!: Engine
  private source!: FrameSource
  private output!: LineOutput
  private clock: CaptureClock | null = null
  /** The rules that packets are replayed through; null for none. */
  private rules: ReplayedRules | null = null
  private severalCaptures = false
  /** Tracker states as they were after the packet before, by entry: what a packet found. Kept for JSON alone. */
  private readonly statesBefore: string[] = []
  private touched = -1

  constructor(options: PacketsOptions) {
    this.format = options.format
    this.names = options.names
    this.only = options.only
    this.place = options.place
    this.verdict = {
      host: options.place.host,
      frame: 0,
      capture: -1,
      time: 0,
      state: 'skipped',
      direction: '',
      seenReply: false,
      assured: false,
      fate: null,
      reason: '',
      copyOf: -1,
      copyOfCapture: -1,
    }
    this.paint = options.color ? COLORED : PLAIN
  }

  start(engine: Engine, source: FrameSource, output: LineOutput, rules: ReplayedRules | null): void {
    this.engine = engine
    this.rules = rules
    this.lines = new VerdictLines(this.paint, rules !== null, this.names)
    this.source = source
    this.output = output
    this.severalCaptures = source.captures.length > 1
    if (this.format === 'ndjson') return
    const { host, isFirst } = this.place
    if (this.format === 'text') {
      writeHeading(output.text, this.place)
      this.lines.writeHeader(output.text)
      output.endLine()
    } else if (isFirst) output.line(columnsOf(VERDICT_COLUMNS, host))
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

  seen(packet: Packet, outcome: number, sightings: Sightings | null): void {
    if (sightings?.isLate) {
      this.copied(sightings, 1, 0)
      return
    }
    if (outcome === FRAME_REASSEMBLED && sightings !== null) {
      for (let i = 0; i < sightings.count; i++) this.copied(sightings, i, i)
      return
    }
    this.verdict.fate = null
    if (outcome === FRAME_TRACKED) this.judge(packet)
    else if (outcome === FRAME_UNMET) this.miss(sightings?.meeting ?? MET)
    else this.passOver(packet, outcome)
    this.print(sightings?.isRestored ? this.asCaptured(sightings, sightings.before) : packet, outcome)
    if (this.format === 'ndjson') this.remember()
    if (sightings === null) return
    for (let i = 0; i < sightings.count; i++)
      if (i !== sightings.before) this.copied(sightings, i, sightings.before)
  }

  /** A line for the frame of a packet, with the verdict as it stands. */
  private print(packet: Packet, outcome: number): void {
    const { verdict, output } = this
    if (this.only !== null && !this.only.has(verdict.state)) return
    verdict.frame = packet.frame
    verdict.capture = this.severalCaptures ? packet.capture : -1
    verdict.time = packet.time
    this.write(output.text, packet, outcome)
    output.endLine()
  }

  /** A line for a further sighting of a packet. */
  private copied(sightings: Sightings, index: number, of: number): void {
    const { verdict } = this
    verdict.state = 'copy'
    verdict.direction = ''
    verdict.reason = ''
    verdict.fate = null
    // what a late one is a copy of may be forgotten by then, and a datagram in pieces has several frames
    verdict.copyOf = sightings.slot(index) === sightings.slot(of) ? 0 : sightings.frame(of)
    verdict.copyOfCapture = this.severalCaptures ? sightings.capture(of) : -1
    this.print(this.asCaptured(sightings, index), FRAME_LATE)
    verdict.copyOf = -1
  }

  private asCaptured(sightings: Sightings, index: number): Packet {
    sightings.decode(index, this.captured)
    return this.captured
  }

  private miss(meeting: number): void {
    const { verdict } = this
    verdict.state = 'unmet'
    verdict.direction = ''
    verdict.reason = UNMET_REASONS[meeting] ?? ''
  }

  private judge(packet: Packet): void {
    const { engine, verdict } = this
    verdict.state = nameOfState(engine.state)
    if (this.rules !== null) this.judgeFate(this.rules)
    verdict.direction = DIRECTION_NAMES[engine.direction] ?? ''
    verdict.seenReply = (engine.status & IPS_SEEN_REPLY) !== 0
    verdict.assured = (engine.status & IPS_ASSURED) !== 0
    verdict.reason = engine.context.reasons.count === 0 ? '' : this.complaints(packet.protocol)
  }

  /** What rules saw and did; the state of an answer that a rule sent is none that conntrack looked up. */
  private judgeFate({ fate, decided, why, state, numbers }: ReplayedRules): void {
    const { verdict } = this
    if (verdict.state !== 'dropped') verdict.state = state
    const rule = placeOf(numbers, decided)
    verdict.fate = { fate, rule: rule === null ? null : withFamily(rule), why }
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
    else if (outcome === FRAME_UNMET) {
      verdict.state = 'skipped'
      verdict.reason = 'switched by a bridge, past conntrack'
    }
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
        this.names,
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

const UNMET_REASONS: Record<number, string> = {
  [SWITCHED]: 'switched inside a bridge, past conntrack',
  [NOT_FOR_US]: 'to routers, not for this host',
  [ONE_SIDED]: 'one-sided: what conntrack made of it the capture does not tell',
}

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
  unmet: ['\x1b[2m', '\x1b[22m'],
  copy: ['\x1b[2m', '\x1b[22m'],
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
  unmet: NO_COLOR,
  copy: NO_COLOR,
}
