// Reads lines of `conntrack -L` and `conntrack -E`, and tells the same of an engine, so that the two can be compared.
import type { Engine } from '../../src/conntrack/engine.ts'
import { TCP_STATE_NAMES } from '../../src/conntrack/proto/tcp-table.ts'
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_NAT_CLASH,
  IPS_SEEN_REPLY,
} from '../../src/conntrack/status.ts'
import type { Table } from '../../src/conntrack/table.ts'
import { IPPROTO_TCP, protocolName } from '../../src/net/numbers.ts'
import { writeTuple } from '../../src/report/conntrack/tuple.ts'
import { Ascii } from '../../src/report/text/ascii.ts'

/** An entry or event without its times: `tcp src=… dst=… sport=… dport=… | src=… …`, state, flags. */
export interface Connection {
  /** Protocol and both tuples. */
  key: string
  state: string
  assured: boolean
  replied: boolean
  /** Seconds left, -1 where the line has none. */
  seconds: number
}

export interface ConntrackEvent extends Connection {
  event: string
  /** Whether a program did it over ctnetlink. */
  isByHand: boolean
  /** Seconds since 1970. */
  time: number
}

/** The entries of `conntrack -L`. */
export function parseList(text: string): Connection[] {
  return linesOf(text).map(parseConnection)
}

/** The events of `conntrack -E -o timestamp`. */
export function parseEvents(text: string): ConntrackEvent[] {
  return linesOf(text).map(line => {
    const match = /^\[(\d+\.\d+)\]\s*\[(\w+)\]\s*(.*)$/.exec(line)
    if (match === null) throw new Error(`no event: ${line}`)
    const [, time, event, entry] = match
    return {
      time: Number(time),
      event,
      isByHand: entry.includes('[USERSPACE]'),
      ...parseConnection(entry),
    }
  })
}

/** What `conntrack -L` would show of the engine now. */
export function listEngine({ table, context }: Engine): Connection[] {
  const connections: Connection[] = []
  for (let ct = 0; ct < table.top; ct++) {
    if ((table.status(ct) & (IPS_CONFIRMED | IPS_DYING | IPS_NAT_CLASH)) !== IPS_CONFIRMED) continue
    if (context.expires(ct) > 0)
      connections.push({ ...describe(table, ct), seconds: context.expires(ct) / 250 })
  }
  return connections
}

export function describe(table: Table, ct: number): Connection {
  const status = table.status(ct)
  const protocol = table.protocol(ct)
  return {
    key: `${protocolName(protocol)} ${tupleText(table, ct * 2)} | ${tupleText(table, ct * 2 + 1)}`,
    state: protocol === IPPROTO_TCP ? TCP_STATE_NAMES[table.state(ct)] : '',
    assured: (status & IPS_ASSURED) !== 0,
    replied: (status & IPS_SEEN_REPLY) !== 0,
    seconds: -1,
  }
}

function tupleText(table: Table, key: number): string {
  const out = new Ascii()
  writeTuple(out, table, key)
  return out.take().toString().trim()
}

/** What follows the reply tuple. */
const NO_TUPLE = / (\[ASSURED\]|\[USERSPACE\].*|helper=\S+|mark=.*|use=.*|delta-time=.*)/g

function parseConnection(line: string): Connection {
  const match = /^(\w+)\s+\d+\s+(?:(\d+) )?(?:([A-Z_0-9]+) )?(src=.*?)( \[UNREPLIED\])? (src=.*)$/.exec(
    line.trim(),
  )
  if (match === null) throw new Error(`no entry: ${line}`)
  const [, protocol, seconds, state, original, unreplied, rest] = match
  return {
    key: `${protocol} ${original} | ${rest.replace(NO_TUPLE, '').trim()}`,
    state: state ?? '',
    assured: rest.includes('[ASSURED]'),
    replied: unreplied === undefined,
    seconds: seconds === undefined ? -1 : Number(seconds),
  }
}

function linesOf(text: string): string[] {
  return text.split('\n').filter(line => line.trim() !== '')
}
