// A connection seen half translated, as words: client, backend and service, from the SYN to the last segment.
import type { Packet } from '../../packet/packet.ts'
import { isDestination, isSource } from './connection-ends.ts'

/** Words of a record; what comes behind SEQUENCE is the owner's. */
export const CLIENT = 0
export const BACKEND = 4
export const SERVICE = 8
/** Client's port << 16 | the backend's. */
export const PORTS = 12
/** The service's port, flags, and behind them those of the owner. */
export const STATE = 13
/** The client's initial sequence number. */
export const SEQUENCE = 14

/** There is a record; its addresses are of IPv6. */
export const KNOWN = 1 << 16
export const IPV6 = 1 << 17

export function isFromClient(words: Int32Array, at: number, packet: Packet): boolean {
  return (
    isOfFamily(words, at, packet) &&
    words[at + PORTS] >>> 16 === packet.sourcePort &&
    isSource(words, at + CLIENT, packet)
  )
}

export function isToClient(words: Int32Array, at: number, packet: Packet): boolean {
  return (
    isOfFamily(words, at, packet) &&
    words[at + PORTS] >>> 16 === packet.destinationPort &&
    isDestination(words, at + CLIENT, packet)
  )
}

/** Of a packet of the record's family. */
export function isFromBackend(words: Int32Array, at: number, packet: Packet): boolean {
  return (words[at + PORTS] & 0xffff) === packet.sourcePort && isSource(words, at + BACKEND, packet)
}

/** Of a packet of the record's family. */
export function isToBackend(words: Int32Array, at: number, packet: Packet): boolean {
  return (words[at + PORTS] & 0xffff) === packet.destinationPort && isDestination(words, at + BACKEND, packet)
}

function isOfFamily(words: Int32Array, at: number, packet: Packet): boolean {
  return (words[at + STATE] & (KNOWN | IPV6)) === (packet.family === 6 ? KNOWN | IPV6 : KNOWN)
}
