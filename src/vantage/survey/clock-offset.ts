// How far the clocks of captures are apart, by the packets that several of them show.
import type { FrameSource } from '../../capture/frame.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import { decode } from '../../packet/encapsulation/decode.ts'
import { Packet } from '../../packet/packet.ts'
import { Fingerprint } from '../record/fingerprint.ts'

/** Frames of a capture that are compared. */
const SAMPLED_FRAMES = 50_000
/** With fewer packets in common nothing is said. */
const LEAST_PACKETS = 3
/** Clocks that are so little apart count as one, in nanoseconds: a host may take as long to pass a packet on. */
const LEAST_OFFSET = 1e6

/** First sightings in one capture, by fingerprint. */
export interface ClockSample {
  /** Nanoseconds since 1970 of time 0. */
  epoch: bigint
  times: Map<number, Sample>
}

interface Sample {
  /** Nanoseconds since the capture's first frame. */
  time: number
  ttl: number
}

export interface ClockOffset {
  /** Index of the capture whose clock is taken as right. */
  reference: number
  /** Nanoseconds to add to the stamps of the capture. */
  correction: number
  /** Packets that both captures show. */
  packets: number
}

/** Reads the first frames of a capture of its own. */
export async function sampleClock(source: FrameSource): Promise<ClockSample> {
  const times = new Map<number, Sample>()
  const packet = new Packet()
  const print = new Fingerprint()
  let frames = 0
  do {
    for (let frame = source.next(); frame !== null; frame = source.next()) {
      if (++frames > SAMPLED_FRAMES) return { epoch: source.epoch, times }
      if (!decode(frame, packet)) continue
      print.read(packet)
      if (!print.identified && packet.protocol !== IPPROTO_TCP) continue
      const key = (print.first >>> 0) * 0x200000 + (print.second & 0x1fffff)
      if (!times.has(key)) times.set(key, { time: frame.time, ttl: packet.ttl })
    }
  } while (await source.fill())
  return { epoch: source.epoch, times }
}

/**
 * The correction of each capture towards the first one, over others in between where need be; null where its clock is
 * right, or nothing can be said.
 */
export function estimateOffsets(samples: readonly ClockSample[]): (ClockOffset | null)[] {
  const corrections: (number | null)[] = samples.map((_, index) => (index === 0 ? 0 : null))
  const offsets: (ClockOffset | null)[] = samples.map(() => null)
  const known = [0]
  // grows while it is walked
  for (const reference of known) {
    for (let index = 1; index < samples.length; index++) {
      if (corrections[index] !== null) continue
      const found = compareClocks(samples[reference], samples[index])
      if (found === null) continue
      known.push(index)
      const correction = Math.abs(found.ahead) < LEAST_OFFSET ? 0 : -found.ahead
      corrections[index] = (corrections[reference] ?? 0) + correction
      if (corrections[index] !== 0)
        offsets[index] = { reference, correction: corrections[index] ?? 0, packets: found.packets }
    }
  }
  return offsets
}

/**
 * How far the clock of `b` is ahead of that of `a`. The way between them takes time, too: it counts against one in each
 * direction, which the TTL tells, so that the middle of both is free of it.
 */
function compareClocks(a: ClockSample, b: ClockSample): { ahead: number; packets: number } | null {
  const apart = Number(b.epoch - a.epoch)
  const forth: number[] = []
  const back: number[] = []
  const level: number[] = []
  for (const [key, seen] of b.times) {
    const other = a.times.get(key)
    if (other === undefined) continue
    const ahead = apart + seen.time - other.time
    if (seen.ttl < other.ttl) forth.push(ahead)
    else if (seen.ttl > other.ttl) back.push(ahead)
    else level.push(ahead)
  }
  const packets = forth.length + back.length + level.length
  if (packets < LEAST_PACKETS) return null
  const directed = [forth, back].filter(list => list.length > 0).map(median)
  const ahead =
    directed.length > 0 ? directed.reduce((sum, value) => sum + value, 0) / directed.length : median(level)
  return { ahead: Math.round(ahead), packets }
}

function median(values: number[]): number {
  values.sort((x, y) => x - y)
  return values[values.length >> 1]
}
