// Addresses and ports that two connections have at once: what tells that two tables were taken for one, and what does not.
import { describe, expect, it } from 'vitest'
import { TCP_ACK, TCP_RST, TCP_SYN } from '../../src/net/numbers.ts'
import type { Report } from '../../src/report/analyze/model.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { type Bytes, ethernet, ipv4, tcp } from '../support/frames.ts'

/** Who sends: a VLAN, the last byte of a hardware address, a TTL. */
interface Sender {
  vlan?: number
  station?: number
  ttl?: number
}

let identification = 1

function segment(flags: number, sequence: number, { vlan, station = 2, ttl = 64 }: Sender = {}): Bytes {
  identification++
  const header = { source: '10.0.0.1', destination: '10.0.0.2', protocol: 6, identification, ttl }
  const content = ipv4(header, tcp({ sourcePort: 1000, destinationPort: 80, flags, sequence }))
  const frame = ethernet(content, vlan === undefined ? {} : { vlans: [{ id: vlan }] }).slice()
  // behind the destination's
  frame[11] = station
  return frame
}

const syn = (sequence: number, sender?: Sender): Bytes => segment(TCP_SYN, sequence, sender)

async function limitOf(capture: CaptureBuilder, ...args: string[]): Promise<string | null> {
  using folder = new Folder()
  const { stdout } = await runCli([folder.write('x.pcap', capture.bytes()), '--json', ...args])
  const { limits } = JSON.parse(stdout) as Report
  return limits.find(({ id }) => id === 'two-lives')?.text ?? null
}

const pair = (first: Bytes, second: Bytes, seconds = 0.01): CaptureBuilder =>
  new CaptureBuilder().frame(first).wait(seconds).frame(second)

describe('two connections with the same addresses and ports', () => {
  it.each(['auto', 'frames'])('of two VLANs at once are told, with --replay %s', async replay => {
    const text = await limitOf(pair(syn(1, { vlan: 10 }), syn(9000, { vlan: 20 })), '--replay', replay)
    expect(text).toMatch(/^1 connection had begun .*\(frames 1, 2\)/)
  })

  it('of a VLAN and of none are told', async () => {
    expect(await limitOf(pair(syn(1, { vlan: 10 }), syn(9000)))).not.toBeNull()
  })

  it('of two stations at once are told', async () => {
    expect(await limitOf(pair(syn(1, { station: 2 }), syn(9000, { station: 3 })))).not.toBeNull()
  })

  it('of one station are a port that is used again', async () => {
    expect(await limitOf(pair(syn(1), syn(9000)))).toBeNull()
    expect(await limitOf(pair(syn(1, { vlan: 10 }), syn(9000, { vlan: 10 })))).toBeNull()
  })

  it('of two stations are one host that moved, where the first has ended or is silent', async () => {
    const reset = new CaptureBuilder().frame(syn(1)).frame(segment(TCP_RST | TCP_ACK, 2))
    expect(await limitOf(reset.wait(0.01).frame(syn(9000, { station: 3 })))).toBeNull()
    expect(await limitOf(pair(syn(1), syn(9000, { station: 3 }), 5))).toBeNull()
  })

  it('are not what a router passed on, which has another station and a lower TTL', async () => {
    expect(await limitOf(pair(syn(1), syn(9000, { station: 3, ttl: 63 })))).toBeNull()
  })
})
