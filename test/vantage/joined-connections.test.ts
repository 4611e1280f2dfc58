// What packets of joined connections were in front of the translation, and how many such connections are kept.
import { describe, expect, it } from 'vitest'
import { formatIpv6 } from '../../src/net/address.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { IPV6, KNOWN } from '../../src/vantage/restore/half-record.ts'
import { JoinedConnections } from '../../src/vantage/restore/joined-connections.ts'
import { ethernet, frameOf, ipv4, ipv6, type TcpOptions, tcp } from '../support/frames.ts'

const SYN = 0x02
const ACK = 0x10

function packetOf(family: 4 | 6, source: string, destination: string, options: TcpOptions): Packet {
  const segment = tcp({ flags: ACK, ...options })
  const packet = new Packet()
  const header = { source, destination, protocol: 6, nextHeader: 6 }
  const bytes = family === 4 ? ipv4(header, segment) : ipv6(header, segment)
  if (!decode(frameOf(ethernet(bytes, { type: family === 4 ? 0x800 : 0x86dd })), packet))
    throw new Error('no packet')
  return packet
}

const words = (packet: Packet) => [packet.source0, packet.source1, packet.source2, packet.source3]

/** A handshake in the layout that `put` takes. */
function handshake(family: 4 | 6, client: string, backend: string, service: string, sequence: number) {
  const wordsOf = (address: string) => words(packetOf(family, address, address, {}))
  return Int32Array.from([
    ...wordsOf(client),
    ...wordsOf(backend),
    ...wordsOf(service),
    (4000 << 16) | 8080,
    KNOWN | (family === 6 ? IPV6 : 0) | 80,
    sequence,
  ])
}

const CLIENT = '2001:db8:1::5'
const BACKEND = '2001:db8:2::9'
const SERVICE = '2001:db8:9::1'
const toBackend = { sourcePort: 4000, destinationPort: 8080 }
const toClient = { sourcePort: 80, destinationPort: 4000 }

describe('joined connections', () => {
  it('of IPv6 have all four words of their addresses restored', () => {
    const connections = new JoinedConnections()
    connections.put(handshake(6, CLIENT, BACKEND, SERVICE, 100), 0, false)
    const request = packetOf(6, CLIENT, BACKEND, toBackend)
    expect(connections.restoreRequest(request)).toBe(true)
    expect(
      formatIpv6(request.destination0, request.destination1, request.destination2, request.destination3),
    ).toBe(SERVICE)
    expect(request.destinationPort).toBe(80)
    const answer = packetOf(6, SERVICE, CLIENT, toClient)
    expect(connections.restoreAnswer(answer)).toBe(true)
    expect(formatIpv6(answer.source0, answer.source1, answer.source2, answer.source3)).toBe(BACKEND)
    expect(answer.sourcePort).toBe(8080)
    // one word differs
    expect(connections.restoreRequest(packetOf(6, '2001:db8:1::1:5', BACKEND, toBackend))).toBe(false)
    expect(connections.restoreAnswer(packetOf(6, '2001:db8:9:1::1', CLIENT, toClient))).toBe(false)
  })

  it('are two of one client at most: the latest, and the one before, whose packets may still wait', () => {
    const connections = new JoinedConnections()
    const put = (backend: string, sequence: number) =>
      connections.put(handshake(4, '10.0.0.5', backend, '10.9.0.1', sequence), 0, false)
    const restores = (backend: string) =>
      connections.restoreRequest(packetOf(4, '10.0.0.5', backend, toBackend))
    put('10.0.0.7', 100)
    put('10.0.0.8', 200)
    expect([restores('10.0.0.7'), restores('10.0.0.8')]).toEqual([true, true])
    put('10.0.0.9', 300)
    expect([restores('10.0.0.7'), restores('10.0.0.8'), restores('10.0.0.9')]).toEqual([false, true, true])
    const syn = packetOf(4, '10.0.0.5', '10.0.0.9', { ...toBackend, flags: SYN, sequence: 300 })
    connections.forgetOthers(syn)
    expect([restores('10.0.0.8'), restores('10.0.0.9')]).toEqual([false, true])
  })

  it('know their own handshake by its numbers', () => {
    const connections = new JoinedConnections()
    connections.put(handshake(4, '10.0.0.5', '10.0.0.7', '10.9.0.1', 100), 0, false)
    const syn = (sequence: number) =>
      connections.restoreRequest(packetOf(4, '10.0.0.5', '10.0.0.7', { ...toBackend, flags: SYN, sequence }))
    expect([syn(100), syn(101)]).toEqual([true, false])
    const synAck = (acknowledgment: number) =>
      connections.restoreAnswer(
        packetOf(4, '10.9.0.1', '10.0.0.5', { ...toClient, flags: SYN | ACK, acknowledgment }),
      )
    expect([synAck(101), synAck(777)]).toEqual([true, false])
  })

  it('whose entry was made of the SYN as it was seen have their answers restored, no requests', () => {
    const connections = new JoinedConnections()
    connections.put(handshake(4, '10.0.0.5', '10.0.0.7', '10.9.0.1', 100), 0, true)
    expect(connections.restoreRequest(packetOf(4, '10.0.0.5', '10.0.0.7', toBackend))).toBe(false)
    expect(connections.restoreAnswer(packetOf(4, '10.9.0.1', '10.0.0.5', toClient))).toBe(true)
  })
})
