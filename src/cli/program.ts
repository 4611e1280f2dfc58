// Commands, flags and help texts; the only file that knows commander.
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { SEVERITIES } from '../findings/finding.ts'
import { SORT_KEYS } from '../sizing/flows.ts'
import { analyze } from './analyze.ts'
import type { Io } from './io.ts'
import { type AnalyzeFlags, analyzeOptions } from './options.ts'
import { SET_HELP, SYSCTL_HELP } from './sysctl.ts'

const EXAMPLES = `
Examples:
  ctpcap capture.pcap                                  the same as: ctpcap analyze capture.pcap
  tcpdump -i any -w - | ctpcap analyze -               live; Ctrl-C shows what was seen so far
  ctpcap analyze node.pcap --set nf_conntrack_max=65536 --fail-on error
  ctpcap analyze node.pcap --flows flows.csv --json >report.json

Exit codes: 0 analysed, 1 findings at or above --fail-on, 2 wrong usage or unreadable input.
`

/** Name and version, as in package.json. */
export function programVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { name, version } = JSON.parse(text) as { name: string; version: string }
  return `${name} ${version}`
}

/**
 * The program with its commands. Parsing runs one; `finish` is told its exit code.
 * What the command throws comes out of parseAsync(), and a CommanderError once commander has printed what is wrong.
 */
export function createProgram(io: Io, finish: (exitCode: number) => void): Command {
  const program = new Command('ctpcap')
    .description(
      'Replays packet captures through a model of Linux nf_conntrack, and reports what it did to them.',
    )
    .version(programVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', EXAMPLES)
    .configureOutput({
      writeOut: text => io.stdout.write(text),
      writeErr: text => io.stderr.write(text),
      outputError: (text, write) => write(`ctpcap: ${text.replace(/^error: /, '')}`),
    })
    .showHelpAfterError('ctpcap --help tells more')
    .exitOverride()
  addAnalyze(program, io, finish)
  return program
}

function addAnalyze(program: Command, io: Io, finish: (exitCode: number) => void): void {
  program
    .command('analyze', { isDefault: true })
    .description('replay captures and print the report: verdict, flows, the table, what cannot be known')
    .argument('<capture...>', 'pcap or pcapng files; - is standard input')
    .option('--json', 'print the report as one JSON document (docs/report-schema.md)')
    .option('--flows <file>', 'write every flow as it ends to FILE, named .ndjson or .csv')
    .option('--top <n>', 'how many of the largest flows to show', '5')
    .option('--sort <key>', `what the largest flows are largest in: ${SORT_KEYS.join(', ')}`, 'bytes')
    .option('--set <name=value>', SET_HELP, collect, [])
    .option('--sysctl <file>', SYSCTL_HELP, collect, [])
    .option('--fail-on <severity>', `exit with 1 if a finding is that grave: ${SEVERITIES.join(', ')}`)
    .option('--no-color', 'no colours; also by NO_COLOR, and when stdout is no terminal')
    .option(
      '-q, --quiet',
      'no report (but --json and --flows), no warnings, no progress: errors and the exit code',
    )
    .action(async (captures: string[], flags: AnalyzeFlags) => {
      const failed = await analyze(analyzeOptions(captures, flags, io), io, programVersion())
      finish(failed ? 1 : 0)
    })
}

function collect(value: string, before: string[]): string[] {
  return [...before, value]
}
