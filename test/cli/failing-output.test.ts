// Disks that are full, pipes that are closed, files that may not be written: one line, the documented exit code, never a stack trace.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FILE_OPTIONS } from '../../src/cli/options/file-options.ts'
import { createProgram } from '../../src/cli/program.ts'
import { BuiltProgram, MAIN, PATIENCE } from '../support/built-program.ts'
import { Folder } from '../support/capture-builder.ts'
import { Cli } from '../support/cli.ts'
import { MOUNTS_ONLY, ROOT_ONLY, UNPRIVILEGED } from '../support/privileges.ts'
import { writeSyntheticCapture } from '../support/synthetic-capture.ts'

const CAPTURE = 'fixtures/report/syn-flood.pcap'

const { commands } = createProgram(
  new Cli(),
  () => {},
  () => {},
)
const COMMANDS = commands.map(command => command.name())

const RULES = join(import.meta.dirname, '../../fixtures/knowledge/iptables-save-counters.txt')
/** What a command is given to print anything: captures, and what it needs beside them. */
const commandLine = (command: string, captures: readonly string[]): string[] => {
  if (command === 'explain') return [command]
  return [command, ...captures, ...(command === 'rules' ? ['--rules', RULES, '--format', 'json'] : [])]
}

/** Every option that writes a file, with its command and what makes it write something. */
const WRITTEN = commands.flatMap(command =>
  command.options
    .filter(({ long }) => FILE_OPTIONS[long?.slice(2) ?? '']?.role === 'written')
    .map(({ long }) => ({ command: command.name(), option: long ?? '' })),
)

/** What prints without a capture, and its exit code. */
const TALK = [
  { args: ['--help'], code: 0 },
  { args: ['--version'], code: 0 },
  { args: ['help', 'analyze'], code: 0 },
  { args: ['size', '--help'], code: 0 },
  { args: ['--no-such-option'], code: 2 },
  { args: ['no-such-file'], code: 2 },
  { args: [], code: 2 },
]

/** Runs the program with streams that go to files. */
function runInto(
  args: readonly string[],
  streams: { stdout?: string; stderr?: string },
): { code: number | null; stdout: string; stderr: string } {
  const opened: number[] = []
  const stream = (path: string | undefined): number | 'pipe' => {
    if (path === undefined) return 'pipe'
    opened.push(openSync(path, 'w'))
    return opened.at(-1) ?? 'pipe'
  }
  const stdio = ['ignore' as const, stream(streams.stdout), stream(streams.stderr)]
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { stdio, encoding: 'utf8' })
  for (const descriptor of opened) closeSync(descriptor)
  return { code: status, stdout, stderr }
}

/**
 * Runs the program with a disk of its own, which is gone with it; what was there in the end is in the folder.
 * @param mounting how to mount it at `disk` in the folder; an older output lies on it
 */
function runMounted(
  folder: Folder,
  mounting: string,
  args: readonly string[],
): { code: number | null; stderr: string } {
  mkdirSync(folder.at('disk'))
  mkdirSync(folder.at('left'))
  const script = `cd "$0" && ${mounting} && "$@" >disk/out; code=$?; cp -a disk/. left; exit $code`
  const command = ['--mount', 'sh', '-c', script, folder.path, process.execPath, MAIN, ...args]
  const { status, stderr } = spawnSync('unshare', command, { encoding: 'utf8' })
  return { code: status, stderr }
}

function smallDisk(kibibytes: number): string {
  return `mount -t tmpfs -o size=${kibibytes}k none disk && printf before >disk/o.ndjson`
}

describe.skipIf(!existsSync(MAIN) || !existsSync('/dev/full'))(
  'a full disk (needs dist/ and /dev/full)',
  { timeout: PATIENCE },
  () => {
    it.each(COMMANDS)('ends %s with a line', command => {
      const { code, stderr } = runInto(commandLine(command, [CAPTURE]), { stdout: '/dev/full' })
      expect([code, stderr]).toEqual([2, 'ctpcap: standard output: cannot be written: no space left\n'])
    })

    it.each(WRITTEN)('ends $command $option with a line', ({ command, option }) => {
      using folder = new Folder()
      const output = folder.at('o.ndjson')
      symlinkSync('/dev/full', output)
      const { code, stdout, stderr } = runInto([command, CAPTURE, option, output, '--quiet'], {})
      expect([code, stdout, stderr]).toEqual([2, '', `ctpcap: ${output}: cannot be written: no space left\n`])
    })

    it.each(TALK)('$args: as far as it can be said', ({ args, code }) => {
      const full = runInto(args, { stdout: '/dev/full' })
      expect(full.code).toBe(2)
      expect(full.stderr).toMatch(
        code === 0 ? /^ctpcap: standard output: cannot be written: no space left\n$/ : /^ctpcap: (?!.*bug)/,
      )
      expect(runInto(args, { stderr: '/dev/full' }).code).toBe(code)
    })

    it('for what standard error is told changes nothing', () => {
      const { code, stdout } = runInto(['list', CAPTURE], { stderr: '/dev/full' })
      expect([code, stdout.split('\n').length]).toEqual([0, 201])
    })
  },
)

describe.skipIf(!existsSync(MAIN) || MOUNTS_ONLY.skip)(
  `a disk that fills up${MOUNTS_ONLY.why}`,
  { timeout: PATIENCE },
  () => {
    it.each(COMMANDS)('in the middle of what %s prints ends it with a line', command => {
      // JSON where there is some, because it is long
      const options = commands.find(each => each.name() === command)?.options ?? []
      const json = options.some(({ long }) => long === '--json') ? ['--json'] : []
      using folder = new Folder()
      // so many that there is more than a page of memory even of what is said of each
      const captures = Array.from({ length: 6 }, (_, i) => folder.write(`${i}.pcap`, readFileSync(CAPTURE)))
      const line = [...commandLine(command, captures), ...json]
      const whole = Buffer.from(runInto(line, {}).stdout)
      // all pages but the last
      const pages = Math.ceil(whole.length / 4096) - 1
      expect(pages).toBeGreaterThan(0)
      // the older output has one of its own
      const { code, stderr } = runMounted(folder, smallDisk(4 * (pages + 1)), line)
      expect([code, stderr]).toEqual([2, 'ctpcap: standard output: cannot be written: no space left\n'])
      expect(readFileSync(folder.at('left/out')).equals(whole.subarray(0, 4096 * pages))).toBe(true)
    })

    it.each(WRITTEN)(
      'in the middle of $command $option leaves what was there before',
      ({ command, option }) => {
        using folder = new Folder()
        const capture = folder.at('busy.pcap')
        writeSyntheticCapture(capture, { conns: 3000, data: 2, payload: 40, concurrent: 500, pps: 1000 })
        const output = folder.at('disk/o.ndjson')
        const every = command === 'size' ? ['--every', '0.001'] : []
        const args = [command, capture, option, output, '--quiet', ...every]
        const { code, stderr } = runMounted(folder, smallDisk(64), args)
        expect([code, stderr]).toEqual([2, `ctpcap: ${output}: cannot be written: no space left\n`])
        expect(readdirSync(folder.at('left')).sort()).toEqual(['o.ndjson', 'out'])
        expect(readFileSync(folder.at('left/o.ndjson'), 'utf8')).toBe('before')
      },
    )
  },
)

describe.skipIf(!existsSync(MAIN) || MOUNTS_ONLY.skip)(
  `an output that a mount holds in its place${MOUNTS_ONLY.why}`,
  { timeout: PATIENCE },
  () => {
    it('is written there', () => {
      using folder = new Folder()
      const outside = folder.write('outside', 'before, and longer than a line')
      const mounting = 'touch disk/o.csv && mount --bind outside disk/o.csv'
      const args = [resolve(CAPTURE), '--flows', folder.at('disk/o.csv'), '--quiet']
      expect(runMounted(folder, mounting, args)).toEqual({ code: 0, stderr: '' })
      expect(readFileSync(outside, 'utf8')).toMatch(/^protocol,/)
      expect(readdirSync(folder.at('left')).sort()).toEqual(['o.csv', 'out'])
    })
  },
)

/** Runs the program with a standard output, and error, whose reader has gone before it starts. */
async function runUnread(
  args: readonly string[],
  unread: 'stdout' | 'stderr',
): Promise<{ code: number; stdout: string; stderr: string }> {
  using program = new BuiltProgram(args)
  program.process[unread].destroy()
  program.process.stdin.end()
  const code = await program.ended
  return { code, stdout: program.stdout, stderr: program.stderr }
}

describe.skipIf(!existsSync(MAIN))('a closed pipe (needs dist/)', { timeout: PATIENCE }, () => {
  it.each(COMMANDS)('ends %s quietly', async command => {
    const { code, stderr } = await runUnread(commandLine(command, [CAPTURE]), 'stdout')
    expect(code).toBe(0)
    expect(stderr.replace(/^ctpcap \S+: \d+ flow entries have been shown\. .*\n$/, '')).toBe('')
  })

  it.each(TALK)('for $args says nothing of itself', async ({ args, code }) => {
    const unread = await runUnread(args, 'stdout')
    expect(unread.code).toBe(code)
    expect(unread.stderr).not.toMatch(/EPIPE|\n {4}at /)
    expect((await runUnread(args, 'stderr')).code).toBe(code)
  })

  it('for warnings leaves the report what it is', async () => {
    using folder = new Folder()
    const bytes = readFileSync(CAPTURE)
    const capture = folder.write('cut.pcap', bytes.subarray(0, bytes.length - 5))
    const { code, stdout } = await runUnread([capture], 'stderr')
    expect(code).toBe(0)
    expect(stdout).toContain('199 frames')
  })

  it.each(['>&-', '2>&-', '<&- >&- 2>&-'])(
    'from the start (%s) is as /dev/null, and no file takes its place',
    how => {
      using folder = new Folder()
      const capture = folder.write('c.pcap', readFileSync(CAPTURE))
      const output = folder.at('o.csv')
      const script = `exec "$0" "$@" ${how}`
      const args = ['-c', script, process.execPath, MAIN, capture, '--flows', output]
      const { status, stderr } = spawnSync('sh', args, { encoding: 'utf8' })
      expect([status, stderr]).toEqual([0, ''])
      expect(readFileSync(capture).equals(readFileSync(CAPTURE))).toBe(true)
      expect(readFileSync(output, 'utf8').split('\n')).toHaveLength(202)
      expect(readdirSync(folder.path).sort()).toEqual(['c.pcap', 'o.csv'])
    },
  )
})

/** Whether somebody who is not root can run the program where it lies. */
const runsUnprivileged =
  existsSync(MAIN) && spawnSync(process.execPath, [MAIN, '--version'], UNPRIVILEGED).status === 0
const WHY = runsUnprivileged ? '' : ' (skipped: the built program is nothing that nobody may read)'

/** A folder that the program may write into whoever it is run as. */
function openFolder(): Folder {
  const folder = new Folder()
  chmodSync(folder.path, 0o777)
  return folder
}

function runUnprivileged(args: readonly string[]): [number | null, string] {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    ...UNPRIVILEGED,
    encoding: 'utf8',
  })
  return [status, stderr]
}

describe.skipIf(!runsUnprivileged)(`without permission${WHY}`, { timeout: PATIENCE }, () => {
  it('a read-only file stays, though its directory may be written', () => {
    using folder = openFolder()
    const output = folder.write('o.csv', 'before')
    chmodSync(output, 0o444)
    const { uid, gid } = UNPRIVILEGED
    if (uid !== undefined && gid !== undefined) chownSync(output, uid, gid)
    expect(runUnprivileged([CAPTURE, '--flows', output])).toEqual([
      2,
      `ctpcap: ${output}: cannot be written: permission denied\n`,
    ])
    expect(readFileSync(output, 'utf8')).toBe('before')
    expect(readdirSync(folder.path)).toEqual(['o.csv'])
  })

  it('a directory that may not be written: no file, and a line that says so', () => {
    using folder = openFolder()
    mkdirSync(folder.at('sub'), 0o555)
    const output = folder.at('sub/o.csv')
    expect(runUnprivileged([CAPTURE, '--flows', output])).toEqual([
      2,
      `ctpcap: ${output}: cannot be written: permission denied to make a file in its directory\n`,
    ])
  })

  it.skipIf(ROOT_ONLY.skip)(
    `what another user keeps in a directory like /tmp cannot be replaced${ROOT_ONLY.why}`,
    () => {
      using folder = openFolder()
      chmodSync(folder.path, 0o1777)
      const output = folder.write('o.csv', 'before')
      chmodSync(output, 0o666)
      expect(runUnprivileged([CAPTURE, '--flows', output])).toEqual([
        2,
        `ctpcap: ${output}: cannot be written: permission denied to replace another user's file in its directory\n`,
      ])
      expect(readFileSync(output, 'utf8')).toBe('before')
    },
  )

  it.skipIf(ROOT_ONLY.skip)(
    `what another user lets one write is replaced by one's own, as open as it was${ROOT_ONLY.why}`,
    () => {
      using folder = openFolder()
      const output = folder.write('o.csv', 'before')
      chmodSync(output, 0o666)
      expect(runUnprivileged([CAPTURE, '--flows', output, '--quiet'])).toEqual([0, ''])
      expect(statSync(output)).toMatchObject({ uid: UNPRIVILEGED.uid, gid: UNPRIVILEGED.gid })
      expect(statSync(output).mode & 0o777).toBe(0o666)
    },
  )

  it.skipIf(ROOT_ONLY.skip)(
    `root may replace a read-only file, which stays read-only${ROOT_ONLY.why}`,
    () => {
      using folder = openFolder()
      const output = folder.write('o.csv', 'before')
      chmodSync(output, 0o444)
      expect(runInto([CAPTURE, '--flows', output, '--quiet'], {})).toEqual({
        code: 0,
        stdout: '',
        stderr: '',
      })
      expect(readFileSync(output, 'utf8')).toMatch(/^protocol,/)
      expect(statSync(output).mode & 0o777).toBe(0o444)
    },
  )
})
