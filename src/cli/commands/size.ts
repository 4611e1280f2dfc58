// `ctpcap size`: how large the table must be, was, and would be with other sysctls; all scenarios in one pass.

import type { FrameSource } from '../../capture/frame.ts'
import type { KnownTable } from '../../conntrack/known-entry.ts'
import type { SysctlName } from '../../conntrack/settings.ts'
import type { Knowledge } from '../../host/knowledge.ts'
import type { AddressNames, Names } from '../../host/names/names.ts'
import type { Rules } from '../../host/rules/rules.ts'
import { untrackedBy } from '../../host/untracked.ts'
import type { ReplayedRules } from '../../host/walk/replayed-rules.ts'
import type { RuleNumbers } from '../../host/walk/rule-numbers.ts'
import { mapNonEmpty } from '../../net/non-empty.ts'
import { Defragmenter } from '../../packet/defrag/fragments.ts'
import { replay } from '../../replay.ts'
import { renderJson } from '../../report/json.ts'
import type { SizeReport } from '../../report/size/size-model.ts'
import { buildSizeReport, type Sized, type SizedScenario } from '../../report/size/size-report.ts'
import { renderSizeText } from '../../report/size/size-text.ts'
import { hostsReport, textOfHosts } from '../../report/text/hosts.ts'
import { type CapturedFirst, Scenario, type ScenarioSpec } from '../../sizing/scenarios/scenario.ts'
import type { SightingWindow } from '../../vantage/window.ts'
import { type Io, writeText } from '../io/io.ts'
import { withProgress } from '../io/progress.ts'
import { isRegularFile } from '../io/regular-file.ts'
import { SeriesFile, seriesFormat } from '../io/series-file.ts'
import { UsageError } from '../io/usage-error.ts'
import {
  type KnowledgeFlags,
  knowledgeOf,
  type NamesFlags,
  namesOf,
  rulesAfterOf,
} from '../options/host-options.ts'
import type { HostPart, Hosts } from '../options/hosts.ts'
import { coresOf, type SysctlFlags, sysctlsOf, wantsColor, widthOf } from '../options/options.ts'
import { type TableFlags, tableOf } from '../options/table-file.ts'
import { zoneOf } from '../options/time-zone.ts'
import {
  capturedSpecs,
  otherRulesSpec,
  requestedSpecs,
  suggestedSpecs,
  type WhatIfFlags,
} from '../options/what-if-options.ts'
import { describeCaptures, endOf } from '../replay/describe-captures.ts'
import { FilteredSource, filterOf } from '../replay/filtered-source.ts'
import { FirstFrames } from '../replay/first-frames.ts'
import { type OneTableTunnels, oneTable } from '../replay/inner-replay.ts'
import { namesFor } from '../replay/known-names.ts'
import { rulesOver } from '../replay/rules-replay.ts'
import { replayScenarios } from '../replay/scenario-replay.ts'
import { isWorthAThread, ScenarioThread } from '../replay/scenario-thread.ts'
import { clockCorrections, type Replay, windowFor } from '../replay/sightings.ts'
import { fragmentSettings, type Sysctls } from '../replay/sysctls.ts'
import { reportsOf } from './by-host.ts'
import { type Selection, warnOfDamage, withCaptures } from './line-replay.ts'

/** Frames that tell which timeouts matter. */
const FIRST_FRAMES = 300_000
/** Timeouts tried by themselves: those that hold most entries. */
const TIMEOUTS = 3
/** Those that hold less than this share of the table are not worth a try. */
const SHARE = 0.02
/** What is tried where the capture cannot be read twice. */
const USUAL_TIMEOUTS: SysctlName[] = ['nf_conntrack_tcp_timeout_time_wait', 'nf_conntrack_udp_timeout']

export interface SizeFlags extends SysctlFlags, WhatIfFlags, TableFlags, KnowledgeFlags, NamesFlags {
  rulesAfter: string[]
  filter?: string
  json?: boolean
  series?: string
  every: string
  replay: Replay
  tunnels: OneTableTunnels
  ascii?: boolean
  tz: string
  color: boolean
  quiet?: boolean
}

export interface SizeOptions extends Selection {
  /** Whose captures they are, `''` where nobody said. */
  host: string
  sysctls: Sysctls
  /** The table when the capture began, or null for an empty one. */
  table: KnownTable | null
  /** What was given of the host: packets of every scenario go through its rules. */
  knowledge: Knowledge | null
  /** Those of `--names`, by address. */
  names: AddressNames
  /** Rules that come in their place in one scenario, or null. */
  after: Rules | null
  /** The table as captured, and under its maximum where one was given. */
  captured: CapturedFirst<ScenarioSpec>
  /** Scenarios asked for; empty = find out which are worth it. */
  requested: ScenarioSpec[]
  cores: number
  json: boolean
  /** File for the series, or null, and nanoseconds between its samples. */
  series: string | null
  interval: number
  /** Whether a packet that several interfaces show counts once. */
  replay: Replay
  tunnels: OneTableTunnels
  ascii: boolean
  color: boolean
  width: number
  /** Whose times of day. */
  zone: string
  quiet: boolean
}

/** @throws UsageError for a value that no option takes */
export function sizeOptions({ host, captures, flags }: HostPart<SizeFlags>, io: Io): SizeOptions {
  const cores = coresOf(flags)
  const series = flags.series ?? null
  if (series !== null) seriesFormat(series)
  const stderr = flags.quiet === true ? null : io.stderr
  const knowledge = knowledgeOf(flags, stderr, host)
  const sysctls = sysctlsOf(flags, knowledge)
  const after = rulesAfterOf(flags.rulesAfter, knowledge, flags, stderr)
  return {
    host,
    captures,
    filter: filterOf(flags),
    sysctls,
    table: tableOf(flags),
    knowledge,
    names: namesOf(flags.names),
    after,
    captured: capturedSpecs(sysctls),
    requested: [
      ...(after === null ? [] : [otherRulesSpec(sysctls)]),
      ...requestedSpecs(flags, sysctls, cores),
    ],
    cores,
    json: flags.json === true,
    series,
    interval: intervalOf(flags.every),
    replay: flags.replay,
    tunnels: flags.tunnels,
    ascii: flags.ascii === true,
    color: wantsColor(io, flags.color),
    width: widthOf(io),
    zone: zoneOf(flags.tz),
    quiet: flags.quiet === true,
  }
}

/** Runs the command, for one host after the other. @throws CaptureError, OutputError, Interrupted */
export async function size(hosts: Hosts<SizeOptions>, io: Io, generator: string): Promise<void> {
  const reports = await reportsOf(hosts, options => sizeHost(options, io, generator))
  // all but the files is the same for each
  const [options] = hosts
  if (options.json) return await writeText(io.stdout, renderJson(hostsReport(generator, reports)))
  if (options.quiet) return
  await writeText(
    io.stdout,
    textOfHosts(reports, report => renderSizeText(report, options)),
  )
}

async function sizeHost(options: SizeOptions, io: Io, generator: string): Promise<SizeReport> {
  const specs: CapturedFirst<ScenarioSpec> = [...options.captured, ...(await wantedSpecs(options, io))]
  const corrections = await clockCorrections(options.captures, options.replay, io)
  return await withCaptures(
    options,
    io,
    async (source, interrupt, output) => {
      const { series } = options
      const seriesFile =
        series === null || output === null ? null : new SeriesFile(output, seriesFormat(series))
      const thread = await threadFor(specs, options, corrections, io)
      try {
        const progress = { quiet: options.quiet, ending: interrupt.ending }
        const { captured, rows } = await withProgress(source, io, progress, () =>
          replayAll(source, specs, options, seriesFile, thread),
        )
        interrupt.finish()
        const captures = describeCaptures(source)
        const filter = source instanceof FilteredSource ? source.report : null
        const end = endOf(source)
        const names = namesFor(options, source)
        const report = buildSizeReport({ generator, captures, filter, end, captured, rows, names })
        await seriesFile?.commit()
        if (!options.quiet) warnOfDamage(source.captures, io.stderr)
        return report
      } finally {
        await thread?.close()
      }
    },
    { corrections, output: options.series },
  )
}

/** Starts a thread for half of the scenarios, where that is a gain. */
async function threadFor(
  specs: CapturedFirst<ScenarioSpec>,
  options: SizeOptions,
  corrections: readonly number[],
  io: Io,
): Promise<ScenarioThread | null> {
  const { captures, captured, filter, sysctls, table, replay, tunnels } = options
  const { elsewhere } = shareOut(distinctSpecs(specs).distinct, captured.length)
  // rules are functions, which stay
  if (io.threads === null || (options.knowledge?.rules ?? null) !== null || elsewhere.length === 0)
    return null
  if (!(await isWorthAThread(captures))) return null
  return new ScenarioThread(io.threads.scenarios, {
    captures,
    filter: filter?.text ?? null,
    corrections,
    specs: [captured[0], ...elsewhere],
    sysctls,
    table,
    replay,
    tunnels,
  })
}

async function replayAll(
  source: FrameSource,
  specs: CapturedFirst<ScenarioSpec>,
  options: SizeOptions,
  seriesFile: SeriesFile | null,
  thread: ScenarioThread | null,
): Promise<Pick<Sized, 'captured' | 'rows'>> {
  const { distinct, places } = distinctSpecs(specs)
  const count = options.captured.length
  const { here, elsewhere } = thread === null ? { here: distinct, elsewhere: [] } : shareOut(distinct, count)
  const window = windowFor(source, options.sysctls, options.replay, options)
  const rules = new Map<Scenario, ReplayedRules>()
  const scenarios = mapNonEmpty(here, (spec, i) => {
    const own = rulesAround(spec, options, source, window)
    const scenario = scenarioOf(spec, options, own, i === 0)
    if (own !== null) rules.set(scenario, own)
    return scenario
  })
  // of the table under the maximum that was given, where there is one
  const { sizing, spec } = scenarios[count - 1] ?? scenarios[0]
  const { nf_conntrack_max: max, nf_conntrack_count: outside } = spec.settings
  seriesFile?.watch({ ...sizing, max, outside }, source, options.interval)
  const sized = new Map<ScenarioSpec, SizedScenario>()
  const numbersOf = (scenario: Scenario): RuleNumbers | null => rules.get(scenario)?.numbers ?? null
  const namesKnown = (): Names => namesFor(options, source)
  const own = await replayScenarios(source, window, scenarios, options, numbersOf, namesKnown)
  const others = (await thread?.sized) ?? []
  for (const [i, replayed] of [...here, ...elsewhere].entries()) {
    const each = [...own, ...others][i]
    if (each !== undefined) sized.set(replayed, each)
  }
  // each place is one of those that were replayed
  const rows = mapNonEmpty(specs, each => ({ name: each.name, sized: sized.get(places.get(each)!)! }))
  return { captured: scenarios[0], rows }
}

/** The rules that packets of a scenario go through; null where none are replayed. */
function rulesAround(
  spec: ScenarioSpec,
  { knowledge, after, sysctls, tunnels }: SizeOptions,
  source: FrameSource,
  window: SightingWindow | null,
): ReplayedRules | null {
  const own = spec.hasOtherRules === true ? after : (knowledge?.rules ?? null)
  // what comes out of a tunnel passes other hooks
  if (knowledge === null || own === null || window === null || tunnels === 'inner') return null
  const { notrack } = spec
  const isWhatIf = own === after || notrack !== null
  return rulesOver(knowledge, own, sysctls, source, window, { isWhatIf, notrack })
}

function scenarioOf(
  spec: ScenarioSpec,
  { table, sysctls, knowledge }: SizeOptions,
  rules: ReplayedRules | null,
  owners: boolean,
): Scenario {
  // rules that are replayed know of NOTRACK
  const untracked = rules === null ? untrackedBy(knowledge) : null
  const settings = { ...spec.settings, networks: knowledge?.networks ?? [] }
  const how = { owners, known: table, actual: sysctls.settings, untracked, rules }
  return new Scenario({ ...spec, settings }, how)
}

/** Scenarios that come to the same share an engine: the first of them, and for each which one it is. */
function distinctSpecs([captured, ...others]: CapturedFirst<ScenarioSpec>): {
  distinct: CapturedFirst<ScenarioSpec>
  places: Map<ScenarioSpec, ScenarioSpec>
} {
  const places = new Map([[captured, captured]])
  const known = new Map<string, ScenarioSpec>()
  for (const spec of others) {
    // functions cannot be compared
    const key =
      spec.notrack === null
        ? JSON.stringify([spec.settings, spec.enforced, spec.hasOtherRules === true])
        : spec.name
    const place = known.get(key) ?? spec
    known.set(key, place)
    places.set(spec, place)
  }
  const distinct = others.filter(spec => places.get(spec) === spec)
  return { distinct: [captured, ...distinct], places }
}

/**
 * Which scenarios another thread takes so that both have as many, the table as captured being replayed by both. What
 * is not tracked is told by a function, which stays.
 */
function shareOut(
  distinct: CapturedFirst<ScenarioSpec>,
  captured: number,
): { here: CapturedFirst<ScenarioSpec>; elsewhere: ScenarioSpec[] } {
  const [first, ...others] = distinct
  const movable = distinct.slice(captured).filter(spec => spec.notrack === null)
  const elsewhere = movable.slice(Math.max(movable.length - Math.floor((distinct.length - 1) / 2), 0))
  return { here: [first, ...others.filter(spec => !elsewhere.includes(spec))], elsewhere }
}

async function wantedSpecs(options: SizeOptions, io: Io): Promise<ScenarioSpec[]> {
  const { requested, sysctls, cores } = options
  if (requested.length > 0) return requested
  return suggestedSpecs(await importantTimeouts(options, io), sysctls, cores)
}

/** The timeouts that hold most entries, by the first frames of captures that can be read twice. */
async function importantTimeouts(options: SizeOptions, io: Io): Promise<SysctlName[]> {
  const { captures, captured, sysctls } = options
  for (const path of captures) {
    if (!(await isRegularFile(path))) return USUAL_TIMEOUTS
  }
  return await withCaptures(options, io, async (source, interrupt) => {
    const settings = fragmentSettings(sysctls)
    const first = new FirstFrames(source, FIRST_FRAMES)
    const window = windowFor(first, sysctls, options.replay, options)
    const rules = rulesAround(captured[0], options, source, window)
    const scenario = scenarioOf(captured[0], options, rules, false)
    const { engine, sizing } = scenario
    const { engines, witness } = oneTable([engine], { seen: () => {} }, options.tunnels, settings)
    await replay(first, engines, new Defragmenter(settings), witness, window)
    interrupt.finish()
    const end = engine.context.time
    scenario.finish(end)
    const { level, parts } = sizing.project(end)
    const names = parts.filter(part => part.entries >= level * SHARE).map(({ sysctl }) => sysctl)
    return [...new Set(names)].filter(name => name !== null).slice(0, TIMEOUTS)
  })
}

function intervalOf(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (!(seconds >= 0.001 && seconds <= 86_400)) {
    throw new UsageError(`--every ${text}: expected seconds from 0.001 to 86400`)
  }
  return Math.round(seconds * 1e9)
}
