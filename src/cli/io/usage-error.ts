// UsageError: the command line asks for what cannot be; shown as one line without a stack, exit code 2.

export class UsageError extends Error {
  override name = 'UsageError'
  /** Whether not even the line may be written: standard error is the file at stake. */
  readonly isUntold: boolean

  constructor(message: string, isUntold = false) {
    super(message)
    this.isUntold = isUntold
  }
}

/** Characters of an error; what it quotes may be as long as an argument or a line of a file. */
const LONGEST_MESSAGE = 2000
/** Of a longer one, how many of its end are shown: the reason stands there. */
const LONGEST_END = 500

/** A message of bounded length: its beginning, which names what is wrong, and its end. */
export function shortened(message: string): string {
  if (message.length <= LONGEST_MESSAGE) return message
  return `${message.slice(0, LONGEST_MESSAGE - LONGEST_END)} … ${message.slice(-LONGEST_END)}`
}
