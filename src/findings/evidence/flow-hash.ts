// Hashes of a flow's ends, 32 bits with the process's secret: of one end, and of both at a point, equal for both directions.
import { seededFold, seededHash } from '../../net/seeded-hash.ts'

/** Of an IPv4 address and a port; `kind` is IP version << 8 | protocol. */
export function endHash(address: number, port: number, kind: number): number {
  return seededHash(address, port, kind, 0)
}

/** Of an IPv6 address of four words and a port. */
export function wideEndHash(address: Int32Array, port: number, kind: number): number {
  return endHash(seededFold(address[0], address[1], address[2], address[3]), port, kind)
}

/** Of both ends, by their own hashes, at a point. */
export function pairHash(one: number, other: number, point: number): number {
  const hash = Math.imul((one + other) ^ point, 0x9e3779b1)
  return hash ^ (hash >>> 15)
}
