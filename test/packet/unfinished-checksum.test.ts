// TCP checksums that a host leaves to its network card: the sum of the pseudo header, not complemented.
import { expect, it } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { isSumUnfinished } from '../../src/packet/unfinished-checksum.ts'
import {
  type Bytes,
  filler,
  frameOf,
  internetChecksum,
  ipv4,
  ipv6,
  pseudoHeader,
  tcp,
  udp,
} from '../support/frames.ts'

function isUnfinished(ip: Bytes, captured = ip.length): boolean {
  const packet = new Packet()
  decode(frameOf(ip, { linkType: 101, captured }), packet)
  return isSumUnfinished(packet)
}

it.each([
  ['10.0.0.1', '10.0.0.2'],
  ['255.254.253.252', '251.250.249.248'],
  ['2001:db8::1', '2001:db8::2'],
  ['fe80:1234:5678:9abc:def0:fedc:ba98:7654', 'ffff:eeee:dddd:cccc:bbbb:aaaa:9999:8888'],
])('from %s to %s', (source, destination) => {
  const packet = (checksum: number, payload: Bytes): Bytes => {
    const segment = tcp({ checksum, sequence: 5 }, payload)
    return source.includes(':')
      ? ipv6({ source, destination, nextHeader: 6 }, segment)
      : ipv4({ source, destination, protocol: 6 }, segment)
  }
  for (const length of [0, 1, 700]) {
    const payload = filler(length)
    const sum = ~internetChecksum(pseudoHeader(source, destination, 6, 20 + length)) & 0xffff
    expect(isUnfinished(packet(sum, payload))).toBe(true)
    for (const other of [sum + 1, sum - 1, ~sum])
      expect(isUnfinished(packet(other & 0xffff, payload))).toBe(false)
    const headers = packet(sum, payload).length - 20 - length
    expect([17, 18].map(captured => isUnfinished(packet(sum, payload), headers + captured))).toEqual([
      false,
      true,
    ])
  }
})

it('is of TCP alone', () => {
  const sum = ~internetChecksum(pseudoHeader('10.0.0.1', '10.0.0.2', 17, 8)) & 0xffff
  expect(isUnfinished(ipv4({ protocol: 17 }, udp({ checksum: sum })))).toBe(false)
})
