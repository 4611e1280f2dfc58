// The memory of packets that passed in the calm: what counts as a copy of one, and what is told of it.
import { describe, expect, it } from 'vitest'
import { Packet } from '../../src/packet/packet.ts'
import { CopyFilter } from '../../src/vantage/copy-filter.ts'
import { Fingerprint } from '../../src/vantage/record/fingerprint.ts'
import {
  DESTINATION,
  FRAME,
  PLACE,
  PORTS,
  RECORD_SHIFT,
  RecordRing,
  SOURCE,
} from '../../src/vantage/record/record-ring.ts'

const JOIN_TIME = 50e6
const HERE = 17
const THERE = 18

function packetAt(time: number, more: Partial<Packet> = {}): Packet {
  const tuple = { source0: 1, source1: 2, source2: 3, source3: 4, destination0: 5, destination1: 6 }
  const rest = { destination2: 7, destination3: 8, sourcePort: 1000, destinationPort: 80 }
  return Object.assign(new Packet(), { family: 6, frame: 9, time, ...tuple, ...rest, ...more })
}

function printOf(kind: 'identified' | 'weak' | 'tcp', first = 12345, second = 678): Fingerprint {
  return Object.assign(new Fingerprint(), {
    first,
    second,
    identified: kind === 'identified',
    weak: kind === 'weak',
  })
}

/** Whether a packet is new after one of time 0, seen HERE, with the same hashes. */
function isNew(
  kind: 'identified' | 'weak' | 'tcp',
  place: number,
  time: number,
  more: Partial<Packet> = {},
): boolean {
  const filter = new CopyFilter()
  filter.keep(packetAt(0), printOf(kind), HERE)
  return filter.isNew(packetAt(time, more), printOf(kind), place, JOIN_TIME)
}

const OTHER_TUPLES: Partial<Packet>[] = [
  { source0: 0 },
  { source1: 0 },
  { source2: 0 },
  { source3: 0 },
  { destination0: 0 },
  { destination1: 0 },
  { destination2: 0 },
  { destination3: 0 },
  { sourcePort: 1001 },
  { destinationPort: 81 },
]

describe('a packet like one that passed', () => {
  it('at another place is its copy for as long as packets wait for one', () => {
    for (const kind of ['identified', 'weak', 'tcp'] as const)
      expect([0, JOIN_TIME, JOIN_TIME + 1].map(time => isNew(kind, THERE, time))).toEqual([
        false,
        false,
        true,
      ])
  })

  it('at another place with another tuple is a copy that was translated, unless payload alone tells', () => {
    for (const other of OTHER_TUPLES) {
      expect(isNew('identified', THERE, 10, other)).toBe(false)
      expect(isNew('tcp', THERE, 10, other)).toBe(false)
      expect(isNew('weak', THERE, 10, other)).toBe(true)
    }
  })

  it("at the same place is a mirror port's copy within a millisecond, if its IP ID tells; else it was sent again", () => {
    expect([0, 1e6, 1e6 + 1].map(time => isNew('identified', HERE, time))).toEqual([false, false, true])
    expect(isNew('weak', HERE, 0)).toBe(true)
    expect(isNew('tcp', HERE, 0)).toBe(true)
    for (const other of OTHER_TUPLES) expect(isNew('identified', HERE, 10, other)).toBe(true)
  })

  it('is so by the first address word alone in IPv4', () => {
    const filter = new CopyFilter()
    filter.keep(packetAt(0, { family: 4 }), printOf('weak'), HERE)
    expect(filter.isNew(packetAt(1, { family: 4, source1: 99 }), printOf('weak'), THERE, JOIN_TIME)).toBe(
      false,
    )
    expect(filter.isNew(packetAt(1, { family: 4, source0: 99 }), printOf('weak'), THERE, JOIN_TIME)).toBe(
      true,
    )
  })
})

it('a packet with another hash is new', () => {
  const filter = new CopyFilter()
  expect(filter.isNew(packetAt(0), printOf('identified', 0, 0), HERE, JOIN_TIME)).toBe(true)
  filter.keep(packetAt(0), printOf('identified'), HERE)
  // of the same slot, and of any other
  expect(filter.isNew(packetAt(0), printOf('identified', 12345, 679), THERE, JOIN_TIME)).toBe(true)
  for (let first = 0; first < 12345; first++)
    expect(filter.isNew(packetAt(0), printOf('identified', first), THERE, JOIN_TIME)).toBe(true)
})

it('the packet that passed is told with place, frame, time and tuple', () => {
  const filter = new CopyFilter()
  const ring = new RecordRing()
  filter.keep(packetAt(55), printOf('tcp'), HERE)
  filter.recall(printOf('tcp'), ring, 3)
  const at = 3 << RECORD_SHIFT
  expect(ring.times[3]).toBe(55)
  expect([PLACE, FRAME, PORTS].map(word => ring.words[at + word])).toEqual([HERE, 9, (1000 << 16) | 80])
  expect([...ring.words.subarray(at + SOURCE, at + SOURCE + 4)]).toEqual([1, 2, 3, 4])
  expect([...ring.words.subarray(at + DESTINATION, at + DESTINATION + 4)]).toEqual([5, 6, 7, 8])
})
