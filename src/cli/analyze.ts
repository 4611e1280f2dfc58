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
import type { Flow } from '../sizing/flow.ts'
import { Points } from '../vantage/points.ts'
import { Analysis } from './analysis.ts'
import { describeCaptures, endOf } from './describe-captures.ts'
import { FilteredSource } from './filtered-source.ts'
import { FlowsFile } from './flows-file.ts'
import { type Io, writeText } from './io.ts'
import { warnOfDamage, withCaptures } from './line-replay.ts'
import type { AnalyzeOptions } from './options.ts'
import { showProgress } from './progress.ts'
import { enforcesMaximum, fragmentSettings } from './sysctl.ts'

/**
 * Runs the command and resolves to whether the findings reach `--fail-on`.
 * @param generator name and version of the program
 * @throws CaptureError, OutputError, Interrupted
 */
export async function analyze(options: AnalyzeOptions, io: Io, generator: string): Promise<boolean> {
  return await withCaptures(options, io, async (source, interrupt) => {
    const flowsFile = options.flows === null ? null : new FlowsFile(options.flows)
    try {
      const analysis = await replayAll(source, options, io, flowsFile)
      interrupt.finish()
      const report = reportOf(source, analysis, options, generator)
      flowsFile?.commit()
      if (!options.quiet) warnOfDamage(source.captures, io.stderr)
      await print(report, options, io)
      const { failOn } = options
      return failOn !== null && report.findings.some(finding => isAtLeast(finding.severity, failOn))
    } finally {
      flowsFile?.discard()
    }
  })
}

async function replayAll(
  source: FrameSource,
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
  const watch = new NatWatch(new Points(source))
  const analysis = new Analysis(sysctls.settings, { top, sort, sink }, enforcesMaximum(sysctls), watch)
  const hideProgress = showProgress(source, io, options.quiet)
  try {
    await replay(source, [analysis.engine], new Defragmenter(fragmentSettings(sysctls)), analysis)
  } finally {
    hideProgress()
  }
  analysis.finish(endOf(source))
  return analysis
}

function reportOf(
  source: FrameSource,
  analysis: Analysis,
  { sort, sysctls }: AnalyzeOptions,
  generator: string,
): Report {
  const captures = describeCaptures(source)
  return buildReport({
    generator,
    captures,
    filter: source instanceof FilteredSource ? source.report : null,
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
