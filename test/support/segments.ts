// Connections in a notation after packetdrill's: one TCP segment a line, with what conntrack should make of it.

import { Engine } from '../../src/conntrack/engine.ts'
import type { Observer } from '../../src/conntrack/events.ts'
import { TCP_STATE_NAMES } from '../../src/conntrack/proto/tcp-table.ts'
import { defaultSettings, type Settings } from '../../src/conntrack/settings.ts'
import { DIRECTION_NAMES, IPS_ASSURED, IPS_DYING, STATE_NAMES } from '../../src/conntrack/status.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { type Bytes, be16, be32, ethernet, frameOf, ipv4, ipv6, join, tcp } from './frames.ts'

/** A line, read. */
export interface ScriptedSegment {
  /** Nanoseconds since the start of the script. */
  time: number
  /** From the client (`>`), the host that the script calls so, or from the server (`<`). */
  fromClient: boolean
  flags: number
  /** Numbers relative to the initial sequence number of their side. */
  sequence: number
  acknowledgment: number
  window: number
  length: number
  options: Bytes
  /** What should come of it: `state direction [TCP state] [assured] ["part of the kernel's complaint"]`. */
  expected: string
}

const LINE =
  /^(?<time>\+?[\d.]+)\s+(?<direction>[<>])\s+(?<flags>[FSRPUEC.-]+)\s+(?<sequence>\d+):\d+\((?<length>\d+)\)(?:\s+ack\s+(?<ack>\d+))?(?:\s+win\s+(?<window>\d+))?(?:\s+<(?<options>[^>]*)>)?\s*\|\s*(?<expected>.*)$/
const FLAGS = 'FSRP.UEC'
const DEFAULT_WINDOW = 65535

/**
 * Reads a script. A time with `+` counts from the line before; empty lines and lines that start with `//` say nothing.
 * @throws Error for a line that is not a segment
 */
export function parseScript(script: string): ScriptedSegment[] {
  let time = 0
  return script
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('//'))
    .map(line => {
      const found = LINE.exec(line)?.groups
      if (found === undefined) throw new Error(`not a segment: ${line}`)
      const seconds = Number(found.time) * 1e9
      time = found.time.startsWith('+') ? time + seconds : seconds
      return {
        time: Math.round(time),
        fromClient: found.direction === '>',
        flags: [...found.flags].reduce((bits, letter) => bits | (1 << FLAGS.indexOf(letter)), 0),
        sequence: Number(found.sequence),
        acknowledgment: Number(found.ack ?? 0),
        window: Number(found.window ?? DEFAULT_WINDOW),
        length: Number(found.length),
        options: encodeOptions(found.options ?? ''),
        expected: found.expected,
      }
    })
}

function encodeOptions(text: string): Bytes {
  const bytes = join(...text.split(',').map(option => encodeOption(option.trim().split(' '))))
  return join(bytes, new Array(-bytes.length & 3).fill(1))
}

function encodeOption([name, ...values]: string[]): Bytes {
  switch (name) {
    case '':
      return join()
    case 'mss':
      return join(2, 4, be16(Number(values[0])))
    case 'wscale':
      return join(3, 3, Number(values[0]))
    case 'sackOK':
      return join(4, 2)
    case 'TS':
      return join(8, 10, be32(Number(values[1])), be32(Number(values[3])))
    case 'nop':
      return join(1)
    case 'sack': {
      const edges = values.flatMap(block => block.split(':').map(Number))
      return join(5, 2 + edges.length * 4, edges.flatMap(be32))
    }
    default:
      throw new Error(`no such option: ${name}`)
  }
}

export const SILENT: Observer = {
  created() {},
  updated() {},
  reclassified() {},
  expired() {},
  destroyed() {},
}

/** Initial sequence numbers: far from zero, which means something to conntrack, and from each other. */
const CLIENT_START = 0x10000000
const SERVER_START = 0x50000000

/** The segment as an Ethernet frame between the script's two hosts. */
export function segmentFrame(segment: ScriptedSegment, family: 4 | 6): Bytes {
  const [own, other] = segment.fromClient ? [CLIENT_START, SERVER_START] : [SERVER_START, CLIENT_START]
  const hosts = family === 4 ? ['192.0.2.1', '192.0.2.2'] : ['2001:db8::1', '2001:db8::2']
  const ports = [34500, 8080]
  const [from, to] = segment.fromClient ? [0, 1] : [1, 0]
  const header = {
    sourcePort: ports[from],
    destinationPort: ports[to],
    sequence: (own + segment.sequence) | 0,
    acknowledgment: (segment.flags & 0x10) !== 0 ? (other + segment.acknowledgment) | 0 : 0,
    flags: segment.flags,
    window: segment.window,
    options: segment.options,
  }
  const bytes = tcp(header, new Uint8Array(segment.length))
  const addresses = { source: hosts[from], destination: hosts[to] }
  return ethernet(
    family === 4 ? ipv4({ ...addresses, protocol: 6 }, bytes) : ipv6({ ...addresses, nextHeader: 6 }, bytes),
  )
}

/**
 * Plays a script to an engine of its own.
 * @returns what should come of each segment and what came, line by line in the words of the script
 */
export function playScript(
  script: string,
  family: 4 | 6,
  settings: Partial<Settings> = {},
): { expected: string[]; actual: string[] } {
  const engine = new Engine({ ...defaultSettings(), ...settings }, SILENT)
  const packet = new Packet()
  const expected: string[] = []
  const actual: string[] = []
  for (const segment of parseScript(script)) {
    const number = expected.length + 1
    if (!decode(frameOf(segmentFrame(segment, family), { time: segment.time, number }), packet)) {
      throw new Error(`line ${number} is not decoded`)
    }
    engine.track(packet)
    const line = `${number}: `
    expected.push(line + segment.expected)
    actual.push(line + describeOutcome(engine, segment.expected))
  }
  return { expected, actual }
}

/** What the engine made of a packet, with the TCP state, and of its complaint the part that is expected, if it is there. */
function describeOutcome(engine: Engine, expected: string): string {
  const words: string[] = [STATE_NAMES[engine.state]]
  if (engine.direction >= 0) words.push(DIRECTION_NAMES[engine.direction])
  if (engine.ct >= 0) {
    words.push((engine.status & IPS_DYING) !== 0 ? 'gone' : TCP_STATE_NAMES[engine.table.state(engine.ct)])
    if ((engine.status & IPS_ASSURED) !== 0) words.push('assured')
  }
  const complaint = engine.context.reasons.text()
  const part = /"(.*)"/.exec(expected)?.[1]
  if (complaint !== '') words.push(`"${part !== undefined && complaint.includes(part) ? part : complaint}"`)
  return words.join(' ')
}
