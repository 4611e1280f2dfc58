// Names beside addresses: of `--names`, of a pcapng's own blocks, and what is written on its packets.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { ethernet, ipv4, tcp } from '../support/frames.ts'
import { joinBytes, PcapngWriter, textOption } from '../support/pcap-writer.ts'

const NAME_RESOLUTION = 4
const COMMENT = 1
const CLIENT = '10.0.0.5'
const SERVER = '10.0.0.7'
const SYN = 0x02

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/

/** A record of a name resolution block: IPv4 is 1, IPv6 is 2. */
function record(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + ((value.length + 3) & ~3))
  new DataView(bytes.buffer).setUint16(0, type, true)
  new DataView(bytes.buffer).setUint16(2, value.length, true)
  bytes.set(value, 4)
  return bytes
}

function ipv4Record(address: string, name: string): Uint8Array {
  return record(
    1,
    joinBytes([Uint8Array.from(address.split('.').map(Number)), new TextEncoder().encode(`${name}\0`)]),
  )
}

function namesBlock(...records: Uint8Array[]): (writer: PcapngWriter) => PcapngWriter {
  return writer => writer.block(NAME_RESOLUTION, joinBytes([...records, new Uint8Array(4)]), [])
}

/** Three SYNs from one client to two servers that nobody answers, the first with a comment. */
function capture(comment = '', names: (writer: PcapngWriter) => PcapngWriter = writer => writer): Uint8Array {
  const writer = names(new PcapngWriter().section().interface())
  for (const [i, server] of [SERVER, SERVER, '10.0.0.9'].entries()) {
    const segment = tcp({ sourcePort: 40_000 + i, destinationPort: 80, flags: SYN })
    const bytes = ethernet(ipv4({ source: CLIENT, destination: server, protocol: 6 }, segment))
    writer.enhanced(
      0,
      BigInt(i * 1_000_000),
      bytes,
      i === 0 && comment !== '' ? [textOption(COMMENT, comment)] : [],
    )
  }
  return writer.bytes()
}

async function reportOf(args: string[]) {
  const { code, stdout, stderr } = await runCli([...args, '--json'])
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout)
}

describe('--names', () => {
  it('puts names beside addresses, in text, JSON and Markdown', async () => {
    using folder = new Folder()
    const path = folder.write('c.pcapng', capture())
    const names = folder.write(
      'hosts',
      `# a file\n127.0.0.1 localhost\n${CLIENT}\tclient.shop alias # its name\n\nfe80::1%eth0 link\n${SERVER} web\n${SERVER} later\n`,
    )
    const report = await reportOf([path, '--names', names])
    expect(report.flows.top[0].orig).toMatchObject({
      src: CLIENT,
      srcName: 'client.shop',
      dst: SERVER,
      dstName: 'web',
    })
    expect(
      report.unreplied.destinations.map(({ dst, dstName }: Record<string, string>) => [dst, dstName]),
    ).toEqual([
      [SERVER, 'web'],
      ['10.0.0.9', undefined],
    ])
    const { stdout } = await runCli([path, '--names', names, '--details'])
    expect(stdout).toContain('client.shop to web')
    expect(stdout).toContain(`${SERVER}:80 (web)`)
    const { stdout: markdown } = await runCli([path, '--names', names, '--format', 'markdown'])
    expect(markdown).toContain('(client.shop to web)')
    expect(markdown).toContain(`src=${CLIENT}`)
  })

  it('names the ends of a finding, and the owners of a table', async () => {
    using folder = new Folder()
    const names = folder.write('hosts', '10.244.0.5 pod-a\n10.96.45.12 shop\n192.0.2.9 nobody\n')
    const bridge = 'fixtures/findings/same-bridge-dnat.multi.pcapng'
    const { findings } = await reportOf([bridge, '--names', names])
    expect(findings[0].names).toEqual([
      { address: '10.244.0.5', name: 'pod-a' },
      { address: '10.96.45.12', name: 'shop' },
    ])
    const { stdout } = await runCli([bridge, '--names', names])
    expect(stdout).toContain('10.244.0.5 is pod-a, 10.96.45.12 is shop')
    const { stdout: markdown } = await runCli([bridge, '--names', names, '--format', 'markdown'])
    expect(markdown).toContain('- 10.244.0.5 is pod-a\n')
    const gateway = await reportOf(['fixtures/report/syn-flood.pcap'])
    const [source] = gateway.table.owners.sources
    const file = folder.write('sources', `${source.name} flooder\n`)
    const named = await reportOf(['fixtures/report/syn-flood.pcap', '--names', file])
    expect(named.table.owners.sources[0]).toEqual({ ...source, called: 'flooder' })
  })

  it('come behind those of Kubernetes objects', async () => {
    using folder = new Folder()
    const path = folder.write('c.pcapng', capture('', namesBlock(ipv4Record(SERVER, 'of-the-capture'))))
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'shop', name: 'web-1' },
      spec: {},
      status: { podIP: SERVER, podIPs: [{ ip: SERVER }] },
    }
    const objects = folder.write(
      'objects.json',
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [pod] }),
    )
    const names = folder.write('hosts', `${SERVER} of-the-file\n${CLIENT} client\n`)
    const all = await reportOf([path, '--names', names, '--kubernetes', objects])
    expect(all.flows.top[0].orig).toMatchObject({ srcName: 'client', dstName: 'pod shop/web-1' })
    const two = await reportOf([path, '--names', names])
    expect(two.flows.top[0].orig.dstName).toBe('of-the-file')
    const one = await reportOf([path])
    expect(one.flows.top[0].orig.dstName).toBe('of-the-capture')
  })

  it('names who was dropped by rules, and whose packets other rules would drop', async () => {
    using folder = new Folder()
    const path = folder.write('c.pcapng', capture())
    const names = folder.write('hosts', `${CLIENT} client\n${SERVER} w\u00e9b\n`)
    const topology = folder.write('host', `2: eth0: <UP>\n    inet ${SERVER}/24 scope global eth0\n`)
    const sysctl = folder.write(
      'sysctl',
      'net.ipv4.conf.all.rp_filter = 0\nnet.netfilter.nf_conntrack_max = 262144\n',
    )
    const raw = (name: string, rule: string): string =>
      folder.write(name, `*raw\n:PREROUTING ACCEPT [0:0]\n${rule}COMMIT\n`)
    const ran = raw('drop.txt', '-A PREROUTING -p tcp -j DROP\n')
    const host = ['--topology', topology, '--sysctl', sysctl, '--rules', ran]
    const args = [
      'rules',
      path,
      ...host,
      '--rules-after',
      raw('open.txt', '-A PREROUTING -p udp -j DROP\n'),
      '--names',
      names,
    ]
    const { stdout: json, stderr } = await runCli([...args, '--format', 'json'])
    expect(stderr).toBe('')
    const { dropped, change } = JSON.parse(json)
    const group = {
      source: CLIENT,
      sourceName: 'client',
      destination: `${SERVER}:80`,
      destinationName: 'w\u00e9b',
    }
    expect(dropped[0]).toMatchObject(group)
    expect(change.groups[0]).toMatchObject(group)
    const { stdout } = await runCli(args)
    const ends = `tcp ${CLIENT} (client) > ${SERVER}:80 (w\u00e9b)`
    expect(stdout.split(ends)).toHaveLength(3)
  })

  it('names the ends of packets, each line by itself', async () => {
    using folder = new Folder()
    const path = folder.write('c.pcapng', capture())
    const names = folder.write('hosts', `${CLIENT} client\n${SERVER} w\u00e9b\n`)
    const args = ['packets', path, '--names', names]
    const lines = (await runCli(args)).stdout.trimEnd().split('\n')
    expect(lines[1]).toContain(`${CLIENT}:40000 (client) > ${SERVER}:80 (w\u00e9b) `)
    expect(lines[3]).toContain(`${CLIENT}:40002 (client) > 10.0.0.9:80 `)
    const packets = (await runCli([...args, '--format', 'ndjson'])).stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(packets[0]).toMatchObject({ src: CLIENT, src_name: 'client', dst: SERVER, dst_name: 'w\u00e9b' })
    expect(packets[2]).toMatchObject({ src_name: 'client', dst: '10.0.0.9' })
    expect(packets[2]).not.toHaveProperty('dst_name')
    const tsv = async (...more: string[]) =>
      (await runCli(['packets', path, '--format', 'tsv', ...more])).stdout
    expect(await tsv('--names', names)).toBe(await tsv())
  })

  it('names who holds a table, and whose flows a scenario cuts', async () => {
    using folder = new Folder()
    const flood = ['size', 'fixtures/report/syn-flood.pcap']
    const [source] = (await reportOf(flood)).scenarios[0].table.owners.sources
    const sources = folder.write('sources', `${source.name} flooder\n`)
    const named = await reportOf([...flood, '--names', sources])
    expect(named.scenarios[0].table.owners.sources[0]).toEqual({ ...source, called: 'flooder' })
    const { stdout } = await runCli([...flood, '--names', sources])
    expect(stdout).toContain(`${source.name} (flooder)`)

    const idle = ['size', 'fixtures/findings/idle-timeout.eth0.pcap']
    const cutting = ['--scenario', 'tcp_timeout_established=1']
    const [example] = (await reportOf([...idle, ...cutting])).scenarios[1].loss.examples
    const { src, dst } = example.flow.orig
    const ends = ['--names', folder.write('ends', `${src} asker\n${dst} asked\n`)]
    const { scenarios } = await reportOf([...idle, ...cutting, ...ends])
    expect(scenarios[1].loss.examples[0].flow.orig).toMatchObject({ srcName: 'asker', dstName: 'asked' })
    const { stdout: cut } = await runCli([...idle, ...cutting, ...ends])
    expect(cut.replace(/\s+/g, ' ')).toContain('(asker to asked)')
  })

  it.each([
    ['web 10.0.0.7\n', ':1: web: no address, expected a line such as 10.0.0.7 web'],
    ['\n10.0.0.7 # nothing\n', ':2: 10.0.0.7 has no name'],
  ])('%j is refused with its line', async (text, message) => {
    using folder = new Folder()
    const path = folder.write('hosts', text)
    const { code, stderr } = await runCli(['fixtures/report/port-reused.pcap', '--names', path])
    expect(code).toBe(2)
    expect(stderr).toContain(`--names ${path}${message}`)
  })
})

describe('a pcapng', () => {
  it('has its comments shown where its packets are', async () => {
    using folder = new Folder()
    const path = folder.write('c.pcapng', capture('PID: 4711\nCmd: /usr/bin/curl\nPodName: web-1'))
    const report = await reportOf([path])
    const text = 'PID: 4711; Cmd: /usr/bin/curl; PodName: web-1'
    expect(report.flows.top.map(({ comment }: { comment?: string }) => comment)).toEqual([
      text,
      undefined,
      undefined,
    ])
    const { stdout } = await runCli([path, '--details'])
    expect(stdout).toContain(`comment: ${text}`)
    const { stdout: markdown } = await runCli([path, '--format', 'markdown'])
    expect(markdown).toContain('comment: PID: 4711; Cmd: /usr/bin/curl; PodName: web-1')
  })

  it('has comments of a finding beside it', async () => {
    using folder = new Folder()
    const writer = new PcapngWriter()
    const source = new Uint8Array(readFileSync('fixtures/findings/same-bridge-dnat.multi.pcapng'))
    const path = folder.write('c.pcapng', withComments(source, writer, 'process=curl pid=7 pod=web-1'))
    const { findings } = await reportOf([path])
    expect(findings[0].comments).toEqual([
      { capture: 0, frame: expect.any(Number), text: 'process=curl pid=7 pod=web-1' },
    ])
    const { stdout } = await runCli([path])
    expect(stdout).toMatch(/frame \d+ has the comment: process=curl pid=7 pod=web-1/)
  })

  it('harms nobody with its names and comments', async () => {
    using folder = new Folder()
    const hostile = `\u001b[2J\u202eevil\u0007 <script> | @all ${'x'.repeat(1 << 20)}`
    const block = namesBlock(
      ipv4Record(SERVER, hostile.slice(0, 60_000)),
      ipv4Record(CLIENT, '\u001b[31m\u061c'),
    )
    const path = folder.write('c.pcapng', capture(hostile.slice(0, 60_000), block))
    for (const form of ['text', 'markdown']) {
      const { code, stdout } = await runCli([path, '--format', form, '--details'])
      expect(code).toBe(0)
      expect(stdout).not.toMatch(CONTROLS)
      expect(stdout.length).toBeLessThan(20_000)
      if (form === 'markdown') expect(stdout).not.toContain('<script>')
    }
  })

  it('with a name block that is cut off, or very long, is read all the same', async () => {
    using folder = new Folder()
    const cut = (writer: PcapngWriter) =>
      writer.block(NAME_RESOLUTION, joinBytes([ipv4Record(SERVER, 'web'), Uint8Array.of(1, 0, 255, 0)]), [])
    const { stdout, stderr, code } = await runCli([folder.write('cut.pcapng', capture('', cut)), '--json'])
    expect(code).toBe(0)
    expect(stderr).toContain('name record runs past the end of its block')
    expect(JSON.parse(stdout).flows.top[0].orig.dstName).toBe('web')
    const long = (writer: PcapngWriter) => writer.block(NAME_RESOLUTION, new Uint8Array(1 << 20), [])
    expect((await reportOf([folder.write('long.pcapng', capture('', long))])).flows.total).toBe(3)
  })
})

/** A little-endian pcapng with one comment more on each of its packets. */
function withComments(source: Uint8Array, writer: PcapngWriter, comment: string): Uint8Array {
  const view = new DataView(source.buffer)
  for (let at = 0; at < source.length; ) {
    const length = view.getUint32(at + 4, true)
    if (view.getUint32(at, true) === 6) {
      const captured = view.getUint32(at + 20, true)
      const body = source.slice(at + 8, at + 28 + ((captured + 3) & ~3))
      writer.block(6, body, [textOption(COMMENT, comment)])
    } else writer.raw(source.slice(at, at + length))
    at += length
  }
  return writer.bytes()
}
