// What a capture is found to hold: tunnels by kind, with the ids of those whose inner packet could be read.
import { expect, it } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { Survey } from '../../src/vantage/survey/survey.ts'
import { type Bytes, be32, ethernet, frameOf, ipv4, join, tcp, udp } from '../support/frames.ts'

const IP = ipv4({ protocol: 6 }, tcp())
const gtp = (id: number, inner: Bytes = IP) =>
  ipv4({ protocol: 17 }, udp({ destinationPort: 2152 }, join('30ff 0000', be32(id), inner)))

function tunnelsOf(...packets: Bytes[]): unknown[] {
  const survey = new Survey({
    captures: [{ path: 'a.pcap' }],
    interfaces: [{ capture: 0, name: '' }],
  } as never)
  const packet = new Packet()
  for (const [number, bytes] of packets.entries()) {
    const frame = frameOf(ethernet(bytes), { number })
    survey.take(frame, packet, decode(frame, packet))
  }
  return survey.tunnels()
}

it('ids are numbers without a sign, ascending, each once', () => {
  expect(tunnelsOf(gtp(0x80000001), gtp(7), gtp(0xffffffff), gtp(7), IP)).toEqual([
    { kind: 'gtp', frames: 4, inner: 4, ids: [7, 0x80000001, 0xffffffff] },
  ])
})

it('what cannot be read has none', () => {
  expect(tunnelsOf(gtp(7, join('00 00 00')), gtp(8))).toEqual([
    { kind: 'gtp', frames: 2, inner: 1, ids: [8] },
  ])
})

it('no more ids are told than the first 64', () => {
  const tunnels = tunnelsOf(...Array.from({ length: 70 }, (_, index) => gtp(100 - index)))
  expect(tunnels).toMatchObject([{ frames: 70, ids: Array.from({ length: 64 }, (_, index) => 37 + index) }])
})
