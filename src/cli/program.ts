// Commands, flags and help texts; the only file that knows commander.

import { existsSync } from 'node:fs'
import { Command, Help, Option } from 'commander'
import { SEVERITIES } from '../findings/facts/facts.ts'
import { Names } from '../host/names/names.ts'
import { mapNonEmpty } from '../net/non-empty.ts'
import { VERDICT_STATES } from '../report/conntrack/packet.ts'
import { WallClock } from '../report/text/wall-clock.ts'
import { SORT_KEYS } from '../sizing/flows.ts'
import { programVersion } from '../version.ts'
import { analyze } from './commands/analyze.ts'
import { EVENT_FORMATS, printEvents } from './commands/events.ts'
import { printInfo } from './commands/info.ts'
import type { LineReplay } from './commands/line-replay.ts'
import { LIST_FORMATS, printList } from './commands/list.ts'
import { PACKET_FORMATS, parseStates, printPackets } from './commands/packets.ts'
import { printRules, RULES_FORMATS } from './commands/rules.ts'
import { type SizeFlags, size, sizeOptions } from './commands/size.ts'
import type { Io, Output } from './io/io.ts'
import { SERIES_HELP } from './io/series-file.ts'
import { shortened, UsageError } from './io/usage-error.ts'
import { refuseClashes } from './options/file-clashes.ts'
import { ONLY_HELP, WITHOUT_HELP } from './options/finding-ids.ts'
import { HELPER_HELP } from './options/helper-option.ts'
import {
  type KnowledgeFlags,
  KUBERNETES_HELP,
  KUBERNETES_NAMES_HELP,
  knowledgeOf,
  LINE_RULES_HELP,
  NAMES_HELP,
  type NamesFlags,
  namesOf,
  RULES_AFTER_HELP,
  RULES_HELP,
  RULES_OF_HELP,
  RULES_TOPOLOGY_HELP,
  rulesAfterOf,
  SIZE_RULES_AFTER_HELP,
  SIZE_RULES_HELP,
  TOPOLOGY_HELP,
} from './options/host-options.ts'
import { CAPTURES_HELP, type HostPart, type Hosts, hostParts, SIDE_FILES_HELP } from './options/hosts.ts'
import { AT_HELP, parseInstant } from './options/instant.ts'
import { HZ_HELP, KERNEL_HELP } from './options/kernel.ts'
import { namedFiles } from './options/named-files.ts'
import { type NamespaceFlags, withNamespaces } from './options/namespaces.ts'
import { nearest } from './options/nearest.ts'
import {
  ANALYZE_FORMATS,
  type AnalyzeFlags,
  analyzeOptions,
  DEFAULT_TOP,
  oneOf,
  type SysctlFlags,
  sysctlsOf,
  wantsColor,
  widthOf,
} from './options/options.ts'
import { CORES_HELP, PRESET_HELP, PRESET_LIST } from './options/preset.ts'
import { SET_HELP, SYSCTL_HELP } from './options/sysctl.ts'
import { TABLE_HELP, type TableFlags, tableOf } from './options/table-file.ts'
import { DEFAULT_TZ, TZ_HELP, zoneOf } from './options/time-zone.ts'
import { NOTRACK_HELP, PRESETS_HELP, SCENARIO_HELP, SWEEP_HELP } from './options/what-if-options.ts'
import { FILTER_HELP, filterOf } from './replay/filtered-source.ts'
import {
  ONE_TABLE_TUNNELS,
  ONE_TABLE_TUNNELS_HELP,
  type OneTableTunnels,
  TUNNELS,
  TUNNELS_HELP,
} from './replay/inner-replay.ts'
import { REPLAY_HELP, REPLAYS, type Replay } from './replay/sightings.ts'

const EXAMPLES = `
Examples:
  ctpcap capture.pcap                                  the same as: ctpcap analyze capture.pcap
  tcpdump -i any -w - | ctpcap analyze -               live; Ctrl-C shows what was seen so far
  ctpcap analyze node.pcap --set nf_conntrack_max=65536 --fail-on error
  ctpcap analyze node.pcap --flows flows.csv --json >report.json
  ctpcap list nodeA=a.pcap nodeB=b.pcap --rules nodeA=a.rules --rules nodeB=b.rules

Exit codes: 0 analysed, 1 findings at or above --fail-on, 2 wrong usage, or input or
output that fails, 128 + n ended by signal n.
`

/**
 * The program with its commands. Parsing runs one; `finish` is told its exit code, and `print` what commander has to
 * say: help, the version, what is wrong with the arguments.
 * What the command throws comes out of parseAsync(), and a CommanderError behind what was printed.
 */
export function createProgram(
  io: Io,
  finish: (exitCode: number) => void,
  print: (stream: Output, text: string) => void,
): Command {
  const program = new Command('ctpcap')
    .description(
      'Replays packet captures through a model of Linux nf_conntrack, and reports what it did to them.',
    )
    .version(programVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', EXAMPLES + SIDE_FILES_HELP)
    // the default of an option that may be repeated is no news
    .configureHelp({
      optionDescription: option => new Help().optionDescription(option).replace(' (default: [])', ''),
    })
    .configureOutput({
      writeOut: text => print(io.stdout, text),
      writeErr: text => print(io.stderr, text),
      outputError: (text, write) => write(`ctpcap: ${shortened(text.replace(/^error: /, ''))}`),
    })
    .showHelpAfterError('ctpcap --help tells more')
    .exitOverride()
    .hook('preAction', (_program, command) => {
      refuseUnknownCommand(capturesOf(command), program.commands)
      refuseClashes(namedFiles(capturesOf(command), command.opts()), io.descriptors)
    })
  addAnalyze(program, io, finish)
  addPackets(program, io)
  addEvents(program, io)
  addList(program, io)
  addSize(program, io)
  addRules(program, io)
  addInfo(program, io)
  addExplain(program, io)
  return program
}

/** The default command takes a command that it does not know for a capture. @throws UsageError for one that is nearly known */
function refuseUnknownCommand([first = '']: readonly string[], commands: readonly Command[]): void {
  const name = nearest(
    first,
    commands.map(command => command.name()),
  )
  if (name !== '' && name !== first && !existsSync(first))
    throw new UsageError(`${first}: no such command or file; did you mean ${name}?`)
}

function addAnalyze(program: Command, io: Io, finish: (exitCode: number) => void): void {
  const command = program
    .command('analyze', { isDefault: true })
    .description('replay captures and print the report: the verdict first, then flows, the table, the limits')
    .argument('<capture...>', CAPTURES_HELP)
  command
    .optionsGroup(READ)
    .option('--filter <expr>', FILTER_HELP)
    .addOption(replayOption(REPLAYS))
    .addOption(tunnelsOption(TUNNELS, TUNNELS_HELP))
    .option('--table <file>', TABLE_HELP, collect, [])
  addNodeOptions(command, FULL_HELP)
  command
    .option('--rules <file>', RULES_HELP, collect, [])
    .option('--rules-after <file>', RULES_AFTER_HELP, collect, [])
    .option('--topology <file>', TOPOLOGY_HELP, collect, [])
    .option('--kubernetes <file>', KUBERNETES_HELP, collect, [])
    .option('--names <file>', NAMES_HELP, collect, [])
    .optionsGroup(PRINTED)
    .option('--brief', 'print the verdict alone')
    .option('--details', 'print all details: the largest flows, who holds the table, each point')
    .option('--json', 'print the report as one JSON document (docs/report-schema.md)')
    .option(
      '--format <format>',
      `${ANALYZE_FORMATS.join(', ')}: for people, as --json, for a ticket with diagrams`,
    )
    .option('--only <ids>', ONLY_HELP)
    .option('--without <ids>', WITHOUT_HELP)
    .option('--flows <file>', 'write every flow as it ends to FILE, named .ndjson or .csv')
    .option('--top <n>', `how many of the largest flows to list (default: ${DEFAULT_TOP}, with --details)`)
    .option(
      '--sort <key>',
      `what the largest flows are largest in: ${SORT_KEYS.join(', ')} (default: ${SORT_KEYS[0]})`,
    )
    .option('--tz <zone>', TZ_HELP, DEFAULT_TZ)
    .option('--fail-on <severity>', `exit with 1 if a finding is that grave: ${SEVERITIES.join(', ')}`)
    .option('--no-color', NO_COLOR_HELP)
    .option('-q, --quiet', 'print no report (but --json, --format and --flows), warnings or progress')
    .action(async (captures: string[], flags: AnalyzeFlags) => {
      const hosts = mapNonEmpty(await partsOf(captures, flags, io), part => analyzeOptions(part, io))
      const failed = await analyze(hosts, io, programVersion())
      finish(failed ? 1 : 0)
    })
}

/** A command line for each host or network namespace that it or the topology names. @throws UsageError */
async function partsOf<F extends NamespaceFlags>(
  captures: readonly string[],
  flags: F,
  io: Io,
): Promise<Hosts<HostPart<F>>> {
  const named = await withNamespaces(captures, flags, io)
  return hostParts(named.captures, named.flags)
}

/** Headings of the options in a command's help. */
const READ = 'What to read:'
const NODE = 'What the node is:'
const PRINTED = 'What to print:'

const NO_COLOR_HELP = 'print no colours; so does NO_COLOR, and output that is not a terminal'

/** What is said of the options that commands share: in full at `analyze`, in short elsewhere. */
const FULL_HELP = {
  set: SET_HELP,
  sysctl: SYSCTL_HELP,
  kernel: KERNEL_HELP,
  hz: HZ_HELP,
  helper: HELPER_HELP,
  preset: PRESET_HELP,
  cores: CORES_HELP,
}
const SHORT_HELP: typeof FULL_HELP = {
  set: 'a sysctl of net.netfilter, repeatable: tcp_loose=0',
  sysctl: "the node's sysctls: the output of `sysctl -a`",
  kernel: "the node's kernel: a version, or what `uname -r` prints",
  hz: 'jiffies a second of that kernel (CONFIG_HZ)',
  helper: 'a conntrack helper that rules of the node assign, repeatable: ftp, tftp:6969',
  preset: 'sysctls by the name of a system or cloud: kube-proxy, aws',
  cores: 'cores of the node, for presets that depend on them',
}

/** Under the help of every command that says them in short. */
const SHARED_OPTIONS = `
\`ctpcap help analyze\` explains the options about the node in full.
`

/** What the node is, as far as its sysctls go. @param sort what a command can make use of */
function addNodeOptions(
  command: Command,
  told: typeof FULL_HELP,
  sort = { kernel: true, helper: true },
): void {
  command
    .optionsGroup(NODE)
    .option('--sysctl <file>', told.sysctl, collect, [])
    .option('--set <name=value>', told.set, collect, [])
  if (sort.kernel) command.option('--kernel <version>', told.kernel).option('--hz <n>', told.hz)
  if (sort.helper) command.option('--helper <name>', told.helper, collect, [])
  command.option('--preset <name>', told.preset).option('--cores <n>', told.cores)
  if (told !== FULL_HELP) command.addHelpText('after', SHARED_OPTIONS)
}

/** What addresses are called, of commands that do not hold flows against objects. */
function addNameOptions(command: Command): Command {
  return command
    .option('--kubernetes <file>', KUBERNETES_NAMES_HELP, collect, [])
    .option('--names <file>', NAMES_HELP, collect, [])
}

/** Flags of the commands that print a line for a frame, an event or an entry. */
interface LineFlags extends SysctlFlags, KnowledgeFlags, TableFlags {
  filter?: string
  replay: Replay
  tunnels: OneTableTunnels
  format: string
}

/** What those commands replay of one host. @throws UsageError */
function lineOptions({ captures, flags, ...place }: HostPart<LineFlags>, io: Io): LineReplay {
  const knowledge = knowledgeOf(flags, io.stderr, place.host)
  return {
    place,
    captures,
    filter: filterOf(flags),
    sysctls: sysctlsOf(flags, knowledge),
    table: tableOf(flags),
    replay: flags.replay,
    tunnels: flags.tunnels,
    knowledge,
  }
}

function addPackets(program: Command, io: Io): void {
  const command = addLineCommand(
    program,
    'packets',
    'print what conntrack made of each packet, a line each',
    PACKET_FORMATS,
  )
  addNameOptions(command.optionsGroup(NODE))
    .optionsGroup(PRINTED)
    .option('--only <states>', `show frames of these states alone, by commas: ${VERDICT_STATES.join(', ')}`)
    .option('--no-color', NO_COLOR_HELP)
    .action(async (captures: string[], flags: LineFlags & NamesFlags & { only?: string; color: boolean }) => {
      const format = oneOf('--format', flags.format, PACKET_FORMATS)
      const only = flags.only === undefined ? null : parseStates(flags.only)
      const color = wantsColor(io, flags.color)
      const hosts = mapNonEmpty(await partsOf(captures, flags, io), part => {
        const options = lineOptions(part, io)
        // those of a pcapng may come behind the packets that they would stand in
        const names = new Names(options.knowledge?.cluster ?? null, [namesOf(part.flags.names)])
        return { ...options, format, only, color, names }
      })
      for (const options of hosts) await printPackets(options, io)
    })
}

function addEvents(program: Command, io: Io): void {
  const summary = 'print the events that `conntrack -E -o timestamp` would have printed, in capture time'
  addLineCommand(program, 'events', summary, EVENT_FORMATS)
    .option('--expect', 'events of expectations instead, as `conntrack -E expect -o timestamp` prints them')
    .action(async (captures: string[], flags: LineFlags & { expect?: boolean }) => {
      const format = oneOf('--format', flags.format, EVENT_FORMATS)
      const asked = { format, ofExpectations: flags.expect === true }
      const hosts = mapNonEmpty(await partsOf(captures, flags, io), part => ({
        ...lineOptions(part, io),
        ...asked,
      }))
      for (const options of hosts) await printEvents(options, io)
    })
}

function addList(program: Command, io: Io): void {
  addLineCommand(program, 'list', 'print the table as `conntrack -L` would have shown it', LIST_FORMATS)
    .option('--at <instant>', AT_HELP, 'end')
    .option('--tz <zone>', TZ_HELP, DEFAULT_TZ)
    .action(async (captures: string[], flags: LineFlags & { at: string; tz: string }) => {
      const format = oneOf('--format', flags.format, LIST_FORMATS)
      const clock = new WallClock(zoneOf(flags.tz))
      const at = parseInstant(flags.at, clock)
      const program = programVersion()
      const hosts = mapNonEmpty(await partsOf(captures, flags, io), part => ({
        ...lineOptions(part, io),
        format,
        at,
        clock,
        program,
      }))
      for (const options of hosts) await printList(options, io)
    })
}

function addSize(program: Command, io: Io): void {
  const command = program
    .command('size')
    .description('print how large the table must be, and would be with other sysctls: scenarios side by side')
    .argument('<capture...>', CAPTURES_HELP)
  addReadOptions(command)
  addNodeOptions(command, SHORT_HELP)
  command
    .option('--rules <file>', SIZE_RULES_HELP, collect, [])
    .option('--topology <file>', RULES_TOPOLOGY_HELP, collect, [])
  addNameOptions(command)
    .optionsGroup('What to compare:')
    .option('--scenario <list>', SCENARIO_HELP, collect, [])
    .option('--sweep <range>', SWEEP_HELP, collect, [])
    .option('--presets <names>', PRESETS_HELP)
    .option('--notrack <filter>', NOTRACK_HELP, collect, [])
    .option('--rules-after <file>', SIZE_RULES_AFTER_HELP, collect, [])
    .optionsGroup(PRINTED)
    .option('--json', 'print the report as one JSON document (docs/size-schema.md)')
    .option('--series <file>', SERIES_HELP)
    .option('--every <seconds>', 'time between two samples of --series', '1')
    .option('--ascii', 'draw the chart in ASCII')
    .option('--tz <zone>', TZ_HELP, DEFAULT_TZ)
    .option('--no-color', NO_COLOR_HELP)
    .option('-q, --quiet', 'print no report (but --json and --series), warnings or progress')
    .addHelpText('after', PRESET_LIST)
    .action(async (captures: string[], flags: SizeFlags) => {
      const hosts = mapNonEmpty(await partsOf(captures, flags, io), part => sizeOptions(part, io))
      await size(hosts, io, programVersion())
    })
}

interface RulesFlags extends SysctlFlags, KnowledgeFlags, NamesFlags {
  rulesAfter: string[]
  filter?: string
  format: string
  color: boolean
  quiet?: boolean
}

function addRules(program: Command, io: Io): void {
  const command = program
    .command('rules')
    .description('print what each rule of the host met and dropped: packets and bytes, as its counters show')
    .argument('<capture...>', CAPTURES_HELP)
  command.optionsGroup(READ).option('--filter <expr>', FILTER_HELP)
  addNodeOptions(command, SHORT_HELP, { kernel: false, helper: false })
  command
    .option('--rules <file>', RULES_OF_HELP, collect, [])
    .option('--topology <file>', RULES_TOPOLOGY_HELP, collect, [])
    .option('--rules-after <file>', RULES_AFTER_HELP, collect, [])
  addNameOptions(command)
    .optionsGroup(PRINTED)
    .option('--format <format>', RULES_FORMATS.join(', '), RULES_FORMATS[0])
    .option('--no-color', NO_COLOR_HELP)
    .option('-q, --quiet', 'print no warnings and no progress')
    .action(async (captures: string[], all: RulesFlags) => {
      const quiet = all.quiet === true
      const common = {
        filter: filterOf(all),
        format: oneOf('--format', all.format, RULES_FORMATS),
        color: wantsColor(io, all.color),
        width: widthOf(io),
        quiet,
      }
      const hosts = mapNonEmpty(await partsOf(captures, all, io), ({ host, captures, flags }) => {
        const knowledge = knowledgeOf(flags, quiet ? null : io.stderr, host)
        const shown = { replay: 'auto', tunnels: 'outer' } as const
        const after = rulesAfterOf(flags.rulesAfter, knowledge, shown, quiet ? null : io.stderr)
        const names = namesOf(flags.names)
        return { ...common, host, captures, sysctls: sysctlsOf(flags, knowledge), knowledge, names, after }
      })
      await printRules(hosts, io, programVersion())
    })
}

interface InfoFlags extends SysctlFlags {
  json?: boolean
  tz: string
  filter?: string
  color: boolean
}

function addInfo(program: Command, io: Io): void {
  const command = program
    .command('info')
    .description(
      'print what captures are: format, times, observation points, protocols, tunnels, clock oddities',
    )
    .argument('<capture...>', CAPTURES_HELP)
  command.optionsGroup(READ).option('--filter <expr>', FILTER_HELP)
  addNodeOptions(command, SHORT_HELP, { kernel: true, helper: false })
  command
    .optionsGroup(PRINTED)
    .option('--json', 'print it as one JSON document (docs/info-schema.md)')
    .option('--tz <zone>', TZ_HELP, DEFAULT_TZ)
    .option('--no-color', NO_COLOR_HELP)
    .action(async (captures: string[], all: InfoFlags) => {
      const common = {
        filter: filterOf(all),
        json: all.json === true,
        color: wantsColor(io, all.color),
        width: widthOf(io),
        zone: zoneOf(all.tz),
      }
      const hosts = mapNonEmpty(hostParts(captures, all), ({ host, captures, flags }) => ({
        ...common,
        host,
        captures,
        sysctls: sysctlsOf(flags),
      }))
      await printInfo(hosts, io, programVersion())
    })
}

/** A command that prints a line for a frame, an event or an entry; options that follow are about what it prints. */
function addLineCommand(
  program: Command,
  name: string,
  summary: string,
  formats: readonly string[],
): Command {
  const command = program.command(name).description(summary).argument('<capture...>', CAPTURES_HELP)
  addReadOptions(command)
  addNodeOptions(command, SHORT_HELP)
  return command
    .option('--rules <file>', LINE_RULES_HELP, collect, [])
    .option('--topology <file>', RULES_TOPOLOGY_HELP, collect, [])
    .optionsGroup(PRINTED)
    .option('--format <format>', formats.join(', '), formats[0])
}

/** What is read, of commands that show one table. */
function addReadOptions(command: Command): void {
  command
    .optionsGroup(READ)
    .option('--filter <expr>', FILTER_HELP)
    .addOption(replayOption(REPLAYS))
    .addOption(tunnelsOption(ONE_TABLE_TUNNELS, ONE_TABLE_TUNNELS_HELP))
    .option('--table <file>', TABLE_HELP, collect, [])
}

/** The first of the ways is the default. */
function replayOption(ways: readonly Replay[]): Option {
  const help = ways.map(way => `${way}: ${REPLAY_HELP[way]}`).join('; ')
  return new Option('--replay <how>', help).choices(ways).default(ways[0])
}

function tunnelsOption(choices: readonly string[], help: string): Option {
  return new Option('--tunnels <which>', help).choices(choices).default(choices[0])
}

function collect(value: string, before: string[]): string[] {
  return [...before, value]
}

function addExplain(program: Command, io: Io): void {
  program
    .command('explain')
    .description('explain a finding, what conntrack logs of a packet, or a sysctl; alone, list what there is')
    .argument(
      '[name...]',
      "an id (asymmetric-same-bridge-return), a text ('SEQ is over upper bound'), or a sysctl",
    )
    .option('--no-color', NO_COLOR_HELP)
    .action(async (words: string[], flags: { color: boolean }) => {
      // its texts are read only when it runs
      const { printExplanation } = await import('./commands/explain.ts')
      await printExplanation(words, flags, io)
    })
}

/** The captures that a command was given; `explain` takes none. */
function capturesOf(command: Command): string[] {
  return command.name() === 'explain' ? [] : (command.processedArgs[0] as string[])
}
