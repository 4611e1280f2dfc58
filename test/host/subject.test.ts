// What rules ask of a packet: names of protocols, ports, networks of one family, states.
import { describe, expect, it } from 'vitest'
import { parseNetwork } from '../../src/host/files/network.ts'
import {
  anyOf,
  NO,
  negated,
  ofDestination,
  ofLocal,
  ofMark,
  ofPort,
  ofProtocol,
  ofSource,
  PERHAPS,
  parsePorts,
  parseProtocol,
  perhaps,
  YES,
} from '../../src/host/rules/subject.ts'
import { packetOf } from '../support/knowledge.ts'

const packet = packetOf('tcp', '10.0.0.1:1000', '10.0.0.2:80')

it.each([
  // the numbers that IANA has assigned, by the names of /etc/protocols and of ip6tables
  ['icmp', 1],
  ['igmp', 2],
  ['ipencap', 4],
  ['ipip', 4],
  ['tcp', 6],
  ['UDP', 17],
  ['dccp', 33],
  ['ipv6', 41],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['ipv6-icmp', 58],
  ['icmpv6', 58],
  ['ospf', 89],
  ['sctp', 132],
  ['udplite', 136],
  ['0', 0],
  ['255', 255],
  ['256', null],
  ['1000', null],
  ['nonesuch', null],
  ['', null],
])('protocol %s is %s', (text, number) => {
  expect(parseProtocol(text)).toBe(number)
})

it.each([
  ['80', [80, 80]],
  ['8000:8080', [8000, 8080]],
  ['8000-8080', [8000, 8080]],
  [':1023', [0, 1023]],
  ['1024:', [1024, 65535]],
  [':', [0, 65535]],
  ['0', [0, 0]],
  ['65535', [65535, 65535]],
  ['65536', null],
  ['81:80', null],
  ['', null],
  ['http', null],
])('ports %s are %s', (text, range) => {
  expect(parsePorts(text)).toEqual(range)
})

describe('a condition', () => {
  const network = (text: string) => parseNetwork(text)!

  it('about an address is of one family', () => {
    const six = packetOf('tcp', '[a00:1::]:1000', '[a00:2::]:80')
    expect(ofSource(network('10.0.0.1'))(packet, 0)).toBe(YES)
    expect(ofSource(network('10.0.0.2'))(packet, 0)).toBe(NO)
    expect(ofDestination(network('10.0.0.2'))(packet, 0)).toBe(YES)
    // the words of both are alike
    expect(ofSource(network('10.0.0.1'))(six, 0)).toBe(NO)
    expect(ofDestination(network('a00:2::/32'))(packet, 0)).toBe(NO)
    expect(ofDestination(network('a00:2::/32'))(six, 0)).toBe(YES)
  })

  it('about ports takes both ends of a range', () => {
    const of80 = (...ranges: [number, number][]) => ofPort('destinationPort', ranges)(packet, 0)
    expect([of80([80, 80]), of80([79, 80]), of80([80, 81])]).toEqual([YES, YES, YES])
    expect([of80([1, 79]), of80([81, 90]), of80([1, 79], [81, 90])]).toEqual([NO, NO, NO])
    expect(of80([1, 2], [80, 90])).toBe(YES)
    expect(ofPort('sourcePort', [[1000, 1000]])(packet, 0)).toBe(YES)
  })

  it('about a mark compares the bits of its mask, if the mark is known', () => {
    expect(ofMark(0x10, 0xf0)(packet, 0x1f)).toBe(YES)
    expect(ofMark(0x10, 0xf0)(packet, 0x2f)).toBe(NO)
    expect(ofMark(0x10, 0xf0)(packet, null)).toBe(PERHAPS)
    // bits that the mask takes away are in no mark
    expect(ofMark(0x11, 0xf0)(packet, 0x11)).toBe(NO)
    expect(ofMark(0x8000_0000, 0xffff_ffff)(packet, 0x8000_0000)).toBe(YES)
  })

  it('is turned around, or one of several; "perhaps" stays so unless another is sure', () => {
    const is = ofProtocol(6)
    expect([is, negated(is), perhaps, negated(perhaps)].map(test => test(packet, 0))).toEqual([
      YES,
      NO,
      PERHAPS,
      PERHAPS,
    ])
    expect(anyOf([negated(is), perhaps])(packet, 0)).toBe(PERHAPS)
    expect(anyOf([perhaps, is])(packet, 0)).toBe(YES)
    expect(anyOf([negated(is)])(packet, 0)).toBe(NO)
    expect(anyOf([])(packet, 0)).toBe(NO)
  })

  it('about what is local knows 127.0.0.0/8 without being told', () => {
    const local = ofLocal('destination')
    expect(local(packet, 0)).toBe(PERHAPS)
    expect(local(packetOf('tcp', '10.0.0.1:1', '127.9.9.9:1'), 0)).toBe(YES)
    expect(local(packetOf('tcp', '10.0.0.1:1', '128.0.0.1:1'), 0)).toBe(PERHAPS)
    expect(local(packetOf('tcp', '[fd00::1]:1', '[7f00::1]:1'), 0)).toBe(PERHAPS)
    expect(local({ ...packet, isLocal: () => true }, 0)).toBe(YES)
    expect(local({ ...packet, isLocal: () => false }, 0)).toBe(NO)
  })
})
