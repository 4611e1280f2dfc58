// Commands to look at the frames of a report with tshark: made to be copied into a shell.
import type { FrameReference } from '../../findings/facts/facts.ts'
import { shellWord } from '../../net/shell-word.ts'
import { printable } from '../text/format.ts'
import type { CaptureReport } from './model.ts'

/** `tshark -r FILE -Y 'frame.number in {12, 57, 60..65}'`, one for each capture concerned; `''` without frames. */
export function tsharkFrames(captures: readonly CaptureReport[], frames: readonly FrameReference[]): string {
  return tsharkCommands(captures, frames).join('; ')
}

/** The same, each capture's by itself. */
export function tsharkCommands(
  captures: readonly CaptureReport[],
  frames: readonly FrameReference[],
): string[] {
  return captures
    .map((capture, index) => ({ capture, numbers: frames.filter(f => f.capture === index) }))
    .filter(({ numbers }) => numbers.length > 0)
    .map(({ capture, numbers }) => tshark(capture, `frame.number in {${frameRanges(numbers)}}`))
}

/** @param filter in the language of Wireshark's display filters */
export function tshark(capture: CaptureReport, filter: string): string {
  return `tshark -r ${shellWord(printable(capture.path))} -Y '${filter}'`
}

/** `12, 57, 60..65`: members of a set in a display filter; three numbers in a row and more are a range. */
export function frameRanges(frames: readonly FrameReference[]): string {
  const runs: { first: number; last: number }[] = []
  for (const { frame } of frames) {
    const run = runs.at(-1)
    if (run?.last === frame - 1) run.last = frame
    else runs.push({ first: frame, last: frame })
  }
  return runs
    .map(({ first, last }) => {
      if (first === last) return `${first}`
      return last === first + 1 ? `${first}, ${last}` : `${first}..${last}`
    })
    .join(', ')
}
