// One more pass over captures for the connections of a few findings, through engines with other sysctls, or as other kernels do.
import type { Frame, FrameSource } from '../../capture/frame.ts'
import { FramesOf } from '../../capture/frames-of.ts'
import { openCaptures } from '../../capture/open/open.ts'
import type { Filter } from '../../filter/filter.ts'
import type { Trials } from '../../findings/evidence/connections.ts'
import { Defragmenter } from '../../packet/defrag/fragments.ts'
import { decode } from '../../packet/encapsulation/decode.ts'
import { Packet } from '../../packet/packet.ts'
import { replay } from '../../replay.ts'
import { isRegularFile } from '../io/regular-file.ts'
import { DECODABLE } from './decodable.ts'
import { FilteredSource } from './filtered-source.ts'
import { type Replay, type RulesAtHand, windowFor } from './sightings.ts'
import { fragmentSettings, type Sysctls } from './sysctls.ts'

/** Frames that are read once more for it: a second or two. */
const MOST_FRAMES = 4_000_000

export interface TrialReplay extends RulesAtHand {
  captures: readonly string[]
  filter: Filter | null
  corrections: readonly number[]
  sysctls: Sysctls
  replay: Replay
  signal: AbortSignal
}

/**
 * Replays what `trials` want of the captures.
 * @param frames how many there are
 * @returns whether it was done: not for what can be read only once, nor for more than MOST_FRAMES
 * @throws CaptureError
 */
export async function replayTrials(
  trials: readonly Trials[],
  frames: number,
  options: TrialReplay,
): Promise<boolean> {
  const { captures, filter, corrections, sysctls, signal } = options
  if (frames > MOST_FRAMES) return false
  for (const path of captures) if (!(await isRegularFile(path))) return false
  const opened = await openCaptures(captures, { ...DECODABLE, signal, corrections })
  try {
    const filtered = filter === null ? opened : new FilteredSource(opened, filter)
    const source = new ConnectionsSource(filtered, trials)
    const window = windowFor(source, sysctls, options.replay, options)
    await replay(source, trials, new Defragmenter(fragmentSettings(sysctls)), { seen: () => {} }, window)
  } finally {
    await opened.close()
  }
  return true
}

/** The frames of a few connections. */
class ConnectionsSource extends FramesOf {
  private readonly trials: readonly Trials[]
  private readonly packet = new Packet()

  constructor(source: FrameSource, trials: readonly Trials[]) {
    super(source)
    this.trials = trials
  }

  next(): Frame | null {
    for (let frame = this.source.next(); frame !== null; frame = this.source.next()) {
      if (decode(frame, this.packet) && this.trials.some(one => one.mayHave(this.packet))) return frame
    }
    return null
  }
}
