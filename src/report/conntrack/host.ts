// Whose table a line is of, where captures were named by their hosts: a field of JSON, the first column of TSV.
import type { Ascii } from '../text/ascii.ts'

const TAB = 0x09

/** Appends `{`, and the field of a host that was named. */
export function openObject(out: Ascii, host: string): void {
  out.text('{')
  if (host === '') return
  out.text('"host":"')
  out.text(host)
  out.text('",')
}

/** Appends the first column of a row, where a host was named. */
export function openRow(out: Ascii, host: string): void {
  if (host === '') return
  out.text(host)
  out.byte(TAB)
}

/** The names of all columns, by those that each row has. */
export function columnsOf(columns: string, host: string): string {
  return host === '' ? columns : `host\t${columns}`
}
