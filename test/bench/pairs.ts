// Two commands measured in turn, again and again: how many times the time of the one the other takes, and how far that spreads.
import { type Measurement, measure } from './measure.ts'
import type { Program } from './programs.ts'

/** A program, what it is run on, and what its time is divided by: packets, or 1. */
export interface Side {
  program: Pick<Program, 'command' | 'options'>
  capture: string
  packets: number
}

export interface Ratio {
  median: number
  least: number
  most: number
}

export interface Comparison {
  wall: Ratio
  /** User and system time of all threads. */
  cpu: Ratio
}

/** Runs both sides in turn, `rounds` times over. */
export function compare(side: Side, to: Side, rounds: number): Comparison {
  const pairs = Array.from({ length: rounds }, (_, round) => {
    // who goes first changes: a machine that slows down favours neither
    if (round % 2 === 0) return [run(side), run(to)]
    const second = run(to)
    return [run(side), second]
  })
  return {
    wall: ratioOf(pairs.map(([one, other]) => one.seconds / side.packets / (other.seconds / to.packets))),
    cpu: ratioOf(pairs.map(([one, other]) => one.cpu / side.packets / (other.cpu / to.packets))),
  }
}

function run({ program, capture }: Side): Measurement {
  return measure(program.command, program.options(capture))
}

function ratioOf(values: readonly number[]): Ratio {
  const sorted = values.toSorted((a, b) => a - b)
  return { median: sorted[sorted.length >> 1], least: sorted[0], most: sorted[sorted.length - 1] }
}

/** Prints how a comparison came out, and whether the bar is kept. @param most times that one side may take of the other */
export function printComparison(text: string, { wall, cpu }: Comparison, most: number): void {
  const verdict = wall.median <= most ? 'met' : 'NOT MET'
  console.log(`${text}: at most ${most.toFixed(2)} ×: ${textOf(wall)}, CPU time ${textOf(cpu)}, ${verdict}`)
}

function textOf({ median, least, most }: Ratio): string {
  return `${median.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`
}
