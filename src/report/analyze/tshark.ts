// Commands to look at the frames of a report with tshark: made to be copied into a shell.
import type { FrameReference } from '../../findings/facts/facts.ts'
import { shellWord } from '../../net/shell-word.ts'
import { printable } from '../text/format.ts'
import type { CaptureReport } from './model.ts'

/** `tshark -r FILE -Y 'frame.number in {12, 57, 60..65}'`, one for each capture concerned; `''` without frames. */
export function tsharkFrames(captures: readonly CaptureReport[], frames: readonly FrameReference[]): string {
  return captures
    .map((capture, index) => ({
      capture,
      numbers: frames.filter(f => f.capture === index).map(f => f.frame),
    }))
    .filter(({ numbers }) => numbers.length > 0)
    .map(
      ({ capture, numbers }) =>
        `tshark -r ${shellWord(printable(capture.path))} -Y 'frame.number in {${setOf(numbers)}}'`,
    )
    .join('; ')
}

/** Members of a set in a display filter; three numbers in a row and more are a range. */
function setOf(numbers: readonly number[]): string {
  const runs: { first: number; last: number }[] = []
  for (const number of numbers) {
    const run = runs.at(-1)
    if (run?.last === number - 1) run.last = number
    else runs.push({ first: number, last: number })
  }
  return runs
    .map(({ first, last }) => {
      if (first === last) return `${first}`
      return last === first + 1 ? `${first}, ${last}` : `${first}..${last}`
    })
    .join(', ')
}
