// Tuples in conntrack's notation.
import { expect, it } from 'vitest'
import { protocolText, tupleText } from '../../src/report/analyze/tuple-text.ts'

const addresses = { src: '10.0.0.1', dst: '10.0.0.2', packets: 0, bytes: 0 }

it.each([
  [{ sport: 40000, dport: 80 }, 'src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=80'],
  [{ type: 8, code: 0, id: 4660 }, 'src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=4660'],
  [{ srckey: 0, dstkey: 255 }, 'src=10.0.0.1 dst=10.0.0.2 srckey=0x0 dstkey=0xff'],
  [{}, 'src=10.0.0.1 dst=10.0.0.2'],
])('%j', (ports, text) => expect(tupleText({ ...addresses, ...ports })).toBe(text))

it('numbers a protocol without a name', () => {
  expect(protocolText('tcp', 6)).toBe('tcp')
  expect(protocolText('unknown', 50)).toBe('esp')
  expect(protocolText('unknown', 2)).toBe('igmp')
  expect(protocolText('unknown', 253)).toBe('protocol 253')
})
