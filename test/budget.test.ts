// Holds a replay to its memory: nothing is allocated for a packet, and what is held follows the entries alone.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ReplayHeap } from './support/replay-heap.ts'
import { writeSyntheticCapture } from './support/synthetic-capture.ts'

/** A new space that no replay fills, so that no collection hides what was allocated. */
const NODE_FLAGS = [
  '--expose-gc',
  '--min-semi-space-size=256',
  '--max-semi-space-size=256',
  '--import',
  'tsx',
]
/** With 600 packets each, the 5 MB that any replay takes at most on a busy machine are four bytes a packet. */
const ENTRIES = 2000
/** Below the size of the smallest object, one a packet: measured are less than 1. */
const BYTES_A_PACKET = 8
/** Compiled code and the like come and go by this much. */
const HEAP_NOISE = 400_000

const directory = mkdtempSync(join(tmpdir(), 'ctpcap-budget-'))
let short: ReplayHeap
let long: ReplayHeap

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
  const [n, fourN] = [capture('n.pcap', 144), capture('4n.pcap', 594)]
  // the first two warm the code up
  const script = join(import.meta.dirname, 'support/replay-heap.ts')
  const output = execFileSync(process.execPath, [...NODE_FLAGS, script, n, fourN, n, fourN], {
    encoding: 'utf8',
  })
  ;[short, long] = (JSON.parse(output) as ReplayHeap[]).slice(-2)
}, 120_000)

afterAll(() => rmSync(directory, { recursive: true }))

describe('a replay of four times the packets', () => {
  it('has the same entries', () => {
    expect(short).toMatchObject({ packets: ENTRIES * 150, entries: ENTRIES })
    expect(long).toMatchObject({ packets: ENTRIES * 600, entries: ENTRIES })
  })

  it('allocates nothing for a packet', () => {
    expect(long.allocated / long.packets).toBeLessThan(BYTES_A_PACKET)
  })

  it('holds no more at its end', () => {
    expect(long.held - short.held).toBeLessThan(HEAP_NOISE)
    // less where arrays of an earlier replay were still to be freed
    expect(long.arrays).toBeLessThanOrEqual(short.arrays)
  })
})
