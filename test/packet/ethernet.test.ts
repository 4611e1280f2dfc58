// Tests src/packet/encapsulation/ethernet.ts and mpls.ts: tags, labels, sessions and SNAP down to the IP packet.

import { expect, test } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { FAULT_LINK_TRUNCATED, FAULT_NOT_IP } from '../../src/packet/fault.ts'
import { Packet } from '../../src/packet/packet.ts'
import { type Bytes, be16, ethernet, filler, frameOf, ipv4, ipv6, join, tcp } from '../support/frames.ts'

const IP = ipv4({ protocol: 6, source: '192.0.2.1' }, tcp({ sourcePort: 4711 }))

function decoded(bytes: Bytes): Packet & { ok: boolean } {
  const packet = new Packet()
  const ok = decode(frameOf(bytes), packet)
  return Object.assign(packet, { ok })
}

test('padding of a short frame is not part of the packet', () => {
  const packet = decoded(join(ethernet(IP), filler(20)))
  expect(packet).toMatchObject({ ok: true, networkLength: 40, transportLength: 20, transportCaptured: 20 })
})

test.each([
  { name: '802.1Q', types: [0x8100], vlan: 100, innerVlan: -1 },
  { name: '802.1ad', types: [0x88a8, 0x8100], vlan: 100, innerVlan: 101 },
  { name: 'QinQ 0x9100', types: [0x9100, 0x8100], vlan: 100, innerVlan: 101 },
  { name: 'QinQ 0x9200', types: [0x9200, 0x8100], vlan: 100, innerVlan: 101 },
  { name: 'three tags', types: [0x8100, 0x8100, 0x8100], vlan: 100, innerVlan: 101 },
])('$name', ({ types, vlan, innerVlan }) => {
  const vlans = types.map((type, index) => ({ type, id: 0xe000 | (100 + index) }))
  expect(decoded(ethernet(IP, { vlans }))).toMatchObject({ ok: true, vlan, innerVlan, sourcePort: 4711 })
})

test('VLAN 0 is a tag (a priority), not its absence', () => {
  expect(decoded(ethernet(IP, { vlans: [{ id: 0 }] })).vlan).toBe(0)
})

test('LLC/SNAP with the encapsulated Ethernet code', () => {
  expect(decoded(ethernet(join('aaaa03 000000 0800', IP), { type: IP.length + 8 }))).toMatchObject({
    ok: true,
    family: 4,
  })
})

test.each([
  ['another SNAP organisation', join('aaaa03 00000c 2000', filler(40))],
  ['spanning tree', join('424203 0000', filler(40))],
])('%s is not IP', (_name, payload) => {
  expect(decoded(ethernet(payload, { type: payload.length })).fault).toBe(FAULT_NOT_IP)
})

test.each([
  ['ARP', 0x0806],
  ['LLDP', 0x88cc],
  ['PPPoE discovery', 0x8863],
])('%s is not IP', (_name, type) => {
  expect(decoded(ethernet(filler(46), { type }))).toMatchObject({ ok: false, fault: FAULT_NOT_IP, family: 0 })
})

test('MPLS: the nibble below the bottom label tells the version', () => {
  const six = ipv6({ nextHeader: 6 }, tcp())
  expect(decoded(ethernet(join('0001 0040', '0001 2140', IP), { type: 0x8847 }))).toMatchObject({
    ok: true,
    family: 4,
  })
  expect(decoded(ethernet(join('0001 2140', six), { type: 0x8848 }))).toMatchObject({ ok: true, family: 6 })
  expect(decoded(ethernet(join('0001 2140', '00000000', ethernet(IP)), { type: 0x8847 })).fault).toBe(
    FAULT_NOT_IP,
  )
  expect(decoded(ethernet(join('0001 0040'), { type: 0x8847 })).fault).toBe(FAULT_LINK_TRUNCATED)
})

test('PPPoE session in a tag; its length bounds the packet as the kernel trims it', () => {
  const session = (length: number) => join('11 00 0007', be16(length), '0021', IP)
  const tagged = (length: number) => ethernet(session(length), { type: 0x8864, vlans: [{ id: 5 }] })
  expect(decoded(tagged(IP.length + 2))).toMatchObject({ ok: true, vlan: 5, sourcePort: 4711 })
  expect(decoded(tagged(IP.length + 1)).ok).toBe(false)
})

test('PPPoE: a control packet and other PPP protocols are not IP', () => {
  expect(decoded(ethernet(join('11 a7 0007 0000'), { type: 0x8864 })).fault).toBe(FAULT_NOT_IP)
  expect(decoded(ethernet(join('11 00 0007 0006 c021 09000004'), { type: 0x8864 })).fault).toBe(FAULT_NOT_IP)
})
