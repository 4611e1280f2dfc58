// Commands, flags and help texts; the only file that knows commander.

import { Command, Help, Option } from 'commander'
import { SEVERITIES } from '../findings/facts/facts.ts'
import { mapNonEmpty } from '../net/non-empty.ts'
import { VERDICT_STATES } from '../report/conntrack/packet.ts'
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
import { shortened } from './io/usage-error.ts'
import { refuseClashes } from './options/file-clashes.ts'
import { ONLY_HELP, WITHOUT_HELP } from './options/finding-ids.ts'
import { HELPER_HELP } from './options/helper-option.ts'
import {
  type KnowledgeFlags,
  KUBERNETES_HELP,
  knowledgeOf,
  LINE_RULES_HELP,
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
import {
  type AnalyzeFlags,
  analyzeOptions,
  oneOf,
  type SysctlFlags,
  sysctlsOf,
  wantsColor,
  widthOf,
} from './options/options.ts'
import { CORES_HELP, PRESET_HELP, PRESET_LIST } from './options/preset.ts'
import { SET_HELP, SYSCTL_HELP } from './options/sysctl.ts'
import { TABLE_HELP, type TableFlags, tableOf } from './options/table-file.ts'
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
    // that nothing is given unless it is given need not be said
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
      refuseClashes(namedFiles(command.processedArgs[0] as string[], command.opts()), io.descriptors)
    })
  addAnalyze(program, io, finish)
  addPackets(program, io)
  addEvents(program, io)
  addList(program, io)
  addSize(program, io)
  addRules(program, io)
  addInfo(program, io)
  return program
}

function addAnalyze(program: Command, io: Io, finish: (exitCode: number) => void): void {
  program
    .command('analyze', { isDefault: true })
    .description('replay captures and print the report: verdict, flows, the table, what cannot be known')
    .argument('<capture...>', CAPTURES_HELP)
    .option('--json', 'print the report as one JSON document (docs/report-schema.md)')
    .option('--flows <file>', 'write every flow as it ends to FILE, named .ndjson or .csv')
    .option('--top <n>', 'how many of the largest flows to show', '5')
    .option('--sort <key>', `what the largest flows are largest in: ${SORT_KEYS.join(', ')}`, 'bytes')
    .option('--filter <expr>', FILTER_HELP)
    .option('--set <name=value>', SET_HELP, collect, [])
    .option('--sysctl <file>', SYSCTL_HELP, collect, [])
    .option('--kernel <version>', KERNEL_HELP)
    .option('--hz <n>', HZ_HELP)
    .option('--helper <name>', HELPER_HELP, collect, [])
    .option('--table <file>', TABLE_HELP, collect, [])
    .option('--preset <name>', PRESET_HELP)
    .option('--cores <n>', CORES_HELP)
    .option('--rules <file>', RULES_HELP, collect, [])
    .option('--rules-after <file>', RULES_AFTER_HELP, collect, [])
    .option('--topology <file>', TOPOLOGY_HELP, collect, [])
    .option('--kubernetes <file>', KUBERNETES_HELP, collect, [])
    .addOption(replayOption(REPLAYS))
    .addOption(tunnelsOption(TUNNELS, TUNNELS_HELP))
    .option('--only <ids>', ONLY_HELP)
    .option('--without <ids>', WITHOUT_HELP)
    .option('--fail-on <severity>', `exit with 1 if a finding is that grave: ${SEVERITIES.join(', ')}`)
    .option('--no-color', 'no colours; also by NO_COLOR, and when stdout is no terminal')
    .option(
      '-q, --quiet',
      'no report (but --json and --flows), no warnings, no progress: errors and the exit code',
    )
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

/** Flags of the commands that print a line for a frame, an event or an entry. */
interface LineFlags extends SysctlFlags, KnowledgeFlags, TableFlags {
  filter?: string
  replay: Replay
  tunnels: OneTableTunnels
  format: string
}

/** What those commands replay of one host. @throws UsageError */
function lineOptions({ captures, flags, ...place }: HostPart<LineFlags>, io: Io): LineReplay {
  return {
    place,
    captures,
    filter: filterOf(flags),
    sysctls: sysctlsOf(flags),
    table: tableOf(flags),
    replay: flags.replay,
    tunnels: flags.tunnels,
    knowledge: knowledgeOf(flags, io.stderr, place.host),
  }
}

function addPackets(program: Command, io: Io): void {
  addLineCommand(program, 'packets', 'print what conntrack made of each packet, a line each', PACKET_FORMATS)
    .addOption(replayOption(REPLAYS))
    .addOption(tunnelsOption(ONE_TABLE_TUNNELS, ONE_TABLE_TUNNELS_HELP))
    .option('--only <states>', `show frames of these states alone, by commas: ${VERDICT_STATES.join(', ')}`)
    .option('--no-color', 'no colours; also by NO_COLOR, and when stdout is no terminal')
    .action(async (captures: string[], flags: LineFlags & { only?: string; color: boolean }) => {
      const format = oneOf('--format', flags.format, PACKET_FORMATS)
      const only = flags.only === undefined ? null : parseStates(flags.only)
      const color = wantsColor(io, flags.color)
      const hosts = mapNonEmpty(await partsOf(captures, flags, io), part => ({
        ...lineOptions(part, io),
        format,
        only,
        color,
      }))
      for (const options of hosts) await printPackets(options, io)
    })
}

function addEvents(program: Command, io: Io): void {
  const summary = 'print the events that `conntrack -E -o timestamp` would have printed, in capture time'
  addLineCommand(program, 'events', summary, EVENT_FORMATS)
    .addOption(replayOption(REPLAYS))
    .addOption(tunnelsOption(ONE_TABLE_TUNNELS, ONE_TABLE_TUNNELS_HELP))
    .action(async (captures: string[], flags: LineFlags) => {
      const format = oneOf('--format', flags.format, EVENT_FORMATS)
      const hosts = mapNonEmpty(await partsOf(captures, flags, io), part => ({
        ...lineOptions(part, io),
        format,
      }))
      for (const options of hosts) await printEvents(options, io)
    })
}

function addList(program: Command, io: Io): void {
  addLineCommand(program, 'list', 'print the table as `conntrack -L` would have shown it', LIST_FORMATS)
    .option('--at <instant>', AT_HELP, 'end')
    .addOption(replayOption(REPLAYS))
    .addOption(tunnelsOption(ONE_TABLE_TUNNELS, ONE_TABLE_TUNNELS_HELP))
    .action(async (captures: string[], flags: LineFlags & { at: string }) => {
      const format = oneOf('--format', flags.format, LIST_FORMATS)
      const at = parseInstant(flags.at)
      const program = programVersion()
      const hosts = mapNonEmpty(await partsOf(captures, flags, io), part => ({
        ...lineOptions(part, io),
        format,
        at,
        program,
      }))
      for (const options of hosts) await printList(options, io)
    })
}

function addSize(program: Command, io: Io): void {
  program
    .command('size')
    .description('print how large the table must be, and would be with other sysctls: scenarios side by side')
    .argument('<capture...>', CAPTURES_HELP)
    .option('--scenario <list>', SCENARIO_HELP, collect, [])
    .option('--sweep <range>', SWEEP_HELP, collect, [])
    .option('--presets <names>', PRESETS_HELP)
    .option('--notrack <filter>', NOTRACK_HELP, collect, [])
    .option('--series <file>', SERIES_HELP)
    .option('--every <seconds>', 'time between two samples of --series', '1')
    .option('--json', 'print the report as one JSON document (docs/size-schema.md)')
    .option('--ascii', 'draw the chart in ASCII')
    .option('--filter <expr>', FILTER_HELP)
    .option('--set <name=value>', SET_HELP, collect, [])
    .option('--sysctl <file>', SYSCTL_HELP, collect, [])
    .option('--kernel <version>', KERNEL_HELP)
    .option('--hz <n>', HZ_HELP)
    .option('--helper <name>', HELPER_HELP, collect, [])
    .option('--table <file>', TABLE_HELP, collect, [])
    .option('--preset <name>', PRESET_HELP)
    .option('--cores <n>', CORES_HELP)
    .option('--rules <file>', SIZE_RULES_HELP, collect, [])
    .option('--rules-after <file>', SIZE_RULES_AFTER_HELP, collect, [])
    .option('--topology <file>', RULES_TOPOLOGY_HELP, collect, [])
    .option('--no-color', 'no colours; also by NO_COLOR, and when stdout is no terminal')
    .option('-q, --quiet', 'no report (but --json and --series), no warnings, no progress')
    .addOption(replayOption(REPLAYS))
    .addOption(tunnelsOption(ONE_TABLE_TUNNELS, ONE_TABLE_TUNNELS_HELP))
    .addHelpText('after', PRESET_LIST)
    .action(async (captures: string[], flags: SizeFlags) => {
      const hosts = mapNonEmpty(await partsOf(captures, flags, io), part => sizeOptions(part, io))
      await size(hosts, io, programVersion())
    })
}

interface RulesFlags extends SysctlFlags, KnowledgeFlags {
  rulesAfter: string[]
  filter?: string
  format: string
  color: boolean
  quiet?: boolean
}

function addRules(program: Command, io: Io): void {
  program
    .command('rules')
    .description('print what each rule of the host met and dropped: packets and bytes, as its counters show')
    .argument('<capture...>', CAPTURES_HELP)
    .option('--rules <file>', RULES_OF_HELP, collect, [])
    .option('--topology <file>', RULES_TOPOLOGY_HELP, collect, [])
    .option('--rules-after <file>', RULES_AFTER_HELP, collect, [])
    .option('--format <format>', RULES_FORMATS.join(', '), RULES_FORMATS[0])
    .option('--filter <expr>', FILTER_HELP)
    .option('--set <name=value>', SET_HELP, collect, [])
    .option('--sysctl <file>', SYSCTL_HELP, collect, [])
    .option('--preset <name>', PRESET_HELP)
    .option('--cores <n>', CORES_HELP)
    .option('--no-color', 'no colours; also by NO_COLOR, and when stdout is no terminal')
    .option('-q, --quiet', 'no warnings, no progress')
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
        return { ...common, host, captures, sysctls: sysctlsOf(flags), knowledge, after }
      })
      await printRules(hosts, io, programVersion())
    })
}

interface InfoFlags extends SysctlFlags {
  json?: boolean
  filter?: string
  color: boolean
}

function addInfo(program: Command, io: Io): void {
  program
    .command('info')
    .description(
      'print what captures are: format, times, observation points, protocols, tunnels, clock oddities',
    )
    .argument('<capture...>', CAPTURES_HELP)
    .option('--json', 'print it as one JSON document (docs/info-schema.md)')
    .option('--filter <expr>', FILTER_HELP)
    .option('--set <name=value>', SET_HELP, collect, [])
    .option('--sysctl <file>', SYSCTL_HELP, collect, [])
    .option('--kernel <version>', KERNEL_HELP)
    .option('--hz <n>', HZ_HELP)
    .option('--preset <name>', PRESET_HELP)
    .option('--cores <n>', CORES_HELP)
    .option('--no-color', 'no colours; also by NO_COLOR, and when stdout is no terminal')
    .action(async (captures: string[], all: InfoFlags) => {
      const common = {
        filter: filterOf(all),
        json: all.json === true,
        color: wantsColor(io, all.color),
        width: widthOf(io),
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

function addLineCommand(
  program: Command,
  name: string,
  summary: string,
  formats: readonly string[],
): Command {
  return program
    .command(name)
    .description(summary)
    .argument('<capture...>', CAPTURES_HELP)
    .option('--format <format>', formats.join(', '), formats[0])
    .option('--filter <expr>', FILTER_HELP)
    .option('--set <name=value>', SET_HELP, collect, [])
    .option('--sysctl <file>', SYSCTL_HELP, collect, [])
    .option('--kernel <version>', KERNEL_HELP)
    .option('--hz <n>', HZ_HELP)
    .option('--helper <name>', HELPER_HELP, collect, [])
    .option('--table <file>', TABLE_HELP, collect, [])
    .option('--preset <name>', PRESET_HELP)
    .option('--cores <n>', CORES_HELP)
    .option('--rules <file>', LINE_RULES_HELP, collect, [])
    .option('--topology <file>', RULES_TOPOLOGY_HELP, collect, [])
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
