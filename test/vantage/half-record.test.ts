// Records of half translated connections: whose packet it is, by address and port together.
import { expect, it } from 'vitest'
import { Packet } from '../../src/packet/packet.ts'
import { writeDestination, writeSource } from '../../src/vantage/restore/connection-ends.ts'
import {
  BACKEND,
  CLIENT,
  isFromBackend,
  isToBackend,
  isToClient,
  KNOWN,
  PORTS,
  STATE,
} from '../../src/vantage/restore/half-record.ts'

const packetOf = (
  source0: number,
  sourcePort: number,
  destination0: number,
  destinationPort: number,
): Packet => Object.assign(new Packet(), { family: 4, source0, sourcePort, destination0, destinationPort })

it('a packet is of an end when address and port are', () => {
  const words = new Int32Array(16)
  const request = packetOf(1, 1000, 2, 80)
  writeSource(words, CLIENT, request)
  writeDestination(words, BACKEND, request)
  words[PORTS] = (1000 << 16) | 80
  words[STATE] = KNOWN
  expect(isToBackend(words, 0, request)).toBe(true)
  expect(isToBackend(words, 0, packetOf(1, 1000, 3, 80))).toBe(false)
  expect(isToBackend(words, 0, packetOf(1, 1000, 2, 81))).toBe(false)
  expect(isFromBackend(words, 0, packetOf(2, 80, 1, 1000))).toBe(true)
  expect(isFromBackend(words, 0, packetOf(3, 80, 1, 1000))).toBe(false)
  expect(isFromBackend(words, 0, packetOf(2, 81, 1, 1000))).toBe(false)
  expect(isToClient(words, 0, packetOf(9, 80, 1, 1000))).toBe(true)
  expect(isToClient(words, 0, packetOf(9, 80, 2, 1000))).toBe(false)
  expect(isToClient(words, 0, packetOf(9, 80, 1, 1001))).toBe(false)
})
