// Which flow an entry is of, and where its packets were seen.

import type { Table } from '../../conntrack/table.ts'
import { pointOfSide } from '../../vantage/record/points.ts'
import type { FlowFacts, FrameReference } from '../facts/facts.ts'
import { flowOfEntry } from './flow-facts.ts'
import { DESTINATION, LEG_SYN, PORTS, SIDE_FRAME, SOURCE, SYN_FRAME } from './leg-layout.ts'
import type { Legs } from './legs.ts'

/** One point that shows a flow, in either form: the client's first packet there and its last, and its SYNs. */
export interface Place {
  point: number
  first: FrameReference
  last: FrameReference
  syns: number
}

/** What is told of an entry: its flow, and where its packets were seen. */
export interface Asked {
  flow: FlowFacts
  places: Place[]
}

/** Where the packets of an entry were seen, as far as that is remembered now. */
export function locate(table: Table, ct: number, legs: Legs): Asked {
  return { flow: flowOfEntry(table, ct), places: placesOf(legs, table, ct) }
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
