// What walks came to, kept for packets that are the same in all that their rules asked; tuple space search, as in Open vSwitch.
import { ASKS_ALL } from '../rules/asks.ts'
import type { End } from './packet-end.ts'
import { KEY_WORDS, maskOf } from './packet-key.ts'
import type { Load, MetRules, RuleCounts } from './rule-counts.ts'
import type { Way } from './way.ts'

export interface Trail extends MetRules, Load {
  /** The ways that come to conntrack, of a walk in front of it, and whether the packet is on one of them for certain. */
  ways: readonly Way[]
  isOnly: boolean
  /** The end; null of a walk that only came to conntrack. */
  end: End | null
  /** Bits of ASKS_* that the walk asked for. */
  asks: number
  /** Whether it is as good for other packets that are the same in what was asked. */
  isLasting: boolean
  /** What LastTrails calls it; 0 for nothing yet. */
  number: number
  /** Whether it is kept, so that its packets need not be counted at each rule at once. */
  isKept: boolean
}

/** A power of two. */
const SLOTS = 1 << 12

/** Trails of walks that asked for the same, direct-mapped by what they asked for. */
class TrailSpace {
  readonly asks: number
  /** Lookups that found something, by which spaces are ordered. */
  hits = 0
  private readonly mask: Int32Array
  /** Words of a key that it looks at. */
  private readonly words: Int32Array
  private readonly keys = new Int32Array(SLOTS * KEY_WORDS)
  readonly trails: (Trail | null)[] = new Array(SLOTS).fill(null)

  constructor(asks: number) {
    this.asks = asks
    this.mask = maskOf(asks)
    this.words = Int32Array.from([...this.mask.keys()].filter(word => this.mask[word] !== 0))
  }

  find(key: Int32Array): Trail | null {
    const { keys, mask, words } = this
    const slot = this.slotOf(key)
    const at = slot * KEY_WORDS
    for (let i = 0; i < words.length; i++) {
      const word = words[i]
      if (keys[at + word] !== (key[word] & mask[word])) return null
    }
    return this.trails[slot]
  }

  /** @returns the trail that had the place, or null */
  keep(key: Int32Array, trail: Trail): Trail | null {
    const slot = this.slotOf(key)
    const before = this.trails[slot]
    const at = slot * KEY_WORDS
    for (const word of this.words) this.keys[at + word] = key[word] & this.mask[word]
    this.trails[slot] = trail
    return before
  }

  private slotOf(key: Int32Array): number {
    const { mask, words } = this
    let hash = 0
    for (let i = 0; i < words.length; i++) {
      const word = words[i]
      hash = Math.imul(hash ^ (key[word] & mask[word]), 0x9e3779b1) ^ (hash >>> 15)
    }
    return (hash >>> 8) & (SLOTS - 1)
  }
}

/** Memory follows what rules ask for, of which there are few kinds, not the packets. */
export class TrailMemory {
  /** The key of the packet at hand, to be filled before find() and keep(). */
  readonly key = new Int32Array(KEY_WORDS)
  private readonly spaces: TrailSpace[] = []
  private readonly counts: RuleCounts

  constructor(counts: RuleCounts) {
    this.counts = counts
  }

  find(): Trail | null {
    const { spaces, key } = this
    for (let i = 0; i < spaces.length; i++) {
      const trail = spaces[i].find(key)
      if (trail === null) continue
      // what is found most is looked for first
      if (++spaces[i].hits > 2 * (i === 0 ? spaces[i].hits : spaces[i - 1].hits)) this.raise(i)
      return trail
    }
    return null
  }

  /** Keeps the trail of the packet that was asked for last. */
  keep(trail: Trail): void {
    const asks = trail.asks & ASKS_ALL
    let space = this.spaces.find(known => known.asks === asks)
    if (space === undefined) {
      space = new TrailSpace(asks)
      this.spaces.push(space)
    }
    const before = space.keep(this.key, trail)
    trail.isKept = true
    if (before === null) return
    before.isKept = false
    this.settle(before)
  }

  /** Counts a packet that went a trail: at its rules at once, or when that is no longer kept, or settleAll() is called. */
  count(trail: Trail, bytes: number, time: number): void {
    if (trail.packets === 0) trail.first = time
    trail.packets++
    trail.bytes += bytes
    trail.last = time
    if (!trail.isKept) this.settle(trail)
  }

  settleAll(): void {
    for (const { trails } of this.spaces) {
      for (const trail of trails) if (trail !== null) this.settle(trail)
    }
  }

  private settle(trail: Trail): void {
    if (trail.packets === 0) return
    this.counts.add(trail, trail)
    trail.packets = 0
    trail.bytes = 0
  }

  private raise(i: number): void {
    const { spaces } = this
    const above = spaces[i - 1]
    spaces[i - 1] = spaces[i]
    spaces[i] = above
  }
}
