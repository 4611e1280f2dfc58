// CaptureError: a file that cannot be read as a capture at all. Damage further in is no error but a CaptureDamage.

export class CaptureError extends Error {
  /**
   * @param path the file, as the user named it
   * @param offset byte offset of what was found
   * @param expected what was expected there, or why it could not be read
   */
  constructor(
    readonly path: string,
    readonly offset: number,
    readonly expected: string,
  ) {
    super(`${path}: byte ${offset}: ${expected}`)
    this.name = 'CaptureError'
  }
}
