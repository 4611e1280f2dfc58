// What to call an entry, and where its packets were seen.

import { DIRECTION_ORIGINAL, DIRECTION_REPLY } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { formatIpv4, formatIpv6 } from '../../net/address.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import { pointOfSide } from '../../vantage/record/points.ts'
import type { FrameReference } from '../facts/facts.ts'
import { DESTINATION, LEG_SYN, PORTS, SIDE_FRAME, SOURCE, SYN_FRAME } from './leg-layout.ts'
import type { Legs } from './legs.ts'

/** One point that shows a flow, in either form: the client's first packet there and its last, and its SYNs. */
export interface Place {
  point: number
  first: FrameReference
  last: FrameReference
  syns: number
}

/** What is told of an entry: what it is called, and where its packets were seen. */
export interface Asked {
  client: string
  /** As it was meant, and what it was translated to. */
  flow: string
  places: Place[]
}

/** Where the packets of an entry were seen, as far as that is remembered now. */
export function locate(table: Table, ct: number, legs: Legs): Asked {
  return { ...textOf(table, ct), places: placesOf(legs, table, ct) }
}

function textOf(table: Table, ct: number): { client: string; flow: string } {
  const protocol = table.protocol(ct) === IPPROTO_TCP ? 'tcp' : 'udp'
  const original = ct * 2 + DIRECTION_ORIGINAL
  const reply = ct * 2 + DIRECTION_REPLY
  const client = endpoint(table, original, true)
  const asked = endpoint(table, original, false)
  const source = endpoint(table, reply, false)
  const destination = endpoint(table, reply, true)
  const text = `${protocol} ${client} -> ${asked}`
  if (source !== client) return { client, flow: `${text}, translated to ${source} -> ${destination}` }
  return { client, flow: destination === asked ? text : `${text}, translated to ${destination}` }
}

/** Source or destination of a key. */
export function endpoint(table: Table, key: number, isSource: boolean): string {
  const ports = table.ports(key)
  const port = isSource ? ports >>> 16 : ports & 0xffff
  const word = (index: number): number =>
    isSource ? table.sourceWord(key, index) : table.destinationWord(key, index)
  if (!table.isIpv6(key >> 1)) return `${formatIpv4(word(0))}:${port}`
  return `[${formatIpv6(word(0), word(1), word(2), word(3))}]:${port}`
}

/** Where an entry's packets were seen, in the order of the points. */
function placesOf(legs: Legs, table: Table, ct: number): Place[] {
  const places: Place[] = []
  for (let leg = legs.firstOf(ct); leg >= 0; leg = legs.next(leg)) {
    if (!legs.has(leg, LEG_SYN) || !isForward(legs, table, leg, ct)) continue
    const point = pointOfSide(legs.point(leg))
    const capture = legs.capture(leg)
    const place = {
      point,
      first: { capture, frame: legs.get(leg, SYN_FRAME) },
      last: { capture, frame: legs.side(leg, 0, SIDE_FRAME) },
      syns: legs.openings(leg, 0),
    }
    const known = places.findIndex(other => other.point === point)
    if (known < 0) places.push(place)
    else if (isOriginal(legs, table, leg, ct)) places[known] = place
  }
  return places.sort((a, b) => a.point - b.point)
}

/** Whether the leg's initiator is the entry's, in either form. */
function isForward(legs: Legs, table: Table, leg: number, ct: number): boolean {
  return (
    isOriginal(legs, table, leg, ct) ||
    isKey(legs, table, leg, ct * 2 + 1, true) ||
    isHalf(legs, table, leg, ct)
  )
}

function isOriginal(legs: Legs, table: Table, leg: number, ct: number): boolean {
  return isKey(legs, table, leg, ct * 2, false)
}

/** Whether the leg goes as packets of a key do, or, `turned`, as their answers. */
function isKey(legs: Legs, table: Table, leg: number, key: number, turned: boolean): boolean {
  const ports = table.ports(key)
  const [from, to] = turned
    ? [table.destination(key), table.source(key)]
    : [table.source(key), table.destination(key)]
  const wanted = turned ? (ports << 16) | (ports >>> 16) : ports
  return (
    legs.get(leg, PORTS) === wanted && legs.get(leg, SOURCE) === from && legs.get(leg, DESTINATION) === to
  )
}

/** One end is translated, the other is not yet: as a bridge shows it. */
function isHalf(legs: Legs, table: Table, leg: number, ct: number): boolean {
  const ports = legs.get(leg, PORTS)
  const isSource =
    legs.get(leg, SOURCE) === table.source(ct * 2) && ports >>> 16 === table.ports(ct * 2) >>> 16
  const isTarget =
    legs.get(leg, DESTINATION) === table.source(ct * 2 + 1) &&
    (ports & 0xffff) === table.ports(ct * 2 + 1) >>> 16
  return isSource && isTarget
}
