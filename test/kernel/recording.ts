// What conntrack said of a capture, frame by frame, whoever said it: read from the files that record.py writes.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

/** The capture that lies beside a recording in its directory. */
export const CAPTURE = 'capture.pcap'

/** Sysctls by their names under net.netfilter, or dotted ones outside it. */
export type Sysctls = Readonly<Record<string, number>>

export interface Verdict {
  /** new, established, related, invalid, untracked; frag, dropped, skipped, unplayable where conntrack gave none. */
  state: string
  /** original, reply, or '' where there is none. */
  direction: string
  seenReply: string
  assured: string
  /** Complaints as the kernel logs them, joined by ` | `. */
  reason: string
}

export interface ConntrackEvent {
  frame: number
  type: string
  protocol: number
  /** `source,port,destination,port`; for ICMP the id, and type * 256 + code, stand as ports. */
  original: string
  reply: string
  /** TCP or SCTP state, '' where the event tells none. */
  state: string
  /** SEEN_REPLY, ASSURED. */
  status: string
  /** Seconds left, null in a DESTROY. */
  timeout: number | null
  /** DESTROY: packets and bytes of the original, packets and bytes of the reply direction. */
  counters: number[]
  /** DESTROY by the model, of an entry whose timeout passed: when it did, in nanoseconds of capture time. */
  expired?: number
}

export interface TableEntry {
  protocol: number
  original: string
  reply: string
  state: string
  status: string
  timeout: number
  /** Packets and bytes of the original, packets and bytes of the reply direction. */
  counters: number[]
}

export interface Recording {
  /** Index 0 is frame 1. */
  verdicts: Verdict[]
  /** Milliseconds that were left of an entry's timeout after a packet found it, by frame. */
  timeouts: Map<number, number>
  events: ConntrackEvent[]
  /** The entries alive when the replay ended. */
  table: TableEntry[]
  /** When that was, in nanoseconds after the first frame; 0 when unknown. */
  end: number
  /** Nanoseconds after the first frame, by frame; index 0 is frame 1. */
  times: number[]
  /** What was set, by name; not what was left at its default. */
  sysctls: Sysctls
  /** By how many microseconds the kernel got the latest frame too late. */
  latest: number
}

/** Reads a directory that record.py wrote; `prefix` stands before each file's name. */
export function readRecording(directory: string, prefix = ''): Recording {
  const path = (name: string): string => join(directory, `${prefix}${name}`)
  const verdicts: Verdict[] = []
  const times: number[] = []
  let first: bigint | null = null
  for (const [, time, state, direction, seenReply, assured, reason] of rows(path('verdicts.tsv'))) {
    const nanoseconds = BigInt(time.replace('.', ''))
    first ??= nanoseconds
    times.push(Number(nanoseconds - first))
    verdicts.push({ state, direction, seenReply, assured, reason })
  }
  const timeouts = new Map(rows(path('timeouts.tsv')).map(([frame, left]) => [Number(frame), Number(left)]))
  const events = rows(path('events.tsv')).map(readEvent)
  const table = rows(path('table.tsv')).map(readEntry)
  const meta: Meta = existsSync(path('meta.json')) ? JSON.parse(readFileSync(path('meta.json'), 'utf8')) : {}
  const sysctls = Object.fromEntries(
    (meta.sysctls ?? [])
      .map(assignment => assignment.split('='))
      .map(([name, value]) => [name, Number(value)]),
  )
  return {
    verdicts,
    timeouts,
    events,
    table,
    end: meta.end_ns ?? 0,
    times,
    sysctls,
    latest: meta.latest_us ?? 0,
  }
}

/** What is used of meta.json. */
interface Meta {
  sysctls?: string[]
  end_ns?: number
  latest_us?: number
}

function readEvent([frame, type, ...entry]: string[]): ConntrackEvent {
  const event = { frame: Number(frame), type, ...readEntry(entry) }
  return type === 'DESTROY' ? { ...event, timeout: null } : { ...event, counters: [] }
}

function readEntry([protocol, original, reply, state, status, timeout, ...counters]: string[]): TableEntry {
  return {
    protocol: Number(protocol),
    original,
    reply,
    state,
    status,
    timeout: Number(timeout),
    counters: counters.map(Number),
  }
}

/** Cells of a tab-separated file, perhaps gzipped, without its header; nothing when there is no such file. */
function rows(path: string): string[][] {
  const zipped = `${path}.gz`
  if (!existsSync(path) && !existsSync(zipped)) return []
  const text = existsSync(path) ? readFileSync(path, 'utf8') : gunzipSync(readFileSync(zipped)).toString()
  const lines = text.split('\n')
  return lines.slice(1, -1).map(line => line.split('\t'))
}
