// The flags of `ctpcap analyze`, validated.
import type { KnownTable } from '../../conntrack/known-entry.ts'
import type { Filter } from '../../filter/filter.ts'
import { type FindingId, SEVERITIES, type Severity } from '../../findings/facts/facts.ts'
import type { Knowledge } from '../../host/knowledge.ts'
import type { AddressNames } from '../../host/names/names.ts'
import type { Rules } from '../../host/rules/rules.ts'
import type { TextOptions } from '../../report/analyze/text.ts'
import { SORT_KEYS, type SortKey } from '../../sizing/flows.ts'
import { flowsFormat } from '../io/flows-file.ts'
import type { Io } from '../io/io.ts'
import { UsageError } from '../io/usage-error.ts'
import { filterOf } from '../replay/filtered-source.ts'
import type { Tunnels } from '../replay/inner-replay.ts'
import type { Replay } from '../replay/sightings.ts'
import type { Sysctls } from '../replay/sysctls.ts'
import { type FindingFlags, wantedFindings } from './finding-ids.ts'
import { helperOf } from './helper-option.ts'
import { type KnowledgeFlags, knowledgeOf, namesOf, rulesAfterOf } from './host-options.ts'
import type { HostPart } from './hosts.ts'
import { kernelAtHz, kernelNamed, kernelOfNode } from './kernel.ts'
import { DEFAULT_CORES, presetValues } from './preset.ts'
import { readText } from './side-file.ts'
import { readSysctls, withKernel } from './sysctl.ts'
import { type TableFlags, tableOf } from './table-file.ts'
import { zoneOf } from './time-zone.ts'

/** Flags as commander hands them over: texts, checked below. */
export interface AnalyzeFlags extends SysctlFlags, KnowledgeFlags, TableFlags, FindingFlags {
  filter?: string
  json?: boolean
  format?: string
  flows?: string
  top?: string
  sort?: string
  brief?: boolean
  details?: boolean
  tz: string
  rulesAfter: string[]
  names: string[]
  replay: Replay
  tunnels: Tunnels
  failOn?: string
  color: boolean
  quiet?: boolean
}

export interface AnalyzeOptions {
  /** Whose captures they are, `''` where nobody said. */
  host: string
  captures: string[]
  filter: Filter | null
  format: (typeof ANALYZE_FORMATS)[number]
  /** File for every flow, or null. */
  flows: string | null
  /** How many of the largest flows are shown. */
  top: number
  sort: SortKey
  /** Whether a packet that several interfaces show counts once. */
  replay: Replay
  sysctls: Sysctls
  /** Rules, topology and objects of the host; null where none were given. */
  knowledge: Knowledge | null
  /** Rules that might come in the place of the host's, or null. */
  after: Rules | null
  /** The files that it is from. */
  rules: string[]
  topology: string[]
  kubernetes: string[]
  /** Those of `--names`, by address. */
  names: AddressNames
  /** The table when the capture began, or null for an empty one. */
  table: KnownTable | null
  tunnels: Tunnels
  /** Which findings are told. */
  isWanted: (id: FindingId) => boolean
  /** Severity from which on findings make the exit code 1, or null. */
  failOn: Severity | null
  /** What the report for people looks like. */
  text: TextOptions
  /** No report for people, no warnings, no progress. */
  quiet: boolean
}

/** Forms of the report, the one for people first. */
export const ANALYZE_FORMATS = ['text', 'json', 'markdown'] as const

/** Columns of a report that goes to a file or a pipe, and the bounds of a terminal's. */
const PLAIN_WIDTH = 120
const LEAST_WIDTH = 60
const MOST_WIDTH = 160

/** The largest flows that are listed where nobody says how many. */
export const DEFAULT_TOP = 5

const MOST_CORES = 65_536

/** Beyond this the report is no longer the place: there is --flows. */
const MOST_TOP = 100_000

/** @throws UsageError for a value that no option takes */
export function analyzeOptions({ host, captures, flags }: HostPart<AnalyzeFlags>, io: Io): AnalyzeOptions {
  const flows = flags.flows ?? null
  if (flows !== null) flowsFormat(flows)
  const stderr = flags.quiet === true ? null : io.stderr
  const knowledge = knowledgeOf(flags, stderr, host)
  return {
    host,
    captures,
    filter: filterOf(flags),
    format: formatOf(flags),
    flows,
    top: flags.top === undefined ? DEFAULT_TOP : wholeNumber('--top', flags.top, MOST_TOP),
    sort: flags.sort === undefined ? SORT_KEYS[0] : oneOf('--sort', flags.sort, SORT_KEYS),
    replay: flags.replay,
    tunnels: flags.tunnels,
    sysctls: sysctlsOf(flags, knowledge),
    knowledge,
    after: rulesAfterOf(flags.rulesAfter, knowledge, flags, stderr),
    rules: flags.rules,
    topology: flags.topology,
    kubernetes: flags.kubernetes ?? [],
    names: namesOf(flags.names),
    table: tableOf(flags),
    isWanted: wantedFindings(flags),
    failOn: flags.failOn === undefined ? null : oneOf('--fail-on', flags.failOn, SEVERITIES),
    text: textOptions(flags, io),
    quiet: flags.quiet === true,
  }
}

/** @throws UsageError */
function textOptions(flags: AnalyzeFlags, io: Io): TextOptions {
  if (flags.brief === true && flags.details === true)
    throw new UsageError('--brief and --details: expected one of them')
  return {
    color: wantsColor(io, flags.color),
    width: widthOf(io),
    zone: zoneOf(flags.tz),
    extent: flags.brief === true ? 'brief' : flags.details === true ? 'full' : 'usual',
    showsFlows: flags.top !== undefined || flags.sort !== undefined,
    repeatsVerdict: io.stdout.isTTY === true && flags.brief !== true,
  }
}

/** `--json` is the older name of `--format json`. @throws UsageError */
function formatOf({ json, format }: AnalyzeFlags): AnalyzeOptions['format'] {
  if (json !== true) return format === undefined ? 'text' : oneOf('--format', format, ANALYZE_FORMATS)
  if (format !== undefined && format !== 'json')
    throw new UsageError(`--json and --format ${format}: expected one of them`)
  return 'json'
}

/** Flags that every command has for the sysctls of its replay. */
export interface SysctlFlags {
  set: string[]
  sysctl: string[]
  preset?: string
  cores?: string
  kernel?: string
  hz?: string
  /** Absent of commands that replay nothing. */
  helper?: string[]
}

/**
 * The sysctls of `--preset NAME`, `--sysctl FILE` and `--set name=value`, under the kernel of `--kernel`.
 * @param knowledge may tell which kernel the node runs
 * @throws UsageError
 */
export function sysctlsOf(flags: SysctlFlags, knowledge: Knowledge | null = null): Sysctls {
  const preset = flags.preset === undefined ? {} : presetValues('--preset', flags.preset, coresOf(flags))
  const kernel = flags.kernel === undefined ? null : kernelNamed('--kernel', flags.kernel, 'option')
  const files = flags.sysctl.map(path => ({ path, text: readText('--sysctl', path) }))
  const sysctls = readSysctls(files, flags.set, preset, kernel, kernelOfNode(knowledge))
  sysctls.settings.helpers = [...(flags.helper ?? []).map(helperOf), ...sysctls.settings.helpers]
  return withKernel(sysctls, kernelAtHz(sysctls.settings.kernel, flags.hz))
}

/** @throws UsageError */
export function coresOf({ cores }: SysctlFlags): number {
  return cores === undefined ? DEFAULT_CORES : wholeNumber('--cores', cores, MOST_CORES, 1)
}

/** Whether stdout takes colours: a terminal, unless `--no-color`, NO_COLOR (no-color.org) or TERM=dumb says no. */
export function wantsColor(io: Io, flag: boolean): boolean {
  const { NO_COLOR, TERM } = io.env
  return flag && (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb' && io.stdout.isTTY === true
}

/** Columns of the terminal within reason, or what suits a file; a terminal that does not know its own says 0. */
export function widthOf(io: Io): number {
  const { columns } = io.stdout
  return columns === undefined || columns === 0
    ? PLAIN_WIDTH
    : Math.min(Math.max(columns, LEAST_WIDTH), MOST_WIDTH)
}

/** One of `choices`. @throws UsageError */
export function oneOf<T extends string>(option: string, value: string, choices: readonly T[]): T {
  const choice = choices.find(known => known === value)
  if (choice === undefined) throw new UsageError(`${option} ${value}: expected ${choices.join(', ')}`)
  return choice
}

function wholeNumber(option: string, value: string, most: number, least = 0): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (!(number >= least && number <= most)) {
    throw new UsageError(`${option} ${value}: expected a whole number from ${least} to ${most}`)
  }
  return number
}
