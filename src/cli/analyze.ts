// `ctpcap analyze`: captures in, report out.
import type { FrameSource } from '../capture/frame.ts'
import { isAtLeast } from '../findings/finding.ts'
import { NatWatch } from '../findings/nat-watch.ts'
import { Defragmenter } from '../packet/fragments.ts'
import { replay } from '../replay.ts'
import { buildReport, type Tracked } from '../report/build.ts'
import { FlowReporter } from '../report/flow-report.ts'
import { renderJson } from '../report/json.ts'
import type { Report } from '../report/model.ts'
import { sightingsReport } from '../report/sightings-report.ts'
import type { Flow } from '../sizing/flow.ts'
import type { ClockOffset } from '../vantage/clock-offset.ts'
import { Points } from '../vantage/points.ts'
import type { SightingWindow } from '../vantage/window.ts'
import { Analysis } from './analysis.ts'
import { describeCaptures, endOf } from './describe-captures.ts'
import { FilteredSource } from './filtered-source.ts'
import { FlowsFile } from './flows-file.ts'
import { type InnerNetwork, InnerReplay, type InnerTrack, oneTable } from './inner-replay.ts'
import type { Interrupt } from './interrupt.ts'
import { type Io, writeText } from './io.ts'
import { warnOfDamage, withCaptures } from './line-replay.ts'
import type { AnalyzeOptions } from './options.ts'
import { showProgress } from './progress.ts'
import { clockOffsets, correctionsOf, windowFor } from './sightings.ts'
import { enforcesMaximum, fragmentSettings } from './sysctl.ts'

/**
 * Runs the command and resolves to whether the findings reach `--fail-on`.
 * @param generator name and version of the program
 * @throws CaptureError, OutputError, Interrupted
 */
export async function analyze(options: AnalyzeOptions, io: Io, generator: string): Promise<boolean> {
  const offsets = await clockOffsets(options.captures, options.replay)
  const use = async (source: FrameSource, interrupt: Interrupt): Promise<boolean> => {
    const window = windowFor(source, options.sysctls, options.replay)
    const flowsFile = options.flows === null ? null : new FlowsFile(options.flows)
    try {
      const replayed = await replayAll(source, window, options, io, flowsFile)
      interrupt.finish()
      const report = reportOf({ source, window, offsets, ...replayed }, options, generator)
      flowsFile?.commit()
      if (!options.quiet) warnOfDamage(source.captures, io.stderr)
      await print(report, options, io)
      const { failOn } = options
      const findings = [report, ...report.tunnels].flatMap(table => table.findings)
      return failOn !== null && findings.some(finding => isAtLeast(finding.severity, failOn))
    } finally {
      flowsFile?.discard()
    }
  }
  return await withCaptures(options, io, use, correctionsOf(offsets))
}

/** What a replay leaves. */
interface Replayed {
  source: FrameSource
  window: SightingWindow | null
  offsets: (ClockOffset | null)[]
  analysis: Analysis
  tunnels: InnerAnalysis[]
}

/** What is inside of one kind of tunnel. */
interface InnerAnalysis {
  network: InnerNetwork
  analysis: Analysis
}

async function replayAll(
  source: FrameSource,
  window: SightingWindow | null,
  options: AnalyzeOptions,
  io: Io,
  flowsFile: FlowsFile | null,
): Promise<Pick<Replayed, 'analysis' | 'tunnels'>> {
  const { top, sort, sysctls, tunnels } = options
  // the epoch is known with the first frame, and the first flow ends after it
  let reporter: FlowReporter | null = null
  const write = (flow: Flow): void => {
    reporter ??= new FlowReporter(source.epoch)
    flowsFile?.add(reporter.report(flow))
  }
  const makeAnalysis = (sink: ((flow: Flow) => void) | null, points: Points, isInside: boolean): Analysis =>
    new Analysis(
      sysctls.settings,
      { top, sort, sink },
      enforcesMaximum(sysctls),
      new NatWatch(points, isInside),
    )
  // the window counts frames, not what is inside of them
  const points = tunnels === 'inner' ? null : window?.points
  const analysis = makeAnalysis(
    flowsFile === null ? null : write,
    points ?? new Points(source),
    tunnels === 'inner',
  )
  const insides = new Map<string, Analysis>()
  const makeInside = (name: string): Analysis => {
    const inside = makeAnalysis(null, new Points(source), hasOuterChecksum(name))
    insides.set(name, inside)
    return inside
  }
  const settings = fragmentSettings(sysctls)
  const inside = (name: string): InnerTrack => {
    const own = makeInside(name)
    return { engines: [own.engine], witness: own }
  }
  const { engines, witness } =
    tunnels === 'both'
      ? { engines: [analysis.engine], witness: new InnerReplay(analysis, settings, inside) }
      : oneTable([analysis.engine], analysis, tunnels, settings)
  const hideProgress = showProgress(source, io, options.quiet)
  try {
    await replay(source, engines, new Defragmenter(settings), witness, window)
  } finally {
    hideProgress()
  }
  const end = endOf(source)
  for (const each of [analysis, ...insides.values()]) each.finish(end)
  const networks = witness instanceof InnerReplay ? witness.networks : []
  return {
    analysis,
    tunnels: networks.flatMap(network => {
      const own = insides.get(network.name)
      return own === undefined ? [] : [{ network, analysis: own }]
    }),
  }
}

/** Whether a tunnel's packets are datagrams, which have a checksum that may be wrong. */
function hasOuterChecksum(tunnel: string): boolean {
  return tunnel.startsWith('vxlan') || tunnel.startsWith('geneve')
}

function reportOf(
  { source, window, offsets, analysis, tunnels }: Replayed,
  { sort, sysctls, tunnels: tunnelMode }: AnalyzeOptions,
  generator: string,
): Report {
  const captures = describeCaptures(source)
  return buildReport({
    generator,
    captures,
    filter: source instanceof FilteredSource ? source.report : null,
    sightings: window === null ? null : sightingsReport(window, offsets),
    epoch: captures.some(capture => capture.firstTime !== null) ? source.epoch : null,
    end: endOf(source),
    settings: sysctls.settings,
    sort,
    tunnelMode,
    ...trackedBy(analysis),
    tunnels: tunnels.map(({ network, analysis: inside }) => ({
      ...network.described,
      tracked: trackedBy(inside),
    })),
  })
}

function trackedBy(analysis: Analysis): Tracked {
  const { verdicts, invalid, unreplied, midStream, sizing, flows } = analysis
  return { verdicts, invalid, unreplied, midStream, sizing, flows, findings: analysis.conclude() }
}

async function print(report: Report, options: AnalyzeOptions, io: Io): Promise<void> {
  if (options.json) return await writeText(io.stdout, renderJson(report))
  if (options.quiet) return
  // it brings cli-table3 along, which JSON need not wait for
  const { renderText } = await import('../report/text.ts')
  await writeText(io.stdout, renderText(report, options))
}
