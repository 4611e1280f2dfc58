// CaptureError: a file that cannot be read as a capture at all. Damage further in is no error but a CaptureDamage.

export class CaptureError extends Error {
  readonly path: string
  /** null for a file that was not read at all. */
  readonly offset: number | null
  readonly expected: string

  /**
   * @param path the file, as the user named it
   * @param offset byte offset of what was found; null where nothing could be read
   * @param expected what was expected there, or why it could not be read
   */
  constructor(path: string, offset: number | null, expected: string) {
    super(offset === null ? `${path}: ${expected}` : `${path}: byte ${offset}: ${expected}`)
    this.path = path
    this.offset = offset
    this.expected = expected
    this.name = 'CaptureError'
  }
}
