// The JSON of `ctpcap info`: every field of it is documented; the sysctls that were given are in it.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { filler } from '../support/frames.ts'

const DOCUMENTS = ['info-schema.md', 'report-schema.md']
  .map(name => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8'))
  .join('\n')

/** All keys in it, but those that are data: sysctls, and protocols without a name. */
function fieldNames(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap(fieldNames)
  return Object.entries(value)
    .flatMap(([key, inner]) => (['settings', 'host'].includes(key) ? [key] : [key, ...fieldNames(inner)]))
    .filter(key => !/^\d+$/.test(key))
}

function undocumented(text: string): string[] {
  return fieldNames(JSON.parse(text)).filter(
    field => !DOCUMENTS.includes(`\`${field}\``) && !DOCUMENTS.includes(`\`${field}[]\``),
  )
}

describe('the fields', () => {
  it.each([
    'findings/same-bridge-dnat.multi.pcapng',
    'lab/published-port/any.pcap',
    'report/home-gateway.pcap',
  ])('of %s are documented', async name => {
    const args = ['--filter', 'ip or ip6', '--set', 'bridge-nf-call-iptables=1']
    const { stdout } = await runCli(['info', '--json', `fixtures/${name}`, ...args])
    expect(undocumented(stdout)).toEqual([])
  })

  it('of every protocol are documented', async () => {
    const builder = new CaptureBuilder()
    for (let protocol = 0; protocol < 256; protocol++) {
      builder.packet({ source: '10.0.0.1', destination: '10.0.0.2', protocol }, filler(40))
    }
    builder.udp()
    using folder = new Folder()
    const { stdout } = await runCli(['info', '--json', folder.write('x.pcap', builder.bytes())])
    expect(Object.keys(JSON.parse(stdout).packets.ipv4).length).toBeGreaterThan(200)
    expect(undocumented(stdout)).toEqual([])
  })
})

describe('sysctls', () => {
  const CAPTURE = 'fixtures/report/home-gateway.pcap'

  it('are given as to every other command', async () => {
    using folder = new Folder()
    const file = folder.write(
      'node',
      'net.bridge.bridge-nf-call-iptables = 0\nnet.netfilter.nf_conntrack_icmp_timeout = 7\n',
    )
    const args = ['--sysctl', file, '--set', 'udp_timeout=9', '--preset', 'kube-proxy', '--cores', '64']
    const { stdout } = await runCli(['info', '--json', CAPTURE, ...args])
    const { settings, host } = JSON.parse(stdout)
    expect(settings).toMatchObject({
      nf_conntrack_icmp_timeout: 7,
      nf_conntrack_max: 1048576,
      nf_conntrack_udp_timeout: 9,
      nf_conntrack_tcp_timeout_close_wait: 3600,
    })
    expect(host).toEqual({ 'net.bridge.bridge-nf-call-iptables': 0 })
    const { stdout: text } = await runCli(['info', CAPTURE, ...args])
    expect(text).toMatch(/^Sysctls {3}unlike the defaults: .*nf_conntrack_max=1048576/m)
    expect(text).toContain(
      'net.bridge.bridge-nf-call-iptables=0: conntrack does not see IPv4 that a bridge switches',
    )
  })

  it('are said where they are given, and a bad one is refused', async () => {
    const { stdout } = await runCli(['info', CAPTURE])
    expect(stdout).not.toContain('Sysctls')
    const { code, stderr } = await runCli(['info', CAPTURE, '--set', 'udp_timeot=9'])
    expect([code, stderr]).toEqual([
      2,
      'ctpcap: --set udp_timeot: unknown sysctl; did you mean nf_conntrack_udp_timeout?\n',
    ])
  })
})
