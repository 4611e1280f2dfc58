// Input that cannot be read, damage further in, wrong usage: one line each, and the right exit code.
import { mkdirSync, symlinkSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { supportsLinkType } from '../../src/packet/encapsulation/decode.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'

const sound = new CaptureBuilder().connection(1001).wait(1).udp()

describe('input that cannot be read', () => {
  it.each([
    ['a missing file', () => null, /^ctpcap: \S*x.pcap: no such file\n$/],
    ['an empty file', () => new Uint8Array(0), /^ctpcap: \S*x.pcap: byte 0: empty, expected a capture\n$/],
    [
      'a text',
      () => Buffer.from('hello, I am no capture'),
      /^ctpcap: \S*x.pcap: byte 0: no capture: found .*expected pcap.*\n$/,
    ],
    [
      'half a file header',
      () => sound.bytes().subarray(0, 10),
      /^ctpcap: \S*x.pcap: byte 10: cut off, expected a pcap file header.*\n$/,
    ],
    [
      'an unknown link type',
      () => sound.bytes({ linkType: 147 }),
      /^ctpcap: \S*x.pcap: byte 20: link type 147 is not supported, expected .*Ethernet \(1\), .*\n$/,
    ],
  ])('%s: one line with file and offset, exit code 2', async (_what, content, message) => {
    using folder = new Folder()
    const bytes = content()
    if (bytes !== null) folder.write('x.pcap', bytes)
    const { code, stdout, stderr } = await runCli([folder.at('x.pcap')])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
  })

  it('a link type without a decoder: those that have one are named, and no other', async () => {
    using folder = new Folder()
    const { stderr } = await runCli([folder.write('x.pcap', sound.bytes({ linkType: 147 }))])
    const [, expected] = stderr.split(' is not supported, expected ')
    const named = new Set(expected.match(/\d+(?=[,)])/g)?.map(Number))
    for (let linkType = 0; linkType < 400; linkType++) {
      expect([linkType, named.has(linkType)]).toEqual([linkType, supportsLinkType(linkType)])
    }
  })

  it('a directory', async () => {
    using folder = new Folder()
    mkdirSync(folder.at('x.pcap'))
    const { code, stderr } = await runCli([folder.at('x.pcap')])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^ctpcap: \S*x.pcap: is a directory, expected a capture\n$/)
  })

  it('shows no control characters of a file name', async () => {
    const { stderr } = await runCli(['no\u001b[31m-such.pcap'])
    expect(stderr).toMatch(/^ctpcap: no\\x1b\[31m-such.pcap: no such file/)
  })
})

describe('damage further in', () => {
  it('a capture cut off in its last record: all before it, a warning, exit code 0', async () => {
    using folder = new Folder()
    const bytes = sound.bytes()
    const path = folder.write('x.pcap', bytes.subarray(0, bytes.length - 5))
    const { code, stdout, stderr } = await runCli([path, '--json'])
    expect(code).toBe(0)
    expect(stderr).toMatch(/^ctpcap: warning: \S*x.pcap: byte \d+: cut off: expected .*\n$/)
    const report = JSON.parse(stdout)
    expect(report.packets.total).toBe(6)
    expect(report.captures[0].damage).toMatchObject([{ stopped: true }])
    expect(report.limits.map((limit: { id: string }) => limit.id)).toContain('capture-damaged')
  })

  it('a record of absurd length: stops there, reports what came before', async () => {
    using folder = new Folder()
    const record = new Uint8Array(16).fill(0x7f)
    const path = folder.write('x.pcap', Buffer.concat([sound.bytes(), record, new Uint8Array(50)]))
    const { code, stdout, stderr } = await runCli([path])
    expect(code).toBe(0)
    const offset = sound.bytes().length
    expect(stderr).toMatch(new RegExp(`byte ${offset}: record length`))
    expect(stdout).toContain(`byte ${offset}: record length`)
    expect(stdout).toContain('7 frames')
  })

  it('says nothing on stderr when told to be quiet', async () => {
    using folder = new Folder()
    const bytes = sound.bytes()
    const path = folder.write('x.pcap', bytes.subarray(0, bytes.length - 5))
    expect(await runCli([path, '--quiet'])).toEqual({ code: 0, stdout: '', stderr: '' })
  })
})

describe('wrong usage', () => {
  it.each([
    [['analyze'], /missing required argument 'capture'/],
    [['x.pcap', '--frobnicate'], /unknown option '--frobnicate'/],
    [['x.pcap', '--top', 'many'], /--top many: expected a whole number from 0/],
    [['x.pcap', '--top', '-1'], /--top -1: expected a whole number from 0/],
    [['x.pcap', '--sort', 'size'], /--sort size: expected bytes, packets, entry-seconds/],
    [['x.pcap', '--fail-on', 'panic'], /--fail-on panic: expected error, warning, info/],
    [['x.pcap', '--set', 'tcp_loose=7'], /--set tcp_loose: 7 is no whole number from 0 to 1/],
    [['x.pcap', '--set', 'conntrack_maxi=7'], /unknown sysctl; did you mean/],
    [['x.pcap', '--sysctl', 'no-such-file'], /--sysctl no-such-file: /],
  ])('%j: a message, exit code 2', async (args, message) => {
    const { code, stdout, stderr } = await runCli(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^ctpcap: /)
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/\n {4}at /)
  })

  it('help and version go to stdout with exit code 0', async () => {
    const help = await runCli(['--help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toContain('analyze')
    expect(await runCli(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ctpcap \d+\.\d+\.\d+\n$/),
    })
  })
})

describe('a file given twice', () => {
  it.each(['analyze', 'packets', 'events', 'list', 'size', 'info'])(
    'is refused as a capture by %s',
    async command => {
      using folder = new Folder()
      const path = folder.write('x.pcap', sound.bytes())
      const other = folder.write('y.pcap', sound.bytes())
      const link = folder.at('link.pcap')
      symlinkSync(path, link)
      expect(await runCli([command, path, other, path])).toEqual({
        code: 2,
        stdout: '',
        stderr: `ctpcap: ${path}: given twice, expected each capture once\n`,
      })
      const { code, stderr } = await runCli([command, path, link])
      expect([code, stderr]).toEqual([
        2,
        `ctpcap: ${link}: the same file as ${path}, expected each capture once\n`,
      ])
      // two files that hold the same are two
      expect((await runCli([command, path, other])).code).toBe(0)
    },
  )

  it('is refused as --rules', async () => {
    using folder = new Folder()
    const path = folder.write('x.pcap', sound.bytes())
    const rules = folder.write('rules', '*raw\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n')
    const { code, stderr } = await runCli(['events', path, '--rules', rules, '--rules', rules])
    expect([code, stderr]).toEqual([2, `ctpcap: --rules ${rules}: given twice, expected each file once\n`])
    expect((await runCli(['events', path, '--rules', rules])).code).toBe(0)
  })

  it('but missing is missing', async () => {
    const { code, stderr } = await runCli(['no-such.pcap', 'no-such.pcap'])
    expect(code).toBe(2)
    expect(stderr).toContain('no such file')
  })
})
