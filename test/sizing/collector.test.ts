// When the garbage collector runs and what it takes: the model against nf_conntrack_count of a real kernel.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openCaptures } from '../../src/capture/open/open.ts'
import { Engine } from '../../src/conntrack/engine.ts'
import { DEFAULT_HZ as HZ } from '../../src/conntrack/kernel.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { Defragmenter, FRAGMENT_DEFAULTS } from '../../src/packet/defrag/fragments.ts'
import { replay } from '../../src/replay.ts'
import { Occupancy } from '../../src/sizing/occupancy.ts'
import { Sampler } from '../../src/sizing/sampler.ts'

const FOLDER = 'fixtures/sizing'
/** Seconds of a step in which the kernel's own collector was at work, and how late the model may be. */
const STEP = 1
const INTERVAL = 20e6

interface Sample {
  time: number
  count: number
}

/** What the kernel showed, in nanoseconds since the first frame. */
function recorded(epoch: bigint): Sample[] {
  const rows = readFileSync(`${FOLDER}/collector.tsv`, 'utf8').trim().split('\n').slice(1)
  return rows
    .map(row => row.split('\t').map(Number))
    .map(([at, count]) => ({ time: (at - Number(epoch / 1000n) / 1e6) * 1e9, count }))
    .filter(({ time }) => time > 0)
}

/** The model's counts at fixed times, its collector running first at `phase` seconds. */
async function modelled(phase: number): Promise<{ epoch: bigint; counts: number[]; occupancy: Occupancy }> {
  const occupancy = new Occupancy(Number.POSITIVE_INFINITY)
  const counts: number[] = []
  occupancy.sampler = new Sampler(INTERVAL, () => counts.push(occupancy.count))
  const settings = { ...defaultSettings(), nf_conntrack_udp_timeout: 10 }
  const engine: Engine = new Engine(settings, {
    created: (ct, time) => occupancy.created(engine.table.occupancy(ct), time),
    updated: () => {},
    reclassified: (_, before, after, time) => occupancy.reclassified(before, after, time),
    expired: (ct, time) => occupancy.expired(engine.table.occupancy(ct), time),
    // every entry of this recording times out before it goes
    destroyed: (ct, _, time) => occupancy.destroyed(engine.table.occupancy(ct), true, time),
  })
  // when the worker last ran before the capture is not in the capture
  const { gc } = engine as unknown as { gc: { nextRun: number } }
  gc.nextRun = Math.round(phase * HZ)
  const source = await openCaptures([`${FOLDER}/collector.pcap.gz`])
  await replay(source, [engine], new Defragmenter(FRAGMENT_DEFAULTS), { seen: () => {} })
  await source.close()
  engine.advance(110e9)
  occupancy.finish(110e9)
  return { epoch: source.epoch, counts, occupancy }
}

describe('a recording of 50 UDP flows a second that each last 10 s', () => {
  it("has the collector at the model's times, once the first of them is known", async () => {
    const phase = 27.4
    const { epoch, counts } = await modelled(phase)
    const samples = recorded(epoch)
    const steps = samples
      .filter(({ count }, i) => i > 0 && count < samples[i - 1].count - 5)
      .map(({ time }) => time)
    expect(steps.length).toBeGreaterThanOrEqual(5)
    const wrong = samples
      .filter(({ time }) => !steps.some(step => Math.abs(time - step) < STEP * 1e9))
      .map(({ time, count }) => ({ time, count, modelled: counts[Math.floor(time / INTERVAL)] }))
      .filter(({ count, modelled }) => Math.abs(count - modelled) > Math.max(15, count * 0.02))
    expect(wrong).toEqual([])
  })

  it('never shows more than the bound that holds for every phase', async () => {
    const { epoch, occupancy } = await modelled(1)
    const largest = Math.max(...recorded(epoch).map(({ count }) => count))
    expect(largest).toBeGreaterThan(occupancy.peak * 2)
    expect(largest).toBeLessThanOrEqual(occupancy.countBound.peak)
  })
})
