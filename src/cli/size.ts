// `ctpcap size`: how large the table must be, was, and would be with other sysctls; all scenarios in one pass.
import { stat } from 'node:fs/promises'
import type { FrameSource } from '../capture/frame.ts'
import type { KnownTable } from '../conntrack/known-entry.ts'
import type { SysctlName } from '../conntrack/settings.ts'
import { Defragmenter } from '../packet/fragments.ts'
import { replay } from '../replay.ts'
import { renderJson } from '../report/json.ts'
import { buildSizeReport, type Sized } from '../report/size-report.ts'
import { renderSizeText } from '../report/size-text.ts'
import { Scenario, type ScenarioSpec } from '../sizing/scenario.ts'
import { WhatIf } from '../sizing/what-if.ts'
import { describeCaptures, endOf } from './describe-captures.ts'
import { FilteredSource, filterOf } from './filtered-source.ts'
import { FirstFrames } from './first-frames.ts'
import { type OneTableTunnels, oneTable } from './inner-replay.ts'
import { type Io, writeText } from './io.ts'
import { type Selection, warnOfDamage, withCaptures } from './line-replay.ts'
import { coresOf, type SysctlFlags, sysctlsOf, wantsColor, widthOf } from './options.ts'
import { showProgress } from './progress.ts'
import { SeriesFile, seriesFormat } from './series-file.ts'
import { clockCorrections, type Replay, windowFor } from './sightings.ts'
import { fragmentSettings, type Sysctls } from './sysctl.ts'
import { type TableFlags, tableOf } from './table-file.ts'
import { UsageError } from './usage-error.ts'
import { capturedSpecs, requestedSpecs, suggestedSpecs, type WhatIfFlags } from './what-if-options.ts'

/** Frames that tell which timeouts matter. */
const FIRST_FRAMES = 300_000
/** Timeouts tried by themselves: those that hold most entries. */
const TIMEOUTS = 3
/** Those that hold less than this share of the table are not worth a try. */
const SHARE = 0.02
/** What is tried where the capture cannot be read twice. */
const USUAL_TIMEOUTS: SysctlName[] = ['nf_conntrack_tcp_timeout_time_wait', 'nf_conntrack_udp_timeout']

export interface SizeFlags extends SysctlFlags, WhatIfFlags, TableFlags {
  filter?: string
  json?: boolean
  series?: string
  every: string
  replay: Replay
  tunnels: OneTableTunnels
  ascii?: boolean
  color: boolean
  quiet?: boolean
}

export interface SizeOptions extends Selection {
  sysctls: Sysctls
  /** The table when the capture began, or null for an empty one. */
  table: KnownTable | null
  /** The table as captured, and under its maximum where one was given. */
  captured: ScenarioSpec[]
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
  quiet: boolean
}

/** @throws UsageError for a value that no option takes */
export function sizeOptions(captures: string[], flags: SizeFlags, io: Io): SizeOptions {
  const sysctls = sysctlsOf(flags)
  const cores = coresOf(flags)
  const series = flags.series ?? null
  if (series !== null) seriesFormat(series)
  return {
    captures,
    filter: filterOf(flags),
    sysctls,
    table: tableOf(flags),
    captured: capturedSpecs(sysctls),
    requested: requestedSpecs(flags, sysctls, cores),
    cores,
    json: flags.json === true,
    series,
    interval: intervalOf(flags.every),
    replay: flags.replay,
    tunnels: flags.tunnels,
    ascii: flags.ascii === true,
    color: wantsColor(io, flags.color),
    width: widthOf(io),
    quiet: flags.quiet === true,
  }
}

/** Runs the command. @throws CaptureError, OutputError, Interrupted */
export async function size(options: SizeOptions, io: Io, generator: string): Promise<void> {
  const specs = [...options.captured, ...(await wantedSpecs(options, io))]
  const corrections = await clockCorrections(options.captures, options.replay, io)
  await withCaptures(
    options,
    io,
    async (source, interrupt) => {
      const seriesFile = options.series === null ? null : new SeriesFile(options.series)
      try {
        const rows = await replayAll(source, specs, options, io, seriesFile)
        interrupt.finish()
        const captures = describeCaptures(source)
        const filter = source instanceof FilteredSource ? source.report : null
        const epoch = captures.some(capture => capture.firstTime !== null) ? source.epoch : null
        const report = buildSizeReport({ generator, captures, filter, epoch, end: endOf(source), rows })
        seriesFile?.commit()
        if (!options.quiet) warnOfDamage(source.captures, io.stderr)
        if (options.json) await writeText(io.stdout, renderJson(report))
        else if (!options.quiet) await writeText(io.stdout, renderSizeText(report, options))
      } finally {
        seriesFile?.discard()
      }
    },
    corrections,
  )
}

async function replayAll(
  source: FrameSource,
  specs: readonly ScenarioSpec[],
  options: SizeOptions,
  io: Io,
  seriesFile: SeriesFile | null,
): Promise<Sized['rows']> {
  const { scenarios, places } = distinctScenarios(specs, options)
  const whatIf = new WhatIf(scenarios)
  // of the table under the maximum that was given, where there is one
  const { sizing, spec } = scenarios[options.captured.length - 1]
  const { nf_conntrack_max: max, nf_conntrack_count: outside } = spec.settings
  seriesFile?.watch({ ...sizing, max, outside }, source, options.interval)
  const hideProgress = showProgress(source, io, options.quiet)
  try {
    const settings = fragmentSettings(options.sysctls)
    const window = windowFor(source, options.sysctls, options.replay)
    const { engines, witness } = oneTable([whatIf], { seen: () => {} }, options.tunnels, settings)
    await replay(source, engines, new Defragmenter(settings), witness, window)
  } finally {
    hideProgress()
  }
  whatIf.finish(endOf(source))
  return specs.map(({ name }, i) => ({
    name,
    scenario: scenarios[places[i]],
    loss: whatIf.losses[places[i]],
  }))
}

/** Scenarios that come to the same share an engine. */
function distinctScenarios(
  specs: readonly ScenarioSpec[],
  { table, sysctls }: SizeOptions,
): { scenarios: Scenario[]; places: number[] } {
  const known = new Map<string, number>()
  const scenarios: Scenario[] = []
  const places = specs.map(spec => {
    const key = JSON.stringify([spec.settings, spec.enforced, scenarios.length === 0])
    const place = spec.notrack === null ? known.get(key) : undefined
    if (place !== undefined) return place
    known.set(key, scenarios.length)
    return scenarios.push(new Scenario(spec, scenarios.length === 0, table, sysctls.settings)) - 1
  })
  return { scenarios, places }
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
    if ((await stat(path).catch(() => null))?.isFile() !== true) return USUAL_TIMEOUTS
  }
  return await withCaptures(options, io, async (source, interrupt) => {
    const scenario = new Scenario(captured[0], false, options.table)
    const { engine, sizing } = scenario
    const settings = fragmentSettings(sysctls)
    const first = new FirstFrames(source, FIRST_FRAMES)
    const window = windowFor(first, sysctls, options.replay)
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
