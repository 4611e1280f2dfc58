// Records of a fixed number of words in memory that grows by chunks: nothing is copied, freed records are used again.
import { alignedInt32, doublesOf } from './cache-line.ts'

/** Records of a chunk. */
const CHUNK_SHIFT = 12
const CHUNK_MASK = (1 << CHUNK_SHIFT) - 1

/** A record is an integer from 0 on. Its words are zero when it is allocated; word 0 of a free one is the pool's. */
export class RecordPool {
  /** The memory by chunks; `at()` tells where in its chunk a record stands. */
  readonly chunks: Int32Array[] = []
  readonly doubles: Float64Array[] = []
  /** One more than the highest record ever used. */
  top = 0
  /** Records in use. */
  count = 0
  private unused = -1

  /** Words of a record, an even number where some of them are doubles. */
  readonly words: number

  constructor(words: number) {
    this.words = words
  }

  allocate(): number {
    this.count++
    const record = this.unused
    if (record < 0) {
      if (this.top >> CHUNK_SHIFT === this.chunks.length) this.grow()
      return this.top++
    }
    const chunk = this.chunks[record >> CHUNK_SHIFT]
    const at = this.at(record)
    this.unused = chunk[at]
    // a loop: TypedArray.prototype.fill() costs more than these few stores
    for (let word = at; word < at + this.words; word++) chunk[word] = 0
    return record
  }

  free(record: number): void {
    this.count--
    this.chunks[record >> CHUNK_SHIFT][this.at(record)] = this.unused
    this.unused = record
  }

  get(record: number, word: number): number {
    return this.chunks[record >> CHUNK_SHIFT][(record & CHUNK_MASK) * this.words + word]
  }

  set(record: number, word: number, value: number): void {
    this.chunks[record >> CHUNK_SHIFT][(record & CHUNK_MASK) * this.words + word] = value
  }

  /** A double that stands in words `word` (an even one) and the next. */
  getDouble(record: number, word: number): number {
    return this.doubles[record >> CHUNK_SHIFT][((record & CHUNK_MASK) * this.words + word) >> 1]
  }

  setDouble(record: number, word: number, value: number): void {
    this.doubles[record >> CHUNK_SHIFT][((record & CHUNK_MASK) * this.words + word) >> 1] = value
  }

  /** The chunk that a record stands in. */
  chunkOf(record: number): Int32Array {
    return this.chunks[record >> CHUNK_SHIFT]
  }

  /** The same chunk as doubles. */
  doublesOf(record: number): Float64Array {
    return this.doubles[record >> CHUNK_SHIFT]
  }

  /** Where in its chunk a record starts. */
  at(record: number): number {
    return (record & CHUNK_MASK) * this.words
  }

  private grow(): void {
    const chunk = alignedInt32(this.words << CHUNK_SHIFT)
    this.chunks.push(chunk)
    this.doubles.push(doublesOf(chunk))
  }
}
