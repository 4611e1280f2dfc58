// The lines of a file of knowledge, one at a time, and how many it may have.
import { FileFault } from './file-fault.ts'

/** What a listing of rules, interfaces, routes or neighbours may have: eight times that of kube-proxy with 5,000 services. */
export const MOST_LINES = 2_000_000

export interface Line {
  /** Counted from 1. */
  number: number
  text: string
}

/** The lines of a text without their ends. @throws FileFault at the first line too many */
export function* linesOf(text: string): Generator<Line> {
  let number = 1
  for (let from = 0; from <= text.length; number++) {
    if (number > MOST_LINES)
      throw new FileFault(number, `more than ${MOST_LINES} lines, the most that are read`)
    const end = text.indexOf('\n', from)
    const to = end < 0 ? text.length : end
    yield { number, text: text.slice(from, to) }
    from = to + 1
  }
}
