// A file beside standard output that a command writes, whatever it is.

export interface OutputFile {
  /** A reader who goes away leaves the report to be made. */
  readonly closed: false
  /** Adds text; what cannot be written yet is kept. @throws OutputError */
  write(text: string): void
  /** Hands over what was kept together. @throws OutputError */
  flush(): void
  /** Resolves when more may be written without piling up. @throws OutputError */
  drained(): Promise<void>
  /** Completes the file; what was there before is there until now. @throws OutputError */
  commit(): Promise<void>
  /** Leaves nothing behind, and what was there before as it was; harmless after `commit()`. */
  discard(): void
}
