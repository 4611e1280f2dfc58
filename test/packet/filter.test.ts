// Filters: what is no expression is refused at its column, packets are matched from their IP header on.
import { describe, expect, it } from 'vitest'
import { LINKTYPE_ETHERNET, LINKTYPE_NFLOG } from '../../src/net/numbers.ts'
import { decode } from '../../src/packet/decode.ts'
import { Filter } from '../../src/packet/filter.ts'
import { FilterError } from '../../src/packet/filter-syntax.ts'
import { Packet } from '../../src/packet/packet.ts'
import { type Bytes, ethernet, frameOf, ipv4, ipv6, tcp, udp } from '../support/frames.ts'
import { FRAMES } from './samples.ts'

function errorOf(text: string): { column: number; message: string } {
  try {
    new Filter(text)
  } catch (error) {
    if (error instanceof FilterError) return { column: error.column, message: error.message }
    throw error
  }
  return { column: 0, message: '' }
}

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
    ['net 2001:db8::1/32', 17, 'bits set outside of this prefix'],
    ['10.0.0.1', 1, 'expected host, net or port in front of 10.0.0.1'],
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
    ['frobnicate', 1, 'no word of a filter'],
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
    expect([selects('udp'), selects('vlan and udp'), selects('vlan 7'), selects('vlan 8')]).toEqual([
      false,
      true,
      true,
      false,
    ])
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
