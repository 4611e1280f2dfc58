// The one pass of `ctpcap size`: captures replayed through the tables of several scenarios at once.
import type { FrameSource } from '../../capture/frame.ts'
import { Defragmenter } from '../../packet/defrag/fragments.ts'
import { replay } from '../../replay.ts'
import { type SizedScenario, sizeScenario } from '../../report/size/size-report.ts'
import type { CapturedFirst, Scenario } from '../../sizing/scenarios/scenario.ts'
import { WhatIf } from '../../sizing/scenarios/what-if.ts'
import { endOf } from './describe-captures.ts'
import { type OneTableTunnels, oneTable } from './inner-replay.ts'
import { type Replay, windowFor } from './sightings.ts'
import { fragmentSettings, type Sysctls } from './sysctls.ts'

/** What is replayed, and how. */
export interface ScenarioReplay {
  sysctls: Sysctls
  /** Whether a packet that several interfaces show counts once. */
  replay: Replay
  tunnels: OneTableTunnels
}

/** Replays `source` to its end. @param scenarios the table as captured first, by which the others are measured */
export async function replayScenarios(
  source: FrameSource,
  scenarios: CapturedFirst<Scenario>,
  { sysctls, replay: how, tunnels }: ScenarioReplay,
): Promise<SizedScenario[]> {
  const whatIf = new WhatIf(scenarios)
  const settings = fragmentSettings(sysctls)
  const { engines, witness } = oneTable([whatIf], { seen: () => {} }, tunnels, settings)
  await replay(source, engines, new Defragmenter(settings), witness, windowFor(source, sysctls, how))
  const end = endOf(source)
  whatIf.finish(end)
  const epoch = source.captures.some(({ firstTime }) => firstTime !== null) ? source.epoch : null
  const base = scenarios[0].spec.settings
  return whatIf.outcomes.map(({ scenario, loss }) => sizeScenario(scenario, loss, base, epoch, end))
}
