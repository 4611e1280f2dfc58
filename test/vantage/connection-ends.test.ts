// Ends of connections in tables of words: written, found again, and told apart.
import { expect, it } from 'vitest'
import { Packet } from '../../src/packet/packet.ts'
import {
  isDestination,
  isSource,
  readDestination,
  readSource,
  writeDestination,
  writeSource,
} from '../../src/vantage/restore/connection-ends.ts'

function packetOf(family: number, source: number[], destination: number[]): Packet {
  const [source0, source1, source2, source3] = source
  const [destination0, destination1, destination2, destination3] = destination
  return Object.assign(new Packet(), {
    family,
    source0,
    source1,
    source2,
    source3,
    destination0,
    destination1,
    destination2,
    destination3,
  })
}

const withWord = (words: number[], index: number) => words.map((word, i) => (i === index ? 9 : word))

it('an IPv6 end is equal when all four words are', () => {
  const packet = packetOf(6, [1, 2, 3, 4], [5, 6, 7, 8])
  const words = new Int32Array(10)
  writeSource(words, 1, packet)
  writeDestination(words, 5, packet)
  expect([...words]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 0])
  expect([isSource(words, 1, packet), isDestination(words, 5, packet)]).toEqual([true, true])
  for (let word = 0; word < 4; word++) {
    const other = packetOf(6, withWord([1, 2, 3, 4], word), withWord([5, 6, 7, 8], word))
    expect([isSource(words, 1, other), isDestination(words, 5, other)]).toEqual([false, false])
  }
})

it('is given back to a packet as it was written', () => {
  const words = new Int32Array(10)
  writeSource(words, 1, packetOf(6, [1, 2, 3, 4], [0, 0, 0, 0]))
  writeDestination(words, 5, packetOf(6, [0, 0, 0, 0], [5, 6, 7, 8]))
  const packet = new Packet()
  readSource(words, 1, packet)
  readDestination(words, 5, packet)
  expect(packet).toMatchObject({ source0: 1, source1: 2, source2: 3, source3: 4 })
  expect(packet).toMatchObject({ destination0: 5, destination1: 6, destination2: 7, destination3: 8 })
})

it('an IPv4 end is its first word, whatever an earlier packet left in the others', () => {
  const words = Int32Array.from([1, 99, 99, 99])
  const packet = packetOf(4, [1, 0, 0, 0], [1, 7, 7, 7])
  expect([isSource(words, 0, packet), isDestination(words, 0, packet)]).toEqual([true, true])
})
