// A hash that is the same in each process, for what a result depends on.

/**
 * Of a tuple's words, 32 bits. It tells the kernel's bucket in the model, which decides what expired entry a packet meets
 * and what early_drop() takes; and the place in memories of a fixed size. Nothing searches a chain of such a bucket
 * without a bound.
 */
export function plainHash(source: number, destination: number, ports: number, kind: number): number {
  let h = Math.imul(source ^ kind, 0x9e3779b1)
  h = Math.imul((h ^ (h >>> 15)) + destination, 0x85ebca77)
  h = Math.imul((h ^ (h >>> 13)) + ports, 0xc2b2ae3d)
  return h ^ (h >>> 16)
}
