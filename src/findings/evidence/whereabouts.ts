// Which flow an entry is of, and where its packets were seen.

import type { Table } from '../../conntrack/table.ts'
import { pointOfSide } from '../../vantage/record/points.ts'
import type { FlowFacts, FrameReference } from '../facts/facts.ts'
import { flowOfEntry } from './flow-facts.ts'
import { LEG_ORIGINAL_ENDS, LEG_SYN, LEG_TURNED, SIDE_FRAME, SYN_FRAME } from './leg-layout.ts'
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
  return { flow: flowOfEntry(table, ct), places: placesOf(legs, ct) }
}

/** Where an entry's packets were seen, in the order of the points. */
function placesOf(legs: Legs, ct: number): Place[] {
  const places: Place[] = []
  for (let leg = legs.firstOf(ct); leg >= 0; leg = legs.next(leg)) {
    if (!legs.has(leg, LEG_SYN) || !isForward(legs, leg, ct)) continue
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
    else if (isOriginal(legs, leg, ct)) places[known] = place
  }
  return places.sort((a, b) => a.point - b.point)
}

/** Whether the leg's initiator is the entry's, in either form. */
function isForward(legs: Legs, leg: number, ct: number): boolean {
  return isOriginal(legs, leg, ct) || legs.endsOf(leg, ct * 2 + 1) === (LEG_ORIGINAL_ENDS | LEG_TURNED)
}

function isOriginal(legs: Legs, leg: number, ct: number): boolean {
  return legs.endsOf(leg, ct * 2) === LEG_ORIGINAL_ENDS
}
