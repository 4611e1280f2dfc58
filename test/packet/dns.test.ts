// Which datagrams begin as a DNS query does (RFC 1035, 4.1.1).
import { expect, it } from 'vitest'
import { dnsId, isDnsQuery } from '../../src/packet/dns.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { be16, frameOf, ipv4, join, udp } from '../support/frames.ts'

function packetOf(flags: number, questions = 1, answers = 0, authorities = 0, additional = 0): Packet {
  const packet = new Packet()
  const head = join(...[0xbeef, flags, questions, answers, authorities, additional].map(be16))
  decode(frameOf(ipv4({ protocol: 17 }, udp({}, head)), { linkType: 101 }), packet)
  return packet
}

it('has no bit of an answer, of another operation or of an error', () => {
  const bits = Array.from({ length: 16 }, (_, bit) => 1 << bit)
  // checking disabled, authentic data, recursion available and desired
  const allowed = bits.filter(bit => isDnsQuery(packetOf(bit)))
  expect(allowed.map(bit => bit.toString(16))).toEqual(['10', '20', '80', '100'])
  expect(isDnsQuery(packetOf(0x0100))).toBe(true)
})

it('asks one question, and has nothing else but an OPT record', () => {
  expect([0, 1, 2].map(count => isDnsQuery(packetOf(0x0100, count)))).toEqual([false, true, false])
  expect(isDnsQuery(packetOf(0x0100, 1, 1))).toBe(false)
  expect(isDnsQuery(packetOf(0x0100, 1, 0, 1))).toBe(false)
  expect([0, 1, 2].map(count => isDnsQuery(packetOf(0x0100, 1, 0, 0, count)))).toEqual([true, true, false])
})

it('has an id', () => {
  expect(dnsId(packetOf(0))).toBe(0xbeef)
})
