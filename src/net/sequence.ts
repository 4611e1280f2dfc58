// Sequence numbers modulo 2^32, held as signed 32-bit integers so that they stay small integers in V8 (RFC 9293, 3.4).

/** Whether `a` comes before `b` in sequence space. */
export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0
}

/** Whether `a` comes after `b` in sequence space. */
export function after(a: number, b: number): boolean {
  return ((b - a) | 0) < 0
}
