// `ctpcap list`: which entries are shown at which instant, and in what order; its lines in full: conntrack-output.test.ts.
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { TCP_ACK, TCP_RST, TCP_SYN } from '../../src/net/numbers.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { hasProgram } from '../support/installed.ts'

async function list(capture: CaptureBuilder, ...args: string[]) {
  using folder = new Folder()
  const { code, stdout, stderr } = await runCli(['list', folder.write('x.pcap', capture.bytes()), ...args])
  expect(code).toBe(0)
  return { lines: stdout.split('\n').slice(0, -1), stderr }
}

/** Three questions, one a second; then one more a minute later. */
const questions = new CaptureBuilder()
  .udp({ sourcePort: 1 })
  .wait(1)
  .udp({ sourcePort: 2 })
  .wait(1)
  .udp({ sourcePort: 3 })
  .wait(60)
  .udp({ sourcePort: 4 })

const ports = (lines: string[]) => lines.map(line => Number(/sport=(\d+)/.exec(line)?.[1]))
const seconds = (lines: string[]) => lines.map(line => Number(/^udp +17 (\d+)/.exec(line)?.[1]))

describe('list --at', () => {
  it('end is the last frame', async () => {
    const { lines, stderr } = await list(questions)
    expect(lines).toEqual([
      'udp      17 30 src=10.0.0.1 dst=10.0.0.2 sport=4 dport=53 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=53 dport=4 mark=0 use=1',
    ])
    expect(stderr).toMatch(
      /^ctpcap \d+\.\d+\.\d+: 1 flow entries have been shown\. \(62\.000000 s after the first frame, 2023-11-14 22:14:22\.000 UTC\)\n$/,
    )
  })

  it('an instant shows what had come by then, with the time that was left', async () => {
    const { lines, stderr } = await list(questions, '--at', '+1.5')
    expect(ports(lines)).toEqual([1, 2])
    expect(seconds(lines)).toEqual([28, 29])
    expect(stderr).toContain('1.500000 s after the first frame')
    expect((await list(questions, '--at', '1700000001.5')).lines).toEqual(lines)
    expect((await list(questions, '--at', '2023-11-14T22:13:21.5Z')).lines).toEqual(lines)
  })

  it('a frame at the instant itself counts', async () => {
    expect(ports((await list(questions, '--at', '+1')).lines)).toEqual([1, 2])
    expect(ports((await list(questions, '--at', '+0.999999999')).lines)).toEqual([1])
  })

  it('entries age until the instant', async () => {
    expect(seconds((await list(questions, '--at', '+22')).lines)).toEqual([8, 9, 10])
    expect((await list(questions, '--at', '+61')).lines).toEqual([])
  })

  it('an instant outside of the capture is refused, with what is inside', async () => {
    const refused = async (at: string): Promise<string> => {
      const { lines, stderr } = await list(questions, '--at', at)
      expect(lines).toEqual([])
      return stderr
    }
    expect(await refused('+62.1')).toBe(
      'ctpcap: --at 2023-11-14 22:14:22.100 UTC: outside of the capture, which lasts from 2023-11-14 22:13:20.000 UTC to 2023-11-14 22:14:22.000 UTC (+0 to +62.000000)\n',
    )
    expect(await refused('1600000000')).toContain('which begins at 2023-11-14 22:13:20.000 UTC')
  })

  it('a time without a zone is in that of --tz', async () => {
    const { lines, stderr } = await list(questions, '--at', '2023-11-14T23:13:21.5', '--tz', 'Europe/Berlin')
    expect(ports(lines)).toEqual([1, 2])
    expect(stderr).toContain('2023-11-14 23:13:21.500 UTC+01:00')
    expect((await runCli(['list', 'x.pcap', '--tz', 'Nowhere'])).stderr).toContain(
      '--tz Nowhere: not a time zone',
    )
  })

  it('peak is when the most entries were live, the first of equals', async () => {
    const { lines, stderr } = await list(questions, '--at', 'peak')
    expect(ports(lines)).toEqual([1, 2, 3])
    expect(stderr).toContain('2.000000 s after')
    const twice = new CaptureBuilder().udp({ sourcePort: 1 }).wait(100).udp({ sourcePort: 2 })
    expect(ports((await list(twice, '--at', 'peak')).lines)).toEqual([1])
  })

  it('peak cannot be found in what can be read only once', async () => {
    const { code, stderr } = await runCli(['list', '-', '--at', 'peak'])
    expect(code).toBe(2)
    expect(stderr).toBe('ctpcap: --at peak reads the capture twice; standard input can be read only once\n')
  })

  it.runIf(hasProgram('mkfifo', 'list.test.ts: a FIFO'))('peak cannot be found in a FIFO', async () => {
    using folder = new Folder()
    const fifo = folder.at('fifo')
    execFileSync('mkfifo', [fifo])
    expect((await runCli(['list', fifo, '--at', 'peak'])).stderr).toContain('can be read only once')
  })

  it('anything else is refused', async () => {
    const { code, stderr } = await runCli(['list', 'x.pcap', '--at', 'noon'])
    expect(code).toBe(2)
    expect(stderr).toContain('--at noon: not a time')
  })
})

describe('list', () => {
  it('sorts by protocol, addresses and ports as numbers', async () => {
    const capture = new CaptureBuilder()
      .udp({ source: '10.0.0.10', sourcePort: 7 })
      .udp({ source: '10.0.0.9', sourcePort: 10 })
      .udp({ source: '10.0.0.9', sourcePort: 9 })
      .udp({ source: '200.0.0.1', sourcePort: 1 })
      .tcp({ source: '10.0.0.200', flags: TCP_SYN })
    const { lines } = await list(capture)
    expect(lines.map(line => /^(\w+) .*? src=(\S+) .*?sport=(\d+)/.exec(line)?.slice(1).join(' '))).toEqual([
      'tcp 10.0.0.200 1000',
      'udp 10.0.0.9 9',
      'udp 10.0.0.9 10',
      'udp 10.0.0.10 7',
      'udp 200.0.0.1 1',
    ])
  })

  it('prints JSON with the fields of a listed entry', async () => {
    const capture = new CaptureBuilder().connection(1000).wait(0.5).udp({ sourcePort: 2 })
    const { lines } = await list(capture, '--format', 'ndjson', '--set', 'acct=1')
    expect(lines.map(line => JSON.parse(line))).toMatchObject([
      {
        proto: 'tcp',
        state: 'TIME_WAIT',
        timeout: 119,
        status: ['ASSURED'],
        orig_packets: 3,
        reply_packets: 3,
      },
      { proto: 'udp', state: null, timeout: 30, status: ['UNREPLIED'], orig_packets: 1, reply_bytes: 0 },
    ])
  })

  it('prints an empty XML document for an empty table', async () => {
    const { lines } = await list(new CaptureBuilder(), '--format', 'xml')
    expect(lines).toEqual(['<?xml version="1.0" encoding="utf-8"?>', '<conntrack>', '</conntrack>'])
  })

  it('does not show what a timeout has ended', async () => {
    const short = ['--set', 'tcp_timeout_established=1']
    const segment = { flags: TCP_ACK, sequence: 1, acknowledgment: 1 }
    const capture = new CaptureBuilder().tcp(segment).wait(1).udp({ sourcePort: 2 })
    expect((await list(capture)).lines).toHaveLength(2)
    expect((await list(capture, ...short)).lines).toHaveLength(1)
  })

  it('does not show what the last frame has ended', async () => {
    const answer = { source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 80, destinationPort: 1000 }
    const refused = new CaptureBuilder()
      .tcp({ sourcePort: 1000, destinationPort: 80, flags: TCP_SYN, sequence: 100 })
      .tcp({ ...answer, flags: TCP_RST | TCP_ACK, acknowledgment: 101 })
    expect((await list(refused)).lines).toEqual([])
  })

  it('warns of a capture that is cut off, after the entries', async () => {
    using folder = new Folder()
    const path = folder.write('cut.pcap', questions.bytes().slice(0, -5))
    const { code, stdout, stderr } = await runCli(['list', path])
    expect(code).toBe(0)
    expect(stdout.split('\n')).toHaveLength(4)
    expect(stderr).toMatch(/^ctpcap: warning: .*cut\.pcap: byte \d+: cut off/)
  })
})
