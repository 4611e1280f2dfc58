// How several captures lie in time: pieces of a rotated one, or what several points saw at once.
import type { CaptureReport } from './model.ts'

/** How captures lie in time: one alone, one after the other, or at the same time. */
export type Arrangement = 'single' | 'in-turn' | 'simultaneous'

/** What a report says of it. */
export const ARRANGEMENT_WORDS: Record<Arrangement, string> = {
  single: '',
  'in-turn': 'one after the other, as rotated files are',
  simultaneous: 'at the same time, merged by their time stamps',
}

/** Rotated files follow each other; those of several points lie side by side. */
export function arrangementOf(captures: readonly CaptureReport[]): Arrangement {
  const spans = captures
    .flatMap(({ firstTime: first, lastTime: last }) => (first && last ? [{ first, last }] : []))
    .sort((a, b) => (a.first < b.first ? -1 : 1))
  if (spans.length < 2) return 'single'
  const isInTurn = spans.every(({ first }, i) => first >= (spans[i - 1]?.last ?? first))
  return isInTurn ? 'in-turn' : 'simultaneous'
}
