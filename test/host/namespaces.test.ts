// In which network namespace a capture was taken: by names, indexes and stations; never by a guess among several.
import { describe, expect, it } from 'vitest'
import { type CapturedPlace, hasNamespaces, namespacesOf } from '../../src/host/topology/namespaces.ts'
import { Topology } from '../../src/host/topology/topology.ts'
import { readTopology } from '../../src/host/topology/topology-file.ts'

const NODE = '02:00:00:00:00:11'
const POD = '02:00:00:00:00:22'
const ROUTER = '02:00:00:00:00:01'
const BRIDGE = '02:00:00:00:00:33'

const TEXT = `1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536
2: eth0@if6: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500
    link/ether ${NODE} brd ff:ff:ff:ff:ff:ff
3: cni0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500
    link/ether ${BRIDGE} brd ff:ff:ff:ff:ff:ff
4: veth1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master cni0
    link/ether 02:00:00:00:00:44 brd ff:ff:ff:ff:ff:ff link-netns pod-a
${POD} dev veth1 master cni0
`
/** The same as `ip -j` and `bridge -j` print it, where a namespace has a number alone. */
const JSON_TEXT = [
  [
    { ifindex: 2, ifname: 'eth0', flags: ['UP'], address: NODE },
    { ifindex: 3, ifname: 'cni0', flags: ['UP'], address: BRIDGE },
    {
      ifindex: 4,
      link_index: 2,
      ifname: 'veth1',
      master: 'cni0',
      address: '02:00:00:00:00:44',
      link_netnsid: 7,
    },
  ],
  [{ mac: POD, ifname: 'veth1', master: 'cni0', flags: [], state: '' }],
]
  .map(document => JSON.stringify(document))
  .join('\n')

function read(...files: [string, string?][]): Topology {
  const topology = new Topology()
  for (const [text, name] of files) readTopology(text, topology, name)
  return topology
}

function place(name: string, ends: string[], more: Partial<CapturedPlace> = {}): CapturedPlace {
  return { name, isNameTold: true, index: 0, senders: new Set(), ends: new Set(ends), ...more }
}

const names = (topology: Topology, ...places: CapturedPlace[]): string[] =>
  namespacesOf(topology, places).map(({ name }) => name)

describe('the namespace of a capture', () => {
  const node = read([TEXT])

  it('is known to be one of several where a veth leads to another, in text and in JSON', () => {
    expect(hasNamespaces(node)).toBe(true)
    expect(hasNamespaces(read([JSON_TEXT]))).toBe(true)
    expect(hasNamespaces(read([TEXT.replace(' link-netns pod-a', '')]))).toBe(false)
    // what no `ip` prints is no number of a namespace
    for (const odd of ['"7"', '-1', 'null', 'true'])
      expect(hasNamespaces(read([JSON_TEXT.replace('"link_netnsid":7', `"link_netnsid":${odd}`)]))).toBe(
        false,
      )
  })

  it('is told by the station of an interface that has the same name in both', () => {
    expect(names(node, place('eth0', [NODE, ROUTER]))).toEqual([''])
    expect(names(node, place('eth0', [POD, BRIDGE]))).toEqual(['pod-a'])
    expect(names(read([JSON_TEXT]), place('eth0', [POD, BRIDGE]))).toEqual(['netns-7'])
  })

  it('is the one of the veth where that shows the same frames', () => {
    expect(names(node, place('veth1', [POD, BRIDGE]))).toEqual([''])
  })

  it('is told by the indexes of a cooked capture, and who sent by them', () => {
    const cooked = (index: number, sender: string) =>
      place('', [], { index, isNameTold: false, senders: new Set([sender]) })
    expect(names(node, cooked(2, NODE))).toEqual([''])
    expect(names(node, cooked(2, POD))).toEqual(['pod-a'])
    expect(names(node, cooked(2, NODE), cooked(3, BRIDGE), cooked(4, POD))).toEqual([''])
    expect(names(node, cooked(2, POD), cooked(1, POD))).toEqual(['pod-a'])
  })

  it('may be any that fits where a file is named as no interface is', () => {
    const client = place('client', [POD, BRIDGE], { isNameTold: false })
    expect(names(node, client)).toEqual(['', 'pod-a'])
  })

  it('is the one whose interfaces sent the frames, not one whose bridge may have passed them on', () => {
    const other = `2: p1: <UP> mtu 1500 master br0\n    link/ether ${ROUTER} brd ff:ff:ff:ff:ff:ff\n`
    const two = read([TEXT, 'node'], [other, 'switch'])
    const cooked = place('', [], { index: 2, isNameTold: false, senders: new Set([NODE]) })
    expect(names(two, cooked)).toEqual(['node'])
    const forwarded = place('', [], { index: 2, isNameTold: false, senders: new Set([NODE, POD]) })
    expect(names(two, forwarded)).toEqual(['node', 'switch'])
  })

  it('is none where no interface has such stations', () => {
    expect(names(node, place('eth0', [ROUTER, '02:00:00:00:00:99']))).toEqual([])
  })

  it('is told by a topology of each', () => {
    const pod = `2: eth0@if4: <BROADCAST,UP> mtu 1500\n    link/ether ${POD} brd ff:ff:ff:ff:ff:ff\n`
    const both = read([TEXT, 'node'], [pod, 'pod-a'])
    expect(names(both, place('eth0', [NODE, ROUTER]))).toEqual(['node'])
    expect(names(both, place('eth0', [POD, BRIDGE]))).toEqual(['pod-a'])
    expect(names(both, place('cni0', [POD, BRIDGE]))).toEqual(['node'])
  })
})
