// Hashes of a flow's ends, 32 bits: of one end, and of both at a point, equal for both directions.

/** Equal for both directions. */
export function pairHash(
  a: number,
  portA: number,
  b: number,
  portB: number,
  kind: number,
  point: number,
): number {
  const sum = endHash(a, portA, kind) + endHash(b, portB, kind)
  const hash = Math.imul(sum ^ point, 0x9e3779b1)
  return hash ^ (hash >>> 15)
}

/** Of an address in one word and a port. */
export function endHash(address: number, port: number, kind: number): number {
  let hash = Math.imul(address ^ kind, 0x85ebca77)
  hash = Math.imul(hash ^ (hash >>> 15) ^ port, 0xc2b2ae3d)
  return hash ^ (hash >>> 16)
}
