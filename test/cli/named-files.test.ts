// Every option of every command that names a file: what is written is never what is read, under any name, and the list of them is complete.
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
} from 'node:fs'
import type { Command, Option } from 'commander'
import { describe, expect, it } from 'vitest'
import { FILE_OPTIONS } from '../../src/cli/options/file-options.ts'
import { createProgram } from '../../src/cli/program.ts'
import { run } from '../../src/cli/run.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { Cli } from '../support/cli.ts'

const CAPTURE = new CaptureBuilder().connection(1001).wait(1).udp().bytes()

/** Arguments of options that are no files, by what the help calls them. */
const NO_FILES = [
  'expr',
  'filter',
  'format',
  'how',
  'ids',
  'instant',
  'key',
  'list',
  'n',
  'name',
  'names',
  'name=value',
  'range',
  'seconds',
  'severity',
  'states',
  'version',
  'which',
]

const commands: readonly Command[] = createProgram(
  new Cli(),
  () => {},
  () => {},
).commands

const longName = (option: Option): string => option.long?.slice('--'.length) ?? ''
const namesFile = (option: Option): boolean => Object.hasOwn(FILE_OPTIONS, longName(option))

/** Every command with each of its options of a role. */
function optionsOf(role: 'read' | 'written'): { command: string; option: string }[] {
  return commands.flatMap(command =>
    command.options
      .filter(option => FILE_OPTIONS[longName(option)]?.role === role)
      .map(option => ({ command: command.name(), option: `--${longName(option)}` })),
  )
}

/** Every output of every command, standard output among them, with every input of the same command, captures among them. */
const PAIRS = commands
  .filter(({ registeredArguments }) => registeredArguments[0]?.name() === 'capture')
  .map(command => command.name())
  .flatMap(command => {
    const named = (role: 'read' | 'written') =>
      optionsOf(role).flatMap(each => (each.command === command ? [each.option] : []))
    return ['>', ...named('written')].flatMap(output =>
      ['', '-', ...named('read')].map(input => ({ command, output, input })),
    )
  })

/** Other names for a file, from the folder it lies in. */
const ALIASES: Record<string, (folder: Folder, name: string) => string> = {
  'the same name': (folder, name) => folder.at(name),
  'a longer name': (folder, name) => folder.at(`sub/../${name}`),
  'a symbolic link': (folder, name) => {
    symlinkSync(name, folder.at('link.ndjson'))
    return folder.at('link.ndjson')
  },
  'a hard link': (folder, name) => {
    linkSync(folder.at(name), folder.at('hard.ndjson'))
    return folder.at('hard.ndjson')
  },
  'a linked directory': (folder, name) => {
    symlinkSync('.', folder.at('here'))
    return folder.at(`here/${name}`)
  },
}

/** Runs the program with standard streams that a shell would have opened. */
async function runRedirected(
  args: string[],
  redirections: { stdin?: string; stdout?: string; stderr?: string },
): Promise<{ code: number; stdout: string; stderr: string }> {
  const cli = new Cli()
  const opened = [
    openSync(redirections.stdin ?? '/dev/null', 'r'),
    openSync(redirections.stdout ?? '/dev/null', 'a'),
    openSync(redirections.stderr ?? '/dev/null', 'a'),
  ]
  const [stdin, stdout, stderr] = opened
  cli.descriptors = { stdin, stdout, stderr }
  try {
    const code = await run(args, cli)
    return { code, stdout: cli.stdout.text, stderr: cli.stderr.text }
  } finally {
    for (const descriptor of opened) closeSync(descriptor)
  }
}

describe('options', () => {
  it('that name files are all in the list, and nothing else is', () => {
    const unknown = commands.flatMap(command =>
      command.options
        .filter(option => option.required || option.optional)
        .filter(option => {
          const [, argument] = /<(.+)>/.exec(option.flags) ?? []
          return (
            namesFile(option) !== (argument === 'file') ||
            (!namesFile(option) && !NO_FILES.includes(argument))
          )
        })
        .map(option => `${command.name()} ${option.flags}`),
    )
    expect(unknown).toEqual([])
  })

  it('of the list are options of a command', () => {
    const known = [...optionsOf('read'), ...optionsOf('written')].map(({ option }) => option)
    expect(new Set(known)).toEqual(new Set(Object.keys(FILE_OPTIONS).map(name => `--${name}`)))
  })

  it('of all commands are looked at', () => {
    expect(commands.map(command => command.name())).toEqual(
      expect.arrayContaining(['analyze', 'packets', 'events', 'list', 'size', 'info']),
    )
  })
})

describe.skipIf(process.platform === 'win32')('an output that is an input', () => {
  it.each(PAIRS)('is refused by $command: $output over $input', async ({ command, output, input }) => {
    for (const [what, alias] of Object.entries(ALIASES)) {
      using folder = new Folder()
      mkdirSync(folder.at('sub'))
      // no command would take it: whoever complains of it has read it
      folder.write('precious.ndjson', 'no capture, and no text of any use')
      const other = alias(folder, 'precious.ndjson')
      const before = readdirSync(folder.path)
      const isCapture = input === '' || input === '-'
      const capture = isCapture
        ? [input === '-' ? '-' : folder.at('precious.ndjson')]
        : [folder.write('c', CAPTURE)]
      const inputs = isCapture ? capture : [...capture, input, folder.at('precious.ndjson')]
      const { code, stdout, stderr } = await runRedirected(
        [command, ...inputs, ...(output === '>' ? [] : [output, other])],
        {
          ...(input === '-' && { stdin: folder.at('precious.ndjson') }),
          ...(output === '>' && { stdout: other }),
        },
      )
      const shown = output === '>' ? 'standard output' : `${output} ${other}`
      const read = isCapture
        ? input === '-'
          ? 'standard input'
          : capture[0]
        : `${input} ${folder.at('precious.ndjson')}`
      expect([what, code, stdout, stderr]).toEqual([
        what,
        2,
        '',
        `ctpcap: ${shown}: the same file as ${read}, which is read: expected another one\n`,
      ])
      expect(readFileSync(folder.at('precious.ndjson'), 'utf8')).toBe('no capture, and no text of any use')
      expect(readdirSync(folder.path).filter(name => name !== 'c')).toEqual(before)
    }
  })

  it('is refused where it is a FIFO, without waiting for anybody', async () => {
    using folder = new Folder()
    const fifo = folder.at('f.ndjson')
    execFileSync('mkfifo', [fifo])
    const { code, stderr } = await runRedirected([fifo, '--flows', fifo], {})
    expect([code, stderr]).toEqual([
      2,
      `ctpcap: --flows ${fifo}: the same file as ${fifo}, which is read: expected another one\n`,
    ])
  })

  it('is refused without a word where the word would go into it', async () => {
    using folder = new Folder()
    const capture = folder.write('c.pcap', CAPTURE)
    const silent = { code: 2, stdout: '', stderr: '' }
    expect(await runRedirected([capture], { stderr: capture })).toEqual(silent)
    expect(await runRedirected([capture], { stdout: capture, stderr: capture })).toEqual(silent)
  })
})

describe('an input that may be given several times', () => {
  const repeatable = commands.flatMap(command =>
    command.options
      .filter(option => namesFile(option) && Array.isArray(option.defaultValue))
      .map(option => ({ command: command.name(), option: `--${longName(option)}` })),
  )

  it('is known as such', () => {
    expect(repeatable.map(({ option }) => option)).toEqual(
      expect.arrayContaining(['--rules', '--topology', '--sysctl']),
    )
  })

  it.each(repeatable)('is refused by $command where it is one file: $option', async ({ command, option }) => {
    using folder = new Folder()
    const capture = folder.write('c.pcap', CAPTURE)
    const input = folder.write('i', 'of no use')
    symlinkSync('i', folder.at('link'))
    const { code, stderr } = await runRedirected(
      [command, capture, option, input, option, folder.at('link')],
      {},
    )
    expect([code, stderr]).toEqual([
      2,
      `ctpcap: ${option} ${folder.at('link')}: the same file as ${input}, expected each file once\n`,
    ])
  })
})

describe.skipIf(process.platform === 'win32')('two outputs that are one file', () => {
  it.each(optionsOf('written'))(
    'are refused by $command: $option and standard output',
    async ({ command, option }) => {
      using folder = new Folder()
      const capture = folder.write('c.pcap', CAPTURE)
      const output = folder.write('o.ndjson', 'before')
      const { code, stdout, stderr } = await runRedirected([command, capture, option, output], {
        stdout: output,
      })
      expect([code, stdout, stderr]).toEqual([
        2,
        '',
        `ctpcap: standard output: the same file as ${option} ${output}, expected one for each output\n`,
      ])
      expect(readFileSync(output, 'utf8')).toBe('before')
    },
  )

  it('are no fault where both are a device, or both standard streams a log', async () => {
    using folder = new Folder()
    const capture = folder.write('c.pcap', CAPTURE)
    symlinkSync('/dev/null', folder.at('null.ndjson'))
    const log = folder.write('log', '')
    expect((await runRedirected([capture, '--flows', folder.at('null.ndjson')], {})).code).toBe(0)
    expect((await runRedirected([capture], { stdout: log, stderr: log })).code).toBe(0)
  })
})

describe('an output that cannot be written', () => {
  it.each(optionsOf('written'))(
    'ends $command $option before anything is read',
    async ({ command, option }) => {
      using folder = new Folder()
      const output = folder.at('no/o.ndjson')
      const { code, stderr } = await runRedirected(
        [command, folder.write('c', 'no capture'), option, output],
        {},
      )
      expect([code, stderr]).toEqual([2, `ctpcap: ${output}: cannot be written: no such directory\n`])
      expect(existsSync(output)).toBe(false)
    },
  )
})
