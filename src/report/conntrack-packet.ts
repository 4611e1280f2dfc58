// What conntrack made of each frame: a row of tab-separated columns, a JSON object, or an aligned line for people.
import { formatIpv4, formatIpv6 } from '../net/address.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, protocolName } from '../net/numbers.ts'
import { PORTS_NONE, PORTS_PORTS, portsOf } from './conntrack-tuple.ts'

/** What of a decoded packet is shown; packet/packet.ts has it all. */
export interface ShownPacket {
  /** 4, 6, or 0 where there is no IP packet and nothing below is to be shown. */
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
] as const

export type VerdictState = (typeof VERDICT_STATES)[number]

/** A frame's verdict, in the words of its row. */
export interface Verdict {
  /** Frame number, with the number of its capture before it where there are several: `17`, `2:17`. */
  frame: string
  state: VerdictState
  /** `original`, `reply`, or `''` where there is no flow. */
  direction: string
  seenReply: boolean
  assured: boolean
  /** The kernel's complaints joined by ` | `, or why conntrack never saw the frame. */
  reason: string
}

export const VERDICT_COLUMNS = 'frame\ttime\tstate\tdirection\tseen_reply\tassured\treason'

/** A row of VERDICT_COLUMNS; `time` in seconds since 1970. */
export function formatVerdictRow(verdict: Verdict, time: string): string {
  const flow =
    verdict.direction === ''
      ? '\t\t'
      : `${verdict.direction}\t${verdict.seenReply ? '1' : '0'}\t${verdict.assured ? '1' : '0'}`
  return `${verdict.frame}\t${time}\t${verdict.state}\t${flow}\t${verdict.reason}`
}

/** A JSON object on one line; `entry` holds further fields of the flow's entry, or is `''`. */
export function formatVerdictJson(
  verdict: Verdict,
  time: string,
  packet: ShownPacket | null,
  entry: string,
): string {
  const frame = verdict.frame.includes(':') ? `"${verdict.frame}"` : verdict.frame
  const flow =
    verdict.direction === ''
      ? '"direction":null'
      : `"direction":"${verdict.direction}","seen_reply":${verdict.seenReply},"assured":${verdict.assured}`
  const reasons = verdict.reason === '' ? '' : `"${verdict.reason.replaceAll(' | ', '","')}"`
  return (
    `{"frame":${frame},"time":${time},"state":"${verdict.state}",${flow}` +
    `${packet === null ? '' : `,${formatPacketFields(packet)}`}${entry === '' ? '' : `,${entry}`},"reasons":[${reasons}]}`
  )
}

function formatPacketFields(packet: ShownPacket): string {
  const { protocol, sourcePort, destinationPort } = packet
  const fields =
    `"family":"${packet.family === 6 ? 'ipv6' : 'ipv4'}","proto":"${protocolName(protocol)}","proto_number":${protocol},` +
    `"length":${packet.networkLength},"src":"${formatSource(packet)}","dst":"${formatDestination(packet)}"`
  if (!packet.hasTuple) return fields
  if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6) {
    return `${fields},"type":${destinationPort >>> 8},"code":${destinationPort & 0xff},"id":${sourcePort}`
  }
  if (portsOf(protocol) === PORTS_NONE) return fields
  const ports = `${fields},"sport":${sourcePort},"dport":${destinationPort}`
  if (protocol !== IPPROTO_TCP) return ports
  return (
    `${ports},"tcp_flags":"${formatFlags(packet.tcpFlags)}","tcp_seq":${packet.sequence >>> 0},` +
    `"tcp_ack":${packet.acknowledgment >>> 0},"tcp_window":${packet.window}`
  )
}

/** Colours a text; the state decides. */
export type Paint = (state: VerdictState, text: string) => string

/** Lines in columns that only ever grow wider: what was printed stays printed. */
export class VerdictLines {
  private frameWidth = 5
  private timeWidth = 10
  private endpointsWidth = 43
  private readonly paint: Paint

  constructor(paint: Paint) {
    this.paint = paint
  }

  /** The line over the columns. */
  header(): string {
    return this.align(
      'frame',
      'time',
      'source > destination',
      'proto',
      'flags',
      'state      ',
      'direction',
      'reason',
    )
  }

  /** One line; `time` in seconds since the first frame. */
  format(verdict: Verdict, time: string, packet: ShownPacket | null): string {
    const state = this.paint(verdict.state, verdict.state.padEnd(11))
    const endpoints = packet === null ? '-' : formatEndpoints(packet)
    const protocol = packet === null ? '-' : formatProtocol(packet.protocol)
    const flags = packet === null ? '-' : formatDetail(packet)
    return this.align(
      verdict.frame,
      time,
      endpoints,
      protocol,
      flags,
      state,
      verdict.direction || '-',
      verdict.reason,
    )
  }

  private align(
    frame: string,
    time: string,
    endpoints: string,
    protocol: string,
    flags: string,
    state: string,
    direction: string,
    reason: string,
  ): string {
    this.frameWidth = Math.max(this.frameWidth, frame.length)
    this.timeWidth = Math.max(this.timeWidth, time.length)
    this.endpointsWidth = Math.max(this.endpointsWidth, endpoints.length)
    return (
      `${frame.padStart(this.frameWidth)} ${time.padStart(this.timeWidth)}  ${endpoints.padEnd(this.endpointsWidth)} ` +
      `${protocol.padEnd(7)} ${flags.padEnd(5)} ${state} ${direction.padEnd(9)} ${reason}`
    ).trimEnd()
  }
}

/** `10.0.0.1:1234 > 10.0.0.2:80`, as tcpdump puts it, but for the ports. */
function formatEndpoints(packet: ShownPacket): string {
  const source = formatSource(packet)
  const destination = formatDestination(packet)
  if (!packet.hasTuple || portsOf(packet.protocol) !== PORTS_PORTS) return `${source} > ${destination}`
  const { sourcePort, destinationPort } = packet
  return packet.family === 6
    ? `[${source}]:${sourcePort} > [${destination}]:${destinationPort}`
    : `${source}:${sourcePort} > ${destination}:${destinationPort}`
}

function formatProtocol(protocol: number): string {
  const name = protocolName(protocol)
  return name === 'unknown' ? String(protocol) : name
}

/** TCP flags, or type/code of ICMP. */
function formatDetail(packet: ShownPacket): string {
  const { protocol, destinationPort } = packet
  if (!packet.hasTuple) return '-'
  if (protocol === IPPROTO_TCP) return formatFlags(packet.tcpFlags)
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

function formatFlags(flags: number): string {
  return FLAGS[flags & 0xff]
}

function formatSource(packet: ShownPacket): string {
  return packet.family === 6
    ? formatIpv6(packet.source0, packet.source1, packet.source2, packet.source3)
    : formatIpv4(packet.source0)
}

function formatDestination(packet: ShownPacket): string {
  return packet.family === 6
    ? formatIpv6(packet.destination0, packet.destination1, packet.destination2, packet.destination3)
    : formatIpv4(packet.destination0)
}
