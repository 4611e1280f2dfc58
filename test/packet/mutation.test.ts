// Spoils frames at random, with a seed: no decoder throws, hangs or reads beyond the captured bytes, whatever they claim.

import { expect, test } from 'vitest'
import { transportChecksum } from '../../src/packet/checksum.ts'
import { Defragmenter } from '../../src/packet/defrag/fragments.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { decodeInner } from '../../src/packet/encapsulation/tunnel.ts'
import { FAULT_NONE } from '../../src/packet/fault.ts'
import { Packet } from '../../src/packet/packet.ts'
import { decodeQuoted } from '../../src/packet/quoted.ts'
import { highestSackEdge, readSynOptions } from '../../src/packet/tcp.ts'
import { type Bytes, type FrameOptions, frameOf } from '../support/frames.ts'
import { FRAMES } from './samples.ts'

const ROUNDS = Number(process.env.CTPCAP_MUTATIONS ?? 20_000)
const SEED = Number(process.env.CTPCAP_SEED ?? 1)

/** mulberry32: numbers below `limit`, the same for the same seed. */
function generator(seed: number): (limit: number) => number {
  let state = seed >>> 0
  return limit => {
    state = (state + 0x6d2b79f5) >>> 0
    let word = Math.imul(state ^ (state >>> 15), state | 1)
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
    return Math.floor((((word ^ (word >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
}

function spoil(bytes: Bytes, below: (limit: number) => number): Bytes {
  const spoilt = bytes.slice()
  for (let count = below(4); count >= 0; count--) {
    const at = below(spoilt.length)
    const kind = below(4)
    if (kind === 0) spoilt[at] ^= 1 << below(8)
    else if (kind === 1) spoilt[at] = [0, 1, 0x7f, 0x80, 0xff][below(5)]
    else if (kind === 2) spoilt[at] = below(256)
    else spoilt.copyWithin(at, below(spoilt.length), below(spoilt.length))
  }
  return spoilt
}

/** Everything that can be known of a frame, by every function that reads packets. */
function readAll(bytes: Bytes, how: FrameOptions) {
  const [packet, quoted, inner] = [new Packet(), new Packet(), new Packet()]
  const frame = frameOf(bytes, how)
  const ok = decode(frame, packet)
  expect(ok).toBe(packet.fault === FAULT_NONE)
  if (!ok) return { fault: packet.fault, family: packet.family }
  const end = packet.networkOffset + packet.networkLength
  expect(packet.transportCaptured).toBeLessThanOrEqual(packet.transportLength)
  expect(packet.transportOffset + packet.transportCaptured).toBeLessThanOrEqual(
    Math.max(packet.transportOffset, Math.min(end, packet.capturedEnd)),
  )
  const options = { present: false, windowScale: 0, windowScaling: false, sackPermitted: false }
  const known: Record<string, unknown> = { options }
  if (packet.protocol === 6 && packet.transportCaptured >= 20) {
    readSynOptions(packet, options)
    known.sack = highestSackEdge(packet, packet.acknowledgment)
  }
  if (packet.hasTuple && packet.transportCaptured >= 12) known.checksum = transportChecksum(packet)
  for (const family of [4, 6]) {
    const isQuoted = decodeQuoted(packet, packet.transportOffset + 8, family, quoted)
    known[`quoted${family}`] = [isQuoted, isQuoted && fields(quoted)]
  }
  let [from, to] = [packet, inner]
  for (let depth = 0; decodeInner(from, to); depth++) {
    known[`inner${depth}`] = fields(to)
    from = to
    to = new Packet()
  }
  known.packet = fields(packet)
  const defragmenter = new Defragmenter()
  known.fragment = [defragmenter.defragment(packet), defragmenter.defragment(packet)]
  return known
}

function fields(packet: Packet): object {
  const { bytes: _bytes, view: _view, ...rest } = packet
  return rest
}

for (const [name, { linkType, bytes }] of Object.entries(FRAMES)) {
  test(name, () => {
    const below = generator(SEED + name.length)
    const rounds = Math.ceil(ROUNDS / Object.keys(FRAMES).length)
    for (let round = 0; round < rounds; round++) {
      const spoilt = spoil(bytes, below)
      const captured = below(3) === 0 ? below(spoilt.length + 1) : spoilt.length
      const originalLength = below(4) === 0 ? below(200_000) : spoilt.length
      const one = readAll(spoilt, { linkType, captured, originalLength, surround: 0x00 })
      const other = readAll(spoilt, { linkType, captured, originalLength, surround: 0xff })
      expect(other).toEqual(one)
    }
  })

  test(`${name}, cut anywhere, is read alike where nothing stands behind it`, () => {
    for (let captured = 0; captured <= bytes.length; captured++) {
      const cut = { linkType, captured, originalLength: bytes.length }
      expect(readAll(bytes, { ...cut, behind: 0 }), `${captured} bytes`).toEqual(readAll(bytes, cut))
    }
  })
}
