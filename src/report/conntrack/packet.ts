// What conntrack made of each frame: a row of tab-separated columns, a JSON object, or an aligned line for people.
import type { Names } from '../../host/names/names.ts'
import { formatIpv4, formatIpv6 } from '../../net/address.ts'
import {
  assignedProtocolName,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  protocolName,
} from '../../net/numbers.ts'
import { type Ascii, utf8 } from '../text/ascii.ts'
import { type CaptureClock, formatElapsed } from '../text/capture-clock.ts'
import { printable } from '../text/format.ts'
import { openObject, openRow } from './host.ts'
import { protocolFields } from './json.ts'
import { PORTS_NONE, PORTS_PORTS, portsOf } from './tuple.ts'

/** What of a decoded packet is shown; packet/packet.ts has it all. */
export interface ShownPacket {
  /** 4 or 6. */
  readonly family: number
  readonly protocol: number
  readonly networkLength: number
  readonly hasTuple: boolean
  readonly source0: number
  readonly source1: number
  readonly source2: number
  readonly source3: number
  readonly destination0: number
  readonly destination1: number
  readonly destination2: number
  readonly destination3: number
  readonly sourcePort: number
  readonly destinationPort: number
  readonly tcpFlags: number
  readonly sequence: number
  readonly acknowledgment: number
  readonly window: number
}

/** What became of a frame: packet states, and those of frames that conntrack does not get to see. */
export const VERDICT_STATES = [
  'new',
  'established',
  'related',
  'invalid',
  'untracked',
  'dropped',
  'frag',
  'skipped',
  'unmet',
  'copy',
] as const

export type VerdictState = (typeof VERDICT_STATES)[number]

/** A frame's verdict. */
export interface Verdict {
  /** The host whose conntrack it is of, `''` where none was named. */
  host: string
  /** Frame number in its capture. */
  frame: number
  /** Index of its capture, or -1 where there is only one. */
  capture: number
  /** Nanoseconds since the first frame. */
  time: number
  state: VerdictState
  /** `original`, `reply`, or `''` where there is no flow. */
  direction: '' | 'original' | 'reply'
  seenReply: boolean
  assured: boolean
  /** What became of the packet, where rules were replayed; null where none were, or for a frame that is no packet. */
  fate: PacketFate | null
  /** The kernel's complaints joined by ` | `, or why conntrack never saw the frame. */
  reason: string
  /** Of a copy: the frame that shows its packet first, 0 where nobody knows it any more; -1: it is no copy. */
  copyOf: number
  /** The capture of that one, or -1 where there is only one. */
  copyOfCapture: number
}

/** Where a packet ended, and what decided. */
export interface PacketFate {
  fate: string
  /** Where the deciding rule or policy stands, its table and chain, and its text; null where none decided. */
  rule: { place: string; family: string; table: string; chain: string; text: string } | null
  /** Why the host's stack dropped it, or `''`. */
  why: string
}

export const VERDICT_COLUMNS = 'frame\ttime\tstate\tdirection\tseen_reply\tassured\treason'

const TAB = 0x09

/** Appends a row of VERDICT_COLUMNS, behind the host where one was named; time in seconds since 1970. With several captures a frame is `2:17`, the 17th of the second. */
export function writeVerdictRow(out: Ascii, verdict: Verdict, clock: CaptureClock): void {
  openRow(out, verdict.host)
  writeFrame(out, verdict)
  out.byte(TAB)
  clock.writeStamp(out, verdict.time)
  out.byte(TAB)
  out.text(verdict.state)
  out.byte(TAB)
  if (verdict.direction === '') out.text('\t\t\t')
  else {
    out.text(verdict.direction)
    out.text(verdict.seenReply ? '\t1' : '\t0')
    out.text(verdict.assured ? '\t1\t' : '\t0\t')
  }
  writeReason(out, verdict)
}

/** The complaints, or what a copy is a copy of. */
function writeReason(out: Ascii, verdict: Verdict): void {
  if (verdict.copyOf <= 0) {
    out.text(verdict.reason)
    return
  }
  out.text('copy of ')
  if (verdict.copyOfCapture >= 0) out.text(`${verdict.copyOfCapture + 1}:`)
  out.decimal(verdict.copyOf)
}

/**
 * Appends a JSON object. `writeEntry` appends further fields, those of the flow's entry, each with a comma before it.
 */
export function writeVerdictJson(
  out: Ascii,
  verdict: Verdict,
  clock: CaptureClock,
  packet: ShownPacket | null,
  names: Names,
  writeEntry: (out: Ascii) => void,
): void {
  openObject(out, verdict.host)
  out.text('"frame":')
  out.decimal(verdict.frame)
  if (verdict.capture >= 0) out.text(`,"capture":${verdict.capture}`)
  out.text(',"time":')
  clock.writeStamp(out, verdict.time)
  out.text(',"state":"')
  out.text(verdict.state)
  if (verdict.direction === '') out.text('","direction":null')
  else {
    out.text(verdict.direction === 'reply' ? '","direction":"reply"' : '","direction":"original"')
    out.text(verdict.seenReply ? ',"seen_reply":true' : ',"seen_reply":false')
    out.text(verdict.assured ? ',"assured":true' : ',"assured":false')
  }
  if (packet !== null) writePacketFields(out, packet)
  writeEntry(out)
  if (verdict.fate !== null) writeFate(out, verdict.fate)
  if (verdict.copyOf >= 0) writeCopy(out, verdict)
  if (verdict.reason === '') out.text(',"reasons":[]')
  else out.text(`,"reasons":["${verdict.reason.replaceAll(' | ', '","')}"]`)
  if (packet !== null && !names.isEmpty) {
    writeName(out, ',"src_name":', sourceName(packet, names))
    writeName(out, ',"dst_name":', destinationName(packet, names))
  }
  out.text('}')
}

function writeName(out: Ascii, field: string, name: string): void {
  if (name !== '') out.text(field + utf8(JSON.stringify(name)))
}

function writeCopy(out: Ascii, { copyOf, copyOfCapture }: Verdict): void {
  out.text(copyOf === 0 ? ',"copy_of":null' : `,"copy_of":${copyOf}`)
  if (copyOf !== 0 && copyOfCapture >= 0) out.text(`,"copy_of_capture":${copyOfCapture}`)
}

function writeFate(out: Ascii, { fate, rule, why }: PacketFate): void {
  out.text(`,"fate":"${fate}"`)
  out.text(`,"rule":${rule === null ? 'null' : JSON.stringify(rule)}`)
  if (why !== '') out.text(`,"why":${JSON.stringify(why)}`)
}

/** `dropped rules.txt:14 -A INPUT -j DROP`; without a rule what else it was. */
function fateText({ rule, why }: PacketFate): string {
  if (rule !== null) return `${rule.place} ${rule.text}`
  return why
}

function writePacketFields(out: Ascii, packet: ShownPacket): void {
  const { protocol, sourcePort, destinationPort } = packet
  out.text(',')
  out.text(protocolFields(packet.family === 6, protocol))
  out.text(',"length":')
  out.decimal(packet.networkLength)
  out.text(',"src":"')
  writeSource(out, packet)
  out.text('","dst":"')
  writeDestination(out, packet)
  out.text('"')
  if (!packet.hasTuple) return
  if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6) {
    out.text(`,"type":${destinationPort >>> 8},"code":${destinationPort & 0xff},"id":${sourcePort}`)
    return
  }
  if (portsOf(protocol) === PORTS_NONE) return
  out.text(',"sport":')
  out.decimal(sourcePort)
  out.text(',"dport":')
  out.decimal(destinationPort)
  if (protocol !== IPPROTO_TCP) return
  out.text(',"tcp_flags":"')
  out.text(FLAGS[packet.tcpFlags & 0xff] ?? '')
  out.text('","tcp_seq":')
  out.decimal(packet.sequence >>> 0)
  out.text(',"tcp_ack":')
  out.decimal(packet.acknowledgment >>> 0)
  out.text(',"tcp_window":')
  out.decimal(packet.window)
}

/** The control sequences around a state: `[before, after]`, empty without colour. */
export type Paint = Record<VerdictState, readonly [string, string]>

/** Lines in columns that only ever grow wider: what was printed stays printed. */
export class VerdictLines {
  private frameWidth = 5
  private timeWidth = 10
  private endpointsWidth = 43
  private readonly paint: Paint

  private readonly hasFates: boolean
  private readonly names: Names

  /**
   * @param hasFates whether packets were replayed through rules
   * @param names what addresses are called
   */
  constructor(paint: Paint, hasFates: boolean, names: Names) {
    this.paint = paint
    this.names = names
    this.hasFates = hasFates
  }

  /** Appends the line over the columns. */
  writeHeader(out: Ascii): void {
    const endpoints = 'source > destination'.padEnd(this.endpointsWidth)
    out.text(
      `${'frame'.padStart(this.frameWidth)} ${'time'.padStart(this.timeWidth)}  ${endpoints} proto   flags state       direction ${this.hasFates ? 'fate      reason, rule' : 'reason'}`,
    )
  }

  /** Appends one line, time in seconds since the first frame. */
  write(out: Ascii, verdict: Verdict, packet: ShownPacket | null): void {
    const frame = verdict.capture >= 0 ? `${verdict.capture + 1}:${verdict.frame}` : String(verdict.frame)
    const time = formatElapsed(verdict.time)
    this.frameWidth = Math.max(this.frameWidth, frame.length)
    this.timeWidth = Math.max(this.timeWidth, time.length)
    this.writeRight(out, frame, this.frameWidth)
    out.text(' ')
    this.writeRight(out, time, this.timeWidth)
    out.text('  ')
    const start = out.length
    if (packet === null) out.text('-')
    else writeEndpoints(out, packet, this.names)
    this.endpointsWidth = Math.max(this.endpointsWidth, out.length - start)
    out.padFrom(start, this.endpointsWidth + 1)
    this.writeLeft(out, packet === null ? '-' : formatProtocol(packet.protocol), 8)
    this.writeLeft(out, packet === null ? '-' : formatDetail(packet), 6)
    const [before, after] = this.paint[verdict.state]
    out.text(before)
    this.writeLeft(out, verdict.state, 12)
    out.text(after)
    const { fate } = verdict
    const hasReason = verdict.reason !== '' || verdict.copyOf > 0
    if (!hasReason && fate === null) {
      out.text(verdict.direction || '-')
      return
    }
    this.writeLeft(out, verdict.direction || '-', 10)
    const decided = fate === null ? '' : fateText(fate)
    if (fate !== null) this.writeLeft(out, fate.fate, hasReason || decided !== '' ? 10 : 0)
    if (hasReason) writeReason(out, verdict)
    if (decided !== '') out.text(hasReason ? `; ${decided}` : decided)
  }

  private writeRight(out: Ascii, text: string, width: number): void {
    out.padFrom(out.length, width - text.length)
    out.text(text)
  }

  private writeLeft(out: Ascii, text: string, width: number): void {
    const start = out.length
    out.text(text)
    out.padFrom(start, width)
  }
}

function writeFrame(out: Ascii, verdict: Verdict): void {
  if (verdict.capture >= 0) out.text(`${verdict.capture + 1}:`)
  out.decimal(verdict.frame)
}

/** `10.0.0.1:1234 > 10.0.0.2:80`, with ` (web)` behind an end that has a name. */
function writeEndpoints(out: Ascii, packet: ShownPacket, names: Names): void {
  const ports = hasPorts(packet)
  const bracketed = ports && packet.family === 6
  if (bracketed) out.text('[')
  writeSource(out, packet)
  if (bracketed) out.text(']')
  if (ports) {
    out.text(':')
    out.decimal(packet.sourcePort)
  }
  if (!names.isEmpty) writeCalled(out, sourceName(packet, names))
  out.text(bracketed ? ' > [' : ' > ')
  writeDestination(out, packet)
  if (bracketed) out.text(']')
  if (ports) {
    out.text(':')
    out.decimal(packet.destinationPort)
  }
  if (!names.isEmpty) writeCalled(out, destinationName(packet, names))
}

function writeCalled(out: Ascii, name: string): void {
  if (name !== '') out.text(` (${utf8(printable(name))})`)
}

function sourceName(packet: ShownPacket, names: Names): string {
  const { family, source0, source1, source2, source3, sourcePort } = packet
  const address = family === 6 ? formatIpv6(source0, source1, source2, source3) : formatIpv4(source0)
  return names.nameAt(packet.protocol, address, hasPorts(packet) ? sourcePort : -1)
}

function destinationName(packet: ShownPacket, names: Names): string {
  const { family, destination0, destination1, destination2, destination3, destinationPort } = packet
  const address =
    family === 6
      ? formatIpv6(destination0, destination1, destination2, destination3)
      : formatIpv4(destination0)
  return names.nameAt(packet.protocol, address, hasPorts(packet) ? destinationPort : -1)
}

function hasPorts({ hasTuple, protocol }: ShownPacket): boolean {
  return hasTuple && portsOf(protocol) === PORTS_PORTS
}

function formatProtocol(protocol: number): string {
  const name = protocolName(protocol)
  return name === 'unknown' ? (assignedProtocolName(protocol) ?? String(protocol)) : name
}

/** TCP flags, or type/code of ICMP. */
function formatDetail(packet: ShownPacket): string {
  const { protocol, destinationPort } = packet
  if (!packet.hasTuple) return '-'
  if (protocol === IPPROTO_TCP) return FLAGS[packet.tcpFlags & 0xff] ?? ''
  if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6)
    return `${destinationPort >>> 8}/${destinationPort & 0xff}`
  return '-'
}

/** Letters in the order and with the meaning of tcpdump's: FIN, SYN, RST, PSH, `.` for ACK, URG, ECE, CWR. */
const FLAG_LETTERS = 'FSRP.UEW'
const FLAGS = Array.from({ length: 256 }, (_, flags) => {
  let text = ''
  for (let bit = 0; bit < 8; bit++) if ((flags & (1 << bit)) !== 0) text += FLAG_LETTERS[bit]
  return text === '' ? 'none' : text
})

function writeSource(out: Ascii, packet: ShownPacket): void {
  if (packet.family === 6)
    out.text(formatIpv6(packet.source0, packet.source1, packet.source2, packet.source3))
  else out.ipv4(packet.source0)
}

function writeDestination(out: Ascii, packet: ShownPacket): void {
  if (packet.family === 6) {
    out.text(formatIpv6(packet.destination0, packet.destination1, packet.destination2, packet.destination3))
  } else out.ipv4(packet.destination0)
}
