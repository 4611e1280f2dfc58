// The one pass of `ctpcap size`: captures replayed through the tables of several scenarios at once.
import type { FrameSource } from '../../capture/frame.ts'
import { type Names, NO_NAMES } from '../../host/names/names.ts'
import type { RuleNumbers } from '../../host/walk/rule-numbers.ts'
import { Defragmenter } from '../../packet/defrag/fragments.ts'
import { replay } from '../../replay.ts'
import { type SizedScenario, sizeScenario } from '../../report/size/size-report.ts'
import type { CapturedFirst, Scenario } from '../../sizing/scenarios/scenario.ts'
import { WhatIf } from '../../sizing/scenarios/what-if.ts'
import type { SightingWindow } from '../../vantage/window.ts'
import { endOf } from './describe-captures.ts'
import { type OneTableTunnels, oneTable } from './inner-replay.ts'
import { fragmentSettings, type Sysctls } from './sysctls.ts'

/** What is replayed, and how. */
export interface ScenarioReplay {
  sysctls: Sysctls
  tunnels: OneTableTunnels
}

/**
 * Replays `source` to its end.
 * @param window what makes one packet of its sightings; null where each frame counts
 * @param scenarios the table as captured first, by which the others are measured
 * @param numbersOf what the numbers of a scenario's rules are of; null of one without
 * @param namesKnown what addresses are called, asked when all was read
 */
export async function replayScenarios(
  source: FrameSource,
  window: SightingWindow | null,
  scenarios: CapturedFirst<Scenario>,
  { sysctls, tunnels }: ScenarioReplay,
  numbersOf: (scenario: Scenario) => RuleNumbers | null = () => null,
  namesKnown: () => Names = () => NO_NAMES,
): Promise<SizedScenario[]> {
  const whatIf = new WhatIf(scenarios)
  const settings = fragmentSettings(sysctls)
  const { engines, witness } = oneTable([whatIf], { seen: () => {} }, tunnels, settings)
  await replay(source, engines, new Defragmenter(settings), witness, window)
  const end = endOf(source)
  whatIf.finish(end)
  const epoch = source.captures.some(({ firstTime }) => firstTime !== null) ? source.epoch : null
  const names = namesKnown()
  const base = scenarios[0].spec.settings
  return whatIf.outcomes.map(({ scenario, loss }) =>
    sizeScenario(scenario, loss, numbersOf(scenario), base, epoch, end, names),
  )
}
