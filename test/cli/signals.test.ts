// SIGINT, SIGTERM and SIGHUP at every stage of a run: it ends, whatever it waits for, and each file is whole or not there.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import { BuiltProgram, HAS_PROC, MAIN, PATIENCE } from '../support/built-program.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { writeSyntheticCapture } from '../support/synthetic-capture.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type Signal = (typeof SIGNALS)[number]

const SMALL = new CaptureBuilder().connection(1001).wait(1).udp().bytes()

/** Enough flows that no pipe takes a line for each. */
function writeBusy(folder: Folder): string {
  writeSyntheticCapture(folder.at('busy.pcap'), { conns: 4000, data: 2, payload: 40, concurrent: 500 })
  return folder.at('busy.pcap')
}

function makeFifo(folder: Folder, name: string): string {
  execFileSync('mkfifo', [folder.at(name)])
  return folder.at(name)
}

/** Whether the program is where it waits, with what keeps it there. */
interface Stage {
  args: (folder: Folder) => string[]
  reached: (program: BuiltProgram, folder: Folder) => Promise<FileHandle | null>
  /** What must lie in the folder in the end, besides what `args` put there; nothing unless given. */
  left?: string[]
}

const STAGES: Record<string, Stage> = {
  'a FIFO of rules has no writer': {
    args: folder => [
      folder.write('c', SMALL),
      '--rules',
      makeFifo(folder, 'r'),
      '--flows',
      folder.at('o.csv'),
    ],
    reached: async (program, folder) => await program.untilWaitingFor(folder.at('r')),
  },
  'a FIFO of rules has a writer who says nothing': {
    args: folder => [
      folder.write('c', SMALL),
      '--rules',
      makeFifo(folder, 'r'),
      '--flows',
      folder.at('o.csv'),
    ],
    // a FIFO is open to its writer in the moment in which it is to its reader
    reached: (_program, folder) => open(folder.at('r'), 'w'),
  },
  'a FIFO of a table has no writer': {
    args: folder => ['list', folder.write('c', SMALL), '--table', makeFifo(folder, 't')],
    reached: async (program, folder) => await program.untilWaitingFor(folder.at('t')),
  },
  'a capture is a FIFO without a writer': {
    args: folder => [makeFifo(folder, 'c'), '--flows', folder.at('o.csv')],
    reached: async (program, folder) => await program.untilOpen(folder.at('c')),
  },
  'a capture is a FIFO whose writer says nothing': {
    args: folder => [makeFifo(folder, 'c'), '--flows', folder.at('o.csv')],
    reached: (_program, folder) => open(folder.at('c'), 'w'),
  },
  'the second of two captures is a FIFO without a writer': {
    args: folder => ['events', folder.write('a', SMALL), makeFifo(folder, 'c')],
    reached: async (program, folder) => await program.untilOpen(folder.at('c')),
  },
  'the output is a FIFO without a reader': {
    args: folder => [folder.write('c', SMALL), '--flows', makeFifo(folder, 'o.csv')],
    reached: async (program, folder) => {
      await program.untilListening()
      return await program.untilOpen(folder.at('c'))
    },
  },
  'the series is a FIFO without a reader': {
    args: folder => [
      'size',
      folder.write('c', SMALL),
      '--scenario',
      'udp_timeout=1',
      '--series',
      makeFifo(folder, 'o.om'),
    ],
    reached: async (program, folder) => {
      await program.untilListening()
      return await program.untilOpen(folder.at('c'))
    },
  },
  'the output is a FIFO whose reader does not read on': {
    args: folder => [writeBusy(folder), '--flows', makeFifo(folder, 'o.csv'), '--quiet'],
    reached: async (_program, folder) => {
      const reader = await open(folder.at('o.csv'), 'r')
      await reader.read(Buffer.alloc(1), 0, 1)
      return reader
    },
  },
  ...Object.fromEntries(
    ['packets', 'events', 'list'].map((command): [string, Stage] => [
      `nobody reads what ${command} prints`,
      { args: folder => [command, writeBusy(folder)], reached: printed },
    ]),
  ),
  'nobody reads the report, and the file is whole': {
    args: folder => [writeBusy(folder), '--json', '--top', '100000', '--flows', folder.at('o.csv')],
    reached: printed,
    left: ['o.csv'],
  },
}

/** Waits for the first bytes of the output, and reads no more of it. */
async function printed(program: BuiltProgram): Promise<null> {
  const { stdout } = program.process
  await new Promise(resolve => stdout.once('data', resolve))
  stdout.pause()
  return null
}

const CASES = Object.entries(STAGES).flatMap(([when, stage]) =>
  SIGNALS.map(signal => ({ when, signal, ...stage })),
)

describe.skipIf(!existsSync(MAIN) || !HAS_PROC)(
  'a signal (needs dist/ and /proc)',
  { timeout: PATIENCE },
  () => {
    it.each(CASES)('$signal ends the program while $when', async ({ signal, args, reached, left = [] }) => {
      using folder = new Folder()
      const given = args(folder)
      const before = readdirSync(folder.path)
      using program = new BuiltProgram(given)
      const holding = await reached(program, folder)
      program.process.kill(signal)
      expect([await program.ended, program.stderr]).toEqual([codeOf(signal), ''])
      expect(readdirSync(folder.path).sort()).toEqual([...before, ...left].sort())
      await holding?.close()
    })

    it.each(
      ['--flows o.csv', '--series o.csv'].flatMap(option => SIGNALS.map(signal => ({ option, signal }))),
    )('$signal while $option is written leaves what was there before', async ({ option, signal }) => {
      using folder = new Folder()
      const [name, file] = option.split(' ')
      const output = folder.write(file, 'before')
      const capture = folder.at('large.pcap')
      writeSyntheticCapture(capture, { conns: 20_000, data: 6, payload: 200, concurrent: 1000, pps: 100_000 })
      const command =
        name === '--flows' ? ['analyze'] : ['size', '--scenario', 'a:udp_timeout=1', '--every', '0.01']
      using program = new BuiltProgram([...command, capture, name, output, '--quiet'])
      const temporary = () => readdirSync(folder.path).filter(each => each.startsWith('.ctpcap'))
      await program.until('it wrote', () => temporary().length > 0)
      // stopped first: how much of the capture is left does not depend on how soon the signal comes
      await program.stop()
      const isUnderWay = temporary().length > 0
      program.process.kill(signal)
      program.continue()
      const code = await program.ended
      expect(temporary()).toEqual([])
      // on its last chunk the program may be done before it looks up
      const after = readFileSync(output, 'utf8')
      expect(isUnderWay && code === codeOf(signal) ? after : 'before').toBe('before')
      expect(
        code === 0 ? after.split('\n').length > 100 && after.endsWith('\n') : code === codeOf(signal),
      ).toBe(true)
    })

    it.each(SIGNALS)(
      '%s during a live capture: the report of what was seen, and a whole file',
      async signal => {
        using folder = new Folder()
        using program = new BuiltProgram(['-', '--flows', folder.at('o.csv')])
        program.process.stdin.write(SMALL)
        await program.until('it wrote', () => readdirSync(folder.path).length > 0)
        program.process.kill(signal)
        expect([await program.ended, program.stderr]).toEqual([0, ''])
        expect(readdirSync(folder.path)).toEqual(['o.csv'])
        expect(readFileSync(folder.at('o.csv'), 'utf8')).toMatch(/^protocol,.*\ntcp,.*\nudp,.*\n$/)
      },
    )

    it.each(SIGNALS)('%s twice during a live capture ends it at once', async signal => {
      using folder = new Folder()
      using program = new BuiltProgram(['-', '--flows', folder.at('o.csv')])
      program.process.stdin.write(SMALL)
      await program.until('it wrote', () => readdirSync(folder.path).length > 0)
      program.process.kill(signal)
      // a signal that is still to be taken would swallow the second
      await program.until('it took the signal', () => !program.isPending(constants.signals[signal]))
      program.process.kill(signal)
      expect([await program.ended, program.stdout, program.stderr]).toEqual([codeOf(signal), '', ''])
      expect(readdirSync(folder.path)).toEqual([])
    })

    it('a live capture whose lines nobody reads ends with the second signal', async () => {
      using folder = new Folder()
      using program = new BuiltProgram(['packets', '-'])
      program.process.stdin.write(readFileSync(writeBusy(folder)))
      await printed(program)
      program.process.kill('SIGINT')
      await program.until('it took the signal', () => !program.isPending(constants.signals.SIGINT))
      program.process.kill('SIGINT')
      expect(await program.ended).toBe(130)
    })
  },
)

function codeOf(signal: Signal): number {
  return 128 + constants.signals[signal]
}
