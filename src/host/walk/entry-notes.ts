// What rules left at an entry that conntrack's model does not keep: its mark, and a translation that no capture shows.
import type { End, FirstNat } from './packet-end.ts'

/** Entries by their numbers; one that ended leaves its place to the next. */
export class EntryNotes {
  private marks = new Int32Array(1024)
  private isUnknown = new Uint8Array(1024)
  private readonly nats: (FirstNat | null)[] = []
  /** Whether any entry has had a mark, or such a translation: else there is nothing to look up. */
  private hasMarks = false
  private hasNats = false

  /** Takes what a packet of entry `ct` left. */
  note(ct: number, { connMark, nat }: End, isFirst: boolean): void {
    if (isFirst && (this.hasNats || nat !== null)) {
      this.hasNats = true
      this.nats[ct] = nat
    }
    if (!this.hasMarks && connMark === 0) return
    this.hasMarks = true
    if (ct >= this.marks.length) this.grow(ct)
    this.isUnknown[ct] = connMark === null ? 1 : 0
    this.marks[ct] = connMark ?? 0
  }

  /** The connection's mark; null where nobody knows. */
  mark(ct: number): number | null {
    if (!this.hasMarks || ct >= this.marks.length) return 0
    return this.isUnknown[ct] === 1 ? null : (this.marks[ct] ?? 0) >>> 0
  }

  /** A translation by rules that no capture showed. */
  nat(ct: number): FirstNat | null {
    return this.nats[ct] ?? null
  }

  /** IPS_* of that translation. */
  bits(ct: number): number {
    return this.hasNats ? (this.nats[ct]?.bits ?? 0) : 0
  }

  private grow(ct: number): void {
    const size = Math.max(ct + 1, this.marks.length * 2)
    const marks = new Int32Array(size)
    marks.set(this.marks)
    this.marks = marks
    const unknown = new Uint8Array(size)
    unknown.set(this.isUnknown)
    this.isUnknown = unknown
  }
}
