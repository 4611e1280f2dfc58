// Copies of frames in a ring: what it holds is never overwritten, whatever lengths came and went before.
import { expect, it } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { RecordRing } from '../../src/vantage/record/record-ring.ts'
import { ethernet, filler, frameOf, ipv4, udp } from '../support/frames.ts'

const short = frameOf(ethernet(ipv4({ protocol: 17 }, udp({}, filler(20)))))
const long = frameOf(ethernet(ipv4({ protocol: 17 }, udp({}, filler(1400)))))

it('gives up what it holds to the byte', () => {
  const ring = new RecordRing()
  const packet = new Packet()
  decode(short, packet)
  // more short ones than bytes that are kept free at the end
  for (let i = 0; i < 300_000; i++) {
    ring.add(short, packet, short.length)
    ring.dropTail()
  }
  decode(long, packet)
  const ends = [packet.transportOffset + 8, packet.transportOffset + 8 + 1399]
  const slots: number[] = []
  for (let number = 0; !ring.crowded; number++) {
    for (const at of ends) long.bytes[at] = number & 0xff
    slots.push(ring.add(long, packet, long.length))
  }
  expect(slots.length).toBeGreaterThan(5000)
  const changed = slots.filter((slot, number) => {
    ring.decode(slot, packet)
    const at = packet.transportOffset + 8
    return packet.bytes[at] !== (number & 0xff) || packet.bytes[at + 1399] !== (number & 0xff)
  })
  expect(changed).toEqual([])
})
