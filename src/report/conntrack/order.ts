// The order of a listed table. The kernel's is that of a keyed hash; ours is by protocol, addresses and ports.
import type { Table } from '../../conntrack/table.ts'

/** Sorts entries in place by family, protocol and original tuple, each as numbers. */
export function sortEntries(table: Table, entries: Int32Array): Int32Array {
  return entries.sort((a, b) => compareEntries(table, a, b))
}

function compareEntries(table: Table, a: number, b: number): number {
  const kind = table.kind(a)
  if (kind !== table.kind(b)) return kind - table.kind(b)
  const words = table.isIpv6(a) ? 4 : 1
  for (let i = 0; i < words; i++) {
    const order = compareWords(table.sourceWord(a * 2, i), table.sourceWord(b * 2, i))
    if (order !== 0) return order
  }
  for (let i = 0; i < words; i++) {
    const order = compareWords(table.destinationWord(a * 2, i), table.destinationWord(b * 2, i))
    if (order !== 0) return order
  }
  return compareWords(table.ports(a * 2), table.ports(b * 2))
}

function compareWords(a: number, b: number): number {
  return (a >>> 0) - (b >>> 0)
}
