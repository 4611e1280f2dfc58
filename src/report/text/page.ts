// What a report for people is printed on: how wide it is, whether it takes colours, and whose time of day it has.
import type { Style } from './style.ts'
import type { WallClock } from './wall-clock.ts'

export interface Page {
  style: Style
  /** Columns of a line. */
  width: number
  clock: WallClock
}
