// Which limits a capture is reported to have.
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import type { PcapOptions } from '../support/pcap-writer.ts'

async function limitsOf(
  capture: CaptureBuilder,
  options: PcapOptions = {},
  args: string[] = [],
): Promise<Record<string, string>> {
  using folder = new Folder()
  const path = folder.write('x.pcap', capture.bytes(options))
  const report: Report = JSON.parse((await runCli([path, '--json', '-q', ...args])).stdout)
  return Object.fromEntries(report.limits.map(({ id, text }) => [id, text]))
}

describe('what a capture cannot show', () => {
  it('flows that were open before it', async () => {
    expect(await limitsOf(new CaptureBuilder().tcp({ flags: 0x10 }))).toHaveProperty('open-before')
    expect(await limitsOf(new CaptureBuilder().connection(1))).not.toHaveProperty('open-before')
  })

  describe('flows whose entry expired were not open before it', () => {
    const SHORT = ['--set', 'tcp_timeout_established=5']
    const ports = { sourcePort: 40_000, destinationPort: 80 }
    const server = { source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 80, destinationPort: 40_000 }
    const opened = () =>
      new CaptureBuilder()
        .tcp({ ...ports, flags: 0x02, sequence: 0 })
        .tcp({ ...server, flags: 0x12, sequence: 0, acknowledgment: 1 })
        .tcp({ ...ports, flags: 0x10, sequence: 1, acknowledgment: 1 })

    it.each([
      ['client', { ...ports, sequence: 1, acknowledgment: 1 }],
      ['server', { ...server, sequence: 1, acknowledgment: 1 }],
    ])('whose %s goes on', async (_who, segment) => {
      const capture = opened()
        .wait(10)
        .tcp({ ...segment, flags: 0x18 }, 5)
      expect(await limitsOf(capture, {}, SHORT)).not.toHaveProperty('open-before')
      // beside one that was
      capture.tcp({ ...segment, sourcePort: 50_000, flags: 0x18 }, 5)
      expect((await limitsOf(capture, {}, SHORT))['open-before']).toMatch(/^1 TCP flow begins in mid-stream/)
    })

    it('for one that was picked up itself, the first time counts', async () => {
      const capture = new CaptureBuilder().tcp({ ...ports, flags: 0x10, sequence: 1 })
      capture.wait(400).tcp({ ...ports, flags: 0x10, sequence: 1 })
      expect((await limitsOf(capture))['open-before']).toMatch(/^1 TCP flow begins in mid-stream/)
    })
  })

  it('the other direction', async () => {
    const limits = await limitsOf(new CaptureBuilder().tcp({ flags: 0x10 }, 5))
    expect(limits['one-direction']).toMatch(/^1 TCP flow is seen in one direction only/)
  })

  it('where the table levels off, when it is shorter than the timeouts', async () => {
    const short = await limitsOf(new CaptureBuilder().connection(1).udp())
    expect(short['shorter-than-timeouts']).toMatch(
      /\(tcp_timeout_time_wait 120 s × 1, udp_timeout 30 s × 1\)/,
    )
    const long = await limitsOf(new CaptureBuilder().udp({ sourcePort: 1 }).wait(31).udp({ sourcePort: 2 }))
    expect(long).not.toHaveProperty('shorter-than-timeouts')
  })

  it('what the snap length cut off', async () => {
    const frame = new CaptureBuilder().udp().bytes().subarray(40, 70)
    const limits = await limitsOf(new CaptureBuilder().frame(frame, 90), { snapLength: 30 })
    expect(limits.snaplen).toMatch(/^1 frame could not be read \(snap length 30\)/)
  })

  it('packets seen several times, on "any"', async () => {
    const any = new CaptureBuilder().frame(new Uint8Array(60))
    const limits = await limitsOf(any, { linkType: 276 }, ['--replay', 'frames'])
    expect(limits).toHaveProperty('several-points')
    expect(await limitsOf(any, { linkType: 276 })).not.toHaveProperty('several-points')
    expect(await limitsOf(new CaptureBuilder().udp())).not.toHaveProperty('several-points')
  })

  it('a clock that ran backwards', async () => {
    const limits = await limitsOf(new CaptureBuilder().wait(10).udp().wait(-5).udp())
    expect(limits.clock).toMatch(/^1 frame stamped earlier than the one before/)
  })

  it('which kernel the node runs, where its sysctls are known', async () => {
    const builder = (): CaptureBuilder => new CaptureBuilder().udp()
    expect(await limitsOf(builder())).not.toHaveProperty('default-kernel')
    expect(await limitsOf(builder(), {}, ['--set', 'tcp_loose=0'])).toHaveProperty('default-kernel')
    const named = ['--set', 'tcp_loose=0', '--kernel', '6.1']
    expect(await limitsOf(builder(), {}, named)).not.toHaveProperty('default-kernel')
  })

  it('what an eBPF data plane judges otherwise', async () => {
    expect(await limitsOf(new CaptureBuilder().udp())).not.toHaveProperty('other-data-plane')
    const limits = await limitsOf(new CaptureBuilder().udp(), {}, ['--preset', 'cilium'])
    expect(limits['other-data-plane']).toContain("those of Cilium's eBPF maps")
  })

  it('the sysctls of the node', async () => {
    expect(await limitsOf(new CaptureBuilder().udp())).toHaveProperty('default-sysctls')
    expect(await limitsOf(new CaptureBuilder().udp(), {}, ['--set', 'tcp_loose=0'])).not.toHaveProperty(
      'default-sysctls',
    )
  })
})
