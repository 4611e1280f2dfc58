// Records of a fixed number of words in memory that grows where it stands: nothing is copied, freed records are used again.
import { GrowingMemory } from './growing-memory.ts'

/** Words there is room for at first: what is not touched takes no memory. */
const INITIAL_WORDS = 1 << 18

/**
 * A record is an integer from 0 on. Its words are zero when it is allocated; word 0 of a free one is the pool's. Records
 * stood in chunks of 4,096 before: to find the chunk each time, and the garbage collections that new chunks brought
 * about, took 0.05 of the time of a capture of short connections.
 */
export class RecordPool {
  /** The memory; `at()` tells where in it a record stands. Another one after allocate(): nobody keeps it across that. */
  memory: Int32Array = new Int32Array(0)
  doubles: Float64Array = new Float64Array(0)
  /** One more than the highest record ever used. */
  top = 0
  /** Records in use. */
  count = 0
  private growing: GrowingMemory | null = null
  /** Records there is room for. */
  private capacity = 0
  private unused = -1

  /** Words of a record, an even number: doubles stand in two of them. */
  readonly words: number

  /** @param words of a record, at least */
  constructor(words: number) {
    this.words = words + (words & 1)
  }

  allocate(): number {
    this.count++
    const record = this.unused
    if (record < 0) {
      if (this.top === this.capacity) this.grow()
      return this.top++
    }
    const { memory } = this
    const at = this.at(record)
    this.unused = memory[at]
    // a loop: TypedArray.prototype.fill() costs more than these few stores
    for (let word = at; word < at + this.words; word++) memory[word] = 0
    return record
  }

  free(record: number): void {
    this.count--
    this.memory[this.at(record)] = this.unused
    this.unused = record
  }

  get(record: number, word: number): number {
    return this.memory[record * this.words + word]
  }

  set(record: number, word: number, value: number): void {
    this.memory[record * this.words + word] = value
  }

  /** A double that stands in words `word` (an even one) and the next. */
  getDouble(record: number, word: number): number {
    return this.doubles[(record * this.words + word) >> 1]
  }

  setDouble(record: number, word: number, value: number): void {
    this.doubles[(record * this.words + word) >> 1] = value
  }

  /** Where in the memory a record starts. */
  at(record: number): number {
    return record * this.words
  }

  private grow(): void {
    // by half: where memory has to be copied, the slack stays small beside the records
    const words = Math.max(INITIAL_WORDS, Math.ceil(this.capacity * 1.5) * this.words)
    if (this.growing === null) this.growing = new GrowingMemory(words)
    else this.growing.grow(words)
    this.memory = this.growing.words
    this.doubles = this.growing.doubles
    this.capacity = Math.floor(this.memory.length / this.words)
  }
}
