// Captures opened for a command, and what packets and events have in common: a replay, by frames or sightings, into one engine, lines going out meanwhile.
import type { Writable } from 'node:stream'
import type { CaptureFile, FrameSource } from '../../capture/frame.ts'
import { openCaptures } from '../../capture/open/open.ts'
import type { Engine } from '../../conntrack/engine.ts'
import type { Observer } from '../../conntrack/events.ts'
import { KnownEngine } from '../../conntrack/known-engine.ts'
import type { KnownTable } from '../../conntrack/known-entry.ts'
import type { Filter } from '../../filter/filter.ts'
import type { Knowledge } from '../../host/knowledge.ts'
import { untrackedBy } from '../../host/untracked.ts'
import type { ReplayedRules } from '../../host/walk/replayed-rules.ts'
import { Defragmenter } from '../../packet/defrag/fragments.ts'
import { replay, type Witness } from '../../replay.ts'
import type { Ascii } from '../../report/text/ascii.ts'
import { printable } from '../../report/text/format.ts'
import { hostHeading } from '../../report/text/hosts.ts'
import { Refusals } from '../../sizing/refusals/refusals.ts'
import { engineFor } from '../../sizing/scenarios/sparing-engine.ts'
import type { SightingWindow } from '../../vantage/window.ts'
import { Interrupt } from '../io/interrupt.ts'
import type { Io } from '../io/io.ts'
import { LineOutput } from '../io/line-output.ts'
import { openOutput } from '../io/open-output.ts'
import type { OutputFile } from '../io/output-file.ts'
import { withProgress } from '../io/progress.ts'
import type { HostPlace } from '../options/hosts.ts'
import { DECODABLE } from '../replay/decodable.ts'
import { FilteredSource } from '../replay/filtered-source.ts'
import { type OneTableTunnels, oneTable } from '../replay/inner-replay.ts'
import { PacedSource } from '../replay/paced-source.ts'
import { replayedRules } from '../replay/rules-replay.ts'
import { clockCorrections, type Replay, windowFor } from '../replay/sightings.ts'
import { enforcesMaximum, fragmentSettings, type Sysctls } from '../replay/sysctls.ts'

/** Prints what it hears; `start` comes before the first frame. */
export interface Printer extends Observer, Witness {
  /** @param rules those that the packets are replayed through; null for none */
  start(engine: Engine, source: FrameSource, output: LineOutput, rules: ReplayedRules | null): void
}

/** What a replay reads. */
export interface Selection {
  captures: readonly string[]
  /** Frames it does not select are passed over; null selects all. */
  filter: Filter | null
}

/** What is replayed, and how. */
export interface LineReplay extends Selection {
  sysctls: Sysctls
  /** The table when the capture began, or null for an empty one. */
  table: KnownTable | null
  replay: Replay
  tunnels: OneTableTunnels
  /** What was given of the host: packets are replayed through its rules. */
  knowledge: Knowledge | null
  /** Whose captures they are, among those of other hosts. */
  place: HostPlace
}

/**
 * Replays the captures into one engine for `printer`, with back-pressure, until their end or until nobody reads on.
 * @throws CaptureError, Interrupted
 */
export async function replayLines(options: LineReplay, printer: Printer, io: Io): Promise<void> {
  const { sysctls, tunnels } = options
  const use = async (source: FrameSource, interrupt: Interrupt): Promise<void> => {
    const output = new LineOutput(io.stdout)
    const paced = new PacedSource(source, output)
    const window = windowFor(paced, sysctls, options.replay, options)
    const { engine, rules } = ruledEngine(options, printer, source, window)
    printer.start(engine, source, output, rules)
    loadTable(engine, options.table)
    const settings = fragmentSettings(sysctls)
    const fragments = new Defragmenter(settings)
    const { engines, witness } = oneTable([engine], printer, tunnels, settings)
    // on a terminal the lines themselves show how far it is
    const progress = { quiet: io.stdout.isTTY === true, ending: interrupt.ending }
    await withProgress(source, io, progress, () => replay(paced, engines, fragments, witness, window))
    interrupt.finish()
    await output.end()
    warnOfDamage(source.captures, io.stderr)
  }
  const corrections = await clockCorrections(options.captures, options.replay, io)
  await withCaptures(options, io, use, { corrections })
}

/** Appends the line over what is told of a host, where one was named; nothing where none was. */
export function writeHeading(out: Ascii, { host, isFirst }: HostPlace): void {
  if (host !== '') out.text(`${isFirst ? '' : '\n'}${hostHeading(host)}\n`)
}

/** How captures are opened, beside what they are. */
export interface Opening {
  /** Nanoseconds to add to the stamps of each. */
  corrections?: readonly number[]
  /** A file to write beside standard output, or null. */
  output?: string | null
}

/**
 * Opens captures and an output for `use`, which a signal can break off, and closes the captures behind it; an output
 * that was not committed is discarded.
 * @throws CaptureError, OutputError, Interrupted
 */
export async function withCaptures<T>(
  { captures, filter }: Selection,
  io: Io,
  use: (source: FrameSource, interrupt: Interrupt, output: OutputFile | null) => Promise<T>,
  { corrections = [], output = null }: Opening = {},
): Promise<T> {
  const interrupt = new Interrupt(io)
  const { ending } = interrupt
  let source: FrameSource | null = null
  let file: OutputFile | null = null
  try {
    source = await openCaptures(captures, { ...DECODABLE, signal: ending, corrections })
    if (output !== null) {
      file = await openOutput(output, ending)
      source = new PacedSource(source, file)
    }
    if (filter !== null) source = new FilteredSource(source, filter)
    const opened = source
    interrupt.watch(opened)
    return await interrupt.unlessEnded(() => use(opened, interrupt, file))
  } finally {
    file?.discard()
    await source?.close()
    interrupt.stop()
  }
}

/** Hears of no event. */
export const DEAF: Observer = {
  created: () => {},
  updated: () => {},
  reclassified: () => {},
  expired: () => {},
  destroyed: () => {},
}

/** An engine for a source and the window before it, and the rules of the host that its packets are replayed through; null for none. */
export function ruledEngine(
  options: Pick<LineReplay, 'sysctls' | 'knowledge' | 'table' | 'tunnels'>,
  observer: Observer,
  source: FrameSource,
  window: SightingWindow | null,
): { engine: Engine; rules: ReplayedRules | null } {
  const { sysctls, knowledge, tunnels } = options
  // what comes out of a tunnel passes other hooks
  const rules = tunnels === 'inner' ? null : replayedRules(knowledge, sysctls, source, window)
  return { engine: makeEngine(sysctls, observer, options, rules), rules }
}

/** An engine as the sysctls want it; the maximum is enforced when it was given. */
export function makeEngine(
  sysctls: Sysctls,
  observer: Observer,
  { knowledge, table }: Pick<LineReplay, 'knowledge' | 'table'>,
  rules: ReplayedRules | null = null,
): Engine {
  const refusals = enforcesMaximum(sysctls) ? new Refusals(sysctls.settings) : null
  // rules that are replayed know of NOTRACK
  const untracked = rules === null ? untrackedBy(knowledge) : null
  const settings = { ...sysctls.settings, networks: knowledge?.networks ?? [] }
  return engineFor(settings, observer, refusals, untracked, table !== null, rules)
}

/** Puts the entries of `table` into an engine that was made for it; its observer hears of them. */
export function loadTable(engine: Engine, table: KnownTable | null): void {
  if (table !== null && engine instanceof KnownEngine) engine.load(table.entries)
}

/** Says what was wrong with the captures, a line each. */
export function warnOfDamage(captures: readonly CaptureFile[], stderr: Writable): void {
  for (const { path, damage } of captures) {
    for (const { offset, message } of damage) {
      stderr.write(`ctpcap: warning: ${printable(path)}: byte ${offset}: ${message}\n`)
    }
  }
}
