// The gate of a full table: who is told of refused packets, and keeps out what would not have followed them.
import type { Packet } from '../packet/packet.ts'
import type { Tuple } from './tuple.ts'

/**
 * Told of packets that a full table refuses, and asked about those that come after them: a connection that was refused
 * sends nothing more, whatever a capture from elsewhere shows of it. The tuples are the engine's reused records.
 */
export interface Gate {
  /** Whether a packet that found no entry may try to open one. */
  admits(tuple: Tuple, reply: Tuple, packet: Packet): boolean
  /** The packet was to open an entry, and the table is full. */
  refused(tuple: Tuple, reply: Tuple, packet: Packet): void
}
