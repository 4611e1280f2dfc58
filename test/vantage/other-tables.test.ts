// One packet in the captures of several hosts, told from one that a bridge of one host passed on.
import { describe, expect, it } from 'vitest'
import { PACKET_HOST, PACKET_OUTGOING } from '../../src/net/numbers.ts'
import { frameSeen, runWindow, type Sighting, windowOf } from '../support/sighted.ts'

const PACKET = { tuple: '10.0.0.1:4000>10.0.0.2:80', mac: 5, on: 2 }

/** How many packets passed two tables, and between which captures the first of them went. */
function passed(...sightings: Partial<Sighting>[]): string {
  const window = windowOf(2)
  runWindow(
    sightings.map((sighting, i) => frameSeen({ ...PACKET, at: i * 10, ...sighting }, i + 1)),
    window,
  )
  const { count, first } = window.otherTables
  return first === null ? `${count}` : `${count}: ${first.from.capture} to ${first.to.capture}`
}

describe('a packet in two captures', () => {
  const leaves = { type: PACKET_OUTGOING }
  const comes = { type: PACKET_HOST }

  it('went from one host to another where it left the one and came in to the other', () => {
    expect(passed({ ...leaves, capture: 0 }, { ...comes, capture: 1 })).toBe('1: 0 to 1')
    expect(passed({ ...leaves, capture: 1 }, { ...comes, capture: 0 })).toBe('1: 1 to 0')
    expect(passed({ ...comes, capture: 1, at: 0 }, { ...leaves, capture: 0, at: 0 })).toBe('1: 0 to 1')
  })

  it('was passed on by a bridge where it came in before it left: files of one host, cut between the two', () => {
    expect(passed({ ...comes, capture: 0 }, { ...leaves, capture: 1 })).toBe('0')
  })

  it('went past a router between them where its TTL is two lower', () => {
    expect(passed({ ...leaves, capture: 0 }, { ...comes, capture: 1, ttl: 62 })).toBe('1: 0 to 1')
    expect(passed({ ...leaves, capture: 0 }, { ...comes, capture: 1, ttl: 63 })).toBe('0')
  })

  it('is one packet of one host within one capture', () => {
    expect(passed(leaves, comes)).toBe('0')
  })
})
