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
  /** The EtherType of the tag. */
  tag?: number
}

let identification = 1

function segment(flags: number, sequence: number, { vlan, station = 2, ttl = 64, tag }: Sender = {}): Bytes {
  identification++
  const header = { source: '10.0.0.1', destination: '10.0.0.2', protocol: 6, identification, ttl }
  const content = ipv4(header, tcp({ sourcePort: 1000, destinationPort: 80, flags, sequence }))
  const frame = ethernet(
    content,
    vlan === undefined ? {} : { vlans: [{ id: vlan, ...(tag !== undefined && { type: tag }) }] },
  ).slice()
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

  it('are none where a connection is opened from both sides at once', async () => {
    const header = { source: '10.0.0.2', destination: '10.0.0.1', protocol: 6, identification: 900 }
    const crossed = ethernet(
      ipv4(header, tcp({ sourcePort: 80, destinationPort: 1000, flags: TCP_SYN, sequence: 9000 })),
    ).slice()
    crossed[11] = 3
    expect(await limitOf(pair(syn(1), crossed))).toBeNull()
  })

  it.each([0x8100, 0x88a8, 0x9100, 0x9200])('of two VLANs are told by tag %i', async type => {
    const tagged = (sequence: number, id: number): Bytes =>
      segment(TCP_SYN, sequence, { vlan: id, tag: type })
    expect(await limitOf(pair(tagged(1, 10), tagged(9000, 20)))).not.toBeNull()
    const again = tagged(9000, 10)
    expect(await limitOf(pair(tagged(1, 10), again))).toBeNull()
    // the second is seen twice
    expect(await limitOf(pair(tagged(1, 10), again).wait(0.0001).frame(again))).toBeNull()
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
