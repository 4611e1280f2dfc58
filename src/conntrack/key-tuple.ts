// The tuple of a key in the table, in a record of the caller's: to look up what is like it.
import type { Table } from './table.ts'
import { KIND_IPV6, type Tuple } from './tuple.ts'

/** Reads a key (`ct * 2 + direction`) into `tuple`. */
export function readKey(table: Table, key: number, tuple: Tuple): void {
  tuple.kind = table.kind(key >> 1)
  tuple.ports = table.ports(key)
  tuple.source = table.source(key)
  tuple.destination = table.destination(key)
  if (tuple.kind < KIND_IPV6) return
  tuple.source0 = table.sourceWord(key, 0)
  tuple.source1 = table.sourceWord(key, 1)
  tuple.source2 = table.sourceWord(key, 2)
  tuple.source3 = table.sourceWord(key, 3)
  tuple.destination0 = table.destinationWord(key, 0)
  tuple.destination1 = table.destinationWord(key, 1)
  tuple.destination2 = table.destinationWord(key, 2)
  tuple.destination3 = table.destinationWord(key, 3)
}
