// What `ctpcap info` tells of captures, held against capinfos where that is installed.
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import type { InfoReport } from '../../src/report/info/info-report.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { be32, ethernet, ipv4, join, udp } from '../support/frames.ts'

async function infoOf(...captures: string[]): Promise<InfoReport> {
  return JSON.parse((await runCli(['info', '--json', ...captures])).stdout)
}

const ANY = 'fixtures/lab/published-port/any.pcap'
const MULTI = 'fixtures/findings/same-bridge-dnat.multi.pcapng'
const hasCapinfos = spawnSync('capinfos', ['-v']).status === 0
if (!hasCapinfos) console.warn('info.test.ts: not compared with capinfos, which is not installed')

describe('observation points', () => {
  it('are the interfaces of a host on "any"', async () => {
    const { points } = await infoOf(ANY)
    expect(points.map(({ name, frames }) => [name, frames])).toEqual([
      ['any#2', 51],
      ['any#5', 2],
      ['any#4', 51],
      ['any#3', 40],
    ])
  })

  it('are the interfaces of a pcapng, by name', async () => {
    const { points, captures } = await infoOf(MULTI)
    expect(points.map(({ name }) => name).toSorted()).toEqual(['cni0', 'veth3a1f09c2', 'vethd94c6e10'])
    expect(points.reduce((sum, { frames }) => sum + frames, 0)).toBe(captures[0].frames)
  })
})

describe('packets switched inside a bridge', () => {
  it('are counted as the report counts them, with what is known of br_netfilter', async () => {
    for (const [capture, origin, value] of [
      ['fixtures/lab/same-bridge-dnat-control/any.pcap', 'concluded', 1],
      ['fixtures/lab/same-bridge-dnat/any.pcap', 'concluded', 0],
      [MULTI, 'concluded', 0],
      ['fixtures/lab/same-bridge-direct-control/any.pcap', 'assumed', 1],
    ] as const) {
      const { switched, bridgeCalls } = await infoOf(capture)
      const { sightings } = JSON.parse((await runCli(['analyze', '--json', '-q', capture])).stdout)
      expect([switched, bridgeCalls]).toEqual([sightings.switched, sightings.bridgeCalls])
      expect(bridgeCalls.ipv4).toEqual({ value, origin })
    }
  })

  it('are a line of the text where there are any', async () => {
    const { stdout } = await runCli(['info', 'fixtures/lab/same-bridge-dnat/any.pcap'])
    expect(stdout).toContain(
      '10 packets switched inside a bridge (bridge-nf-call-iptables=0, concluded from the packets)',
    )
    expect((await runCli(['info', 'fixtures/report/home-gateway.pcap'])).stdout).not.toContain('switched')
  })
})

describe('clocks', () => {
  it('that go back, stand still or pause', async () => {
    const capture = new CaptureBuilder().udp().wait(5).udp().udp().wait(-2).udp().wait(60).udp()
    using folder = new Folder()
    const [info] = (await infoOf(folder.write('x.pcap', capture.bytes()))).captures
    expect(info).toMatchObject({ backwards: 1, mostBack: 2, sameStamp: 1, longestGap: 60, gapFrame: 5 })
  })

  it('of rotated files and of simultaneous ones', async () => {
    using folder = new Folder()
    const first = folder.write('a.pcap', new CaptureBuilder().udp().wait(5).udp().bytes())
    const later = folder.write('b.pcap', new CaptureBuilder().wait(6).udp().wait(1).udp().bytes())
    const beside = folder.write('c.pcap', new CaptureBuilder().wait(1).udp().wait(1).udp().bytes())
    expect((await infoOf(first)).arrangement).toBe('single')
    expect(await infoOf(later, first)).toMatchObject({ arrangement: 'in-turn', duration: 7 })
    expect((await infoOf(first, beside)).arrangement).toBe('simultaneous')
  })
})

describe('frames', () => {
  it('that were cut off', async () => {
    using folder = new Folder()
    const whole = new CaptureBuilder().udp().bytes().subarray(40)
    const capture = new CaptureBuilder().frame(whole, whole.length + 400).bytes({ snapLength: whole.length })
    const { stdout } = await runCli(['info', folder.write('x.pcap', capture)])
    expect(stdout).toContain(`1 frame (100 %) cut off at snap length ${whole.length}`)
  })

  it('by protocol, and those without any', async () => {
    const { packets, notIp, captures } = await infoOf(ANY)
    expect(packets).toEqual({ ipv4: { tcp: 134, igmp: 3 }, ipv6: {} })
    expect(notIp + 137).toBe(captures[0].frames)
  })

  it.runIf(hasCapinfos).each([ANY, MULTI, 'fixtures/formats/pcapng-many-interfaces.pcapng'])(
    'are as many and as long as capinfos says: %s',
    async path => {
      const options = ['-T', '-r', '-M', '-c', '-d', '-S', '-u', path]
      const { stdout } = spawnSync('capinfos', options, { encoding: 'utf8' })
      const [, frames, bytes, duration] = stdout.trim().split('\t')
      const [capture] = (await infoOf(path)).captures
      expect(capture.frames).toBe(Number(frames))
      expect(capture.originalBytes).toBe(Number(bytes))
      expect(capture.duration).toBeCloseTo(Number(duration), 6)
    },
  )
})

it('says it to people, too', async () => {
  const { stdout } = await runCli(['info', ANY])
  expect(stdout).toMatch(/^Capture {3}fixtures\/lab\/published-port\/any\.pcap\n/)
  expect(stdout).toMatch(/^ +any#2 +Linux cooked v2 +51 /m)
  expect(stdout).toMatch(/^Packets {3}IPv4 137: tcp 134, igmp 3$/m)
})

describe('tunnels', () => {
  it('have their ids in order, of the first 64 that were met', async () => {
    using folder = new Folder()
    const capture = new CaptureBuilder()
    const inner = ethernet(ipv4({ protocol: 17 }, udp()))
    for (let met = 0; met < 70; met++) {
      const vxlan = join('08000000', be32((1000 - met) << 8), inner)
      capture.packet(
        { source: '10.0.0.1', destination: '10.0.0.2', protocol: 17 },
        udp({ destinationPort: 4789 }, vxlan),
      )
    }
    const { tunnels } = await infoOf(folder.write('vxlan.pcap', capture.bytes()))
    const ids = Array.from({ length: 64 }, (_, index) => 1000 - 63 + index)
    expect(tunnels).toEqual([{ kind: 'vxlan', frames: 70, inner: 70, ids }])
  })
})
