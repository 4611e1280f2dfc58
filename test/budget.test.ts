// Holds a replay to its memory: nothing is allocated for a packet, and what is held follows the entries alone.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ReplayHeap, ReplayKind } from './support/replay-heap.ts'
import { writeSyntheticCapture } from './support/synthetic-capture.ts'

/**
 * A new space that no replay fills, so that no collection hides what was allocated; and code optimized when its
 * turn comes, not when a busy machine finds time for it: until then numbers are boxed, up to 12 bytes a packet.
 */
const NODE_FLAGS = [
  '--expose-gc',
  '--min-semi-space-size=256',
  '--max-semi-space-size=256',
  '--single-threaded',
  '--import',
  'tsx',
]
const ENTRIES = 2000
/** Replays of each capture; what is allocated for a packet is allocated in each of them, what code takes is not. */
const ROUNDS = 3
/** The first rounds warm the code up. */
const WARM_UP_ROUNDS = 1
/** Below the size of the smallest object, one a packet: measured are 0.5 to 2.5. */
const BYTES_A_PACKET = 8
/** Compiled code and the like come and go by this much. */
const HEAP_NOISE = 400_000

const directory = mkdtempSync(join(tmpdir(), 'ctpcap-budget-'))
let captures: string[]

/** A capture of ENTRIES connections that all overlap, each of `data` segments and six more. */
function capture(name: string, data: number): string {
  const path = join(directory, name)
  writeSyntheticCapture(path, {
    conns: ENTRIES,
    concurrent: ENTRIES,
    data,
    payload: 10,
    udp: 0,
    pps: 200_000,
  })
  return path
}

beforeAll(() => {
  captures = [capture('n.pcap', 144), capture('4n.pcap', 594)]
}, 120_000)

afterAll(() => rmSync(directory, { recursive: true }))

const KINDS: ReplayKind[] = ['analyze', 'sightings', 'size']

describe.each(KINDS)('%s, of four times the packets', kind => {
  let short: ReplayHeap
  let long: ReplayHeap
  let bytesAPacket: number

  beforeAll(() => {
    const script = join(import.meta.dirname, 'support/replay-heap.ts')
    const args = [...NODE_FLAGS, script, kind, ...Array.from({ length: ROUNDS }, () => captures).flat()]
    const replays = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as ReplayHeap[]
    ;[short, long] = replays.slice(-2)
    const measured = replays.slice(2 * WARM_UP_ROUNDS).filter((_, index) => index % 2 === 1)
    bytesAPacket = Math.min(...measured.map(({ allocated, packets }) => allocated / packets))
  }, 600_000)

  it('has the same entries', () => {
    expect(short).toMatchObject({ packets: ENTRIES * 150, entries: ENTRIES })
    expect(long).toMatchObject({ packets: ENTRIES * 600, entries: ENTRIES })
  })

  it('allocates nothing for a packet', () => {
    expect(bytesAPacket).toBeLessThan(BYTES_A_PACKET)
  })

  it('holds no more at its end', () => {
    expect(long.held - short.held).toBeLessThan(HEAP_NOISE)
    // less where arrays of an earlier replay were still to be freed
    expect(long.arrays).toBeLessThanOrEqual(short.arrays)
  })
})
