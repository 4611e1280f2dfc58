// How many entries fit: as many as an engine that enforces nf_conntrack_max keeps at a time.
import { expect, it } from 'vitest'
import { Engine } from '../../src/conntrack/engine.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { roomOf } from '../../src/sizing/refusals/room.ts'
import { ethernet, filler, frameOf, ipv4, udp } from '../support/frames.ts'

const silent = { created() {}, updated() {}, reclassified() {}, expired() {}, destroyed() {} }

/** Entries in a table of 30 flows from as many ports, which are all ASSURED before the next comes. */
function kept(nf_conntrack_max: number, nf_conntrack_count: number): number {
  const engine = new Engine({ ...defaultSettings(), nf_conntrack_max, nf_conntrack_count }, silent, true)
  const packet = new Packet()
  for (let port = 1; port <= 30; port++) {
    const ask = {
      source: '10.0.0.1',
      destination: '10.0.0.2',
      ports: { sourcePort: port, destinationPort: 53 },
    }
    const answer = {
      source: '10.0.0.2',
      destination: '10.0.0.1',
      ports: { sourcePort: 53, destinationPort: port },
    }
    // UDP becomes ASSURED by what follows an answer after two seconds
    for (const [{ ports, ...ends }, seconds] of [
      [ask, 0],
      [answer, 1],
      [ask, 3],
    ] as const) {
      const time = (port * 4 + seconds) * 1e9
      decode(frameOf(ethernet(ipv4({ ...ends, protocol: 17 }, udp(ports, filler(8)))), { time }), packet)
      engine.track(packet)
    }
  }
  return engine.table.count
}

it.each([
  [20, 0],
  [20, 15],
  [20, 20],
  // more than the maximum, as after it was lowered
  [20, 25],
  // no limit to the kernel
  [0, 0],
  [0, 25],
])('a maximum of %d with %d entries of others has room for what an engine keeps', (max, count) => {
  const room = roomOf({ ...defaultSettings(), nf_conntrack_max: max, nf_conntrack_count: count })
  expect(kept(max, count)).toBe(Math.min(room, 30))
})
