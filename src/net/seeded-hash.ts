// Hashes for tables in memory, with a secret: who makes a capture cannot choose keys that meet in one bucket of ours.

// Results never depend on the secret. What does depend on a hash has one without (conntrack/plain-hash.ts): the kernel's
// buckets in the model, and memories of a fixed size in which a later key takes an earlier one's place.

/** What is added before the first multiplication: which keys meet then depends on carries that only a guess can tell. */
let secret = 0x3c6ef372

/** Sets the secret, any 32 bits, once, before there is a table: each process and each of its threads has its own. */
export function seedHashes(bits: number): void {
  secret = bits | 0
}

/** A well-mixed hash of four words, 32 bits. */
export function seededHash(a: number, b: number, c: number, d: number): number {
  let h = Math.imul((a ^ d) + secret, 0x9e3779b1)
  h = Math.imul((h ^ (h >>> 15)) + b, 0x85ebca77)
  h = Math.imul((h ^ (h >>> 13)) + c, 0xc2b2ae3d)
  return h ^ (h >>> 16)
}

/** An IPv6 address in one word, for another hash to mix in. */
export function seededFold(w0: number, w1: number, w2: number, w3: number): number {
  let h = Math.imul(w0 + secret, 0x85ebca77)
  h = Math.imul((h ^ (h >>> 15)) + w1, 0xc2b2ae3d)
  h = Math.imul((h ^ (h >>> 13)) + w2, 0x9e3779b1)
  h = Math.imul((h ^ (h >>> 15)) + w3, 0x27d4eb2f)
  return h ^ (h >>> 16)
}

/** A word that stands for another, one for one, as a key of a Map: the language's own hash of numbers has no secret. */
export function maskedWord(word: number): number {
  const h = Math.imul(word + secret, 0x9e3779b1)
  return h ^ (h >>> 16)
}
