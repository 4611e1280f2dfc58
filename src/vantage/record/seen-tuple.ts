// A tuple as a point saw it, in tables of words: addresses of four words each, an IPv4 address the first of them, the others 0.
import type { Packet } from '../../packet/packet.ts'

/** Words of a tuple. */
export const TUPLE_WORDS = 9
const SOURCE = 0
const DESTINATION = 4
/** Source port << 16 | destination port. */
const PORTS = 8

/** Writes the tuple of a packet to `at`. */
export function writeTuple(words: Int32Array, at: number, packet: Packet): void {
  const isIpv6 = packet.family === 6
  words[at + SOURCE] = packet.source0
  words[at + SOURCE + 1] = isIpv6 ? packet.source1 : 0
  words[at + SOURCE + 2] = isIpv6 ? packet.source2 : 0
  words[at + SOURCE + 3] = isIpv6 ? packet.source3 : 0
  words[at + DESTINATION] = packet.destination0
  words[at + DESTINATION + 1] = isIpv6 ? packet.destination1 : 0
  words[at + DESTINATION + 2] = isIpv6 ? packet.destination2 : 0
  words[at + DESTINATION + 3] = isIpv6 ? packet.destination3 : 0
  words[at + PORTS] = (packet.sourcePort << 16) | packet.destinationPort
}

/** Gives a packet of the same IP version the tuple at `at`. */
export function readTuple(words: Int32Array, at: number, packet: Packet): void {
  packet.source0 = words[at + SOURCE]
  packet.source1 = words[at + SOURCE + 1]
  packet.source2 = words[at + SOURCE + 2]
  packet.source3 = words[at + SOURCE + 3]
  packet.destination0 = words[at + DESTINATION]
  packet.destination1 = words[at + DESTINATION + 1]
  packet.destination2 = words[at + DESTINATION + 2]
  packet.destination3 = words[at + DESTINATION + 3]
  packet.sourcePort = words[at + PORTS] >>> 16
  packet.destinationPort = words[at + PORTS] & 0xffff
}

/** Whether two tables have the same tuple. */
export function isSameTuple(a: Int32Array, at: number, b: Int32Array, bt: number): boolean {
  for (let word = 0; word < TUPLE_WORDS; word++) if (a[at + word] !== b[bt + word]) return false
  return true
}

/** Writes the inverse of a tuple. */
export function writeInverse(words: Int32Array, at: number, from: Int32Array, of: number): void {
  writeEnds(words, at, from, of, false, from, of, true)
}

/** Writes a tuple between two ends, each the source of another tuple, or its destination. */
export function writeEnds(
  words: Int32Array,
  at: number,
  to: Int32Array,
  toAt: number,
  toIsDestination: boolean,
  from: Int32Array,
  fromAt: number,
  fromIsDestination: boolean,
): void {
  const source = fromAt + (fromIsDestination ? DESTINATION : SOURCE)
  const destination = toAt + (toIsDestination ? DESTINATION : SOURCE)
  for (let word = 0; word < 4; word++) {
    words[at + SOURCE + word] = from[source + word]
    words[at + DESTINATION + word] = to[destination + word]
  }
  const sourcePort = portOf(from, fromAt, fromIsDestination)
  words[at + PORTS] = (sourcePort << 16) | portOf(to, toAt, toIsDestination)
}

/** Whether an end of one tuple, address and port, is an end of another. */
export function isSameEnd(
  a: Int32Array,
  at: number,
  aIsDestination: boolean,
  b: Int32Array,
  bt: number,
  bIsDestination: boolean,
): boolean {
  if (portOf(a, at, aIsDestination) !== portOf(b, bt, bIsDestination)) return false
  const left = at + (aIsDestination ? DESTINATION : SOURCE)
  const right = bt + (bIsDestination ? DESTINATION : SOURCE)
  for (let word = 0; word < 4; word++) if (a[left + word] !== b[right + word]) return false
  return true
}

function portOf(words: Int32Array, at: number, isDestination: boolean): number {
  return isDestination ? words[at + PORTS] & 0xffff : words[at + PORTS] >>> 16
}

/** A hash of a tuple, never used to tell two apart. */
export function hashOfTuple(words: Int32Array, at: number, seed: number): number {
  let hash = seed
  for (let word = 0; word < TUPLE_WORDS; word++)
    hash = Math.imul(hash ^ words[at + word], 0x9e3779b1) ^ (hash >>> 15)
  return hash ^ (hash >>> 16)
}
