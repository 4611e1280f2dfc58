// Legs by their initiator, the one that began last first: an index that is made when somebody asks for it.
import { ChainedHeads } from './chained-heads.ts'

/** The legs that an index is made of. */
export interface Members {
  /** One more than the highest leg ever used. */
  readonly top: number
  /** Whether a leg is in use, and belongs into this index. */
  has(leg: number): boolean
  /** Counts the legs ever opened, in 32 bits. */
  serial(leg: number): number
  /** Hash of the address and port that opened a leg. */
  initiatorHash(leg: number): number
}

const INITIAL_LEGS = 1 << 10

/** Chains beside the legs, eight bytes a leg: those of one initiator are rarely opened together. */
export class Initiators {
  private readonly members: Members
  private readonly heads = new ChainedHeads()
  private nexts = new Int32Array(INITIAL_LEGS)
  private previous = new Int32Array(INITIAL_LEGS)
  private count = 0

  constructor(members: Members) {
    this.members = members
    for (let leg = 0; leg < members.top; leg++) if (members.has(leg)) this.count++
    this.heads.grow(this.count)
    this.linkAll()
  }

  /** The first leg of a hash, -1 for none. Hashes are no proof. */
  first(hash: number): number {
    return this.heads.get(hash)
  }

  /** The leg of the same hash that began before, -1 for none. */
  next(leg: number): number {
    return this.nexts[leg]
  }

  /** A leg has begun. */
  add(leg: number): void {
    if (this.heads.grow(++this.count)) this.linkAll()
    else this.link(leg)
  }

  /** A leg goes. */
  remove(leg: number): void {
    const next = this.nexts[leg]
    const previous = this.previous[leg]
    this.count--
    if (next >= 0) this.previous[next] = previous
    if (previous >= 0) this.nexts[previous] = next
    else this.heads.set(this.members.initiatorHash(leg), next)
  }

  /** All legs in the order in which they began, so that the newest stand first. */
  private linkAll(): void {
    const { members } = this
    const legs: number[] = []
    for (let leg = 0; leg < members.top; leg++) if (members.has(leg)) legs.push(leg)
    // serials wrap: of two legs the one behind began before
    legs.sort((a, b) => (members.serial(a) - members.serial(b)) | 0)
    for (const leg of legs) this.link(leg)
  }

  private link(leg: number): void {
    if (leg >= this.nexts.length) this.enlarge(leg)
    const hash = this.members.initiatorHash(leg)
    const next = this.heads.get(hash)
    this.nexts[leg] = next
    this.previous[leg] = -1
    if (next >= 0) this.previous[next] = leg
    this.heads.set(hash, leg)
  }

  private enlarge(leg: number): void {
    let length = this.nexts.length * 2
    while (length <= leg) length *= 2
    this.nexts = enlarged(this.nexts, length)
    this.previous = enlarged(this.previous, length)
  }
}

function enlarged(links: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length)
  larger.set(links)
  return larger
}
