// A text as one word of a POSIX shell, for commands that are printed to be copied.

/** The word as it is where a shell takes it for nothing else, otherwise in single quotes. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
