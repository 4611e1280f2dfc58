// `ctpcap analyze`: captures in, report out.
import type { FrameSource } from '../../capture/frame.ts'
import { Analysis } from '../../findings/analysis.ts'
import { isAtLeast } from '../../findings/facts/facts.ts'
import type { Knowledge } from '../../host/knowledge.ts'
import { Defragmenter } from '../../packet/defrag/fragments.ts'
import { replay } from '../../replay.ts'
import { buildReport, type Tracked } from '../../report/analyze/build.ts'
import { FlowReporter } from '../../report/analyze/flow-report.ts'
import type { Report } from '../../report/analyze/model.ts'
import { sightingsReport } from '../../report/analyze/sightings-report.ts'
import { renderJson } from '../../report/json.ts'
import type { Flow } from '../../sizing/flow.ts'
import type { OwnerSink } from '../../sizing/owners/owners.ts'
import { Points } from '../../vantage/record/points.ts'
import type { ClockOffset } from '../../vantage/survey/clock-offset.ts'
import type { SightingWindow } from '../../vantage/window.ts'
import { FlowsFile, flowsFormat } from '../io/flows-file.ts'
import type { Interrupt } from '../io/interrupt.ts'
import { type Io, writeText } from '../io/io.ts'
import type { OutputFile } from '../io/output-file.ts'
import { withProgress } from '../io/progress.ts'
import type { AnalyzeOptions } from '../options/options.ts'
import { describeCaptures, endOf } from '../replay/describe-captures.ts'
import { FilteredSource } from '../replay/filtered-source.ts'
import { type InnerNetwork, InnerReplay, type InnerTrack, oneTable } from '../replay/inner-replay.ts'
import { OwnerThread } from '../replay/owner-thread.ts'
import { replayedRules } from '../replay/rules-replay.ts'
import { isWorthAThread } from '../replay/scenario-thread.ts'
import { bridgeCallsOf, clockOffsets, correctionsOf, windowFor } from '../replay/sightings.ts'
import { enforcesMaximum, fragmentSettings } from '../replay/sysctls.ts'
import { warnOfDamage, withCaptures } from './line-replay.ts'

/**
 * Runs the command and resolves to whether the findings reach `--fail-on`.
 * @param generator name and version of the program
 * @throws CaptureError, OutputError, Interrupted
 */
export async function analyze(options: AnalyzeOptions, io: Io, generator: string): Promise<boolean> {
  const offsets = await clockOffsets(options.captures, options.replay)
  const { flows } = options
  const use = async (
    source: FrameSource,
    interrupt: Interrupt,
    output: OutputFile | null,
  ): Promise<boolean> => {
    const window = windowFor(source, options.sysctls, options.replay, options.knowledge)
    const flowsFile = flows === null || output === null ? null : new FlowsFile(output, flowsFormat(flows))
    const ownerThread = await ownerThreadFor(options, io)
    try {
      const progress = { quiet: options.quiet, ending: interrupt.ending }
      const replayed = await withProgress(source, io, progress, () =>
        replayAll(source, window, options, flowsFile, ownerThread),
      )
      interrupt.finish()
      const report = await reportOf({ source, window, offsets, ...replayed }, options, generator)
      await flowsFile?.commit()
      if (!options.quiet) warnOfDamage(source.captures, io.stderr)
      await print(report, options, io)
      const { failOn } = options
      const findings = [report, ...report.tunnels].flatMap(table => table.findings)
      return failOn !== null && findings.some(finding => isAtLeast(finding.severity, failOn))
    } catch (error) {
      throw await (ownerThread?.reasonOf(error) ?? error)
    } finally {
      await ownerThread?.close()
    }
  }
  return await withCaptures(options, io, use, { corrections: correctionsOf(offsets), output: flows })
}

/** A thread of its own that counts owners; null where there is none. */
async function ownerThreadFor({ captures }: AnalyzeOptions, { threads }: Io): Promise<OwnerThread | null> {
  if (threads === null) return null
  return new OwnerThread(threads.owners, await isWorthAThread(captures))
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
  flowsFile: FlowsFile | null,
  owners: OwnerSink | null,
): Promise<Pick<Replayed, 'analysis' | 'tunnels'>> {
  const { top, sort, sysctls, tunnels } = options
  // the epoch is known with the first frame, and the first flow ends after it
  let reporter: FlowReporter | null = null
  const write = (flow: Flow): void => {
    reporter ??= new FlowReporter(source.epoch)
    flowsFile?.add(reporter.report(flow))
  }
  const common = {
    settings: sysctls.settings,
    flows: { top, sort, sink: null },
    enforceMaximum: enforcesMaximum(sysctls),
    isWanted: options.isWanted,
  }
  // the window counts frames, not what is inside of them
  const points = (tunnels === 'inner' ? null : window?.points) ?? new Points(source)
  // what comes out of a tunnel passes other hooks
  const rules = tunnels === 'inner' ? null : replayedRules(options.knowledge, sysctls, source, window)
  const analysis = new Analysis({
    ...common,
    flows: { top, sort, sink: flowsFile === null ? null : write },
    points,
    isInside: tunnels === 'inner',
    owners,
    knowledge: options.knowledge,
    bridgeCalls: bridgeCallsOf(sysctls.host),
    rules,
    known: options.table,
  })
  const insides = new Map<string, Analysis>()
  const settings = fragmentSettings(sysctls)
  const inside = (name: string): InnerTrack => {
    const own = new Analysis({ ...common, points: new Points(source), isInside: hasOuterChecksum(name) })
    insides.set(name, own)
    return { engines: [own.engine], witness: own }
  }
  const { engines, witness } =
    tunnels === 'both'
      ? { engines: [analysis.engine], witness: new InnerReplay(analysis, settings, inside) }
      : oneTable([analysis.engine], analysis, tunnels, settings)
  await replay(source, engines, new Defragmenter(settings), witness, window)
  if (options.knowledge !== null) settle(options.knowledge, points)
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

/** Tells a topology what the captures are of, and names their points by it. */
function settle(knowledge: Knowledge, points: Points): void {
  const indexes = points.all.map(({ interfaceIndex }) => interfaceIndex).filter(index => index !== 0)
  const names = points.all.flatMap(({ interfaceIndex }, point) =>
    interfaceIndex === 0 ? [points.name(point)] : [],
  )
  knowledge.settle(indexes, names)
  points.interfaceNames = index => knowledge.host?.byIndex(index)?.name ?? null
}

async function reportOf(
  { source, window, offsets, analysis, tunnels }: Replayed,
  { sort, sysctls, knowledge, rules, topology, kubernetes, tunnels: tunnelMode }: AnalyzeOptions,
  generator: string,
): Promise<Report> {
  const captures = describeCaptures(source)
  const end = endOf(source)
  return buildReport({
    generator,
    captures,
    filter: source instanceof FilteredSource ? source.report : null,
    sightings: window === null ? null : sightingsReport(window, offsets, knowledge?.host ?? null),
    epoch: captures.some(capture => capture.firstTime !== null) ? source.epoch : null,
    end,
    settings: sysctls.settings,
    given: knowledge === null ? null : { knowledge, rules, topology, kubernetes },
    checked: analysis.checkedTranslations(),
    rules: analysis.rules,
    sort,
    known: analysis.tableCheck,
    tunnelMode,
    ...(await trackedBy(analysis, end)),
    tunnels: await Promise.all(
      tunnels.map(async ({ network, analysis: inside }) => ({
        ...network.described,
        tracked: await trackedBy(inside, end),
      })),
    ),
  })
}

async function trackedBy(analysis: Analysis, end: number): Promise<Tracked> {
  const { verdicts, invalid, unreplied, midStream, sizing, flows } = analysis
  return { verdicts, invalid, unreplied, midStream, sizing, flows, ...(await analysis.conclude(end)) }
}

async function print(report: Report, options: AnalyzeOptions, io: Io): Promise<void> {
  if (options.json) return await writeText(io.stdout, renderJson(report))
  if (options.quiet) return
  // it brings cli-table3 along, which JSON need not wait for
  const { renderText } = await import('../../report/analyze/text.ts')
  await writeText(io.stdout, renderText(report, options))
}
