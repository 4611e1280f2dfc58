// Tests src/packet/encapsulation/tunnel.ts, udp-tunnel.ts, gre-tunnel.ts: the packet inside, its identity, nesting, what is no tunnel.

import { expect, test } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { decodeInner, MAX_DEPTH, TUNNEL_NONE, tunnelName } from '../../src/packet/encapsulation/tunnel.ts'
import {
  FAULT_DEPTH,
  FAULT_IP_HEADER,
  FAULT_LINK_TRUNCATED,
  FAULT_NONE,
  FAULT_NOT_IP,
} from '../../src/packet/fault.ts'
import { Packet } from '../../src/packet/packet.ts'
import {
  type Bytes,
  ethernet,
  type FrameOptions,
  filler,
  frameOf,
  ipv4,
  ipv6,
  join,
  tcp,
  udp,
} from '../support/frames.ts'

const IP = ipv4({ protocol: 6, source: '10.9.9.9' }, tcp({ sourcePort: 7777 }, filler(5)))
const SIX = ipv6({ nextHeader: 6 }, tcp({ sourcePort: 7777 }))

function inside(outer: Bytes, options: FrameOptions = {}): Packet & { ok: boolean } {
  const packet = new Packet()
  const inner = new Packet()
  decode(frameOf(outer, { linkType: 101, time: 5, number: 6, ...options }), packet)
  return Object.assign(inner, { ok: decodeInner(packet, inner) })
}

const overUdp = (destinationPort: number, payload: Bytes) =>
  ipv4({ protocol: 17 }, udp({ sourcePort: 55555, destinationPort }, payload))
const overGre = (payload: Bytes) => ipv4({ protocol: 47 }, payload)

test.each([
  ['VXLAN', 'vxlan', 0x2a, overUdp(4789, join('08000000 00002a00', ethernet(IP)))],
  [
    'VXLAN, Linux port, IPv6 underlay',
    'vxlan',
    0xffffff,
    ipv6({ nextHeader: 17 }, udp({ destinationPort: 8472 }, join('08000000 ffffff00', ethernet(IP)))),
  ],
  ['Geneve', 'geneve', 7, overUdp(6081, join('00 00 6558 000007 00', ethernet(IP)))],
  ['Geneve with options, bare IP', 'geneve', 7, overUdp(6081, join('02 00 0800 000007 00', filler(8), IP))],
  ['GTP-U', 'gtp', 0x80000001 | 0, overUdp(2152, join('30ff 0000 80000001', IP))],
  ['GTP-U with a sequence number', 'gtp', 1, overUdp(2152, join('32ff 0000 00000001 0005 00 00', IP))],
  [
    'GTP-U with extension headers',
    'gtp',
    1,
    overUdp(2152, join('34ff 0000 00000001 0000 00 85 01 0000 85 02 000000000000 00', IP)),
  ],
  ['GRE', 'gre', 0, overGre(join('0000 0800', IP))],
  [
    'GRE with checksum, key and sequence',
    'gre',
    9,
    overGre(join('b000 0800 00000000 00000009 00000001', IP)),
  ],
  ['GRE, Ethernet', 'gre', 0, overGre(join('0000 6558', ethernet(IP)))],
  ['GRE, MPLS', 'gre', 0, overGre(join('0000 8847 00012140', IP))],
  ['GRE, PPTP', 'gre', 0x4242, overGre(join('3081 880b 0010 4242 00000001 00000000 ff03 0021', IP))],
  ['ERSPAN I', 'gre', 0, overGre(join('0000 88be', ethernet(IP)))],
  ['ERSPAN II', 'gre', 0x123, overGre(join('1000 88be 00000001 1000 0123 00000000', ethernet(IP)))],
  [
    'ERSPAN III',
    'gre',
    0x123,
    overGre(join('1000 22eb 00000001 2000 0123 00000000 0000 00 00', ethernet(IP))),
  ],
  [
    'ERSPAN III with a platform header',
    'gre',
    0x123,
    overGre(join('1000 22eb 00000001 2000 0123 00000000 0000 00 01', filler(8), ethernet(IP))),
  ],
  ['IP in IP', 'ipip', 0, ipv4({ protocol: 4 }, IP)],
  ['6in4', 'sit', 0, ipv4({ protocol: 41 }, SIX)],
  ['IPv6 in IPv6', 'ip6tnl', 0, ipv6({ nextHeader: 41 }, SIX)],
  ['IPv4 in IPv6', 'ip6tnl', 0, ipv6({ nextHeader: 4 }, IP)],
])('%s', (_name, name, tunnelId, outer) => {
  const inner = inside(outer)
  expect(inner).toMatchObject({
    ok: true,
    fault: FAULT_NONE,
    sourcePort: 7777,
    tunnelId,
    depth: 1,
    time: 5,
    frame: 6,
  })
  expect(tunnelName(inner.tunnel)).toBe(name)
})

test("the inner tags are the inner frame's, the interface is the outer one's", () => {
  const outer = overUdp(4789, join('08000000 00000100', ethernet(IP, { vlans: [{ id: 30 }] })))
  const packet = new Packet()
  const inner = new Packet()
  decode(frameOf(join('0800 0000 00000007 0001 04 06 0000000000000000', outer), { linkType: 276 }), packet)
  expect(decodeInner(packet, inner)).toBe(true)
  expect(inner).toMatchObject({ vlan: 30, interfaceIndex: 7, packetType: 4 })
})

test('the inner link header is that of the frame inside, where there is one', () => {
  const packet = new Packet()
  const inner = new Packet()
  const linkOf = (outer: Bytes): unknown[] => {
    decode(frameOf(outer, { linkType: 101 }), packet)
    expect(decodeInner(packet, inner)).toBe(true)
    return [inner.linkType, inner.linkType === 1 ? inner.linkOffset - packet.linkOffset : -1]
  }
  for (let round = 0; round < 2; round++) {
    expect(linkOf(overUdp(4789, join('08000000 00002a00', ethernet(IP))))).toEqual([1, 36])
    expect(linkOf(ipv4({ protocol: 4 }, IP))).toEqual([101, -1])
    expect(linkOf(overGre(join('0000 6558', ethernet(IP))))).toEqual([1, 24])
    expect(linkOf(overUdp(2152, join('30ff 0000 80000001', IP)))).toEqual([101, -1])
  }
})

test('a record that held what was inside of tunnels holds a frame as any other does', () => {
  const outer = new Packet()
  decode(frameOf(ipv4({ protocol: 4 }, IP), { linkType: 101 }), outer)
  const used = new Packet()
  expect(decodeInner(outer, used)).toBe(true)
  const fresh = new Packet()
  const frame = frameOf(ethernet(IP, { vlans: [{ id: 3 }] }))
  for (const packet of [used, fresh]) expect(decode(frame, packet)).toBe(true)
  // whose tunnel it was in nobody asks of a frame
  expect({ ...used, tunnel: 0, tunnelId: 0 }).toEqual({ ...fresh, tunnel: 0, tunnelId: 0 })
})

test('tunnels in each other, down to a bound', () => {
  let bytes = IP
  for (let i = 0; i < MAX_DEPTH + 2; i++) bytes = ipv4({ protocol: 4 }, bytes)
  let outer = new Packet()
  decode(frameOf(bytes, { linkType: 101 }), outer)
  for (let depth = 1; depth <= MAX_DEPTH; depth++) {
    const inner = new Packet()
    expect(decodeInner(outer, inner)).toBe(true)
    expect(inner.depth).toBe(depth)
    outer = inner
  }
  const tooDeep = new Packet()
  expect(decodeInner(outer, tooDeep)).toBe(false)
  expect(tooDeep.fault).toBe(FAULT_DEPTH)
})

test.each([
  ['TCP', ipv4({ protocol: 6 }, tcp())],
  ['UDP to another port', overUdp(53, join('08000000 00002a00', ethernet(IP)))],
  [
    'UDP from the port only',
    ipv4({ protocol: 17 }, udp({ sourcePort: 4789 }, join('08000000 00002a00', ethernet(IP)))),
  ],
  ['a fragment', ipv4({ protocol: 4, moreFragments: true }, IP)],
])('%s is no tunnel', (_name, outer) => {
  expect(inside(outer)).toMatchObject({ ok: false, tunnel: TUNNEL_NONE, fault: FAULT_NOT_IP })
})

test.each([
  ['VXLAN without a VNI', overUdp(4789, join('00000000 00002a00', ethernet(IP))), FAULT_NOT_IP],
  [
    'VXLAN, ARP inside',
    overUdp(4789, join('08000000 00002a00', ethernet(filler(28), { type: 0x0806 }))),
    FAULT_NOT_IP,
  ],
  ['a Geneve control packet', overUdp(6081, join('00 80 6558 000007 00', ethernet(IP))), FAULT_NOT_IP],
  ['a GTP echo', overUdp(2152, join('3201 0004 00000000 0001 0000')), FAULT_NOT_IP],
  [
    'a GTP extension of length 0',
    overUdp(2152, join('34ff 0000 00000001 0000 00 85 00 000000', IP)),
    FAULT_NOT_IP,
  ],
  ['GRE keepalive', overGre(join('0000 0000')), FAULT_NOT_IP],
  ['GRE with source routes', overGre(join('4000 0800 00000000', IP)), FAULT_NOT_IP],
  ['a PPTP acknowledgment', overGre(join('2081 880b 0000 4242 00000001')), FAULT_NOT_IP],
  ['nothing behind the UDP header', overUdp(4789, join()), FAULT_LINK_TRUNCATED],
  ['three bytes of GRE', overGre(join('0000 08')), FAULT_LINK_TRUNCATED],
  ['a GRE header without its key', overGre(join('2000 0800 0000')), FAULT_LINK_TRUNCATED],
  ['an inner length beyond the outer packet', ipv4({ protocol: 4 }, IP.subarray(0, -1)), FAULT_IP_HEADER],
])('%s has no packet', (_name, outer, fault) => {
  const inner = inside(outer)
  expect(inner).toMatchObject({ ok: false, fault, family: 0 })
  expect(inner.tunnel).not.toBe(TUNNEL_NONE)
})

test('a capture cut within the inner packet keeps its lengths', () => {
  const outer = overUdp(
    4789,
    join('08000000 00002a00', ethernet(ipv4({ protocol: 6 }, tcp({}, filler(900))))),
  )
  const captured = 28 + 8 + 14 + 40
  expect(inside(outer, { captured })).toMatchObject({ ok: true, networkLength: 940, transportCaptured: 20 })
})

test('a mirrored frame that ERSPAN says was cut may be shorter than its IP header claims', () => {
  const mirrored = ethernet(IP).subarray(0, -5)
  const session = (word: string) => overGre(join('1000 88be 00000001 1000', word, '00000000', mirrored))
  expect(inside(session('0123')).fault).toBe(FAULT_IP_HEADER)
  expect(inside(session('0523'))).toMatchObject({ ok: true, networkLength: IP.length, tunnelId: 0x123 })
})
