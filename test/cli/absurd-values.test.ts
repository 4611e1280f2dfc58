// Every option that takes a value, of every command, given numbers and instants that mean nothing: a result or one line, never a crash.
import { describe, expect, it } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { SYSCTLS, type SysctlName } from '../../src/conntrack/settings.ts'
import { Cli, runCli } from '../support/cli.ts'

const CAPTURE = 'fixtures/report/handshake-reordered.pcap'

const ABSURD = [
  '',
  ' ',
  '-1',
  '-0',
  '+',
  '1e400',
  '1e3',
  '1.5.5',
  'NaN',
  'Infinity',
  '-Infinity',
  '0x10',
  '0b1',
  '1_000',
  '１',
  '9007199254740993',
  '18446744073709551616',
  '4294967296',
  '9'.repeat(31),
  `1${'0'.repeat(5000)}`,
  `0.${'0'.repeat(5000)}1`,
  '+1e400',
  `+${'9'.repeat(400)}`,
  '2026-13-45T99:99:99Z',
  '0000-00-00T00:00',
  '+275760-09-13T00:00:00Z',
  'constructor',
  '__proto__',
  'toString=1',
  'hasOwnProperty',
]

/** What takes a number alone, and what of the above is one for it. */
const NUMBERS: Record<string, string[]> = {
  '--top': [],
  '--cores': [],
  '--every': [],
}

interface Option {
  command: string
  long: string
}

const program = createProgram(
  new Cli(),
  () => {},
  () => {},
)
const options: Option[] = program.commands
  .filter(command => command.name() !== 'help')
  .flatMap(command =>
    command.options
      .filter(({ flags }) => flags.includes('<') && !flags.includes('<file>'))
      .map(({ long }) => ({ command: command.name(), long: long ?? '' })),
  )

/** Exit code 0, or 2 with one line; and nothing that is no number where one belongs. */
async function check(args: string[]): Promise<number> {
  const { code, stdout, stderr } = await runCli(args)
  const shown = args.map(arg => arg.slice(0, 60)).join(' ')
  expect([shown, [0, 2].includes(code)]).toEqual([shown, true])
  expect([
    shown,
    /\bNaN\b|\bundefined\b|\[object|\n {4}at /.exec(stdout + stderr.split(': expected')[0])?.[0] ?? '',
  ]).toEqual([shown, /NaN/.test(shown) ? expect.anything() : ''])
  if (code === 2) {
    expect([shown, stdout, stderr.startsWith('ctpcap: ')]).toEqual([shown, '', true])
    // commander adds where to read more
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2)
    expect(stderr.length).toBeLessThan(2600)
  }
  return code
}

describe('options that take a value', () => {
  it('are found in what commander knows', () => {
    const names = new Set(options.map(({ long }) => long))
    for (const name of [
      '--top',
      '--at',
      '--set',
      '--cores',
      '--every',
      '--sweep',
      '--scenario',
      '--filter',
      '--preset',
    ])
      expect([...names]).toContain(name)
  })

  it.each(options)('$command $long', { timeout: 60_000 }, async ({ command, long }) => {
    for (const value of ABSURD) {
      const extra =
        long === '--cores'
          ? ['--preset', 'kube-proxy']
          : long === '--every'
            ? ['--series', '/dev/null.csv']
            : []
      const code = await check([command, CAPTURE, ...extra, `${long}=${value}`])
      const numbers = NUMBERS[long]
      if (numbers !== undefined)
        expect([long, value.slice(0, 40), code]).toEqual([long, value.slice(0, 40), 2])
    }
  })
})

describe('--at', () => {
  it.each([
    '+18446744074',
    '18446744074',
    `+${'9'.repeat(400)}`,
    `${'9'.repeat(100_000)}`,
    '-1',
    '1e9',
    'NaN',
    '0x10',
  ])('%s is refused', async at => {
    const { code, stderr } = await runCli(['list', CAPTURE, `--at=${at}`])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^ctpcap: --at .*(more seconds than 18446744073|not a time; expected)/)
  })

  it.each(['+18446744073', '18446744073', '0', '+0', '9999-12-31T23:59:59Z', '0001-01-01T00:00:00Z'])(
    '%s is an instant',
    async at => {
      expect(await check(['list', CAPTURE, `--at=${at}`])).toBeLessThanOrEqual(2)
    },
  )
})

describe('a sysctl', () => {
  const names = Object.keys(SYSCTLS)

  const ends = ['0', '1', '255', '2147483647']
  const timeouts = names.filter(name => SYSCTLS[name as SysctlName].effect === 'timeout')
  const others = names.filter(name => !timeouts.includes(name))

  it.each(names)('%s at its ends', { timeout: 60_000 }, async name => {
    for (const value of ends) await check(['analyze', CAPTURE, '--set', `${name}=${value}`])
  })

  // timeouts differ in the state that they are of alone
  it.each([...others.map(name => [name]), timeouts])(
    '%s and so on: what needs more than one look',
    async (...set) => {
      for (const value of ends) {
        const options = set.flatMap(name => ['--set', `${name}=${value}`])
        for (const command of ['list', 'size']) await check([command, CAPTURE, ...options])
      }
    },
  )

  it.each(ABSURD)('is no %s', async value => {
    expect(await check(['events', CAPTURE, '--set', `nf_conntrack_max=${value}`])).toBe(2)
  })
})

describe('--sweep', () => {
  it.each([
    'udp_timeout=0..1e400',
    'udp_timeout=0..99999999999999999999',
    'udp_timeout=1..2:0',
    'udp_timeout=5..1',
    'max=9007199254740993..9007199254740994',
    `udp_timeout=1..${'9'.repeat(400)}:${'9'.repeat(400)}`,
  ])('%s is refused', async sweep => {
    expect(await check(['size', CAPTURE, '--sweep', sweep])).toBe(2)
  })
})
