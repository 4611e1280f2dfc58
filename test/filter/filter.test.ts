// Filters: what is no expression is refused at its column, packets are matched from their IP header on.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  always,
  BEYOND,
  both,
  type Condition,
  either,
  FilterCursor,
  NO,
  negate,
  never,
  YES,
} from '../../src/filter/cursor.ts'
import { Filter } from '../../src/filter/filter.ts'
import { FilterError } from '../../src/filter/syntax.ts'
import { LINKTYPE_ETHERNET, LINKTYPE_NFLOG } from '../../src/net/numbers.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { FRAMES } from '../packet/samples.ts'
import { type Bytes, ethernet, filler, frameOf, icmp, ipv4, ipv6, tcp, udp } from '../support/frames.ts'

function errorOf(text: string): { column: number; message: string } {
  try {
    new Filter(text)
  } catch (error) {
    if (error instanceof FilterError) return { column: error.column, message: error.message }
    throw error
  }
  return { column: 0, message: '' }
}

describe('a protocol by its name', () => {
  it.each([
    ['icmp', 1],
    ['igmp', 2],
    ['ipip', 4],
    ['tcp', 6],
    ['udp', 17],
    ['dccp', 33],
    ['ipv6', 41],
    ['gre', 47],
    ['esp', 50],
    ['ah', 51],
    ['icmp6', 58],
    ['pim', 103],
    ['vrrp', 112],
    ['sctp', 132],
    ['udplite', 136],
  ])('%s is that of its number, and of no other', (name, protocol) => {
    const filter = new Filter(`ip proto \\${name}`)
    const others = [protocol - 1, protocol, protocol + 1]
    const found = others.filter(each =>
      filter.matchesFrame(frameOf(ethernet(ipv4({ protocol: each }, filler(20))))),
    )
    expect(found).toEqual([protocol])
  })
})

describe('an expression that is none', () => {
  it.each([
    ['port', 5, 'a port number'],
    ['port http', 6, 'names of services are not looked up'],
    ['port 70000', 6, 'ports end at 65535'],
    ['portrange 1-99999', 11, 'ports end at 65535'],
    ['host example.com', 6, 'names of hosts are not looked up'],
    ['host', 5, 'expected an address, the expression ends'],
    ['host 10.0.0.256', 6, 'no IPv4 address'],
    ['host 1::2::3', 6, 'no IPv6 address'],
    ['host 10.0.0.0/8', 14, 'expected net in front of a network'],
    ['net 10.0.0.1/8', 14, 'bits set outside of this mask'],
    ['net 10.0.0.0/33', 14, 'no prefix length from 0 to 32'],
    ['net 2001:db8::/129', 16, 'no prefix length from 0 to 128'],
    ['net 2001:db8::1/32', 17, 'bits set outside of this prefix'],
    ['10.0.0.1', 1, 'expected host, net or port in front of 10.0.0.1'],
    ['fd00::1', 1, 'expected host, net or port in front of fd00::1'],
    ['5', 1, 'expected host, net or port in front of 5'],
    ['tcp[] = 0', 5, 'expected the number of a byte'],
    ['src proto 6', 1, 'a protocol has no direction'],
    ['tcp and 80', 9, 'expected host, net, port or another word'],
    ['tcp 80', 5, 'expected "and", "or" or the end'],
    ['tcp port 80)', 12, 'expected "and", "or" or the end'],
    ['(tcp port 80', 13, 'expected ")"'],
    ['tcp and', 8, 'the expression ends'],
    ['not', 4, 'the expression ends'],
    ['ip port 80', 9, 'ip has no ports'],
    ['arp host ::1', 10, 'goes with no IPv6 address'],
    ['tcp host 10.0.0.1', 10, 'goes with no IPv4 address'],
    ['ether host 00:11:22:33:44:55', 12, 'hardware addresses are not supported'],
    ['ip broadcast', 13, 'not supported'],
    ['gateway 10.0.0.1', 1, '"gateway" is not supported'],
    ['port 80 and inbound', 13, '"inbound" is not supported'],
    ['ether', 1, 'expected ether proto'],
    ['ether proto 100', 13, 'EtherTypes from 0x600'],
    ['ip proto 256', 10, 'IP protocols end at 255'],
    ['proto nonsense', 7, 'expected a protocol'],
    ['vlan 5000', 6, 'VLAN ids end at 4095'],
    ['tcp[13', 7, 'expected "]"'],
    ['tcp[13:3] = 0', 9, 'expected 1, 2 or 4'],
    ['tcp[13] & = 2', 11, 'expected a number behind "&"'],
    ['tcp[13] = ', 11, 'expected a number'],
    ['len / 0 = 1', 9, 'division by zero'],
    ['tcp ; udp', 5, 'means nothing in a filter'],
    ['frobnicate', 1, "is not a word of tcpdump's filters"],
    ['port 080', 6, 'no number of 32 bits'],
  ])('%s', (text, column, reason) => {
    const error = errorOf(text)
    expect(error.message).toContain(reason)
    expect(error.column).toBe(column)
  })

  it('may nest, but not without end', () => {
    expect(errorOf(`${'('.repeat(50)}tcp${')'.repeat(50)}`).message).toBe('')
    expect(errorOf('('.repeat(100_000)).message).toContain('nested more than')
    expect(errorOf('not '.repeat(100_000)).message).toContain('nested more than')
    expect(errorOf(`tcp[${'('.repeat(100_000)}`).message).toContain('nested more than')
    expect(errorOf(`port ${'('.repeat(100_000)}`).message).toContain('nested more than')
  })
})

describe('an expression as long as an argument may be', () => {
  const frame = frameOf(ethernet(ipv4({ protocol: 6 }, tcp({ destinationPort: 443 }))))
  const selects = (text: string) => new Filter(text).matchesFrame(frame)
  const many = 10_000

  it.each([
    ['or', `${'port 1 or '.repeat(many)}port 443`, true],
    ['or, nothing of it', `${'port 1 or '.repeat(many)}port 2`, false],
    ['and', `${'not port 1 and '.repeat(many)}port 443`, true],
    ['both, from the left', `${'port 1 or port 443 and '.repeat(many)}port 2`, false],
    ['both, from the left, the last saves it', `${'port 443 and port 1 or '.repeat(many)}tcp`, true],
    ['ids', `port ${'1 or '.repeat(many)}443`, true],
    ['a sum', `tcp[2:2]${'+1'.repeat(many)} = ${443 + many}`, true],
    ['a sum of loads', `${'tcp[2:2]+'.repeat(many)}0 = ${443 * many}`, true],
    ['a difference, from the left', `${many}${' - 1'.repeat(many)} = 0`, true],
  ])('joins by %s', (_what, text, isSelected) => {
    expect(selects(text)).toBe(isSelected)
  })

  it('answers beyond the captured bytes as a short one does', () => {
    const cut = frameOf(ethernet(ipv4({ protocol: 6 }, tcp())).subarray(0, 36))
    for (const text of ['ip or tcp[13] = 0', 'tcp[13] = 0 or ip', 'not tcp[13] = 0 and ip']) {
      const [first, word, second] = text.split(/ (or|and) /)
      const long = `${first} ${`${word} ${second} `.repeat(20)}`
      expect([text, new Filter(long).matchesFrame(cut)]).toEqual([text, new Filter(text).matchesFrame(cut)])
    }
  })

  it('has a bound', () => {
    expect(errorOf('tcp or '.repeat(100_001)).message).toContain('more than 200000 words')
  })
})

describe('names that every object has', () => {
  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf'])('mean nothing: %s', name => {
    for (const text of [
      '%',
      'proto %',
      'ether proto %',
      'proto \\%',
      'port %',
      'host %',
      '%[0] = 1',
      'tcp[%] = 1',
      '1 % 2',
    ])
      expect([text, errorOf(text.replace('%', name)).column]).not.toEqual([text, 0])
  })
})

describe('a packet', () => {
  const decoded = (bytes: Bytes): Packet => {
    const packet = new Packet()
    decode(frameOf(bytes, { linkType: LINKTYPE_ETHERNET }), packet)
    return packet
  }
  const segment = ipv4(
    { source: '10.0.0.1', destination: '10.0.0.2', protocol: 6 },
    tcp({ destinationPort: 443 }),
  )

  it('is matched from its IP header on, whatever is in front of it', () => {
    const tagged = decoded(ethernet(segment, { vlans: [{ id: 7 }, { id: 8 }] }))
    expect(new Filter('tcp dst port 443 and src host 10.0.0.1').matchesPacket(tagged)).toBe(true)
    expect(new Filter('udp or port 80').matchesPacket(tagged)).toBe(false)
    expect(new Filter('vlan').matchesPacket(tagged)).toBe(false)
    expect(new Filter(`len = ${segment.length}`).matchesPacket(tagged)).toBe(true)
  })

  it('of IPv6 has its ports behind the header', () => {
    const packet = decoded(
      ethernet(ipv6({ nextHeader: 17, source: 'fd00::1' }, udp({ destinationPort: 53 }))),
    )
    expect(new Filter('udp port 53 and src net fd00::/8').matchesPacket(packet)).toBe(true)
    expect(new Filter('ip').matchesPacket(packet)).toBe(false)
  })
})

describe('a frame', () => {
  it('behind a VLAN tag is found behind the word vlan alone, as by tcpdump', () => {
    const frame = frameOf(ethernet(ipv4({ protocol: 17 }, udp()), { vlans: [{ id: 7 }] }))
    const selects = (text: string) => new Filter(text).matchesFrame(frame)
    const all = ['udp', 'vlan and udp', 'vlan 7', 'vlan 8', 'vlan 0']
    expect(all.filter(selects)).toEqual(['vlan and udp', 'vlan 7'])
  })

  it('goes to a group of stations, or to all, by its Ethernet destination', () => {
    const sentTo = (station: string): string[] => {
      const bytes = ethernet(ipv4({ protocol: 17 }, udp()))
      bytes.set(station.split(':').map(byte => Number.parseInt(byte, 16)))
      const words = ['broadcast', 'ether broadcast', 'multicast', 'ether multicast']
      return words.filter(text => new Filter(text).matchesFrame(frameOf(bytes)))
    }
    expect(sentTo('ff:ff:ff:ff:ff:ff')).toHaveLength(4)
    expect(sentTo('01:00:5e:00:00:01')).toEqual(['multicast', 'ether multicast'])
    expect(sentTo('ff:ff:ff:ff:ff:fe')).toEqual(['multicast', 'ether multicast'])
    expect(sentTo('02:00:00:00:00:01')).toEqual([])
  })

  it('of NFLOG is matched by the packet inside, which tcpdump does not offer', () => {
    const nflog = Object.values(FRAMES).find(({ linkType }) => linkType === LINKTYPE_NFLOG)
    expect(nflog).toBeDefined()
    if (nflog === undefined) return
    const frame = frameOf(nflog.bytes, { linkType: LINKTYPE_NFLOG })
    expect(new Filter('ip or ip6').matchesFrame(frame)).toBe(true)
    expect(new Filter('not ip and not ip6').matchesFrame(frame)).toBe(false)
  })

  it('is selected by an empty expression', () => {
    expect(new Filter('  ').matchesFrame(frameOf(ethernet(ipv4({ protocol: 17 }, udp()))))).toBe(true)
  })
})

describe('arithmetic', () => {
  const bytes = ipv4(
    { source: '10.1.2.0', destination: '255.254.128.3', protocol: 17, ttl: 200, identification: 0xfffe },
    udp({ sourcePort: 0x8001, destinationPort: 7 }),
  )
  const packet = new Packet()
  decode(frameOf(ethernet(bytes), { linkType: LINKTYPE_ETHERNET }), packet)
  const matches = (text: string): boolean => new Filter(text).matchesPacket(packet)

  interface Term {
    text: string
    /** null: a division by zero, for which nothing matches. */
    value: number | null
  }

  const number = fc
    .oneof(fc.nat(300), fc.constantFrom(0x7fffffff, 0x80000000, 0xffffffff))
    .map((value): Term => ({ text: String(value), value }))
  const load = fc.record({ at: fc.nat(16), size: fc.constantFrom(1, 2, 4) }).map(({ at, size }): Term => {
    let value = 0
    for (let i = 0; i < size; i++) value = value * 256 + bytes[at + i]
    return { text: size === 1 ? `ip[${at}]` : `ip[${at}:${size}]`, value }
  })
  const OPERATORS: Record<string, (a: bigint, b: bigint) => bigint | null> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => (b === 0n ? null : a / b),
    '%': (a, b) => (b === 0n ? null : a % b),
    '&': (a, b) => a & b,
    '|': (a, b) => a | b,
    '^': (a, b) => a ^ b,
    '<<': (a, b) => a << (b & 15n),
    '>>': (a, b) => a >> (b & 15n),
  }
  const term = fc.letrec<{ term: Term; sum: Term }>(tie => ({
    term: fc.oneof({ maxDepth: 3 }, number, load, tie('sum')),
    sum: fc
      .tuple(tie('term'), fc.constantFrom(...Object.keys(OPERATORS)), tie('term'))
      .map(([a, operator, b]): Term => {
        const right = operator === '<<' || operator === '>>' ? `(${b.text} & 15)` : b.text
        const result =
          a.value === null || b.value === null ? null : OPERATORS[operator](BigInt(a.value), BigInt(b.value))
        const value = result === null ? null : Number(BigInt.asUintN(32, result))
        return { text: `(${a.text} ${operator} ${right})`, value }
      }),
  })).term

  it('is that of 32 bits without a sign', () => {
    fc.assert(
      fc.property(term, ({ text, value }) => {
        // what divides by a constant zero is refused
        if (/[/%] 0\)/.test(text)) return
        try {
          expect([text, matches(`${text} = ${value ?? 0}`)]).toEqual([text, value !== null])
          expect([text, matches(`${text} != ${value ?? 0}`)]).toEqual([text, false])
        } catch (error) {
          if (!(error instanceof FilterError && /division by zero/.test(error.message))) throw error
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('compares without a sign', () => {
    const relations = (a: string, b: string) =>
      ['<', '<=', '=', '!=', '>=', '>'].filter(sign => matches(`${a} ${sign} ${b}`))
    expect(relations('ip[16:4]', '5')).toEqual(['!=', '>=', '>'])
    expect(relations('5', 'ip[16:4]')).toEqual(['<', '<=', '!='])
    expect(relations('ip[8]', '200')).toEqual(['<=', '=', '>='])
  })

  it('knows no byte beyond the packet', () => {
    const last = bytes.length - 1
    expect(matches(`ip[${last}] >= 0`)).toBe(true)
    expect(matches(`ip[${last + 1}] >= 0`)).toBe(false)
    expect(matches(`ip[${last}:2] >= 0`)).toBe(false)
    expect(matches(`1 + ip[${last + 1}] >= 0`)).toBe(false)
    expect(matches(`ip[${last + 1}] + 1 >= 0`)).toBe(false)
  })
})

describe('a name', () => {
  it.each([
    ['tcp-fin', 0x01],
    ['tcp-syn', 0x02],
    ['tcp-rst', 0x04],
    ['tcp-push', 0x08],
    ['tcp-ack', 0x10],
    ['tcp-urg', 0x20],
    ['tcp-ece', 0x40],
    ['tcp-cwr', 0x80],
  ])('of a TCP flag is its bit: %s', (name, bit) => {
    const selects = (flags: number): boolean => {
      const packet = new Packet()
      decode(frameOf(ethernet(ipv4({ protocol: 6 }, tcp({ flags })))), packet)
      return new Filter(`tcp[tcpflags] & ${name} != 0`).matchesPacket(packet)
    }
    expect([selects(bit), selects(0xff & ~bit)]).toEqual([true, false])
  })

  it.each([
    // RFC 792, 1256, 4443
    ['icmp-echoreply', 0],
    ['icmp-unreach', 3],
    ['icmp-sourcequench', 4],
    ['icmp-redirect', 5],
    ['icmp-echo', 8],
    ['icmp-routeradvert', 9],
    ['icmp-routersolicit', 10],
    ['icmp-timxceed', 11],
    ['icmp-paramprob', 12],
    ['icmp-tstamp', 13],
    ['icmp-tstampreply', 14],
  ])('of an ICMP type is its number: %s', (name, type) => {
    const types = Array.from({ length: 19 }, (_, other) => other)
    const filter = new Filter(`icmp[icmptype] = ${name}`)
    const selected = types.filter(other => {
      const packet = new Packet()
      decode(frameOf(ethernet(ipv4({ protocol: 1 }, icmp(other, 0, filler(12))))), packet)
      return filter.matchesPacket(packet)
    })
    expect(selected).toEqual([type])
  })
})

describe('a direction', () => {
  const selects = (text: string, source: string, destination: string): boolean => {
    const packet = new Packet()
    const ports = { sourcePort: Number(source.slice(-1)), destinationPort: Number(destination.slice(-1)) }
    decode(frameOf(ethernet(ipv4({ protocol: 17, source, destination }, udp(ports)))), packet)
    return new Filter(text).matchesPacket(packet)
  }
  const [A, B] = ['10.0.0.1', '10.0.0.2']
  const ends = [
    [A, A],
    [A, B],
    [B, A],
    [B, B],
  ]

  it.each([
    ['host', [true, true, true, false]],
    ['src host', [true, true, false, false]],
    ['dst host', [true, false, true, false]],
    ['src or dst host', [true, true, true, false]],
    ['dst or src host', [true, true, true, false]],
    ['src and dst host', [true, false, false, false]],
    ['dst and src host', [true, false, false, false]],
  ])('%s', (direction, expected) => {
    expect(ends.map(([source, destination]) => selects(`${direction} ${A}`, source, destination))).toEqual(
      expected,
    )
    const port = direction.replace('host', 'port 1')
    expect(ends.map(([source, destination]) => selects(port, source, destination))).toEqual(expected)
  })
})

describe('a plain number', () => {
  it('is a whole address as a host, and the first bytes of one as a network', () => {
    const selects = (text: string, source: string): boolean => {
      const packet = new Packet()
      decode(frameOf(ethernet(ipv4({ protocol: 17, source }, udp()))), packet)
      return new Filter(text).matchesPacket(packet)
    }
    expect(selects('src host 10', '0.0.0.10')).toBe(true)
    expect(selects('src host 10', '10.0.0.0')).toBe(false)
    expect(selects('src host 0', '0.0.0.0')).toBe(true)
    expect([selects('src net 0', '0.0.0.0'), selects('src net 0', '0.9.9.9')]).toEqual([true, false])
    expect([selects('src net 10', '10.9.9.9'), selects('src net 10', '11.9.9.9')]).toEqual([true, false])
    expect([selects('src net 2570', '10.10.9.9'), selects('src net 2570', '10.11.9.9')]).toEqual([
      true,
      false,
    ])
  })
})

describe('conditions', () => {
  const cursor = new FilterCursor()
  const beyond: Condition = () => BEYOND

  it('that are negated say yes for no, and nothing of what lies beyond a frame', () => {
    expect([never, always, beyond].map(condition => negate(condition)(cursor))).toEqual([YES, NO, BEYOND])
  })

  it('that are joined stop where one lies beyond a frame', () => {
    expect([both(always, beyond)(cursor), both(never, beyond)(cursor)]).toEqual([BEYOND, NO])
    expect([either(never, beyond)(cursor), either(always, beyond)(cursor)]).toEqual([BEYOND, YES])
  })
})
