// How many entries fit: nf_conntrack_max less what others hold.
import { expect, it } from 'vitest'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { roomOf } from '../../src/sizing/room.ts'

it.each([
  [262144, 0, 262144],
  [262144, 262085, 59],
  [100, 200, 0],
  // the kernel takes 0 for no limit
  [0, 0, Number.POSITIVE_INFINITY],
  [0, 5, Number.POSITIVE_INFINITY],
])('a maximum of %d with %d entries of others has room for %d', (max, count, room) => {
  expect(roomOf({ ...defaultSettings(), nf_conntrack_max: max, nf_conntrack_count: count })).toBe(room)
})
