// The ends of a connection in tables of words: an address is four, an IPv4 address the first of them, the others 0.
import type { Packet } from '../../packet/packet.ts'

/** Whether the four words at `at` are the source address of a packet. */
export function isSource(words: Int32Array, at: number, packet: Packet): boolean {
  if (words[at] !== packet.source0) return false
  if (packet.family === 4) return true
  return (
    words[at + 1] === packet.source1 && words[at + 2] === packet.source2 && words[at + 3] === packet.source3
  )
}

/** Whether the four words at `at` are the destination address of a packet. */
export function isDestination(words: Int32Array, at: number, packet: Packet): boolean {
  if (words[at] !== packet.destination0) return false
  if (packet.family === 4) return true
  return (
    words[at + 1] === packet.destination1 &&
    words[at + 2] === packet.destination2 &&
    words[at + 3] === packet.destination3
  )
}

/** Writes the source address of a packet into four words. */
export function writeSource(words: Int32Array, at: number, packet: Packet): void {
  const isIpv6 = packet.family === 6
  words[at] = packet.source0
  words[at + 1] = isIpv6 ? packet.source1 : 0
  words[at + 2] = isIpv6 ? packet.source2 : 0
  words[at + 3] = isIpv6 ? packet.source3 : 0
}

/** Writes the destination address of a packet into four words. */
export function writeDestination(words: Int32Array, at: number, packet: Packet): void {
  const isIpv6 = packet.family === 6
  words[at] = packet.destination0
  words[at + 1] = isIpv6 ? packet.destination1 : 0
  words[at + 2] = isIpv6 ? packet.destination2 : 0
  words[at + 3] = isIpv6 ? packet.destination3 : 0
}

/** Gives a packet the source address in four words. */
export function readSource(words: Int32Array, at: number, packet: Packet): void {
  packet.source0 = words[at]
  packet.source1 = words[at + 1]
  packet.source2 = words[at + 2]
  packet.source3 = words[at + 3]
}

/** Gives a packet the destination address in four words. */
export function readDestination(words: Int32Array, at: number, packet: Packet): void {
  packet.destination0 = words[at]
  packet.destination1 = words[at + 1]
  packet.destination2 = words[at + 2]
  packet.destination3 = words[at + 3]
}
