// Clocks of two captures: the offset that packets seen in both tell, and nothing where they tell nothing.
import { describe, expect, it } from 'vitest'
import type { Frame, FrameSource } from '../../src/capture/frame.ts'
import { openCaptures } from '../../src/capture/open/open.ts'
import { type ClockSample, estimateOffsets, sampleClock } from '../../src/vantage/survey/clock-offset.ts'
import { ethernet, filler, frameOf, ipv4, tcp, udp } from '../support/frames.ts'

const EPOCH = 1_700_000_000_000_000_000n

/** A capture that shows the packets `keys` at their times plus `ahead`, with their TTLs lowered by `hops`. */
function sample(keys: number[], ahead: number, ttl: (key: number) => number): ClockSample {
  return {
    epoch: EPOCH + BigInt(ahead),
    times: new Map(keys.map(key => [key, { time: key * 1e6, ttl: ttl(key) }])),
  }
}

const packets = Array.from({ length: 40 }, (_, index) => index + 1)

describe('estimateOffsets', () => {
  it('corrects the second clock towards the first', () => {
    const samples = [sample(packets, 0, () => 64), sample(packets, 421_000_000, () => 63)]
    expect(estimateOffsets(samples)).toEqual([null, { reference: 0, correction: -421_000_000, packets: 40 }])
  })

  it('takes the way between both points out by the two directions', () => {
    const way = 30_000_000
    const there = (key: number) => key % 2 === 0
    const near = sample(packets, 0, key => (there(key) ? 64 : 62))
    const far: ClockSample = { epoch: EPOCH + 500_000_000n, times: new Map() }
    for (const key of packets) {
      far.times.set(key, { time: key * 1e6 + (there(key) ? way : -way), ttl: there(key) ? 63 : 63 })
    }
    expect(estimateOffsets([near, far])[1]?.correction).toBe(-500_000_000)
  })

  it('leaves clocks alone that differ by no more than a packet needs', () => {
    expect(estimateOffsets([sample(packets, 0, () => 64), sample(packets, 300_000, () => 63)])).toEqual([
      null,
      null,
    ])
  })

  it('takes a millisecond for one', () => {
    const ahead = (by: number) =>
      estimateOffsets([sample(packets, 0, () => 64), sample(packets, by, () => 64)])
    for (const sign of [1, -1]) {
      expect(ahead(sign * 999_999)).toEqual([null, null])
      expect(ahead(sign * 1_000_000)[1]?.correction).toBe(-sign * 1_000_000)
    }
  })

  it('says something by three packets in common', () => {
    const common = (keys: number[]) =>
      estimateOffsets([sample(packets, 0, () => 64), sample(keys, 5e9, () => 64)])[1]
    expect(common([1, 2, 900])).toBeNull()
    expect(common([1, 2, 3, 900])).toEqual({ reference: 0, correction: -5e9, packets: 3 })
  })

  it('goes by most packets, not by those that waited', () => {
    for (const ttl of [63, 64]) {
      const late = sample(packets, 5e9, () => ttl)
      for (const key of packets.slice(0, 19)) late.times.get(key)!.time += 7e9
      expect(estimateOffsets([sample(packets, 0, () => 64), late])[1]?.correction).toBe(-5e9)
    }
  })

  it('lets the packets that were routed tell before those that were not', () => {
    const far = sample(packets, 5e9, key => (key < 4 ? 63 : 64))
    for (const key of packets.slice(3)) far.times.get(key)!.time += 9e9
    expect(estimateOffsets([sample(packets, 0, () => 64), far])[1]).toEqual({
      reference: 0,
      correction: -5e9,
      packets: 40,
    })
  })

  it('says nothing without packets in common', () => {
    expect(estimateOffsets([sample([1, 2, 3], 0, () => 64), sample([7, 8, 9], 5e9, () => 63)])).toEqual([
      null,
      null,
    ])
  })

  it('goes over a capture in between', () => {
    const first = sample(packets.slice(0, 20), 0, () => 64)
    const middle = sample(packets, 2e9, () => 63)
    const last = sample(packets.slice(20), 5e9, () => 62)
    expect(estimateOffsets([first, last, middle]).map(offset => offset?.correction)).toEqual([
      undefined,
      -5e9,
      -2e9,
    ])
  })
})

describe('the sample of a capture', () => {
  /** A source of frames, one a microsecond. */
  const sourceOf = (count: number, frameAt: (index: number) => Frame): FrameSource => {
    let index = 0
    const next = () => {
      if (index === count) return null
      const frame = frameAt(index)
      frame.time = index++ * 1000
      return frame
    }
    return {
      epoch: EPOCH,
      captures: [],
      interfaces: [],
      next,
      fill: async () => false,
      close: async () => {},
    }
  }
  const datagram = (identification: number) =>
    frameOf(ethernet(ipv4({ protocol: 17, identification, ttl: 9 }, udp({}, filler(identification)))))

  it('is of its first 50,000 frames', async () => {
    const [first, last, beyond] = [1, 2, 3].map(datagram)
    const source = sourceOf(50_002, index => (index < 49_999 ? first : index === 49_999 ? last : beyond))
    const { times } = await sampleClock(source)
    expect([...times.values()]).toEqual([
      { time: 0, ttl: 9 },
      { time: 49_999_000, ttl: 9 },
    ])
  })

  it('has what no other packet is taken for: not queries without an IP ID, but segments', async () => {
    expect((await sampleClock(sourceOf(3, () => datagram(0)))).times.size).toBe(0)
    const segment = () => frameOf(ethernet(ipv4({ protocol: 6, identification: 0 }, tcp({ sequence: 5 }))))
    expect((await sampleClock(sourceOf(3, segment))).times.size).toBe(1)
  })
})

describe('a capture', () => {
  it('agrees with itself', async () => {
    const samples: ClockSample[] = []
    for (let i = 0; i < 2; i++) {
      const source = await openCaptures(['fixtures/report/home-gateway.pcap'])
      samples.push(await sampleClock(source))
      await source.close()
    }
    expect(samples[0].times.size).toBeGreaterThan(50)
    expect(estimateOffsets(samples)).toEqual([null, null])
  })

  it('is put in its place by a correction', async () => {
    const path = 'fixtures/report/home-gateway.pcap'
    const source = await openCaptures([path, path], { corrections: [0, -1_000_000_000] })
    const times: number[] = []
    do for (let frame = source.next(); frame !== null; frame = source.next()) times.push(frame.time)
    while (await source.fill())
    await source.close()
    expect(times[0]).toBe(0)
    expect(times).toContain(1_000_000_000)
    expect([...times].sort((a, b) => a - b)).toEqual(times)
  })
})
