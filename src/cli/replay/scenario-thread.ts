// Half of the scenarios of `ctpcap size` on a thread of their own, which reads the captures once more.

import { stat } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { openCaptures } from '../../capture/open/open.ts'
import type { KnownTable } from '../../conntrack/known-entry.ts'
import { Filter } from '../../filter/filter.ts'
import { mapNonEmpty } from '../../net/non-empty.ts'
import type { SizedScenario } from '../../report/size/size-report.ts'
import { type CapturedFirst, Scenario, type ScenarioSpec } from '../../sizing/scenarios/scenario.ts'
import { chooseSecret } from '../io/secret.ts'
import { DECODABLE } from './decodable.ts'
import { FilteredSource } from './filtered-source.ts'
import { replayScenarios, type ScenarioReplay } from './scenario-replay.ts'
import { type Replay, windowFor } from './sightings.ts'

/** Bytes of captures that are worth a thread: about as long to read as it takes to start. */
const WORTH_A_THREAD = 8 << 20

/** What the thread gets, all plain data. */
export interface ScenarioWork extends ScenarioReplay {
  captures: readonly string[]
  /** Whether a packet that several interfaces show counts once. */
  replay: Replay
  /** The text of the filter, null for all frames. */
  filter: string | null
  /** Nanoseconds to add to the stamps of each capture. */
  corrections: readonly number[]
  /** The table when the capture began, or null for an empty one. */
  table: KnownTable | null
  /** The table as captured first. */
  specs: CapturedFirst<ScenarioSpec>
}

/** Whether the captures can be read twice and are large enough for that to be a gain. */
export async function isWorthAThread(captures: readonly string[]): Promise<boolean> {
  let bytes = 0
  for (const path of captures) {
    const file = await stat(path).catch(() => null)
    if (file?.isFile() !== true) return false
    bytes += file.size
  }
  return bytes >= WORTH_A_THREAD
}

/** In the thread: replays the scenarios. @throws CaptureError */
export async function workOnScenarios(work: ScenarioWork): Promise<SizedScenario[]> {
  const { captures, corrections, filter, specs } = work
  const opened = await openCaptures(captures, { ...DECODABLE, corrections })
  try {
    const source = filter === null ? opened : new FilteredSource(opened, new Filter(filter))
    const how = { owners: false, known: work.table, actual: work.sysctls.settings }
    return await replayScenarios(
      source,
      windowFor(source, work.sysctls, work.replay, { knowledge: null }),
      mapNonEmpty(specs, spec => new Scenario(spec, how)),
      work,
    )
  } finally {
    await opened.close()
  }
}

export class ScenarioThread {
  /** Of the scenarios, without the first. */
  readonly sized: Promise<SizedScenario[]>
  private readonly worker: Worker

  /** @param script the built src/scenarios.ts */
  constructor(script: URL, work: ScenarioWork) {
    this.worker = new Worker(script, { workerData: { ...work, secret: chooseSecret() } })
    this.sized = new Promise((resolve, reject) => {
      this.worker.once('message', (sized: SizedScenario[]) => resolve(sized.slice(1)))
      this.worker.once('error', reject)
    })
    // whoever asks will hear of it
    this.sized.catch(() => {})
  }

  /** Ends the thread if it still runs. */
  async close(): Promise<void> {
    await this.worker.terminate()
  }
}
