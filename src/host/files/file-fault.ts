// FileFault: a file of knowledge that is not what it was given as; its first line at fault, and what was expected.

/** Something in a file that was passed over, or that makes it useless. */
export interface Remark {
  /** Counted from 1. */
  line: number
  text: string
}

export class FileFault extends Error {
  readonly line: number
  override name = 'FileFault'

  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

/** Remarks that are kept; a file of another kind would have one for each line. */
const MOST_REMARKS = 5

/** Characters of one that are kept: a word of the file in it may be as long as the file. */
const LONGEST_REMARK = 300

/** What was passed over in a file. */
export class Remarks {
  readonly all: Remark[] = []

  add(line: number, text: string): void {
    if (this.all.length >= MOST_REMARKS) return
    this.all.push({ line, text: text.length > LONGEST_REMARK ? `${text.slice(0, LONGEST_REMARK)}…` : text })
  }
}
