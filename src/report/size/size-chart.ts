// The table over time as a chart of a terminal's width: entries at the end of each column's time, stacked by state.
import { formatCount, formatDuration } from '../text/format.ts'
import type { Style } from '../text/style.ts'
import { columns as widthOf } from '../text/wrap.ts'
import type { SeriesReport } from './size-model.ts'

/** Lines of the chart, its axes apart. */
const HEIGHT = 12

export interface ChartOptions {
  /** Columns of the whole chart. */
  width: number
  /** Seconds of the whole capture; the last step may be a part of one. */
  duration: number
  /** Nothing beyond ASCII. */
  ascii: boolean
  /** A line to draw where it fits, or 0: nf_conntrack_max. */
  limit: number
}

interface Area {
  name: string
  entries: number[]
  /** What a cell of it is drawn as, with its colour. */
  cell: string
}

/** The chart with its axes and its key; nothing where there is no more than one step. */
export function chartLines(series: SeriesReport, options: ChartOptions, style: Style): string[] {
  const steps = series.count.length
  const areas = areasOf(series, cellsOf(style, options.ascii))
  if (steps < 2 || areas.length === 0) return []
  const largest = Math.max(...series.count.map((_, step) => liveAt(areas, step)))
  const hasLimit = options.limit > 0 && options.limit <= largest * 1.5
  const top = niceCeiling(hasLimit ? Math.max(largest, options.limit) : largest)
  const margin = formatCount(top).length
  const columns = columnsOf(areas, steps, Math.max(options.width - margin - 2, 16))
  const lines: string[] = []
  for (let row = HEIGHT; row > 0; row--) {
    const label = row === HEIGHT || row === HEIGHT / 2 ? formatCount((top * row) / HEIGHT) : ''
    const isLimit = hasLimit && Math.ceil((options.limit / top) * HEIGHT) === row
    const cells = columns.map(column => cellOf(column, areas, (top * (row - 0.5)) / HEIGHT))
    const drawn = isLimit ? cells.map(cell => (cell === ' ' ? style.red('-') : cell)) : cells
    lines.push(`${label.padStart(margin)} ${options.ascii ? '|' : '┤'}${drawn.join('').trimEnd()}`)
  }
  const axis = (options.ascii ? '-' : '─').repeat(columns.length)
  lines.push(`${'0'.padStart(margin)} ${options.ascii ? '+' : '┼'}${axis}`)
  const end = `+${formatDuration(options.duration)}`
  lines.push(`${' '.repeat(margin + 2)}+0${end.padStart(Math.max(columns.length - 2, end.length + 1))}`)
  const key = areas.map(({ name, cell }) => `${cell} ${name}`)
  if (hasLimit) key.push(`${style.red('-')} nf_conntrack_max`)
  lines.push(...keyLines(key, ' '.repeat(margin + 2), options.width))
  return lines
}

/** What the cells stand for, as many to a line as there is room for. */
function keyLines(key: readonly string[], indent: string, width: number): string[] {
  const lines: string[] = []
  for (const word of key) {
    const longer = `${lines.at(-1) ?? ''}  ${word}`
    if (lines.length > 0 && widthOf(longer) <= width) lines[lines.length - 1] = longer
    else lines.push(indent + word)
  }
  return lines
}

function cellsOf(style: Style, ascii: boolean): string[] {
  const looks = [
    { paint: style.blue, fill: '█', plain: '#' },
    { paint: style.green, fill: '▓', plain: '=' },
    { paint: style.yellow, fill: '▒', plain: '+' },
    { paint: style.magenta, fill: '░', plain: ':' },
    { paint: style.cyan, fill: '▞', plain: '~' },
    { paint: style.gray, fill: '·', plain: '.' },
  ]
  return looks.map(({ paint, fill, plain }) => paint(ascii ? plain : fill))
}

/** The largest states first, as many as there are cells; what is left shares the last one. */
function areasOf({ states, count }: SeriesReport, cells: readonly string[]): Area[] {
  const rest = states.slice(cells.length - 1)
  const others = { name: 'others', entries: count.map((_, step) => liveAt(rest, step)) }
  const shown = rest.length === 0 ? states : [...states.slice(0, cells.length - 1), others]
  return cells.flatMap((cell, i) => {
    const state = shown[i]
    return state === undefined ? [] : { ...state, cell }
  })
}

function liveAt(states: readonly { entries: readonly number[] }[], step: number): number {
  return states.reduce((sum, { entries }) => sum + (entries[step] ?? 0), 0)
}

/** The step that a column shows: that with most entries of those it stands for. */
function columnsOf(areas: readonly Area[], steps: number, width: number): number[] {
  const count = Math.min(width, Math.max(steps, Math.min(width, steps * 4)))
  return Array.from({ length: count }, (_, column) => {
    const from = Math.floor((column * steps) / count)
    const to = Math.max(Math.floor(((column + 1) * steps) / count), from + 1)
    let best = from
    for (let step = from; step < to; step++) if (liveAt(areas, step) > liveAt(areas, best)) best = step
    return best
  })
}

/** What stands at a height of a column: the area that reaches it first, from below. */
function cellOf(step: number, areas: readonly Area[], height: number): string {
  let sum = 0
  for (const { entries, cell } of areas) {
    sum += entries[step] ?? 0
    if (sum >= height) return cell
  }
  return ' '
}

/** The next of 1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8 times a power of ten: even halves of it can be read. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)))
  const factor = [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].find(step => step * power >= value) ?? 10
  return Math.max(Math.round(factor * power), 2)
}
