// Numbers as people read them: counts, bytes, durations, instants, a sparkline; and text made safe for a terminal.

/** `1,234,567` */
export function formatCount(count: number): string {
  const [whole = '', ...fraction] = String(count).split('.')
  return [whole.replace(/\B(?=(\d{3})+$)/g, ','), ...fraction].join('.')
}

/** `1 packet`, `2 packets`, `1,234 packets`. */
export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : many}`
}

/** Traffic, in decimal units as Wireshark has them: `999 B`, `1.2 kB`, `88 kB`, `1.5 GB`. */
export function formatBytes(bytes: number): string {
  return scale(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB', 'PB'])
}

/** Memory, in binary units: `1.2 KiB`, `96 MiB`. */
export function formatMemory(bytes: number): string {
  return scale(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'])
}

function scale(value: number, base: number, units: string[]): string {
  let unit = 0
  let scaled = value
  // a value that would be rounded up to the base belongs to the next unit
  while (unit < units.length - 1 && scaled >= base - 0.5) {
    scaled /= base
    unit++
  }
  return `${unit > 0 && scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)} ${units[unit]}`
}

/** A duration in seconds: `0 s`, `12.3 ms`, `2.103 s`, `3 min 4 s`, `5 h 6 min`, `12 d 3 h`. */
export function formatDuration(seconds: number): string {
  if (seconds === 0) return '0 s'
  if (seconds < 0.0009995) return `${Number((seconds * 1e6).toPrecision(3))} µs`
  if (seconds < 0.9995) return `${Number((seconds * 1e3).toPrecision(3))} ms`
  if (seconds < 59.9995) return `${Number(seconds.toFixed(3))} s`
  if (seconds < 3599.5) return two(Math.round(seconds), 60, 'min', 's')
  if (seconds < 86370) return two(Math.round(seconds / 60), 60, 'h', 'min')
  return two(Math.round(seconds / 3600), 24, 'd', 'h')
}

function two(value: number, base: number, large: string, small: string): string {
  const rest = value % base
  const first = `${Math.floor(value / base)} ${large}`
  return rest === 0 ? first : `${first} ${rest} ${small}`
}

/** An instant of the capture as Wireshark's frame.time_relative: `+2.103 s`. */
export function formatInstant(seconds: number): string {
  return `+${seconds.toFixed(3)} s`
}

/** A share: `0.02 %`, `12 %`, `<0.01 %`. */
export function formatShare(part: number, whole: number): string {
  const percent = whole === 0 ? 0 : (part / whole) * 100
  if (percent === 0) return '0 %'
  if (percent < 0.01) return '<0.01 %'
  return `${formatCount(Number(percent.toPrecision(2)))} %`
}

/** Nanoseconds since 1970 as ISO 8601 in UTC, with microseconds, or nanoseconds where there are any. */
export function formatTime(epoch: bigint): string {
  const seconds = epoch / 1_000_000_000n - (epoch % 1_000_000_000n < 0n ? 1n : 0n)
  const nanoseconds = epoch - seconds * 1_000_000_000n
  const date = new Date(Number(seconds) * 1000)
  const day = Number.isNaN(date.getTime()) ? `${seconds}` : date.toISOString().slice(0, 19)
  const digits = nanoseconds.toString().padStart(9, '0')
  return `${day}.${digits.endsWith('000') ? digits.slice(0, 6) : digits}Z`
}

const BARS = ' ▁▂▃▄▅▆▇█'

/** A line of `width` bars for a series that never exceeds `maximum`; several values of a bar are its largest. */
export function sparkline(values: readonly number[], maximum: number, width: number): string {
  const columns = Math.min(width, values.length)
  let line = ''
  for (let column = 0; column < columns; column++) {
    const from = Math.floor((column * values.length) / columns)
    const to = Math.floor(((column + 1) * values.length) / columns)
    const largest = Math.max(0, ...values.slice(from, to))
    line += BARS[maximum === 0 ? 0 : Math.ceil((largest / maximum) * (BARS.length - 1))]
  }
  return line
}

/** Characters that move a cursor, colour a terminal, or turn the direction of a text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Text out of a capture or a file name with its control characters made visible: nothing reaches the terminal's state. */
export function printable(text: string): string {
  return text.replace(CONTROLS, character => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
