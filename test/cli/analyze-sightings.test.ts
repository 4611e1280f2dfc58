// What `ctpcap analyze` makes of packets that several interfaces show: one packet, one flow, its translation.
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { writeSyntheticCapture } from '../support/synthetic-capture.ts'

async function reportOf(...args: string[]): Promise<Report> {
  return JSON.parse((await runCli(['analyze', ...args, '--json', '-q'])).stdout)
}

const MASQUERADE = 'fixtures/lab/masquerade-egress/any.pcap'
const SAME_BRIDGE = 'fixtures/lab/same-bridge-dnat/any.pcap'

describe('a capture of a bridge that shows requests translated, and answers translated back', () => {
  it('holds one flow with its translation, and nothing that is INVALID or begins in mid-stream', async () => {
    const capture = 'fixtures/findings/idle-timeout-dnat-control.cni0.pcap'
    const { flows, packets, findings } = await reportOf(capture)
    expect(flows).toMatchObject({ total: 1, unreplied: 0, assured: 1, packets: 13 })
    expect(flows.top[0]).toMatchObject({
      state: 'TIME_WAIT',
      orig: { src: '10.244.0.5', dst: '10.96.45.12', sport: 40001, dport: 80 },
      reply: { src: '10.244.1.9', dst: '10.244.0.5', sport: 8080, dport: 40001 },
    })
    expect(packets).toMatchObject({ new: 1, established: 12, invalid: 0 })
    expect(findings.map(({ id }) => id)).toEqual(['offload-checksum'])
    // frame by frame it is two halves
    const halves = await reportOf(capture, '--replay', 'frames')
    expect(halves.flows).toMatchObject({ total: 2, unreplied: 2 })
  })

  it('keeps what a faulty run shows: the segment outside the window, and the RST that meets it', async () => {
    const { flows, packets, findings } = await reportOf('fixtures/findings/invalid-leak.cni0.pcap')
    expect(flows.total).toBe(1)
    expect(packets.invalid).toBe(2)
    expect(findings.map(({ id }) => id)).toEqual(['invalid-leak', 'offload-checksum'])
  })
})

describe('a capture on any', () => {
  it('counts each packet once: the flows are those of conntrack -L', async () => {
    const { flows, packets, sightings } = await reportOf(MASQUERADE, '--top', '100')
    const { stdout } = await runCli(['list', MASQUERADE])
    expect(flows.total).toBe(stdout.trim().split('\n').length)
    expect(flows.packets + packets.copies + packets.unmet + packets.notIp).toBe(packets.total)
    expect(sightings?.points.map(point => point.frames).reduce((a, b) => a + b)).toBe(
      packets.total - packets.notIp,
    )
  })

  it('shows both tuples of a translated flow', async () => {
    const { flows } = await reportOf(MASQUERADE, '--top', '100')
    const masqueraded = flows.top.filter(flow => flow.orig.src !== flow.reply.dst)
    expect(masqueraded.length).toBe(7)
    for (const flow of masqueraded) {
      expect(flow.reply.dst).toBe('192.168.56.11')
      expect(flow.status).toContain('SRC_NAT')
    }
  })

  it('tells what crossed a bridge past conntrack, and how it knows', async () => {
    const { packets, sightings } = await reportOf(SAME_BRIDGE)
    expect(sightings?.bridgeCalls.ipv4).toEqual({ value: 0, origin: 'concluded' })
    expect(packets.unmet).toBe(sightings?.switched)
    expect(packets.unmet).toBe(10)
    const { stdout } = await runCli(['analyze', SAME_BRIDGE, '--details'])
    expect(stdout).toContain(
      '10 packets switched inside a bridge (bridge-nf-call-iptables=0, concluded from the packets)',
    )
    expect(stdout).toContain('seen at any#4 (15 frames), any#2 (20 frames), any#5 (15 frames)')
  })

  it.each([
    [SAME_BRIDGE, ['--set', 'bridge-nf-call-iptables=1'], '=1, by --sysctl or --set'],
    ['fixtures/lab/same-bridge-dnat-control/any.pcap', [], '=1, concluded from the packets'],
    ['fixtures/lab/same-bridge-direct-control/any.pcap', [], '=1, assumed: no packet tells'],
  ])('says whether that is given, concluded or assumed: %s %s', async (capture, args, words) => {
    const { stdout } = await runCli(['analyze', capture, '--details', ...args])
    const [line] = stdout.match(/\d+ packets switched inside a bridge.*\n/) ?? []
    expect(line).toContain(`(bridge-nf-call-iptables${words})`)
  })

  it("relates the host's own ICMP errors to the flow that they quote as it came in", async () => {
    // a router that cannot reach the backend, and says so to the client: port and address are the service's again
    const { packets } = await reportOf('fixtures/flow-findings/stale-mapping.any.pcap')
    expect(packets).toMatchObject({ invalid: 0, related: 16 })
  })

  it('counts each frame once, also of a capture that is long and quiet', async () => {
    using folder = new Folder()
    const capture = folder.at('quiet.pcap')
    // after 4096 frames without a copy packets do not wait any more
    writeSyntheticCapture(capture, { conns: 800, data: 4, payload: 10, concurrent: 100, pps: 10_000 })
    const { captures, packets, sightings } = await reportOf(capture)
    expect(captures[0].frames).toBeGreaterThan(6000)
    expect(sightings?.points).toMatchObject([{ frames: captures[0].frames }])
    expect(packets.total).toBe(captures[0].frames)
  })

  it('is replayed frame by frame where that is asked for', async () => {
    const { flows, packets, sightings } = await reportOf(MASQUERADE, '--replay', 'frames')
    expect(sightings).toBeNull()
    expect(packets.copies).toBe(0)
    expect(flows.packets).toBeGreaterThan(150)
  })
})
