// Hashes for tables in memory, with a secret: who makes a capture cannot choose keys that meet in one bucket of ours.

// Results never depend on the secret. What does depend on a hash has one without (conntrack/plain-hash.ts): the kernel's
// buckets in the model, and memories of a fixed size in which a later key takes an earlier one's place.

let seed = 0x3c6ef372
/** Odd, so that a step with one of them takes no two words to the same. */
let multiplier1 = 0x9e3779b1
let multiplier2 = 0x85ebca77
let multiplier3 = 0xc2b2ae3d

/** Sets the secret, any 32 bits, once, before there is a table: each process and each of its threads has its own. */
export function seedHashes(secret: number): void {
  let state = secret | 0
  // splitmix32
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return mixed ^ (mixed >>> 15)
  }
  seed = next()
  multiplier1 = next() | 1
  multiplier2 = next() | 1
  multiplier3 = next() | 1
}

/** A well-mixed hash of four words, 32 bits. */
export function seededHash(a: number, b: number, c: number, d: number): number {
  let h = Math.imul(a ^ d ^ seed, multiplier1)
  h = Math.imul((h ^ (h >>> 15)) + b, multiplier2)
  h = Math.imul((h ^ (h >>> 13)) + c, multiplier3)
  return h ^ (h >>> 16)
}

/** An IPv6 address in one word, for another hash to mix in. */
export function seededFold(w0: number, w1: number, w2: number, w3: number): number {
  let h = Math.imul(w0 ^ seed, multiplier2)
  h = Math.imul((h ^ (h >>> 15)) + w1, multiplier3)
  h = Math.imul((h ^ (h >>> 13)) + w2, multiplier1)
  h = Math.imul((h ^ (h >>> 15)) + w3, multiplier2)
  return h ^ (h >>> 16)
}

/** A word that stands for another, one for one, as a key of a Map: the language's own hash of numbers has no secret. */
export function maskedWord(word: number): number {
  return Math.imul(word ^ seed, multiplier1)
}
