// Records in the order of their time, however far from it they come: of equal times the one that came first.
import { expect, it } from 'vitest'
import type { Frame } from '../../src/capture/frame.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { RecordRing } from '../../src/vantage/record/record-ring.ts'
import { TimeOrder } from '../../src/vantage/record/time-order.ts'
import { ethernet, filler, frameOf, ipv4, udp } from '../support/frames.ts'

const PACKET = ipv4({ protocol: 17 }, udp({}, filler(20)))

function frameAt(time: number, number: number, bytes = PACKET): Frame {
  return frameOf(ethernet(bytes), { time, number })
}

/** Numbers of the records in the order in which they come out. */
function orderOf(times: readonly number[]): number[] {
  const ring = new RecordRing()
  const order = new TimeOrder(ring)
  const packet = new Packet()
  for (const [number, time] of times.entries()) {
    const frame = frameAt(time, number)
    decode(frame, packet)
    order.add(ring.add(frame, packet, frame.length))
  }
  const numbers: number[] = []
  while (order.size > 0) numbers.push(ring.word(order.pop(), 8))
  return numbers
}

const sorted = (times: readonly number[]) => [...times.keys()].sort((a, b) => times[a] - times[b] || a - b)

it.each<[string, (index: number) => number]>([
  ['as they are', index => index],
  ['backwards', index => 1000 - index],
  ['all at one time', () => 5],
  ['by turns', index => (index % 2 === 0 ? index : index - 400)],
  ['in no order', index => (index * 7919) % 101],
  ['late by far, several of one time', index => (index % 3 === 0 ? Math.floor(index / 40) : 1000 + index)],
])('%s', (_, timeOf) => {
  const times = Array.from({ length: 1000 }, (_, index) => timeOf(index))
  expect(orderOf(times)).toEqual(sorted(times))
})
