// Records of a pool in hash chains: a word of each is the next of its chain, -1 for none.
import type { RecordPool } from '../../net/record-pool.ts'
import { ChainedHeads } from './chained-heads.ts'

export class ChainedRecords {
  private readonly pool: RecordPool
  private readonly word: number
  private readonly heads = new ChainedHeads()

  /** @param word of a record that names the next one */
  constructor(pool: RecordPool, word: number) {
    this.pool = pool
    this.word = word
  }

  /** The first record of a hash, -1 for none; hashes are no proof. Go on with next(). */
  first(hash: number): number {
    return this.heads.get(hash)
  }

  next(record: number): number {
    return this.pool.get(record, this.word)
  }

  /** Makes room for as many records; true: all chains are empty now, link everything again. */
  grow(records: number): boolean {
    return this.heads.grow(records)
  }

  link(record: number, hash: number): void {
    this.pool.set(record, this.word, this.heads.get(hash))
    this.heads.set(hash, record)
  }

  unlink(record: number, hash: number): void {
    const { pool, word, heads } = this
    const next = pool.get(record, word)
    let at = heads.get(hash)
    if (at === record) {
      heads.set(hash, next)
      return
    }
    while (at >= 0 && pool.get(at, word) !== record) at = pool.get(at, word)
    if (at >= 0) pool.set(at, word, next)
  }

  /** Visits every record; the one that is visited may be unlinked. */
  forEach(visit: (record: number) => void): void {
    this.heads.forEach(first => {
      for (let record = first, next = -1; record >= 0; record = next) {
        next = this.next(record)
        visit(record)
      }
    })
  }
}
