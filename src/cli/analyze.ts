// `ctpcap analyze`: captures in, report out.
import type { FrameSource } from '../capture/frame.ts'
import { isAtLeast } from '../findings/finding.ts'
import { NatWatch } from '../findings/nat-watch.ts'
import { Defragmenter } from '../packet/fragments.ts'
import { replay } from '../replay.ts'
import { buildReport } from '../report/build.ts'
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
      const analysis = await replayAll(source, window, options, io, flowsFile)
      interrupt.finish()
      const report = reportOf({ source, window, offsets, analysis }, options, generator)
      flowsFile?.commit()
      if (!options.quiet) warnOfDamage(source.captures, io.stderr)
      await print(report, options, io)
      const { failOn } = options
      return failOn !== null && report.findings.some(finding => isAtLeast(finding.severity, failOn))
    } finally {
      flowsFile?.discard()
    }
  }
  return await withCaptures(options, io, use, correctionsOf(offsets))
}

async function replayAll(
  source: FrameSource,
  window: SightingWindow | null,
  options: AnalyzeOptions,
  io: Io,
  flowsFile: FlowsFile | null,
): Promise<Analysis> {
  const { top, sort, sysctls } = options
  // the epoch is known with the first frame, and the first flow ends after it
  let reporter: FlowReporter | null = null
  const write = (flow: Flow): void => {
    reporter ??= new FlowReporter(source.epoch)
    flowsFile?.add(reporter.report(flow))
  }
  const sink = flowsFile === null ? null : write
  const watch = new NatWatch(window?.points ?? new Points(source))
  const analysis = new Analysis(sysctls.settings, { top, sort, sink }, enforcesMaximum(sysctls), watch)
  const hideProgress = showProgress(source, io, options.quiet)
  try {
    const fragments = new Defragmenter(fragmentSettings(sysctls))
    await replay(source, [analysis.engine], fragments, analysis, window)
  } finally {
    hideProgress()
  }
  analysis.finish(endOf(source))
  return analysis
}

/** What a replay leaves. */
interface Replayed {
  source: FrameSource
  window: SightingWindow | null
  offsets: (ClockOffset | null)[]
  analysis: Analysis
}

function reportOf(
  { source, window, offsets, analysis }: Replayed,
  { sort, sysctls }: AnalyzeOptions,
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
    verdicts: analysis.verdicts,
    invalid: analysis.invalid,
    unreplied: analysis.unreplied,
    midStream: analysis.midStream,
    sizing: analysis.sizing,
    flows: analysis.flows,
    sort,
    findings: analysis.conclude(),
  })
}

async function print(report: Report, options: AnalyzeOptions, io: Io): Promise<void> {
  if (options.json) return await writeText(io.stdout, renderJson(report))
  if (options.quiet) return
  // it brings cli-table3 along, which JSON need not wait for
  const { renderText } = await import('../report/text.ts')
  await writeText(io.stdout, renderText(report, options))
}
