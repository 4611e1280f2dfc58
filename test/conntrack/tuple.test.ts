// Inverses of tuples: a reply's ports, and the ICMP types that answer each other (icmp_pkt_to_tuple(), invmap).
import { describe, expect, it } from 'vitest'
import { invertTuple, Tuple } from '../../src/conntrack/tuple.ts'

/** The ICMP type that the inverse of a tuple has, null where there is no inverse. */
function inverseType(protocol: number, type: number): number | null {
  const tuple = new Tuple()
  tuple.kind = protocol
  tuple.ports = (0xbeef << 16) | (type << 8)
  const inverse = new Tuple()
  if (!invertTuple(tuple, inverse)) return null
  expect(inverse.ports >>> 16).toBe(0xbeef)
  return (inverse.ports >>> 8) & 0xff
}

describe.each([
  [
    'ICMP',
    1,
    [
      [8, 0],
      [13, 14],
      [15, 16],
      [17, 18],
    ],
  ],
  [
    'ICMPv6',
    58,
    [
      [128, 129],
      [139, 140],
    ],
  ],
] as const)('%s', (_, protocol, pairs) => {
  it('has an inverse for what asks and what answers, both ways, and for nothing else', () => {
    const both = pairs.flatMap(([request, reply]) => [
      [request, reply],
      [reply, request],
    ])
    const found = Array.from({ length: 256 }, (_, type) => [type, inverseType(protocol, type)])
    const expected = both.toSorted(([a], [b]) => a - b)
    expect(found.filter(([, inverse]) => inverse !== null)).toEqual(expected)
  })
})

it('ports change places', () => {
  const tuple = Object.assign(new Tuple(), {
    kind: 6,
    source: 1,
    destination: 2,
    ports: (0x8001 << 16) | 0xfffe,
  })
  const inverse = new Tuple()
  expect(invertTuple(tuple, inverse)).toBe(true)
  expect(inverse).toMatchObject({ kind: 6, source: 2, destination: 1, ports: (0xfffe << 16) | 0x8001 })
})
