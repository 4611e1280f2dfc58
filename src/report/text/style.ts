// Colours of the report for people: picocolors, switched on or off for the stream it goes to.
import picocolors from 'picocolors'

export type Style = ReturnType<typeof picocolors.createColors>

/** Formatters that add escape sequences, or none when `color` is false. */
export function createStyle(color: boolean): Style {
  return picocolors.createColors(color)
}
