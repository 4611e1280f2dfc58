// Rows of cells laid out in columns, without lines between them.
import Table from 'cli-table3'

export type Alignment = 'left' | 'right'

/** Lays out rows, of which cells may have several lines. @param widths columns of each cell's widest line */
export function layOut(rows: string[][], widths: readonly number[], alignments: Alignment[]): string[] {
  const table = new Table({
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    colWidths: widths.map(width => width + 2),
    colAligns: alignments,
  })
  table.push(...rows)
  return table
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
}

/** Columns of the widest line of each cell. */
export function widthsOf(rows: readonly string[][]): number[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [i, cell] of row.entries()) {
      widths[i] = Math.max(widths[i] ?? 0, ...cell.split('\n').map(line => line.length))
    }
  }
  return widths
}

const BORDERLESS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
}
