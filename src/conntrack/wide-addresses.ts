// IPv6 addresses of entries, apart from their keys, so that IPv4 does not pay for them: eight words a direction.
import { seededFold, seededHash } from '../net/seeded-hash.ts'
import type { Tuple } from './tuple.ts'

const INITIAL_SLOTS = 256
/** Words of a slot: source and destination of the original key, then of the reply key. */
const SLOT_WORDS = 16
const KEY_WORDS = 8

export class WideAddresses {
  private words = new Int32Array(0)
  private top = 0
  /** First of the slots given back; its first word names the next. */
  private unused = -1

  allocate(): number {
    const slot = this.unused
    if (slot >= 0) {
      this.unused = this.words[slot * SLOT_WORDS]
      return slot
    }
    if ((this.top + 1) * SLOT_WORDS > this.words.length) {
      const larger = new Int32Array(Math.max(INITIAL_SLOTS * SLOT_WORDS, this.words.length * 2))
      larger.set(this.words)
      this.words = larger
    }
    return this.top++
  }

  free(slot: number): void {
    this.words[slot * SLOT_WORDS] = this.unused
    this.unused = slot
  }

  /** Word `index` of a direction: 0–3 of the source, 4–7 of the destination. */
  word(slot: number, direction: number, index: number): number {
    return this.words[slot * SLOT_WORDS + direction * KEY_WORDS + index]
  }

  set(slot: number, direction: number, tuple: Tuple): void {
    const { words } = this
    const at = slot * SLOT_WORDS + direction * KEY_WORDS
    words[at] = tuple.source0
    words[at + 1] = tuple.source1
    words[at + 2] = tuple.source2
    words[at + 3] = tuple.source3
    words[at + 4] = tuple.destination0
    words[at + 5] = tuple.destination1
    words[at + 6] = tuple.destination2
    words[at + 7] = tuple.destination3
  }

  /** hashTuple() of a direction with these ports and this kind. */
  hash(slot: number, direction: number, ports: number, kind: number): number {
    const { words } = this
    const at = slot * SLOT_WORDS + direction * KEY_WORDS
    return seededHash(
      seededFold(words[at], words[at + 1], words[at + 2], words[at + 3]),
      seededFold(words[at + 4], words[at + 5], words[at + 6], words[at + 7]),
      ports,
      kind,
    )
  }

  matches(slot: number, direction: number, tuple: Tuple): boolean {
    const { words } = this
    const at = slot * SLOT_WORDS + direction * KEY_WORDS
    return (
      words[at] === tuple.source0 &&
      words[at + 1] === tuple.source1 &&
      words[at + 2] === tuple.source2 &&
      words[at + 3] === tuple.source3 &&
      words[at + 4] === tuple.destination0 &&
      words[at + 5] === tuple.destination1 &&
      words[at + 6] === tuple.destination2 &&
      words[at + 7] === tuple.destination3
    )
  }
}
