// VRFs of a topology: which interfaces are in which, and a routing table for each; the samples are of iproute2 6.1.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseAddress } from '../../src/host/files/network.ts'
import { HostRouting } from '../../src/host/walk/host-routing.ts'
import { topologyOf } from '../support/knowledge.ts'

const DETAILED = readFileSync('fixtures/vrfs/nft-vrf-map/topology.txt', 'utf8')
/** What `ip addr` prints without -d: a VRF is known by its flags. */
const PLAIN = DETAILED.replace(/^ +vrf(_slave)? table .*\n/gm, '')
const JSON_TEXT = [
  [
    {
      ifindex: 2,
      ifname: 'vrf-a',
      flags: ['NOARP', 'MASTER', 'UP'],
      linkinfo: { info_kind: 'vrf', info_data: { table: 10 } },
    },
    {
      ifindex: 4,
      ifname: 'lan0',
      flags: ['UP'],
      master: 'vrf-a',
      addr_info: [{ local: '10.1.0.1', prefixlen: 24 }],
    },
    {
      ifindex: 5,
      ifname: 'lan1',
      flags: ['UP'],
      addr_info: [{ local: '10.1.0.1', prefixlen: 24 }],
    },
  ],
  [
    { dst: 'default', gateway: '203.0.113.1', dev: 'wan0', table: '10' },
    { dst: 'default', gateway: '203.0.113.9', dev: 'wan1' },
  ],
]
  .map(document => JSON.stringify(document))
  .join('\n')

const words = (text: string): Int32Array => parseAddress(text)?.words ?? new Int32Array(4)

describe.each([
  ['ip -d addr', DETAILED],
  ['ip addr', PLAIN],
])('interfaces by %s', (_, text) => {
  const [host] = topologyOf(text).hosts

  it('are in a VRF, which is no bridge', () => {
    expect(['lan0', 'wan0', 'lan1', 'wan1', 'vrf-b', 'lo'].map(name => host.vrfOf(name))).toEqual([
      'vrf-a',
      'vrf-a',
      'vrf-b',
      'vrf-b',
      'vrf-b',
      '',
    ])
    expect(['vrf-a', 'vrf-b'].map(name => host.isBridge(name))).toEqual([false, false])
    const roles = ['vrf-a', 'lan0'].map(name => host.roleOf(host.open(name)))
    expect(roles).toEqual(['VRF', 'in vrf-a'])
  })
})

describe.each([
  ['text', DETAILED, 'vrf-b', 'wan1'],
  ['JSON', JSON_TEXT, '', 'wan1'],
])('routes in %s', (_, text, other, device) => {
  const [host] = topologyOf(text).hosts

  it('are those of the VRF that a packet is in', () => {
    const routing = new HostRouting(host, new Map())
    const where = (vrf: string): (string | null)[] => {
      routing.enter(vrf)
      return ['10.1.0.5', '198.51.100.7'].map(address => routing.deviceTo(4, words(address)))
    }
    expect(where('vrf-a')).toEqual(['lan0', 'wan0'])
    expect(where(other)).toEqual(['lan1', device])
  })

  it('say what becomes of a packet by the table of its VRF', () => {
    const routing = new HostRouting(host, new Map([['net.ipv4.conf.all.rp_filter', 0]]))
    routing.enter('vrf-a')
    const decide = (to: string): string =>
      routing.decide(4, words('10.1.0.5'), words(to), 'vrf-a', 64)?.kind ?? 'unknown'
    expect(decide('10.1.0.1')).toBe('local')
    expect(decide('198.51.100.7')).toBe('forward')
  })
})

it('what another VRF has of its own is not local', () => {
  const text = `2: vrf-a: <NOARP,MASTER,UP> mtu 1
3: lan0: <UP> mtu 1 master vrf-a
    inet 10.1.0.1/24 scope global lan0
4: lan1: <UP> mtu 1
    inet 10.2.0.1/24 scope global lan1
default via 10.2.0.9 dev lan1
`
  const routing = new HostRouting(topologyOf(text).hosts[0], new Map())
  const isLocal = (vrf: string, address: string): boolean | null => {
    routing.enter(vrf)
    return routing.isLocal(4, words(address))
  }
  expect(isLocal('vrf-a', '10.1.0.1')).toBe(true)
  expect(isLocal('vrf-a', '10.2.0.1')).toBe(false)
  expect(isLocal('', '10.2.0.1')).toBe(true)
  // no route of its table was told
  routing.enter('vrf-a')
  expect(routing.decide(4, words('10.1.0.5'), words('198.51.100.7'), 'vrf-a', 64)).toBeNull()
})
