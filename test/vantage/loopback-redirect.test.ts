// Connections that REDIRECT in OUTPUT sent to a loopback address: their answers tell whom they were for.
import { expect, it } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { LoopbackRedirect } from '../../src/vantage/restore/loopback-redirect.ts'
import { ethernet, frameOf, ipv4, ipv6, tcp } from '../support/frames.ts'

const SYN = 0x02
const ACK = 0x10

interface Segment {
  from?: string
  to?: string
  flags?: number
  sequence?: number
  acknowledgment?: number
}

function packetOf({ from = '10.0.0.5:4000', to = '127.0.0.1:15001', ...segment }: Segment): Packet {
  const [source, sourcePort] = from.split(':')
  const [destination, destinationPort] = to.split(':')
  const ports = { sourcePort: Number(sourcePort), destinationPort: Number(destinationPort) }
  const packet = new Packet()
  const bytes = ipv4({ source, destination, protocol: 6 }, tcp({ ...ports, flags: SYN, ...segment }))
  expect(decode(frameOf(ethernet(bytes)), packet)).toBe(true)
  return packet
}

/** Whom a packet was for, `''` when nobody knows. */
function restored(redirects: LoopbackRedirect, segment: Segment): string {
  const packet = packetOf(segment)
  if (!redirects.restore(packet, { translated: 0 } as never)) return ''
  return `${packet.destination0 >>> 24}.${packet.destination0 & 0xff}:${packet.destinationPort}`
}

const request = (sequence: number): Segment => ({ sequence })
const answer = (acknowledgment: number, from = '192.0.2.7:80'): Segment => ({
  from,
  to: '10.0.0.5:4000',
  flags: SYN | ACK,
  acknowledgment,
})

it('a connection is known from its answer on, through a SYN that is sent again', () => {
  const redirects = new LoopbackRedirect()
  redirects.learn(packetOf(request(100)))
  expect(restored(redirects, request(100))).toBe('')
  redirects.learn(packetOf(answer(101)))
  expect(restored(redirects, request(100))).toBe('192.7:80')
  redirects.learn(packetOf(request(100)))
  expect(restored(redirects, { flags: ACK, sequence: 101 })).toBe('192.7:80')
})

it('the next connection from the same port is another', () => {
  const redirects = new LoopbackRedirect()
  redirects.learn(packetOf(request(100)))
  redirects.learn(packetOf(answer(101)))
  redirects.learn(packetOf(request(200)))
  expect(restored(redirects, request(200))).toBe('')
  // of the first connection
  redirects.learn(packetOf(answer(101)))
  expect(restored(redirects, request(200))).toBe('')
  redirects.learn(packetOf(answer(201, '192.0.2.9:443')))
  expect(restored(redirects, request(200))).toBe('192.9:443')
})

it.each([
  ['fd00::5', '::1', true],
  ['::2', '::1', true],
  ['1::1', '::1', true],
  ['0:0:1::1', '::1', true],
  ['::1:0:0:1', '::1', true],
  ['::1:0:1', '::1', true],
  ['::1', '::1', false],
  ['fd00::5', '1::1', false],
  ['fd00::5', '0:0:1::1', false],
  ['fd00::5', '::1:0:0:1', false],
  ['fd00::5', '::1:0:1', false],
  ['fd00::5', '::2', false],
  ['10.0.0.5', '127.0.0.53', true],
  ['127.0.0.1', '127.0.0.53', false],
  ['10.0.0.5', '128.0.0.1', false],
])('from %s to %s it was redirected: %s', (source, destination, isRedirected) => {
  const packet = new Packet()
  const bytes = source.includes(':')
    ? ipv6({ source, destination, nextHeader: 6 }, tcp())
    : ipv4({ source, destination, protocol: 6 }, tcp())
  expect(decode(frameOf(ethernet(bytes)), packet)).toBe(true)
  expect(new LoopbackRedirect().isRedirected(packet)).toBe(isRedirected)
})
