// A packet as rules see it: ports of protocols that have them, ICMP types, flags, TOS, and what a capture cut off.
import { expect, it } from 'vitest'
import { PacketFacts } from '../../src/host/rules/packet-facts.ts'
import { describePacket } from '../../src/host/walk/packet-description.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { type Bytes, filler, frameOf, icmp, ipv4, ipv6, join, tcp, udp } from '../support/frames.ts'
import { packetOf } from '../support/knowledge.ts'

const facts = new PacketFacts()
const subject = packetOf('tcp', '1.1.1.1:1', '2.2.2.2:2')

function describe(ip: Bytes, captured = ip.length, frameType = -1): void {
  const packet = new Packet()
  expect(decode(frameOf(ip, { linkType: 101, captured }), packet)).toBe(true)
  describePacket(packet, frameType, subject, facts)
}

it.each([
  [6, true],
  [17, true],
  [33, true],
  [132, true],
  [136, true],
  [1, false],
  [47, false],
  [50, false],
])('of protocol %i has ports: %s', (protocol, hasPorts) => {
  describe(ipv4({ protocol }, join('1f90 0050', filler(40))))
  expect([subject.protocol, subject.sourcePort, subject.destinationPort]).toEqual(
    hasPorts ? [protocol, 8080, 80] : [protocol, -1, -1],
  )
})

it('has the type and code of ICMP, and the flags of TCP', () => {
  describe(ipv4({ protocol: 1, ttl: 7, tos: 0xb8 }, icmp(3, 4, filler(30))))
  expect(facts).toMatchObject({ icmpType: 3, icmpCode: 4, tcpFlags: -1, ttl: 7, tos: 0xb8, length: 54 })
  describe(ipv6({ nextHeader: 58 }, icmp(128, 0, filler(4))))
  expect(facts).toMatchObject({ icmpType: 128, icmpCode: 0, tcpFlags: -1, length: 48 })
  describe(ipv4({ protocol: 6 }, tcp({ flags: 0x12 })))
  expect(facts).toMatchObject({ icmpType: -1, icmpCode: -1, tcpFlags: 0x12, hasEntry: false })
  describe(ipv4({ protocol: 17 }, udp()))
  expect(facts).toMatchObject({ icmpType: -1, icmpCode: -1, tcpFlags: -1 })
})

it('was for a group or for the host as the capture tells', () => {
  const kinds = [-1, 0, 1, 2, 3].map(frameType => {
    describe(ipv4({ protocol: 17 }, udp()), undefined, frameType)
    return facts.frameKind
  })
  expect(kinds).toEqual([null, 'unicast', 'broadcast', 'multicast', null])
})
