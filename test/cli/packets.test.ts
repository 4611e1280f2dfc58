// `ctpcap packets`: a line a frame, in each of its forms.
import { execFileSync } from 'node:child_process'
import { open } from 'node:fs/promises'
import { describe, expect, it, vi } from 'vitest'
import { parseStates } from '../../src/cli/commands/packets.ts'
import { run } from '../../src/cli/run.ts'
import { TCP_ACK, TCP_FIN, TCP_SYN } from '../../src/net/numbers.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { Cli, runCli } from '../support/cli.ts'
import { ethernet, filler, ipv4, join, tcp, udp } from '../support/frames.ts'
import { hasProgram } from '../support/installed.ts'
import { PATIENCE } from '../support/patience.ts'

const SERVER = { source: '10.0.0.2', destination: '10.0.0.1' }

async function packets(capture: CaptureBuilder, ...args: string[]): Promise<string> {
  using folder = new Folder()
  const { code, stdout, stderr } = await runCli(['packets', folder.write('x.pcap', capture.bytes()), ...args])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

/** A handshake, a segment far out of the window, and the same again as a FIN. */
const outOfWindow = new CaptureBuilder()
  .tcp({ sourcePort: 1000, destinationPort: 80, flags: TCP_SYN, sequence: 100, window: 1000 })
  .wait(0.25)
  .tcp({
    ...SERVER,
    sourcePort: 80,
    destinationPort: 1000,
    flags: TCP_SYN | TCP_ACK,
    sequence: 500,
    acknowledgment: 101,
    window: 1000,
  })
  .tcp({
    sourcePort: 1000,
    destinationPort: 80,
    flags: TCP_ACK,
    sequence: 101,
    acknowledgment: 501,
    window: 1000,
  })
  .wait(1.5)
  .tcp({ sourcePort: 1000, destinationPort: 80, flags: TCP_ACK, sequence: 90_000, acknowledgment: 501 }, 10)

describe('packets --format tsv', () => {
  it('has a row a frame, with the words of the kernel', async () => {
    expect(await packets(outOfWindow, '--format', 'tsv')).toBe(
      [
        'frame\ttime\tstate\tdirection\tseen_reply\tassured\treason',
        '1\t1700000000.000000000\tnew\toriginal\t0\t0\t',
        '2\t1700000000.250000000\testablished\treply\t1\t0\t',
        '3\t1700000000.250000000\testablished\toriginal\t1\t1\t',
        '4\t1700000001.750000000\tinvalid\t\t\t\tnf_ct_proto_6: SEQ is over upper bound 1102 (over the window of the receiver)',
        '',
      ].join('\n'),
    )
  })

  it('names frames that conntrack does not get to see', async () => {
    const datagram = udp({}, filler(32))
    const capture = new CaptureBuilder()
      .frame(ethernet(join('00 01'), { type: 0x0806 }))
      .frame(ethernet(ipv4({ protocol: 17, moreFragments: true }, datagram.subarray(0, 16))))
      .frame(ethernet(ipv4({ protocol: 17, fragmentOffset: 16 }, datagram.subarray(16))))
      .frame(ethernet(ipv4({ protocol: 17, checksum: 0x1234 }, datagram)))
      .frame(ethernet(ipv4({ protocol: 6 }, tcp())).subarray(0, 30), 54)
    const printed = await packets(capture, '--format', 'tsv', '--replay', 'frames')
    const rows = printed.split('\n').map(row => row.split('\t'))
    expect(rows.slice(1, -1).map(row => [row[2], row[6]])).toEqual([
      ['skipped', 'no IP packet inside'],
      ['frag', ''],
      ['new', ''],
      ['dropped', 'IPv4 header checksum wrong'],
      ['skipped', 'IP header cut off'],
    ])
  })

  it('joins the complaints about one frame', async () => {
    const fin = { flags: TCP_FIN | TCP_ACK, window: 1000 }
    const capture = new CaptureBuilder()
      .tcp({ sourcePort: 1000, destinationPort: 80, flags: TCP_SYN, sequence: 100, window: 1000 })
      .tcp({
        ...SERVER,
        sourcePort: 80,
        destinationPort: 1000,
        flags: TCP_SYN | TCP_ACK,
        sequence: 500,
        acknowledgment: 101,
        window: 1000,
      })
      .tcp({
        sourcePort: 1000,
        destinationPort: 80,
        flags: TCP_ACK,
        sequence: 101,
        acknowledgment: 501,
        window: 1000,
      })
      .tcp({ sourcePort: 1000, destinationPort: 80, sequence: 90_000, acknowledgment: 501, ...fin })
      .tcp({
        ...SERVER,
        sourcePort: 80,
        destinationPort: 1000,
        sequence: 90_000,
        acknowledgment: 101,
        ...fin,
      })
    const rows = (await packets(capture, '--format', 'tsv')).split('\n')
    expect(rows[5].split('\t')[6]).toBe(
      'nf_ct_proto_6: SEQ is over upper bound 1502 (over the window of the receiver) | ' +
        'nf_ct_proto_6: packet (index 2, dir 1) response for index 2 lower timeout to 75000',
    )
    const json = (await packets(capture, '--format', 'ndjson')).split('\n')
    expect(JSON.parse(json[4]).reasons).toHaveLength(2)
  })
})

describe('packets --format ndjson', () => {
  it('tells the state that a segment found and left, the timeout, and both tuples', async () => {
    const lines = (await packets(outOfWindow, '--format', 'ndjson'))
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines.map(line => [line.state_before, line.state_after, line.timeout])).toEqual([
      ['NONE', 'SYN_SENT', 120],
      ['SYN_SENT', 'SYN_RECV', 60],
      ['SYN_RECV', 'ESTABLISHED', 432000],
      [undefined, undefined, undefined],
    ])
    expect(lines[1]).toEqual({
      frame: 2,
      time: 1700000000.25,
      state: 'established',
      direction: 'reply',
      seen_reply: true,
      assured: false,
      family: 'ipv4',
      family_number: 2,
      proto: 'tcp',
      proto_number: 6,
      length: 40,
      src: '10.0.0.2',
      dst: '10.0.0.1',
      sport: 80,
      dport: 1000,
      tcp_flags: 'S.',
      tcp_seq: 500,
      tcp_ack: 101,
      tcp_window: 1000,
      state_before: 'SYN_SENT',
      state_after: 'SYN_RECV',
      timeout: 60,
      orig_src: '10.0.0.1',
      orig_dst: '10.0.0.2',
      orig_sport: 1000,
      orig_dport: 80,
      reply_src: '10.0.0.2',
      reply_dst: '10.0.0.1',
      reply_sport: 80,
      reply_dport: 1000,
      reasons: [],
    })
    expect(lines[3]).toMatchObject({ state: 'invalid', direction: null, tcp_seq: 90_000 })
  })

  it('shows the time that is left where a packet does not renew it', async () => {
    const syn = { sourcePort: 1000, destinationPort: 80, flags: TCP_SYN, sequence: 100 }
    const lines = await packets(new CaptureBuilder().tcp(syn).wait(1).tcp(syn), '--format', 'ndjson')
    expect(
      lines
        .split('\n')
        .slice(0, 2)
        .map(line => JSON.parse(line).timeout),
    ).toEqual([120, 119])
  })

  it('has one JSON object a line for every protocol', async () => {
    const { stdout } = await runCli([
      'packets',
      'fixtures/conntrack-output/every-protocol.pcap',
      '--format',
      'ndjson',
    ])
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(new Set(lines.map(line => line.proto_number))).toEqual(
      new Set([1, 6, 17, 33, 47, 50, 58, 132, 136, 200]),
    )
    expect(lines.find(line => line.proto === 'icmpv6' && line.state === 'new')).toMatchObject({
      src: '2001:db8::1',
      dst: '2001:db8:0:7::f00d',
      type: 128,
      code: 0,
      id: 4662,
      orig_type: 128,
      reply_type: 129,
    })
    expect(lines.find(line => line.proto === 'gre' && line.orig_dstkey === 0x1234)).toMatchObject({
      reply_srckey: 0x1234,
    })
  })
})

describe('packets for people', () => {
  it('aligns its columns', async () => {
    expect(await packets(outOfWindow)).toMatchInlineSnapshot(`
      "frame       time  source > destination                        proto   flags state       direction reason
          1   0.000000  10.0.0.1:1000 > 10.0.0.2:80                 tcp     S     new         original
          2   0.250000  10.0.0.2:80 > 10.0.0.1:1000                 tcp     S.    established reply
          3   0.250000  10.0.0.1:1000 > 10.0.0.2:80                 tcp     .     established original
          4   1.750000  10.0.0.1:1000 > 10.0.0.2:80                 tcp     .     invalid     -         SEQ is over upper bound 1102 (over the window of the receiver)
      "
    `)
  })

  it('lets columns grow, and keeps them so', async () => {
    const { stdout } = await runCli(['packets', 'fixtures/conntrack-output/every-protocol.pcap'])
    const columns = stdout
      .trimEnd()
      .split('\n')
      .map(line => line.search(/ (new|established|related|invalid) /))
    const grown = columns.filter(column => column >= 0)
    expect(grown).toEqual([...grown].sort((a, b) => a - b))
    expect(stdout).toContain('[2001:db8::1]:40002 > [2001:db8:0:7::f00d]:8080')
  })

  it('is coloured on a terminal alone', async () => {
    using folder = new Folder()
    const args = ['packets', folder.write('x.pcap', outOfWindow.bytes())]
    const coloured = (await runCli(args, { terminal: true })).stdout
    expect(coloured).toContain('\u001b[31minvalid')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe((await runCli(args)).stdout)
    expect((await runCli([...args, '--no-color'], { terminal: true })).stdout).not.toContain('\u001b')
  })
})

describe('--only', () => {
  it('shows frames of some states', async () => {
    expect(
      (await packets(outOfWindow, '--format', 'tsv', '--only', 'invalid, NEW'))
        .split('\n')
        .map(row => row[0]),
    ).toEqual(['f', '1', '4', undefined])
  })

  it('does not change what later frames find', async () => {
    const lines = await packets(
      outOfWindow.tcp({
        sourcePort: 1000,
        destinationPort: 80,
        flags: TCP_FIN | TCP_ACK,
        sequence: 101,
        acknowledgment: 501,
      }),
      '--format',
      'ndjson',
      '--only',
      'new,established',
    )
    expect(JSON.parse(lines.trimEnd().split('\n')[3])).toMatchObject({
      frame: 5,
      state_before: 'ESTABLISHED',
      state_after: 'FIN_WAIT',
    })
  })

  it('refuses a state that there is not', () => {
    expect(parseStates('frag,skipped')).toEqual(new Set(['frag', 'skipped']))
    expect(() => parseStates('new,invlid')).toThrow('--only invlid: no such state; did you mean invalid?')
  })
})

describe('--replay auto', () => {
  const SWITCHED = ['fixtures/lab/same-bridge-dnat/any.pcap', '--set', 'net.bridge.bridge-nf-call-iptables=0']

  it('has one verdict for a packet, its further sightings behind it, and what conntrack never met as that', async () => {
    const { stdout } = await runCli(['packets', ...SWITCHED, '--format', 'tsv', '--only', 'new,unmet,copy'])
    const rows = stdout
      .trimEnd()
      .split('\n')
      .slice(1)
      .map(row => row.split('\t'))
    const shown = new Map(rows.map(row => [row[0], row]))
    const copies = rows.filter(row => row[2] === 'copy')
    expect(copies.length).toBeGreaterThan(0)
    for (const [i, row] of rows.entries()) {
      if (row[2] !== 'copy') continue
      const [, of] = /^copy of (\d+)$/.exec(row[6]) ?? []
      expect(shown.get(of ?? '')?.[2]).toMatch(/^(new|unmet)$/)
      expect(rows.slice(0, i).some(earlier => earlier[0] === of)).toBe(true)
    }
    const reasons = new Set(rows.filter(row => row[2] === 'unmet').map(row => row[6]))
    expect(reasons).toEqual(new Set(['switched inside a bridge, past conntrack']))
  })

  it('says in JSON what a copy is a copy of, and shows frames as they were captured', async () => {
    const { stdout } = await runCli(['packets', ...SWITCHED, '--format', 'ndjson'])
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    const byFrame = new Map(lines.map(line => [line.frame, line]))
    expect(byFrame.size).toBe(lines.length)
    const translated = lines.filter(
      line => line.state === 'copy' && byFrame.get(line.copy_of)?.dst !== line.dst && line.proto === 'tcp',
    )
    expect(translated.length).toBeGreaterThan(0)
    expect(lines.filter(line => line.state !== 'copy' && 'copy_of' in line)).toEqual([])
  })

  it('counts each frame as a packet with --replay frames', async () => {
    const { stdout } = await runCli(['packets', ...SWITCHED, '--replay', 'frames', '--format', 'tsv'])
    expect(stdout).not.toMatch(/\t(copy|unmet)\t/)
  })
})

it('several captures number their frames each', async () => {
  using folder = new Folder()
  const first = folder.write('a.pcap', new CaptureBuilder().udp().bytes())
  const second = folder.write('b.pcap', new CaptureBuilder().wait(1).udp().udp().bytes())
  const { stdout } = await runCli(['packets', first, second, '--format', 'tsv'])
  expect(stdout.split('\n').map(row => row.split('\t')[0])).toEqual(['frame', '1:1', '2:1', '2:2', ''])
  const json = (await runCli(['packets', first, second, '--format', 'ndjson'])).stdout.split('\n')
  expect(JSON.parse(json[2])).toMatchObject({ frame: 2, capture: 1 })
})

const hasFifos = hasProgram('mkfifo', 'packets.test.ts: a live capture')
it.runIf(hasFifos)('shows the frames of a live capture as they come', async () => {
  using folder = new Folder()
  const fifo = folder.at('fifo')
  execFileSync('mkfifo', [fifo])
  const cli = new Cli()
  const running = run(['packets', fifo, '--format', 'tsv', '--replay', 'frames'], cli)
  const writer = await open(fifo, 'w')
  const capture = new CaptureBuilder().udp().wait(1).udp().bytes()
  await writer.write(capture.subarray(0, capture.length - 20))
  await vi.waitFor(() => expect(cli.stdout.text).toContain('\n1\t1700000000.000000000\tnew\t'), PATIENCE)
  expect(cli.stdout.text).not.toContain('\n2\t')
  await writer.write(capture.subarray(capture.length - 20))
  await writer.close()
  expect(await running).toBe(0)
  expect(cli.stdout.text).toContain('\n2\t1700000001.000000000\tnew\t')
})
