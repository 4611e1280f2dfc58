// Replays captures of a node and holds what the model says against what conntrack said there.
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openCaptures } from '../../src/capture/open/open.ts'
import { loadTable, makeEngine } from '../../src/cli/commands/line-replay.ts'
import { readSysctls } from '../../src/cli/options/sysctl.ts'
import { tableOf } from '../../src/cli/options/table-file.ts'
import type { Engine } from '../../src/conntrack/engine.ts'
import { CAUSE_TIMEOUT } from '../../src/conntrack/events.ts'
import { IPCT_PROTOINFO, IPS_NAT_CLASH, STATE_INVALID } from '../../src/conntrack/status.ts'
import type { Knowledge } from '../../src/host/knowledge.ts'
import { formatIpv4, formatIpv6 } from '../../src/net/address.ts'
import { Defragmenter } from '../../src/packet/defrag/fragments.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { FRAME_TRACKED, replay } from '../../src/replay.ts'
import { SightingWindow } from '../../src/vantage/window.ts'
import {
  type Connection,
  type ConntrackEvent,
  describe,
  listEngine,
  parseEvents,
  parseList,
} from './conntrack-text.ts'

export interface NodeRun {
  window: SightingWindow
  engine: Engine
  /** Connections at the time the node was listed, and states each went through, by their key. */
  entries: Map<string, string>
  events: Map<string, string[]>
  expectedEntries: Map<string, string>
  expectedEvents: Map<string, string[]>
  /** Packets that the model calls INVALID. */
  invalid: number
}

export interface NodeRunOptions {
  /** Whether the node's sysctls are given. */
  sysctl?: boolean
  /** Whether that says what bridge-nf-call-iptables is; if not, the captures have to tell. */
  tellsBridge?: boolean
  /** `name=value`, as for --set. */
  set?: string[]
  /** Rules and topology of the node. */
  knowledge?: Knowledge
  /** The listing of its table before the captures, a file in its folder. */
  table?: string
}

/** Replays captures of the run in `folder`, which has conntrack-final.txt, conntrack-events.txt and sysctl.txt. */
export async function replayNode(
  folder: string,
  captures: string[],
  options: NodeRunOptions = {},
): Promise<NodeRun> {
  const paths = captures.map(name => resolve(folder, name))
  const sysctlFile = join(folder, 'sysctl.txt')
  const given = options.sysctl !== false && existsSync(sysctlFile)
  const sysctls = readSysctls(
    given ? [{ path: sysctlFile, text: readFileSync(sysctlFile, 'utf8') }] : [],
    options.set ?? [],
  )
  const table = tableOf({ table: options.table === undefined ? [] : [join(folder, options.table)] })
  const events = new Map<string, string[]>()
  const note = (ct: number, event: string, withState: boolean) => {
    const connection = describe(engine.table, ct)
    add(events, connection.key, `${event} ${withState ? connection.state : ''}${flagsOf(connection)}`)
  }
  const engine: Engine = makeEngine(
    sysctls,
    {
      created: ct => (engine.table.status(ct) & IPS_NAT_CLASH) === 0 && note(ct, 'NEW', true),
      updated: (ct, bits) => note(ct, 'UPDATE', (bits & IPCT_PROTOINFO) !== 0),
      reclassified: () => {},
      expired: () => {},
      destroyed: (ct, cause) => cause !== CAUSE_TIMEOUT && note(ct, 'DESTROY', true),
    },
    { knowledge: options.knowledge ?? null, table },
  )
  loadTable(engine, table)
  // of what was in the table nobody heard anew
  events.clear()
  const source = await openCaptures(paths)
  const window = new SightingWindow(source, {
    bridgeCalls:
      options.tellsBridge === false
        ? { ipv4: null, ipv6: null }
        : {
            ipv4: sysctls.host['net.bridge.bridge-nf-call-iptables'] ?? null,
            ipv6: sysctls.host['net.bridge.bridge-nf-call-ip6tables'] ?? null,
          },
    keepsPayload: false,
  })
  let invalid = 0
  const witness = {
    seen(_packet: Packet, outcome: number): void {
      if (outcome === FRAME_TRACKED && engine.state === STATE_INVALID) invalid++
    },
  }
  await replay(source, [engine], new Defragmenter(), witness, window)
  const epoch = Number(source.epoch / 1000n) / 1e6
  await source.close()
  // what was there before is in no capture: only a listing tells of it
  const isCaptured = table === null ? await tuplesOf(paths) : () => true
  const expected = parseList(readFileSync(join(folder, 'conntrack-final.txt'), 'utf8')).filter(isCaptured)
  const allEvents = parseEvents(readFileSync(join(folder, 'conntrack-events.txt'), 'utf8'))
  const expectedEvents = allEvents.filter(isCaptured)
  // whoever listened began after the entries that were there, but of which no event tells
  const told = new Set(allEvents.map(({ key }) => key))
  if (table === null) for (const { key } of expected) if (!told.has(key)) events.delete(key)
  const lastEvent = allEvents.at(-1)
  if (lastEvent !== undefined) engine.advance((lastEvent.time - epoch) * 1e9)
  const listed = listedAt(folder)
  if (listed !== null && engine.context.time > 0) engine.advance((listed - epoch) * 1e9)
  else engine.advance(engine.context.time + elapsed(listEngine(engine), expected) * 1e9)
  return {
    window,
    engine,
    entries: entriesOf(listEngine(engine)),
    events,
    expectedEntries: entriesOf(expected),
    expectedEvents: eventsOf(expectedEvents),
    invalid,
  }
}

/** Lines that are in one of the maps alone, `-` expected and missing, `+` not expected. */
export function differences<T extends string | string[]>(
  expected: Map<string, T>,
  actual: Map<string, T>,
): string[] {
  const lines: string[] = []
  for (const [key, value] of expected) {
    const found = actual.get(key)
    if (String(found) === String(value)) continue
    lines.push(`- ${key}: ${value}`)
    if (found !== undefined) lines.push(`+ ${key}: ${found}`)
  }
  for (const [key, value] of actual) if (!expected.has(key)) lines.push(`+ ${key}: ${value}`)
  return lines
}

function entriesOf(connections: Connection[]): Map<string, string> {
  return new Map(connections.map(connection => [connection.key, `${connection.state}${flagsOf(connection)}`]))
}

/** An expired entry goes when something happens to meet it: when that is, the model cannot know. */
function eventsOf(all: ConntrackEvent[]): Map<string, string[]> {
  const events = new Map<string, string[]>()
  for (const event of all) {
    if (event.event === 'DESTROY' && event.seconds < 0 && !event.isByHand) continue
    add(events, event.key, `${event.event} ${event.state}${flagsOf(event)}`)
  }
  return events
}

function flagsOf({ assured, replied }: Connection): string {
  return (replied ? '' : ' [UNREPLIED]') + (assured ? ' [ASSURED]' : '')
}

function add(events: Map<string, string[]>, key: string, event: string): void {
  const known = events.get(key)
  if (known === undefined) events.set(key, [event])
  else known.push(event)
}

/** When the node was listed, in seconds since 1970; null where the run does not say. */
function listedAt(folder: string): number | null {
  const path = join(folder, 'conntrack-final-time.txt')
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : null
}

/** Seconds between the last packet and the list: by so much less time is left in it. */
function elapsed(actual: Connection[], expected: Connection[]): number {
  const left = new Map(actual.map(({ key, seconds }) => [key, seconds]))
  const lapses = expected
    .filter(({ key }) => left.has(key))
    .map(({ key, seconds }) => (left.get(key) ?? 0) - seconds - 0.5)
    .sort((a, b) => a - b)
  return Math.max(0, lapses[lapses.length >> 1] ?? 0)
}

/** Whether any packet of a connection, as it came or as it left, is in one of the captures. */
async function tuplesOf(paths: string[]): Promise<(connection: Connection) => boolean> {
  const seen = new Set<string>()
  const packet = new Packet()
  const source = await openCaptures(paths)
  do {
    for (let frame = source.next(); frame !== null; frame = source.next()) {
      if (decode(frame, packet)) seen.add(endsOf(packet)).add(endsOf(packet, true))
    }
  } while (await source.fill())
  await source.close()
  return ({ key }) => {
    const tuples = key.slice(key.indexOf(' ') + 1).split(' | ')
    return tuples.some(tuple =>
      seen.has(
        tuple.replace(/ type=.*| sport=(\d+) dport=(\d+)/, (_all, s, d) =>
          s === undefined ? '' : ` ${s} ${d}`,
        ),
      ),
    )
  }
}

function endsOf(packet: Packet, reversed = false): string {
  const four = packet.family === 4
  const source = four
    ? formatIpv4(packet.source0)
    : formatIpv6(packet.source0, packet.source1, packet.source2, packet.source3)
  const destination = four
    ? formatIpv4(packet.destination0)
    : formatIpv6(packet.destination0, packet.destination1, packet.destination2, packet.destination3)
  const hasPorts = packet.protocol === 6 || packet.protocol === 17 || packet.protocol === 132
  const ends = [`${source}`, `${destination}`]
  const ports = [packet.sourcePort, packet.destinationPort]
  if (reversed) {
    ends.reverse()
    ports.reverse()
  }
  return `src=${ends[0]} dst=${ends[1]}${hasPorts ? ` ${ports[0]} ${ports[1]}` : ''}`
}
