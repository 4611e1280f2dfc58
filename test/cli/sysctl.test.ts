// `--set` and `--sysctl`: names, ranges, files of real nodes, and what to say of a typing error.
import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/cli/io/usage-error.ts'
import { readSysctls } from '../../src/cli/options/sysctl.ts'
import { fragmentSettings } from '../../src/cli/replay/sysctls.ts'
import { defaultSettings, SYSCTLS } from '../../src/conntrack/settings.ts'
import { FRAGMENT_DEFAULTS } from '../../src/packet/defrag/fragments.ts'

const set = (...assignments: string[]) => readSysctls([], assignments)
const file = (text: string, ...assignments: string[]) =>
  readSysctls([{ path: 'node.txt', text }], assignments)

describe('nf_conntrack_helper', () => {
  const helpers = (release: string, value: number): number =>
    file(
      `kernel.osrelease = ${release}\nnet.netfilter.nf_conntrack_helper = ${value}\nnet.netfilter.nf_conntrack_max = 9\n`,
    ).settings.helpers.length

  it('assigns helpers by their ports on kernels that have it', () => {
    expect(helpers('5.10.262', 1)).toBe(9)
    expect(helpers('5.10.262', 0)).toBe(0)
    expect(helpers('6.1.0-18-amd64', 1)).toBe(0)
  })
})

describe('--set', () => {
  it('leaves the defaults alone where nothing is set', () => {
    const sysctls = set()
    expect(sysctls.settings).toEqual(defaultSettings())
    expect(sysctls.given.size).toBe(0)
    expect(fragmentSettings(sysctls)).toEqual(FRAGMENT_DEFAULTS)
  })

  it.each([
    'net.netfilter.nf_conntrack_tcp_loose=0',
    'net/netfilter/nf_conntrack_tcp_loose=0',
    'nf_conntrack_tcp_loose=0',
    'tcp_loose=0',
    ' tcp_loose = 0 ',
  ])('knows %s', assignment => {
    const { settings, given } = set(assignment)
    expect(settings.nf_conntrack_tcp_loose).toBe(0)
    expect([...given]).toEqual(['nf_conntrack_tcp_loose'])
  })

  it.each([
    ['net.nf_conntrack_max=7', 'nf_conntrack_max'],
    ['max=7', 'nf_conntrack_max'],
    ['flowtable_tcp_timeout=7', 'nf_flowtable_tcp_timeout'],
    ['udp_timeout_stream=7', 'nf_conntrack_udp_timeout_stream'],
  ] as const)('knows %s', (assignment, name) => {
    expect(set(assignment).settings[name]).toBe(7)
  })

  it('takes every name there is, with its whole range', () => {
    for (const [name, sysctl] of Object.entries(SYSCTLS)) {
      const { maximum = 0x7fffffff }: { maximum?: number } = sysctl
      expect(set(`${name}=${maximum}`).settings).toMatchObject({ [name]: maximum })
      expect(() => set(`${name}=${maximum + 1}`)).toThrow(UsageError)
    }
  })

  it('lets the last one win', () => {
    expect(set('max=1', 'nf_conntrack_max=2').settings.nf_conntrack_max).toBe(2)
  })

  it.each([
    ['tcp_loos=1', '--set tcp_loos: unknown sysctl; did you mean nf_conntrack_tcp_loose?'],
    ['nf_conntrack_tcp_be_librl=1', 'did you mean nf_conntrack_tcp_be_liberal?'],
    ['tcp_established=1', 'did you mean nf_conntrack_tcp_timeout_established?'],
    ['net.netfilter.nf_conntrack_mx=1', 'did you mean nf_conntrack_max?'],
    ['bridge-nf-call-iptable=1', 'did you mean net.bridge.bridge-nf-call-iptables?'],
  ])('suggests the nearest name for %s', (assignment, message) => {
    expect(() => set(assignment)).toThrow(message)
  })

  it.each([
    ['tcp_loose', 'expected name=value'],
    ['=1', 'expected name=value'],
    ['tcp_loose=', 'nothing is no whole number from 0 to 1'],
    ['tcp_loose=yes', 'yes is no whole number from 0 to 1'],
    ['tcp_loose=2', '2 is no whole number from 0 to 1'],
    ['udp_timeout=2147483648', '2147483648 is no whole number from 0 to 2147483647'],
    ['udp_timeout=-1', '-1 is no whole number from 0 to 2147483647'],
    ['udp_timeout=1.5', '1.5 is no whole number'],
    ['udp_timeout=99999999999', 'is no whole number'],
  ])('refuses %s', (assignment, message) => {
    expect(() => set(assignment)).toThrow(message)
  })

  it('keeps what a bridge and reassembly are set to', () => {
    const sysctls = set(
      'net.ipv4.ipfrag_time=5',
      'ipfrag_max_dist=0',
      'frag6_timeout=6',
      'bridge-nf-call-iptables=0',
    )
    expect(sysctls.host).toEqual({
      'net.ipv4.ipfrag_time': 5,
      'net.ipv4.ipfrag_max_dist': 0,
      'net.bridge.bridge-nf-call-iptables': 0,
    })
    expect(fragmentSettings(sysctls)).toEqual({
      ...FRAGMENT_DEFAULTS,
      ipfrag_time: 5,
      ipfrag_max_dist: 0,
      nf_conntrack_frag6_timeout: 6,
    })
  })
})

describe('--sysctl', () => {
  it('reads what sysctl -a prints, and passes over all else', () => {
    const { settings, host, given } = file(
      [
        '# a node',
        'kernel.hostname = node1 = odd',
        "sysctl: permission denied on key 'net.ipv4.tcp_fastopen_key'",
        'net.bridge.bridge-nf-call-ip6tables = 1',
        'net.netfilter.nf_conntrack_max = 1048576',
        '  net.netfilter.nf_conntrack_tcp_timeout_close_wait=3600  ',
        '-net.netfilter.nf_conntrack_udp_timeout = 10',
        'net.nf_conntrack_max = 1048576',
        '',
      ].join('\r\n'),
    )
    expect(settings).toEqual({
      ...defaultSettings(),
      nf_conntrack_max: 1048576,
      nf_conntrack_tcp_timeout_close_wait: 3600,
      nf_conntrack_udp_timeout: 10,
    })
    expect(host).toEqual({ 'net.bridge.bridge-nf-call-ip6tables': 1 })
    expect(given).toEqual(
      new Set(['nf_conntrack_max', 'nf_conntrack_tcp_timeout_close_wait', 'nf_conntrack_udp_timeout']),
    )
  })

  it('comes before --set', () => {
    expect(file('net.netfilter.nf_conntrack_max = 5', 'max=6').settings.nf_conntrack_max).toBe(6)
  })

  it('does not turn checksums on: captures show offloaded ones', () => {
    const text = 'net.netfilter.nf_conntrack_checksum = 1'
    expect(file(text).settings.nf_conntrack_checksum).toBe(0)
    expect(file(text, 'nf_conntrack_checksum=1').settings.nf_conntrack_checksum).toBe(1)
  })

  it('passes over sysctls that other kernels have', () => {
    const text = [
      'net.netfilter.nf_conntrack_helper = 0',
      'net.netfilter.nf_conntrack_dccp_timeout_open = 43200',
      'net.netfilter.nf_log.2 = NONE',
      'net.netfilter.nf_hooks_lwtunnel = 0',
      'net.netfilter.nf_conntrack_max = 9',
    ].join('\n')
    expect(file(text).settings).toEqual({ ...defaultSettings(), nf_conntrack_max: 9 })
  })

  it.each([
    [
      'net.netfilter.nf_conntrack_mx = 1',
      'node.txt:1: unknown sysctl net.netfilter.nf_conntrack_mx; did you mean nf_conntrack_max?',
    ],
    ['\nnf_conntrack_acct = 7', 'node.txt:2: nf_conntrack_acct: 7 is no whole number from 0 to 1'],
    ['kernel.hostname = node1', 'node.txt: no sysctl of net.netfilter in it'],
    ['', 'node.txt: no sysctl of net.netfilter in it'],
  ])('refuses %j', (text, message) => {
    expect(() => file(text)).toThrow(new UsageError(message).message)
    expect(() => file(text)).toThrow(UsageError)
  })
})
