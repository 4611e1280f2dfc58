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
