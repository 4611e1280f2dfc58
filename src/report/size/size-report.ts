// The finished scenarios of a replay into the SizeReport.

import { describeClass, OCCUPANCY_CLASSES } from '../../conntrack/occupancy-class.ts'
import type { Settings } from '../../conntrack/settings.ts'
import type { Names } from '../../host/names/names.ts'
import type { RuleNumbers } from '../../host/walk/rule-numbers.ts'
import { mapNonEmpty } from '../../net/non-empty.ts'
import { advise, type Outcome } from '../../sizing/advice.ts'
import { tableMemory } from '../../sizing/memory.ts'
import type { Occupancy } from '../../sizing/occupancy.ts'
import { isTelling } from '../../sizing/projection.ts'
import type { CapturedFirst, Scenario } from '../../sizing/scenarios/scenario.ts'
import type { Loss } from '../../sizing/scenarios/what-if.ts'
import { changedSettings } from '../analyze/changed-settings.ts'
import { FlowReporter } from '../analyze/flow-report.ts'
import { kernelReport } from '../analyze/kernel-report.ts'
import { withNames } from '../analyze/knowledge-report.ts'
import type { CaptureReport, FilterReport } from '../analyze/model.ts'
import { tableReport } from '../analyze/table-report.ts'
import { adviceReport } from './advice-report.ts'
import { refusalReports } from './refusal-report.ts'
import {
  type LossReport,
  type ScenarioReport,
  type SeriesReport,
  SIZE_SCHEMA,
  type SizeReport,
} from './size-model.ts'

/** All that a replay of scenarios leaves behind. */
export interface Sized {
  generator: string
  captures: CaptureReport[]
  filter: FilterReport | null
  /** Nanoseconds from the first frame to the last. */
  end: number
  /** The table as captured. */
  captured: Scenario
  /** As the user sees them; several may share one engine. */
  rows: CapturedFirst<{ name: string; sized: SizedScenario }>
  /** What the ends of flows are called. */
  names: Names
}

/** What a scenario came to, as plain data: it may have been replayed on another thread. */
export interface SizedScenario {
  outcome: Outcome
  report: Omit<ScenarioReport, 'name'>
}

export function buildSizeReport(sized: Sized): SizeReport {
  const { rows, end, captured, names } = sized
  const { settings } = captured.spec
  const scenarios = mapNonEmpty(rows, ({ name, sized: { report } }) => ({
    name,
    ...report,
    loss: withFlowNames(report.loss, names),
  }))
  const advice = advise(rows.map(row => row.sized.outcome))
  return {
    schema: SIZE_SCHEMA,
    generator: sized.generator,
    captures: sized.captures,
    filter: sized.filter,
    duration: end / 1e9,
    kernel: kernelReport(settings.kernel),
    ...(settings.dataPlane === '' ? {} : { dataPlane: settings.dataPlane }),
    settings: changedSettings(settings),
    series: seriesReport(captured.sizing.occupancy, end),
    scenarios,
    advice: adviceReport(advice, scenarios, settings, end / 1e9),
  }
}

/**
 * Sums up a scenario whose replay is over.
 * @param numbers what the numbers of its rules are of; null without rules
 * @param base the settings of the table as captured
 * @param epoch nanoseconds since 1970 of the first frame; null where there was none
 * @param end nanoseconds from the first frame to the last
 * @param names what owners of entries are called
 */
export function sizeScenario(
  scenario: Scenario,
  loss: Loss,
  numbers: RuleNumbers | null,
  base: Settings,
  epoch: bigint | null,
  end: number,
  names: Names,
): SizedScenario {
  const { settings, enforced } = scenario.spec
  const { occupancy } = scenario.sizing
  const owners = scenario.owners?.largest(end) ?? null
  const { timeline, timelineStep, ...table } = tableReport(
    scenario.sizing,
    owners,
    settings,
    epoch,
    end,
    names,
  )
  const { projection } = table
  const level = projection !== null && isTelling(projection) ? projection.level : 0
  const entries = Math.max(table.countPeak.entries, level) + table.outside
  return {
    outcome: {
      settings,
      countPeak: occupancy.countPeak,
      projection: scenario.sizing.isCutShort ? null : scenario.sizing.project(end),
      lost: loss.cut + loss.untranslated + loss.refused,
    },
    report: {
      kernel: kernelReport(settings.kernel),
      settings: changedSettings(settings, base),
      enforced,
      table,
      chainLength: Number(((2 * entries) / settings.nf_conntrack_buckets).toPrecision(2)),
      memoryBytes: tableMemory(entries, settings.nf_conntrack_buckets),
      loss: lossReport(loss, epoch, scenario, numbers),
    },
  }
}

function lossReport(
  { cut, untranslated, unrelated, refused, refusals, examples }: Loss,
  epoch: bigint | null,
  { spec, rules }: Scenario,
  numbers: RuleNumbers | null,
): LossReport {
  const reporter = new FlowReporter(epoch)
  return {
    cut,
    untranslated,
    unrelated,
    ...(rules === null
      ? {}
      : { refused, refusals: refusalReports(refusals, numbers, spec.notrack !== null) }),
    examples: examples.map(({ flow, idle }) => ({ flow: reporter.report(flow), idle: idle / 1e9 })),
  }
}

/** Another thread that replayed the scenario knew no names. */
function withFlowNames(loss: LossReport, names: Names): LossReport {
  return {
    ...loss,
    examples: loss.examples.map(({ flow, idle }) => ({ flow: withNames(flow, names), idle })),
  }
}

/** States in the order of the entry-seconds that their steps come to. */
function seriesReport({ timeline }: Occupancy, end: number): SeriesReport {
  const steps = timeline.steps(end)
  const states = new Map<string, number[]>()
  for (let i = 0; i < OCCUPANCY_CLASSES; i++) {
    const entries = steps.map((_, step) => timeline.classAt(step, i))
    if (entries.every(count => count === 0)) continue
    const { protocol, state } = describeClass(i)
    const name = state === '' ? protocol : `${protocol} ${state}`
    const sums = states.get(name)
    states.set(name, sums === undefined ? entries : entries.map((count, step) => count + (sums[step] ?? 0)))
  }
  const area = (entries: number[]): number => entries.reduce((sum, count) => sum + count, 0)
  return {
    step: timeline.step / 1e9,
    count: steps.map(step => step.count),
    states: [...states]
      .map(([name, entries]) => ({ name, entries }))
      .sort((a, b) => area(b.entries) - area(a.entries)),
  }
}
