// Rows of cells laid out in columns, without lines between them; as many of the columns as there is room for.
import Table from 'cli-table3'
import { columns, wrap } from './wrap.ts'

export type Alignment = 'left' | 'right'

export interface Column {
  title: string
  alignment: Alignment
  /** Columns of the highest rank are left out first, where there is no room for all; those of rank 0 never are. */
  rank: number
}

/** Blanks between two columns. */
const GAP = 2
/** Columns that a cell at the end of a row must have to be broken between words. */
const LEAST = 24
/** Rows laid out together: cli-table3 takes time by the square of them. */
const PAGE = 100

/** Lays out rows, of which cells may have several lines. @param widths columns of each cell's widest line */
export function layOut(rows: string[][], widths: readonly number[], alignments: Alignment[]): string[] {
  const lines: string[] = []
  for (let at = 0; at < rows.length; at += PAGE) {
    const table = new Table({
      chars: BORDERLESS,
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': GAP },
      colWidths: widths.map(width => width + GAP),
      colAligns: alignments,
    })
    table.push(...rows.slice(at, at + PAGE))
    lines.push(
      ...table
        .toString()
        .split('\n')
        .map(line => line.trimEnd()),
    )
  }
  return lines
}

/** Columns of the widest line of each cell. */
export function widthsOf(rows: readonly string[][]): number[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [i, cell] of row.entries()) {
      widths[i] = Math.max(widths[i] ?? 0, ...cell.split('\n').map(columns))
    }
  }
  return widths
}

/**
 * A table below its titles in `width` columns: the last cells are broken between words, then columns are left out by
 * rank. The first line has the titles. A single word that is wider than all the room stays whole.
 */
export function fitTable(shown: readonly Column[], rows: readonly string[][], width: number): string[] {
  const table = [shown.map(({ title }) => title), ...rows]
  const widths = widthsOf(table)
  const alignments = shown.map(({ alignment }) => alignment)
  if (totalOf(widths) <= width) return layOut(table, widths, alignments)
  const last = widths.length - 1
  const room = width - totalOf(widths.slice(0, -1)) - GAP
  const longestWord = Math.max(...table.flatMap(row => (row[last] ?? '').split(/\s+/).map(columns)))
  const droppable = shown.reduce((found, { rank }, i) => (rank > (shown[found]?.rank ?? 0) ? i : found), -1)
  if ((last > 0 && room >= Math.max(longestWord, LEAST)) || droppable < 0) {
    const broken = table.map(row => [
      ...row.slice(0, -1),
      wrap((row[last] ?? '').split('\n'), Math.max(room, longestWord)).join('\n'),
    ])
    return layOut(broken, widthsOf(broken), alignments)
  }
  const without = <T>(all: readonly T[]): T[] => all.filter((_, i) => i !== droppable)
  return fitTable(without(shown), rows.map(without), width)
}

function totalOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + GAP, -GAP)
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
