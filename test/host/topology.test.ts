// What ip and bridge say of a host, as JSON and as text: the same; the samples are of iproute2 6.1.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { FileFault } from '../../src/host/files/file-fault.ts'
import { parseAddress } from '../../src/host/files/network.ts'
import { Knowledge } from '../../src/host/knowledge.ts'
import type { Topology } from '../../src/host/topology/topology.ts'
import { topologyOf } from '../support/knowledge.ts'

const JSON_TEXT = readFileSync('fixtures/knowledge/ip-bridge.json', 'utf8')
const PLAIN_TEXT = readFileSync('fixtures/knowledge/ip-bridge.txt', 'utf8')

function wordsOf(text: string): Int32Array {
  return parseAddress(text)?.words ?? new Int32Array(4)
}

const portOf = (topology: Topology, address: string) =>
  topology.portOf(address.includes(':') ? 6 : 4, wordsOf(address))

describe.each([
  ['JSON', JSON_TEXT],
  ['text', PLAIN_TEXT],
])('a host in %s', (_, text) => {
  const topology = topologyOf(text)
  const [host] = topology.hosts

  it('has interfaces with index, hardware address and role', () => {
    const known = [...host.interfaces.values()].map(device => [
      device.index,
      device.name,
      host.roleOf(device),
    ])
    expect(known).toEqual([
      [1, 'lo', ''],
      [2, 'br7', 'bridge'],
      [3, 'vpod1', 'port of br7'],
      [4, 'vpod2', 'port of br7'],
      [5, 'up0', ''],
    ])
    expect(host.interfaces.get('br7')?.mac).toBe('02:00:00:00:07:01')
    expect(host.byIndex(3)?.name).toBe('vpod1')
    expect(host.byIndex(6)).toBeNull()
  })

  it('has hairpin mode by port', () => {
    expect(host.interfaces.get('vpod1')?.hairpin).toBe(false)
    expect(host.interfaces.get('vpod2')?.hairpin).toBe(true)
    expect(host.interfaces.get('up0')?.hairpin).toBeNull()
  })

  it('has addresses of its own', () => {
    expect(host.isLocal(4, wordsOf('172.16.1.1'))).toBe(true)
    expect(host.isLocal(4, wordsOf('172.16.1.5'))).toBe(false)
    expect(host.isLocal(6, wordsOf('fd00:10::1'))).toBe(true)
  })

  it('sends by the narrowest route', () => {
    const to = (address: string, isOnLink = false) =>
      host.deviceTo(address.includes(':') ? 6 : 4, wordsOf(address), isOnLink)
    expect(to('172.16.1.77')).toBe('br7')
    expect(to('172.16.1.77', true)).toBe('br7')
    expect(to('8.8.8.8')).toBe('up0')
    expect(to('8.8.8.8', true)).toBeNull()
    expect(to('203.0.113.9')).toBe('up0')
    expect(to('203.0.113.9', true)).toBeNull()
    expect(to('10.66.1.1')).toBeNull()
    expect(to('fd00:10::77')).toBe('br7')
    expect(to('2001:db8::1')).toBeNull()
  })

  it('has the port that an address is behind', () => {
    expect(portOf(topology, '172.16.1.5')).toMatchObject({ bridge: 'br7', port: { name: 'vpod1' } })
    expect(portOf(topology, '172.16.1.6')).toMatchObject({ bridge: 'br7', port: { name: 'vpod2' } })
    // on the bridge's network, but nobody has seen it
    expect(portOf(topology, '172.16.1.99')).toEqual({ host: '', bridge: 'br7', port: null })
    expect(portOf(topology, '172.16.1.1')).toBeNull()
    expect(portOf(topology, '192.0.2.1')).toBeNull()
  })
})

describe('several hosts', () => {
  const node = readFileSync('fixtures/lab/same-bridge-dnat/topology.txt', 'utf8')

  it('are told apart by their namespaces', () => {
    const topology = topologyOf(node)
    expect(topology.hosts.map(({ name }) => name)).toEqual(['router', 'inet', 'node', 'client', 'backend'])
    expect(portOf(topology, '10.244.0.5')).toMatchObject({
      host: 'node',
      bridge: 'cni0',
      port: { name: 'veth3a1f09c2' },
    })
    expect(portOf(topology, '10.244.0.7')).toMatchObject({
      host: 'node',
      bridge: 'cni0',
      port: { name: 'vethd94c6e10' },
    })
  })

  it('are the captured one where one alone has all of its interfaces', () => {
    const topology = topologyOf(node)
    expect(topology.hostWith([2, 3, 4, 5], [])?.name).toBe('node')
    expect(topology.hostWith([3], [])).toBeNull()
    expect(topology.hostWith([], ['cni0', 'eth0'])?.name).toBe('node')
    expect(topology.hostWith([], ['capture'])).toBeNull()
    expect(topology.hostWith([], [])).toBeNull()
  })

  it('may be documents of JSON, too', () => {
    const topology = topologyOf(`### namespace one\n${JSON_TEXT}\n### namespace two\n${JSON_TEXT}`)
    expect(topology.hosts.map(({ name, interfaces }) => [name, interfaces.size])).toEqual([
      ['one', 5],
      ['two', 5],
    ])
  })

  it('are the captured one where an interface is gone, and none where most are of another host', () => {
    const topology = topologyOf(JSON_TEXT)
    const [host] = topology.hosts
    expect(topology.hostWith([2, 3], [])).toBe(host)
    expect(topology.hostWith([2, 3, 90], [])).toBe(host)
    expect(topology.hostWith([2, 90], [])).toBeNull()
    expect(topology.hostWith([2, 90, 91], [])).toBeNull()
    // one that is not listed at all may have any
    const two = topologyOf(`### namespace one\n${JSON_TEXT}\n### namespace two\n${JSON_TEXT}`)
    expect(two.hostWith([2, 3, 90], [])).toBeNull()
  })

  it('say which of the captured interfaces they lack', () => {
    const knowledge = new Knowledge(null, topologyOf(JSON_TEXT))
    knowledge.settle([2, 90, 3], [])
    expect(knowledge.lacking).toEqual([90])
    knowledge.settle([2, 3], [])
    expect(knowledge.lacking).toEqual([])
  })

  it('serve where the port of a pod is gone since, the one that lacks fewest before others', () => {
    const topology = topologyOf(JSON_TEXT)
    expect(topology.hostWith([2, 3, 9], [])).toBe(topology.hosts[0])
    const two = topologyOf(
      `### namespace one\n${JSON_TEXT}\n### namespace two\n${JSON_TEXT}`,
      '### namespace two\n[{"ifindex": 9, "ifname": "veth9"}]',
    )
    expect(two.hostWith([2, 3, 9, 10], [])?.name).toBe('two')
  })

  it('know routes of the families that were listed alone', () => {
    const routes = topologyOf('default via 192.0.2.1 dev eth0\n192.0.2.0/24 dev eth0 proto kernel scope link')
      .hosts[0]
    expect([routes?.knowsRoutesOf('', 4), routes?.knowsRoutesOf('', 6)]).toEqual([true, false])
  })
})

describe('bridge fdb', () => {
  const entry = (mac: string, more: object) => ({ mac, ifname: 'veth7', master: 'br0', state: '', ...more })

  it('has stations behind a port: neither its own address, nor what the device itself filters', () => {
    const topology = topologyOf(
      JSON.stringify([
        { ifindex: 7, ifname: 'veth7' },
        entry('02:00:00:00:00:01', { flags: [] }),
        entry('02:00:00:00:00:02', { flags: [], state: 'permanent' }),
        entry('02:00:00:00:00:03', { flags: ['self'] }),
        entry('02:00:00:00:00:04', { flags: ['self'], state: 'permanent' }),
      ]),
    )
    expect([...topology.hosts[0].forwarding]).toEqual([['02:00:00:00:00:01', 'veth7']])
  })
})

describe('ip -d link', () => {
  it('has hairpin mode among what the bridge knows of its port', () => {
    const port = { info_slave_kind: 'bridge', info_slave_data: { hairpin: true } }
    const topology = topologyOf(
      JSON.stringify([{ ifindex: 7, ifname: 'veth7', master: 'br0', linkinfo: port }]),
    )
    expect(topology.hosts[0].interfaces.get('veth7')).toMatchObject({
      index: 7,
      master: 'br0',
      hairpin: true,
    })
  })
})

describe('a file that tells nothing', () => {
  it('is refused at its first line', () => {
    for (const text of ['', 'hello', '[]', '{"a": 1}'])
      expect(() => topologyOf(text)).toThrow(/^no interfaces, routes or neighbours in it, expected/)
  })
})

it('an address without the length of its prefix is passed over', () => {
  const address = (more: object) => [
    { ifindex: 2, ifname: 'eth0', addr_info: [{ family: 'inet', local: '10.0.0.1', ...more }] },
  ]
  const isLocal = (more: object) =>
    topologyOf(JSON.stringify(address(more))).hosts[0].isLocal(4, wordsOf('10.0.0.1'))
  expect([isLocal({ prefixlen: 24 }), isLocal({})]).toEqual([true, false])
})

it('more namespaces than a file may have are refused at the line of the one too many', () => {
  const most = 100_000
  const text = (count: number) =>
    Array.from({ length: count }, (_, i) => `### namespace n${i}\n${i + 1}: eth0: <UP>\n`).join('')
  expect(topologyOf(text(most)).hosts.length).toBe(most)
  const lineOf = (() => {
    try {
      topologyOf(text(most + 2))
    } catch (error) {
      return (error as FileFault).line
    }
    return 0
  })()
  expect(lineOf).toBe(2 * (most + 1) + 1)
})
