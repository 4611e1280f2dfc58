// Every option and argument that takes a file, of every command, given paths that lead to none: one line, exit code 2.
import { chmodSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { Cli, runCli } from '../support/cli.ts'

const CAPTURE = 'fixtures/report/handshake-reordered.pcap'
/** What tells a format by the end of a name has to be given one. */
const ENDINGS: Record<string, string> = { '--flows': '.csv', '--series': '.csv' }
/** What a command asks for before it looks at any other file. */
function needs(command: string, option: string): string[] {
  const isAsked = (command === 'rules' || option === '--rules-after') && option !== '--rules'
  return isAsked ? ['--rules', 'fixtures/knowledge/same-bridge-dnat.rules.txt'] : []
}
const OUTPUTS = new Set(Object.keys(ENDINGS))

interface Place {
  command: string
  /** The option, '' for the argument. */
  option: string
  /** What to give on the command line so that `path` stands in this place. */
  args: (path: string) => string[]
}

const program = createProgram(
  new Cli(),
  () => {},
  () => {},
)
const places: Place[] = program.commands
  .filter(({ registeredArguments }) => registeredArguments[0]?.name() === 'capture')
  .flatMap(command => {
    const name = command.name()
    const own: Place[] = command.options
      .filter(({ flags }) => /<file>/.test(flags))
      .map(({ long }) => ({
        command: name,
        option: long ?? '',
        args: path => [name, CAPTURE, long ?? '', path, ...needs(name, long ?? '')],
      }))
    return [{ command: name, option: '', args: path => [name, path, ...needs(name, '')] }, ...own]
  })

/** Paths that lead nowhere, made in a folder; and a word of the reason. */
const ways: [
  what: string,
  make: (folder: Folder, ending: string) => string,
  reason: RegExp,
  output?: RegExp,
][] = [
  ['a missing file', (folder, end) => folder.at(`none/x${end}`), /no such file/, /no such directory/],
  [
    'a file as a folder',
    (folder, end) => `${folder.write('file', new Uint8Array(1))}/x${end}`,
    /a part of the path is no directory/,
  ],
  [
    'a loop of links',
    (folder, end) => {
      symlinkSync(folder.at('loop'), folder.at('loop'))
      return folder.at(`loop/x${end}`)
    },
    /too many symbolic links/,
  ],
  ['a long name', (folder, end) => folder.at(`${'n'.repeat(5000)}${end}`), /the name is too long/],
  ['a NUL in the name', (folder, end) => folder.at(`a\0b${end}`), /NUL in the name/],
  ['bytes that were not UTF-8', (folder, end) => folder.at(`\ufffdx${end}`), /not UTF-8.*rename it/],
  ['no name', (_, end) => end, /the name is empty|no such|expected/],
  [
    'a directory',
    (folder, end) => {
      mkdirSync(folder.at(`folder${end}`))
      return folder.at(`folder${end}`)
    },
    /is a directory/,
  ],
]
if (process.getuid?.() !== 0) {
  ways.push([
    'a folder that may not be entered',
    (folder, end) => {
      mkdirSync(folder.at('closed'))
      chmodSync(folder.at('closed'), 0)
      return folder.at(`closed/x${end}`)
    },
    /permission denied/,
  ])
}

describe('places for files', () => {
  it('are found in what commander knows', () => {
    expect(new Set(places.map(({ option }) => option))).toEqual(
      new Set([
        '',
        '--flows',
        '--sysctl',
        '--table',
        '--rules',
        '--rules-after',
        '--topology',
        '--kubernetes',
        '--series',
      ]),
    )
    expect(places.length).toBeGreaterThan(20)
    // an option that takes a path by another word would not be tested
    const others = program.commands.flatMap(({ options }) =>
      options.filter(({ flags }) => /path|dir/i.test(flags)),
    )
    expect(others).toEqual([])
  })
})

describe.each(places)('$command $option', ({ command, option, args }) => {
  it.each(ways)('%s', async (what, make, reason, output) => {
    // an empty name is no name of an output with an ending
    if (what === 'no name' && OUTPUTS.has(option)) return
    using folder = new Folder()
    const path = make(folder, ENDINGS[option] ?? '')
    const { code, stdout, stderr } = await runCli(args(path))
    expect({ code, stdout, lines: stderr.trimEnd().split('\n').length }).toEqual({
      code: 2,
      stdout: '',
      lines: 1,
    })
    expect(stderr).toMatch(OUTPUTS.has(option) ? (output ?? reason) : reason)
    // it names the file, cut where it is long
    const shown = path.replaceAll('\0', '\\x00').slice(0, 200)
    expect(stderr).toContain(shown)
    expect(stderr.length).toBeLessThan(2500)
    expect([what, command, readdirSync(folder.at('.')).filter(name => name.endsWith('.tmp'))]).toEqual([
      what,
      command,
      [],
    ])
  })

  it('a device without an end', async () => {
    if (OUTPUTS.has(option)) return
    for (const device of ['/dev/zero', '/dev/urandom']) {
      const { code, stdout, stderr } = await runCli(args(device))
      expect({ code, stdout, lines: stderr.trimEnd().split('\n').length }).toEqual({
        code: 2,
        stdout: '',
        lines: 1,
      })
      expect(stderr).toContain(device)
    }
  })
})

describe('a capture that cannot be asked about', () => {
  it('beside one that can, twice', async () => {
    using folder = new Folder()
    const sound = folder.write('x.pcap', new CaptureBuilder().udp().bytes())
    const { code, stderr } = await runCli([sound, folder.at('a\0b'), folder.at('a\0b')])
    expect([code, stderr.split('\n').length]).toEqual([2, 2])
  })
})
