// What is counted INVALID, UNREPLIED and picked up, from captures built packet by packet.
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import { CaptureBuilder, Folder, quoted } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { ethernet, filler, ipv4, join, udp } from '../support/frames.ts'

const SYN = 0x02
const ACK = 0x10
const RST = 0x04

async function analyze(capture: CaptureBuilder, ...args: string[]): Promise<Report> {
  using folder = new Folder()
  return JSON.parse((await runCli([folder.write('x.pcap', capture.bytes()), '--json', ...args])).stdout)
}

const client = { sourcePort: 1000, destinationPort: 80 }
const server = { source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 80, destinationPort: 1000 }

describe('packets', () => {
  it('are counted by what became of each', async () => {
    const arp = join('ff ff ff ff ff ff 02 00 00 00 00 01 08 06', filler(28))
    const capture = new CaptureBuilder()
      .connection(1000)
      .frame(arp)
      .udp()
      .icmp(3, 3, quoted(ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 17 }, udp())))
      .tcp({ ...client, flags: 0 })
      .frame(arp.subarray(0, 10))
    const { packets, undecodable } = await analyze(capture)
    expect(packets).toEqual({
      total: 11,
      new: 2,
      established: 5,
      related: 1,
      invalid: 1,
      untracked: 0,
      dropped: 0,
      unmet: 0,
      copies: 0,
      fragments: 0,
      lostFragments: 0,
      notIp: 1,
      undecodable: 1,
    })
    expect(undecodable).toEqual([
      { reason: 'link-layer header cut off', count: 1, firstFrame: 11, frames: [{ capture: 0, frame: 11 }] },
    ])
  })
})

describe('INVALID packets', () => {
  it('are grouped by the reason the kernel logs, the most frequent first, with their first frames', async () => {
    const capture = new CaptureBuilder()
    capture.tcp({ ...client, flags: SYN | RST })
    for (let i = 0; i < 7; i++) capture.tcp({ ...server, flags: SYN | ACK })
    const { invalid } = await analyze(capture)
    expect(invalid).toEqual([
      {
        reason: 'invalid new',
        logged: true,
        partial: 0,
        count: 7,
        firstFrame: 2,
        frames: [2, 3, 4, 5, 6].map(frame => ({ capture: 0, frame })),
      },
      expect.objectContaining({ reason: 'invalid tcp flag combination', count: 1, firstFrame: 1 }),
    ])
  })

  it('that the kernel logs no reason for get one of ours', async () => {
    const capture = new CaptureBuilder()
      .icmp(3, 3, quoted(ipv4({ source: '10.0.0.1', destination: '10.0.0.9', protocol: 17 }, udp())))
      .icmp(0, 0, filler(20))
      .tcp({ ...client, flags: ACK })
    const { invalid } = await analyze(capture, '--set', 'tcp_loose=0')
    expect(invalid.map(({ reason, logged, firstFrame }) => [firstFrame, logged, reason])).toEqual([
      [1, false, 'ICMP error about a flow that is not in the table'],
      [2, false, 'ICMP answer without its request, or a type that opens no flow'],
      [3, false, 'TCP without a flow (nf_conntrack_tcp_loose=0), or too short'],
    ])
  })
})

describe('UNREPLIED flows', () => {
  const multicast = ethernet(ipv4({ source: '10.0.0.1', destination: '224.0.0.251', protocol: 17 }, udp()))
  const broadcast = ethernet(ipv4({ source: '10.0.0.1', destination: '10.0.0.255', protocol: 17 }, udp()))
  broadcast.fill(0xff, 0, 6)

  it.each<[string, CaptureBuilder, Partial<Report['unreplied']>]>([
    ['silent: nothing came back', new CaptureBuilder().tcp({ ...client, flags: SYN }), { silent: 1 }],
    [
      'refused: a RST answered the SYN',
      new CaptureBuilder()
        .tcp({ ...client, flags: SYN, sequence: 5 })
        .tcp({ ...server, flags: RST | ACK, sequence: 0, acknowledgment: 6 }),
      { refused: 1 },
    ],
    [
      'icmpError: a router or the host said no',
      new CaptureBuilder()
        .udp()
        .icmp(3, 3, quoted(ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 17 }, udp()))),
      { icmpError: 1 },
    ],
    [
      'invalidAnswer: what came back is no answer to a SYN',
      new CaptureBuilder()
        .tcp({ ...client, flags: SYN, sequence: 5 })
        .tcp({ ...server, flags: 0x11, sequence: 9, acknowledgment: 6 }),
      { invalidAnswer: 1 },
    ],
    [
      'oneWay: picked up, one half missing',
      new CaptureBuilder().tcp({ ...client, flags: ACK }, 10),
      { oneWay: 1 },
    ],
    ['multicast by address', new CaptureBuilder().frame(multicast), { multicast: 1 }],
    ['multicast by the frame: a subnet broadcast', new CaptureBuilder().frame(broadcast), { multicast: 1 }],
    ['tunnel: VXLAN', new CaptureBuilder().udp({ destinationPort: 8472 }), { tunnel: 1 }],
    ['none', new CaptureBuilder().connection(1000), {}],
  ])('%s', async (_what, capture, expected) => {
    const { destinations: _, ...kinds } = (await analyze(capture)).unreplied
    expect(kinds).toEqual({
      silent: 0,
      refused: 0,
      icmpError: 0,
      invalidAnswer: 0,
      oneWay: 0,
      multicast: 0,
      tunnel: 0,
      ...expected,
    })
  })

  it('are grouped by destination, the largest first', async () => {
    const capture = new CaptureBuilder().udp({ sourcePort: 1, destinationPort: 53 })
    for (let port = 2; port < 5; port++) capture.udp({ sourcePort: port, destinationPort: 123 })
    const { destinations } = (await analyze(capture)).unreplied
    expect(destinations).toEqual([
      expect.objectContaining({
        kind: 'silent',
        protocol: 'udp',
        dst: '10.0.0.2',
        dport: 123,
        flows: 3,
        firstFrame: 2,
      }),
      expect.objectContaining({
        kind: 'silent',
        protocol: 'udp',
        dst: '10.0.0.2',
        dport: 53,
        flows: 1,
        firstFrame: 1,
      }),
    ])
  })

  it('to more destinations than are told apart are counted together', async () => {
    const capture = new CaptureBuilder()
    for (let i = 0; i < 5000; i++) capture.udp({ destination: `10.1.${i >> 8}.${i & 255}` })
    const { silent, destinations } = (await analyze(capture)).unreplied
    expect(silent).toBe(5000)
    expect(destinations[0]).toMatchObject({ dst: '', dport: -1, flows: 5000 - 4096, firstFrame: 4097 })
  })

  it('that a reply reaches in time are none', async () => {
    const capture = new CaptureBuilder()
      .udp({ sourcePort: 1000, destinationPort: 53 })
      .wait(29)
      .udp({ source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 53, destinationPort: 1000 })
    expect((await analyze(capture)).flows).toMatchObject({ total: 1, unreplied: 0 })
  })
})

describe('mid-stream-pickup', () => {
  it('is a finding of severity info, with its frames', async () => {
    const capture = new CaptureBuilder()
      .connection(999)
      .tcp({ ...client, flags: ACK })
      .tcp({ ...client, sourcePort: 1001, flags: ACK })
    const { findings, limits } = await analyze(capture)
    expect(findings).toMatchObject([
      {
        id: 'mid-stream-pickup',
        severity: 'info',
        frames: [
          { capture: 0, frame: 7 },
          { capture: 0, frame: 8 },
        ],
        tshark: expect.stringMatching(/^tshark -r \S+x.pcap -Y 'frame.number in \{7, 8\}'$/),
      },
    ])
    expect(limits.map(({ id }) => id)).toContain('open-before')
  })

  it('is none where the SYN was seen, nor for other protocols', async () => {
    const capture = new CaptureBuilder().connection(999).udp().icmp(8, 0, filler(8))
    expect((await analyze(capture)).findings).toEqual([])
  })
})
