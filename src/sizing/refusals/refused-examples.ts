// The first connections that a full table refused, one by one: those that a finding names.
import { sameTuple, Tuple } from '../../conntrack/tuple.ts'

/** Connections that are named. */
const MOST = 20

export interface RefusedExample {
  /** The opening side's tuple, and that of replies: other than its inverse where the capture shows a translation. */
  tuple: Tuple
  reply: Tuple
  /** Whether the capture shows more of it than a refused connection would have sent. */
  isContradicted: boolean
}

export class RefusedExamples {
  readonly all: RefusedExample[] = []
  /** That of the packet under way; null where it is none of these. */
  current: RefusedExample | null = null

  /** A packet that would have opened the connection was refused. */
  refused(tuple: Tuple, reply: Tuple): void {
    this.current = this.find(tuple)
    if (this.current !== null || this.all.length === MOST) return
    this.current = {
      tuple: Object.assign(new Tuple(), tuple),
      reply: Object.assign(new Tuple(), reply),
      isContradicted: false,
    }
    this.all.push(this.current)
  }

  /** A later try got in: it may show the translation that the refused one did not come to. */
  entered(tuple: Tuple, reply: Tuple): void {
    const example = this.find(tuple)
    if (example !== null) Object.assign(example.reply, reply)
  }

  /** A packet of a refused connection that would not have been sent, in either direction. */
  contradicted(tuple: Tuple): void {
    this.current = this.find(tuple)
    if (this.current !== null) this.current.isContradicted = true
  }

  private find(tuple: Tuple): RefusedExample | null {
    for (const example of this.all) {
      if (sameTuple(example.tuple, tuple) || sameTuple(example.reply, tuple)) return example
    }
    return null
  }
}
