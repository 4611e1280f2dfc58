// UsageError: the command line asks for what cannot be; shown as one line without a stack, exit code 2.

export class UsageError extends Error {
  override name = 'UsageError'
}
