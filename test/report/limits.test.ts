// Which limits a capture is reported to have.
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/model.ts'
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

  it('the sysctls of the node', async () => {
    expect(await limitsOf(new CaptureBuilder().udp())).toHaveProperty('default-sysctls')
    expect(await limitsOf(new CaptureBuilder().udp(), {}, ['--set', 'tcp_loose=0'])).not.toHaveProperty(
      'default-sysctls',
    )
  })
})
