// Finds the entry of a packet that conntrack did not meet, and legs of entries that have the same ends as another.
import type { Table } from '../../conntrack/table.ts'
import { hashTuple, invertTuple, KIND_IPV6, Tuple, ZONE_SHIFT, zoneOf } from '../../conntrack/tuple.ts'
import type { Legs } from './legs.ts'
import type { Observation } from './observation.ts'

export class EntryLookup {
  private readonly table: Table
  private readonly legs: Legs
  private readonly tuple = new Tuple()
  private readonly inverse = new Tuple()
  private readonly bothTuples = [this.tuple, this.inverse]

  constructor(table: Table, legs: Legs) {
    this.table = table
    this.legs = legs
  }

  /** The entry that a packet is of which conntrack did not meet, or met before: by either of its keys, or -1. */
  of(seen: Observation, zone: number): number {
    const { tuple, inverse, table } = this
    this.takeTuple(seen, zone)
    const key = table.find(tuple, hashTuple(tuple))
    if (key >= 0) return key >> 1
    if (!invertTuple(tuple, inverse)) return -1
    return table.find(inverse, hashTuple(inverse)) >> 1
  }

  /**
   * The leg of another entry than the packet's, where two have the same ends: frames that the capture lost make an answer
   * that is not translated back look like the first packet of a flow. Their keys are neighbours in the table.
   */
  legElsewhere(seen: Observation, ct: number): number {
    const { table, legs, tuple, inverse } = this
    this.takeTuple(seen, zoneOf(table.kind(ct)))
    if (!invertTuple(tuple, inverse)) return -1
    for (const each of this.bothTuples) {
      let key = table.firstOf(hashTuple(each))
      for (; key >= 0; key = table.nextKey(key)) {
        if (key >> 1 === ct || !table.matches(key, each)) continue
        const leg = legs.findAt(seen, key >> 1)
        if (leg >= 0) return leg
      }
    }
    return -1
  }

  /** The ends of the packet under way, in `tuple`. */
  private takeTuple(seen: Observation, zone: number): void {
    const { tuple } = this
    tuple.kind = seen.protocol | (zone << ZONE_SHIFT) | (seen.family === 6 ? KIND_IPV6 : 0)
    tuple.ports = (seen.sourcePort << 16) | seen.destinationPort
    tuple.source = seen.sourceWord
    tuple.destination = seen.destinationWord
    if (seen.family === 6) takeWords(tuple, seen)
  }
}

function takeWords(tuple: Tuple, { source, destination }: Observation): void {
  tuple.source0 = source[0]
  tuple.source1 = source[1]
  tuple.source2 = source[2]
  tuple.source3 = source[3]
  tuple.destination0 = destination[0]
  tuple.destination1 = destination[1]
  tuple.destination2 = destination[2]
  tuple.destination3 = destination[3]
}
