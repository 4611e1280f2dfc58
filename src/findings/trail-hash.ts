// Hashes of flows at observation points, of 16 bits: equal for both directions, and for a record and what was read from it.
import { seededFold, seededHash } from '../net/seeded-hash.ts'
import { DESTINATION, DESTINATION_REST, KIND, POINT, PORTS, SOURCE, SOURCE_REST } from './sight.ts'

/** The hash of the flow in a record (sight.ts) at its point. */
export function recordHash(words: Int32Array, at: number): number {
  const ports = words[at + PORTS]
  const isWide = words[at + KIND] >> 8 === 6
  const sum =
    wordHash(words[at + SOURCE], isWide ? at + SOURCE_REST : -1, words, ports >>> 16) +
    wordHash(words[at + DESTINATION], isWide ? at + DESTINATION_REST : -1, words, ports & 0xffff)
  return Math.imul(sum ^ words[at + POINT], 0x9e3779b1) >>> 16
}

/** The hash of a flow at a point, of addresses of four words. */
export function pairHash(
  source: Int32Array,
  sourceAt: number,
  destination: Int32Array,
  destinationAt: number,
  ports: number,
  point: number,
): number {
  const sum = endHash(source, sourceAt, ports >>> 16) + endHash(destination, destinationAt, ports & 0xffff)
  return Math.imul(sum ^ point, 0x9e3779b1) >>> 16
}

/** Of an address of four words and a port, 32 bits. */
export function endHash(words: Int32Array, at: number, port: number): number {
  return wordHash(words[at], at + 1, words, port)
}

/** Of an address's first word, its three others at `rest` of `words` (-1: zero), and a port. */
function wordHash(first: number, rest: number, words: Int32Array, port: number): number {
  // those of IPv4 are zero, whether they are there or not
  const isWide = rest >= 0 && (words[rest] | words[rest + 1] | words[rest + 2]) !== 0
  const address = isWide ? seededFold(first, words[rest], words[rest + 1], words[rest + 2]) : first
  return seededHash(address, port, 0, 0)
}
