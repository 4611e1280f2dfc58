// Two first packets of one connection under way at once: which of them is released first, as the one that made the entry.
import { describe, expect, it } from 'vitest'
import { release, type Sighting } from '../support/sighted.ts'

const ASKED = '10.0.0.5:4000>10.96.0.10:53'

/** A query that comes in at a veth and its bridge, and leaves for one of two servers. */
interface Query {
  id: number
  veth: number
  bridge: number
  out: number
}

/** Numbers of the queries in the order in which they come out of the window. */
function released(...queries: Query[]): number[] {
  const sightings = queries.flatMap(({ id, veth, bridge, out }): Sighting[] => {
    const query = { tuple: ASKED, id, protocol: 'udp' as const, mac: 5, payload: new Uint8Array(20).fill(id) }
    return [
      { ...query, at: veth, on: 4, type: 0 },
      { ...query, at: bridge, on: 5, type: 0 },
      { ...query, at: out, on: 3, type: 4, mac: 9, ttl: 63, tuple: `10.0.0.5:4000>10.0.1.${id}:53` },
    ]
  })
  const ids = [...sightings].sort((a, b) => a.at - b.at)
  return release(ids).map(({ frames }) => ids[frames[0] - 1].id!)
}

describe('of two queries that are translated differently', () => {
  it.each([
    ['came in first', { bridge: 20, out: 40 }, { bridge: 30, out: 35 }, [1, 2]],
    ['came to the bridge first', { bridge: 33, out: 36 }, { bridge: 30, out: 41 }, [2, 1]],
    [
      'left later, when both came to the bridge at once',
      { bridge: 30, out: 36 },
      { bridge: 30, out: 41 },
      [2, 1],
    ],
    [
      'left later, when the bridge stamps them a microsecond apart',
      { bridge: 31, out: 36 },
      { bridge: 30, out: 34 },
      [1, 2],
    ],
    [
      'came to the bridge first by two microseconds',
      { bridge: 32, out: 36 },
      { bridge: 30, out: 34 },
      [2, 1],
    ],
    ['came first, when both left at once', { bridge: 30, out: 36 }, { bridge: 30, out: 36 }, [1, 2]],
  ])('that goes first which %s', (_, first, second, order) => {
    expect(released({ id: 1, veth: 10, ...first }, { id: 2, veth: 12, ...second })).toEqual(order)
  })

  it('a later one is no rival: they came in more than 100 microseconds apart', () => {
    const slow = { id: 1, veth: 10, bridge: 300, out: 310 }
    expect(released(slow, { id: 2, veth: 110, bridge: 120, out: 130 })).toEqual([2, 1])
    expect(released(slow, { id: 2, veth: 111, bridge: 121, out: 131 })).toEqual([1, 2])
  })
})
