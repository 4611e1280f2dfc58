// `ctpcap analyze`: captures in, report out.
import type { FrameSource } from '../../capture/frame.ts'
import type { Engine } from '../../conntrack/engine.ts'
import { Analysis, type TryOut } from '../../findings/analysis.ts'
import { isAtLeast } from '../../findings/facts/facts.ts'
import type { Knowledge } from '../../host/knowledge.ts'
import { ChangedFates } from '../../host/walk/changed-fates.ts'
import type { ReplayedRules } from '../../host/walk/replayed-rules.ts'
import { Defragmenter } from '../../packet/defrag/fragments.ts'
import { FRAME_TRACKED, replay, type Witness } from '../../replay.ts'
import { buildReport, type Tracked } from '../../report/analyze/build.ts'
import { FlowReporter } from '../../report/analyze/flow-report.ts'
import { analyzeDocument, type JoinedHosts, joinHosts } from '../../report/analyze/joined-flows.ts'
import type { Told } from '../../report/analyze/markdown.ts'
import type { Report } from '../../report/analyze/model.ts'
import { sightingsReport } from '../../report/analyze/sightings-report.ts'
import { renderJson } from '../../report/json.ts'
import type { OfHost } from '../../report/text/hosts.ts'
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
import type { Hosts } from '../options/hosts.ts'
import type { AnalyzeOptions } from '../options/options.ts'
import { describeCaptures, endOf } from '../replay/describe-captures.ts'
import { FilteredSource } from '../replay/filtered-source.ts'
import { type InnerNetwork, InnerReplay, type InnerTrack, oneTable } from '../replay/inner-replay.ts'
import { namesFor } from '../replay/known-names.ts'
import { OwnerThread } from '../replay/owner-thread.ts'
import { replayedRules, rulesOver } from '../replay/rules-replay.ts'
import { isWorthAThread } from '../replay/scenario-thread.ts'
import { bridgeCallsOf, clockOffsets, correctionsOf, windowFor } from '../replay/sightings.ts'
import { enforcesMaximum, fragmentSettings } from '../replay/sysctls.ts'
import { replayTrials } from '../replay/trial-replay.ts'
import { reportsOf } from './by-host.ts'
import { DEAF, loadTable, makeEngine, warnOfDamage, withCaptures } from './line-replay.ts'

/**
 * Runs the command and resolves to whether the findings reach `--fail-on`.
 * @param hosts what is asked of each, one after the other
 * @param generator name and version of the program
 * @throws CaptureError, OutputError, Interrupted
 */
export async function analyze(hosts: Hosts<AnalyzeOptions>, io: Io, generator: string): Promise<boolean> {
  const reports = await reportsOf(hosts, options => analyzeHost(options, io, generator))
  // all but the files is the same for each
  const [{ failOn, ...options }] = hosts
  const joined = joinHosts(reports)
  if (options.format === 'markdown') await printMarkdown(joined.hosts, hosts, io)
  else await print(joined, options, io, generator)
  const tables = reports.flatMap(({ report }) => [report, ...report.tunnels])
  const findings = tables.flatMap(table => table.findings)
  return failOn !== null && findings.some(({ severity }) => isAtLeast(severity, failOn))
}

async function analyzeHost(options: AnalyzeOptions, io: Io, generator: string): Promise<Report> {
  const offsets = await clockOffsets(options.captures, options.replay)
  const { flows, host } = options
  const use = async (
    source: FrameSource,
    interrupt: Interrupt,
    output: OutputFile | null,
  ): Promise<Report> => {
    const window = windowFor(source, options.sysctls, options.replay, options)
    const flowsFile =
      flows === null || output === null ? null : new FlowsFile(output, flowsFormat(flows), host)
    const ownerThread = await ownerThreadFor(options, io)
    try {
      const progress = { quiet: options.quiet, ending: interrupt.ending }
      const replayed = await withProgress(source, io, progress, () =>
        replayAll(source, window, options, flowsFile, ownerThread),
      )
      interrupt.finish()
      const tryOut: TryOut = trials =>
        replayTrials(trials, framesOf(source), {
          ...options,
          corrections: correctionsOf(offsets),
          signal: interrupt.ending,
        })
      const report = await reportOf({ source, window, offsets, ...replayed }, options, generator, tryOut)
      await flowsFile?.commit()
      if (!options.quiet) warnOfDamage(source.captures, io.stderr)
      return report
    } catch (error) {
      throw await (ownerThread?.reasonOf(error) ?? error)
    } finally {
      await ownerThread?.close()
    }
  }
  return await withCaptures(options, io, use, { corrections: correctionsOf(offsets), output: flows })
}

function framesOf({ captures }: FrameSource): number {
  return captures.reduce((sum, { frames }) => sum + frames, 0)
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
  /** What other rules would change, or null. */
  changes: ChangedFates | null
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
): Promise<Pick<Replayed, 'analysis' | 'changes' | 'tunnels'>> {
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
  const others = otherRules(options, rules, source, window)
  const outer = others === null ? analysis : withChanges(analysis, others.changes)
  const outerEngines = [analysis.engine, ...(others === null ? [] : [others.engine])]
  const insides = new Map<string, Analysis>()
  const settings = fragmentSettings(sysctls)
  const inside = (name: string): InnerTrack => {
    const own = new Analysis({ ...common, points: new Points(source), isInside: hasOuterChecksum(name) })
    insides.set(name, own)
    return { engines: [own.engine], witness: own }
  }
  const { engines, witness } =
    tunnels === 'both'
      ? { engines: outerEngines, witness: new InnerReplay(outer, settings, inside) }
      : oneTable(outerEngines, outer, tunnels, settings)
  await replay(source, engines, new Defragmenter(settings), witness, window)
  if (options.knowledge !== null) settle(options.knowledge, points)
  const end = endOf(source)
  for (const each of [analysis, ...insides.values()]) each.finish(end)
  const networks = witness instanceof InnerReplay ? witness.networks : []
  return {
    analysis,
    changes: others?.changes ?? null,
    tunnels: networks.flatMap(network => {
      const own = insides.get(network.name)
      return own === undefined ? [] : [{ network, analysis: own }]
    }),
  }
}

/** Rules in the place of those that ran, with an engine of their own; null for none. */
function otherRules(
  { knowledge, after, sysctls, table }: AnalyzeOptions,
  before: ReplayedRules | null,
  source: FrameSource,
  window: SightingWindow | null,
): { engine: Engine; changes: ChangedFates } | null {
  if (knowledge === null || after === null || before === null || window === null) return null
  const rules = rulesOver(knowledge, after, sysctls, source, window, { isWhatIf: true })
  const engine = makeEngine(sysctls, DEAF, { knowledge, table }, rules)
  loadTable(engine, table)
  return { engine, changes: new ChangedFates(before, rules) }
}

/** Tells `changes` of each packet that both engines have tracked, too. */
function withChanges(analysis: Analysis, changes: ChangedFates): Witness {
  return {
    seen(packet, outcome, sightings): void {
      analysis.seen(packet, outcome, sightings)
      if (outcome === FRAME_TRACKED) changes.add(packet)
    },
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
  { source, window, offsets, analysis, changes, tunnels }: Replayed,
  { sort, sysctls, knowledge, rules, topology, kubernetes, names, tunnels: tunnelMode }: AnalyzeOptions,
  generator: string,
  tryOut: TryOut,
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
    objections: analysis.objections(),
    rules: analysis.rules,
    changes,
    sort,
    known: analysis.tableCheck,
    tunnelMode,
    names: namesFor({ knowledge, names }, source),
    commentOn: ({ capture, frame }) => source.captures[capture]?.packetComments.of(frame) ?? '',
    unkeptComments: source.captures.reduce((sum, { packetComments }) => sum + packetComments.unkept, 0),
    // what came out of a tunnel is not to be told by its ends from what did not
    ...(await trackedBy(analysis, end, tunnelMode === 'inner' ? undefined : tryOut)),
    tunnels: await Promise.all(
      tunnels.map(async ({ network, analysis: inside }) => ({
        ...network.described,
        tracked: await trackedBy(inside, end),
      })),
    ),
  })
}

async function trackedBy(analysis: Analysis, end: number, tryOut?: TryOut): Promise<Tracked> {
  const { verdicts, invalid, invalidFates, unreplied, midStream, twoLives, sizing, flows } = analysis
  return {
    verdicts,
    invalid,
    invalidFates,
    unreplied,
    midStream,
    twoLives,
    sizing,
    flows,
    ...(await analysis.conclude(end, tryOut)),
  }
}

async function print(
  joined: JoinedHosts,
  options: Pick<AnalyzeOptions, 'format' | 'quiet' | 'text'>,
  io: Io,
  generator: string,
): Promise<void> {
  if (options.format === 'json')
    return await writeText(io.stdout, renderJson(analyzeDocument(generator, joined)))
  if (options.quiet) return
  // it brings cli-table3 along, which JSON need not wait for
  const { renderHosts } = await import('../../report/analyze/text.ts')
  await writeText(io.stdout, renderHosts(joined, options.text))
}

/** Prints the reports for a ticket; the captures of those that have findings are read once more for its diagrams. */
async function printMarkdown(
  reports: readonly OfHost<Report>[],
  hosts: Hosts<AnalyzeOptions>,
  io: Io,
): Promise<void> {
  const { renderMarkdown } = await import('../../report/analyze/markdown.ts')
  const { packetStories } = await import('./packet-stories.ts')
  const told: OfHost<Told>[] = []
  for (const [i, { host, report }] of reports.entries()) {
    const options = hosts[i]
    const frames = report.findings.flatMap(finding => [
      ...finding.steps.flatMap(step => step.frames),
      ...finding.frames,
    ])
    const stories = options === undefined ? null : await packetStories(options, frames, io)
    told.push({ host, report: { report, stories } })
  }
  await writeText(io.stdout, renderMarkdown(told))
}
