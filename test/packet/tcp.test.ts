// Tests src/packet/tcp.ts: header fields, and the options as tcp_options() and tcp_sack() read them.

import { expect, test } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { FAULT_TRANSPORT_TRUNCATED } from '../../src/packet/fault.ts'
import { Packet } from '../../src/packet/packet.ts'
import { highestSackEdge, readSynOptions, type SynOptions } from '../../src/packet/tcp.ts'
import {
  type Bytes,
  be32,
  type FrameOptions,
  filler,
  frameOf,
  ipv4,
  join,
  type TcpOptions,
  tcp,
} from '../support/frames.ts'

function segment(options: TcpOptions, payload?: Bytes, frame: FrameOptions = {}): Packet & { ok: boolean } {
  const packet = new Packet()
  const ok = decode(
    frameOf(ipv4({ protocol: 6 }, tcp(options, payload)), { linkType: 228, ...frame }),
    packet,
  )
  return Object.assign(packet, { ok })
}

/** Options padded to whole words with end-of-list. */
function padded(options: string | Bytes): Bytes {
  const bytes = join(options)
  return join(bytes, new Array(-bytes.length & 3).fill(0))
}

test('fields of the header, as signed words', () => {
  const packet = segment({
    sourcePort: 65535,
    destinationPort: 1,
    sequence: 0xfffffffe,
    acknowledgment: 0x80000000,
    flags: 0xc2,
    window: 65535,
    options: join('02040100'),
  })
  expect(packet).toMatchObject({
    ok: true,
    hasTuple: true,
    sourcePort: 65535,
    destinationPort: 1,
    sequence: -2,
    acknowledgment: -0x80000000,
    tcpFlags: 0xc2,
    window: 65535,
    tcpHeaderLength: 24,
    transportLength: 24,
  })
})

test('the header length is what the data offset claims', () => {
  expect(segment({ dataOffset: 15 }).tcpHeaderLength).toBe(60)
  expect(segment({ dataOffset: 0 }).tcpHeaderLength).toBe(0)
})

test('a packet that holds less than a header is no fault: 4 bytes make a tuple', () => {
  const packet = new Packet()
  const short = (length: number) =>
    frameOf(ipv4({ protocol: 6 }, tcp().subarray(0, length)), { linkType: 228 })
  expect(decode(short(19), packet)).toBe(true)
  expect(packet).toMatchObject({ hasTuple: true, sourcePort: 1000, transportLength: 19 })
  expect(decode(short(3), packet)).toBe(true)
  expect(packet.hasTuple).toBe(false)
})

test('a header cut by the snap length is a fault', () => {
  expect(segment({}, filler(10), { captured: 39 })).toMatchObject({
    ok: false,
    fault: FAULT_TRANSPORT_TRUNCATED,
  })
  expect(segment({}, filler(10), { captured: 40 }).ok).toBe(true)
})

function synOptions(packet: Packet): SynOptions {
  const options = { present: true, windowScale: 99, windowScaling: true, sackPermitted: true }
  readSynOptions(packet, options)
  return options
}

const NONE = { present: true, windowScale: 0, windowScaling: false, sackPermitted: false }

test.each([
  [
    'a usual SYN',
    '0204 05b4 0402 080a 00000001 00000000 01 0303 07',
    { windowScale: 7, windowScaling: true, sackPermitted: true },
  ],
  ['a scale above 14 counts as 14', '030320', { windowScale: 14, windowScaling: true }],
  ['scale 0 still announces scaling', '030300', { windowScale: 0, windowScaling: true }],
  ['a scale option of another length is skipped', '0304 0900 0402', { sackPermitted: true }],
  ['SACK permitted of another length is skipped', '0403 00 030305', { windowScale: 5, windowScaling: true }],
  ['nothing counts behind the end of the list', '00 030305 0402', {}],
  ['a length of 1 ends the reading', '0402 0501 030305', { sackPermitted: true }],
  ['a length beyond the header ends the reading', '0402 0320 00 00', { sackPermitted: true }],
  ['a kind without room for its length ends the reading', '01010103', {}],
  ['the last of two wins', '030302 030303', { windowScale: 3, windowScaling: true }],
])('SYN options: %s', (_name, options, expected) => {
  expect(synOptions(segment({ flags: 2, options: padded(options) }))).toEqual({ ...NONE, ...expected })
})

test('SYN options: none at all, or not all of them in the packet', () => {
  const absent = { ...NONE, present: false }
  expect(synOptions(segment({ flags: 2 }))).toEqual(absent)
  expect(synOptions(segment({ flags: 2, dataOffset: 4 }))).toEqual(absent)
  expect(synOptions(segment({ flags: 2, dataOffset: 8, options: join('03030700') }))).toEqual(absent)
})

test('SYN options: as far as captured', () => {
  const options = padded('0402 030307')
  expect(synOptions(segment({ flags: 2, options }, undefined, { captured: 42 }))).toEqual({
    ...NONE,
    sackPermitted: true,
  })
  expect(synOptions(segment({ flags: 2, options }, undefined, { captured: 45 }))).toEqual({
    ...NONE,
    sackPermitted: true,
    windowScaling: true,
    windowScale: 7,
  })
})

const block = (left: number, right: number) => join(be32(left), be32(right))
const sack = (...blocks: Bytes[]) => join('0101', 5, 2 + 8 * blocks.length, ...blocks)

test.each([
  ['no options', join(), 100],
  ['one block', sack(block(200, 300)), 300],
  ['the highest of several', sack(block(400, 500), block(200, 300), block(600, 550)), 550],
  ['none above the acknowledgment', sack(block(1, 2)), 100],
  ['behind a timestamp', join('0101 080a', be32(1), be32(2), sack(block(200, 300))), 300],
  ['a timestamp alone', join('0101 080a', be32(0x05000000), be32(0x7fffffff)), 100],
  ['half a block is no SACK option', join('0101 05 06', be32(7), '01010000'), 100],
  ['only the first SACK option counts', join('05 0a', block(1, 150), '05 0a', block(1, 999)), 150],
  ['nothing counts behind the end of the list', join('00010101', sack(block(200, 300))), 100],
  ['a silly option ends the reading', join('0200 0101', sack(block(200, 300))), 100],
  ['an option beyond the header ends the reading', join('0101 05 12', block(200, 300)), 100],
])('SACK: %s', (_name, options, edge) => {
  expect(highestSackEdge(segment({ options }), 100)).toBe(edge)
})

test('SACK: edges compare in sequence space', () => {
  const options = sack(block(0xfffffff0, 5))
  expect(highestSackEdge(segment({ options }), 0xffffff00 | 0)).toBe(5)
})

test('SACK: blocks as far as captured', () => {
  const options = sack(block(200, 300), block(400, 500))
  expect(highestSackEdge(segment({ options }, undefined, { captured: 20 + 20 + 4 + 8 + 7 }), 100)).toBe(300)
})
