// `--kernel`, `--hz`, `kernel.osrelease`, presets, `kernel=` of scenarios, `--helper`: who says whose conntrack is replayed.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { be16, be32, join as bytes } from '../support/frames.ts'

const CAPTURE = 'fixtures/report/port-reused.pcap'

let directory: string
let node: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'kernel-'))
  node = join(directory, 'sysctl.txt')
  writeFileSync(
    node,
    'kernel.osrelease = 5.15.0-91-generic\nkernel.ostype = Linux\nnet.netfilter.nf_conntrack_max = 262144\n',
  )
})

afterAll(() => rmSync(directory, { recursive: true }))

async function kernelOf(...options: string[]): Promise<Record<string, unknown>> {
  const { stdout } = await runCli(['analyze', '--json', CAPTURE, ...options])
  return JSON.parse(stdout).kernel
}

describe('the kernel', () => {
  it('is that of today where nothing says which', async () => {
    expect(await kernelOf()).toEqual({
      asked: '6.18',
      replayed: '6.18',
      basis: 'verified',
      origin: 'default',
      hz: 250,
    })
  })

  it('is what the option says, then the file, then the preset', async () => {
    const preset = ['--preset', 'linux-4.19']
    expect(await kernelOf(...preset)).toMatchObject({ asked: '4.19', basis: 'presumed', origin: 'preset' })
    const file = ['--sysctl', node, ...preset]
    expect(await kernelOf(...file)).toMatchObject({
      replayed: '5.15',
      basis: 'presumed',
      origin: 'osrelease',
    })
    expect(await kernelOf('--kernel', '6.1', ...file)).toMatchObject({ replayed: '6.1', origin: 'option' })
  })

  describe('of a node', () => {
    const nodes = (...kernels: Record<string, unknown>[]): string => {
      const path = join(directory, 'nodes.json')
      const items = kernels.map((nodeInfo, i) => ({
        kind: 'Node',
        metadata: { name: `node-${i + 1}` },
        status: { nodeInfo, addresses: [{ type: 'InternalIP', address: `192.0.2.${i + 1}` }] },
      }))
      writeFileSync(path, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
      return path
    }
    const ubuntu = { kernelVersion: '5.15.0-91-generic', operatingSystem: 'linux' }
    const debian = { kernelVersion: '6.1.0-18-amd64', operatingSystem: 'linux' }
    const windows = { kernelVersion: '10.0.20348.2227', operatingSystem: 'windows' }

    it('is what objects say where all run the same, on Linux', async () => {
      const kernel = { asked: '5.15.0-91-generic', replayed: '5.15', basis: 'presumed', origin: 'node' }
      const same = nodes(ubuntu, ubuntu, windows)
      expect(await kernelOf('--kubernetes', same)).toMatchObject(kernel)
      expect(await kernelOf('--kubernetes', same, '--preset', 'linux-4.19')).toMatchObject(kernel)
      expect(await kernelOf('--kubernetes', same, '--kernel', '6.1')).toMatchObject({ origin: 'option' })
      const file = ['--sysctl', node]
      expect(await kernelOf('--kubernetes', nodes(debian), ...file)).toMatchObject({ origin: 'osrelease' })
      expect(await kernelOf('--kubernetes', nodes(windows))).toMatchObject({ origin: 'default' })
      expect(await kernelOf('--kubernetes', nodes({}))).toMatchObject({ origin: 'default' })
    })

    it('is that of the node that the captures are named by, or that has an address of the topology', async () => {
      const both = ['--kubernetes', nodes(ubuntu, debian)]
      const { stdout } = await runCli(['analyze', '--json', `node-2=${CAPTURE}`, ...both])
      expect(JSON.parse(stdout).hosts[0].report.kernel).toMatchObject({
        asked: '6.1.0-18-amd64',
        origin: 'node',
      })
      const topology = join(directory, 'addr.txt')
      writeFileSync(
        topology,
        '2: eth0: <BROADCAST,UP> mtu 1500 qdisc noop state UP\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n    inet 192.0.2.1/24 scope global eth0\n',
      )
      expect(await kernelOf(...both, '--topology', topology)).toMatchObject({ asked: '5.15.0-91-generic' })
    })

    it('is not known where several run several: the report says so', async () => {
      const { stdout } = await runCli([CAPTURE, '--kubernetes', nodes(ubuntu, debian)])
      expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
        "The nodes run Linux 5.15.0-91-generic, 6.1.0-18-amd64; nothing tells which of them was captured: the capture as NAME=FILE, by the node's name, does, and so does --kernel.",
      )
    })
  })

  it('has the jiffies that were given', async () => {
    expect(await kernelOf('--hz', '1000')).toMatchObject({ origin: 'default', hz: 1000 })
  })

  it('is named in the report for people, with what is known of it', async () => {
    const { stdout } = await runCli([CAPTURE, '--kernel', '5.10.100'])
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      'tracked as Linux 5.10.46 does (--kernel 5.10.100; presumed: the nearest older one that is known)',
    )
    expect(stdout).not.toContain('The kernel is taken to be')
    const told = async (asked: string) =>
      /tracked as .*?\)/.exec(
        (await runCli([CAPTURE, '--kernel', asked])).stdout.replaceAll(/\s+/g, ' '),
      )?.[0]
    expect(await told('5.15.0-91-generic')).toBe(
      "tracked as Linux 5.15 does (--kernel 5.15.0-91-generic; presumed: a vendor's build, taken for the nearest older one that is known)",
    )
    expect(await told('4.18.0-513.el8.x86_64')).toContain("a vendor's build, taken for the nearest newer one")
    expect(await told('6.18.44')).toContain('(--kernel 6.18.44; verified)')
  })

  it('is not known where only sysctls were given', async () => {
    const { stdout } = await runCli([CAPTURE, '--set', 'tcp_loose=0'])
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('Assumes Linux 6.18: --kernel VERSION names another')
  })

  it('has defaults of its own, which what was given wins over', async () => {
    const { stdout } = await runCli(['analyze', '--json', CAPTURE, '--kernel', '5.10'])
    expect(JSON.parse(stdout)).toMatchObject({ settings: {}, table: { buckets: 65536 } })
    const given = await runCli(['analyze', '--json', CAPTURE, '--kernel', '5.10', '--set', 'buckets=4096'])
    expect(JSON.parse(given.stdout)).toMatchObject({ settings: { nf_conntrack_buckets: 4096 } })
  })

  it('of a scenario is its own', async () => {
    const { stdout } = await runCli(['size', '--json', CAPTURE, '--scenario', 'old: kernel=5.10, max=9'])
    const { scenarios } = JSON.parse(stdout)
    expect(scenarios.map(({ kernel }: { kernel: { replayed: string } }) => kernel.replayed)).toEqual([
      '6.18',
      '5.10.262',
    ])
    expect(scenarios[1].settings).toEqual({
      nf_conntrack_buckets: 65536,
      nf_conntrack_max: 9,
      nf_conntrack_events: 1,
      nf_conntrack_expect_max: 1024,
    })
  })

  it('has helpers where they were assigned, and the report names them', async () => {
    const { stdout } = await runCli(['analyze', '--json', CAPTURE, '--helper', 'ftp', '--helper', 'tftp:70'])
    expect(JSON.parse(stdout).helpers).toEqual(['ftp:21', 'tftp:70'])
    expect((await runCli([CAPTURE, '--helper', 'ftp'])).stdout).toContain('helpers assigned: ftp:21')
    expect(JSON.parse((await runCli(['analyze', '--json', CAPTURE])).stdout)).not.toHaveProperty('helpers')
  })

  it('knows ports of the protocols that it has a tracker for, and names services by them', async () => {
    using folder = new Folder()
    const ends = { source: '10.0.0.1', destination: '10.0.0.2' }
    const request = bytes(be16(4000), be16(5001), [4, 0, 0, 0], [1, 0, 0, 0], be32(7), be32(0))
    const datagram = bytes(be16(4000), be16(5001), be16(0), be16(1), be32(1), be32(2), be32(3), be32(4))
    const capture = new CaptureBuilder()
      .packet({ ...ends, protocol: 33 }, request)
      .packet({ ...ends, protocol: 136 }, datagram)
    const path = folder.write('rare.pcap', capture.bytes())
    const named = async (kernel: string): Promise<{ services: string[]; silent: number[] }> => {
      const options = ['--json', path, '--kernel', kernel, '--set', 'checksum=0']
      const { table, unreplied } = JSON.parse((await runCli(['analyze', ...options])).stdout)
      return {
        services: table.owners.services.map(({ name }: { name: string }) => name),
        silent: unreplied.destinations.map(({ dport }: { dport: number }) => dport),
      }
    }
    const both = { services: ['10.0.0.2:5001/dccp', '10.0.0.2:5001/udplite'], silent: [5001, 5001] }
    expect(await named('6.1')).toEqual(both)
    expect(await named('7.2')).toEqual({ services: ['10.0.0.2/dccp', '10.0.0.2/udplite'], silent: [-1, -1] })
  })

  it('complains in the words of its time', async () => {
    const reason = async (kernel: string): Promise<string | undefined> => {
      const capture = 'fixtures/report/segment-out-of-window.pcap'
      const { stdout } = await runCli(['packets', capture, '--format', 'tsv', '--kernel', kernel])
      return /\bnf_ct_proto_6: .*|SEQ is over .*/.exec(stdout)?.[0]
    }
    expect(await reason('5.10')).toContain('SEQ is over the upper bound (over the window of the receiver)')
    expect(await reason('6.18')).toContain('SEQ is over upper bound 5098 (over the window of the receiver)')
  })

  it.each([
    [['--kernel', 'newest'], '--kernel newest: no kernel version; expected such as 6.1 or 5.15.0-91-generic'],
    [['--hz', '0'], '--hz 0: expected a whole number from 24 to 1000'],
    [['--hz', 'x'], '--hz x: expected a whole number from 24 to 1000'],
    [
      ['--helper', 'h323'],
      '--helper h323: expected ftp, tftp, irc, pptp, sip, amanda, sane, netbios-ns, snmp',
    ],
    [['--helper', 'ftp:0'], '--helper ftp:0: expected NAME:PORT with a port from 1 to 65535'],
    [['--helper', 'ftp:21:22'], '--helper ftp:21:22: expected NAME:PORT with a port from 1 to 65535'],
  ])('is not %j', async (options, message) => {
    const { stderr, code } = await runCli([CAPTURE, ...options])
    expect(code).toBe(2)
    expect(stderr).toContain(message)
  })
})
