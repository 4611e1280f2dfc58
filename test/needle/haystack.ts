// A recorded fault among sound connections: one capture, the fault's frames as far apart in time as they were.
import { linkTypeOf, pcapRecords, viewOf } from '../support/pcap-records.ts'
import { SyntheticFrames } from '../support/synthetic-frames.ts'
import { type Bale, Hay, type Vantage } from './hay.ts'

/** Where among the connections the fault is: with the first of them, halfway, with the last. */
export const PLACES = ['start', 'middle', 'end'] as const
export type Place = (typeof PLACES)[number]

export interface HaystackOptions {
  connections: number
  /** Connections a second: fewer where the fault takes longer than half of the time of all. */
  rate: number
  place: Place
  vantage: Vantage
  /** Whether no connection is under way beside the fault: what the host does to its connections it would do to all. */
  isExclusive: boolean
  /** Added to the interface indexes of the connections: those of another host than the lab's are its own. */
  firstIndex?: number
}

const PCAP_MICROSECONDS = 0xa1b2c3d4
const LINKTYPE_ETHERNET = 1
const LINKTYPE_LINUX_SLL2 = 276
const SNAP_LENGTH = 262144

/**
 * The bytes of a pcap, chunk by chunk.
 * @param needle a little-endian pcap of microseconds, cooked v2 for the vantage point `any`, else Ethernet
 */
export function* haystack(needle: Uint8Array, options: HaystackOptions): Generator<Uint8Array> {
  const { vantage } = options
  const linkType = linkTypeAt(vantage)
  if (viewOf(needle).getUint32(0, true) !== PCAP_MICROSECONDS || linkTypeOf(needle) !== linkType)
    throw new Error(`expected a little-endian pcap of microseconds, link type ${linkType}`)
  const { records } = pcapRecords(needle)
  const times = records.map(timeOf)
  const frames = new SyntheticFrames(SNAP_LENGTH, linkType)
  let next = 0
  for (const bale of balesAround(Math.min(...times), Math.max(...times), options)) {
    const hay = new Hay(frames, bale, vantage, options.firstIndex)
    for (let packet = 0; packet < hay.length; packet++) {
      for (; next < records.length && times[next] <= hay.time; next++) frames.record(records[next])
      hay.next()
      if (frames.isFull) yield frames.take()
    }
  }
  for (; next < records.length; next++) frames.record(records[next])
  yield frames.take()
}

export function linkTypeAt(vantage: Vantage): number {
  return vantage === 'any' ? LINKTYPE_LINUX_SLL2 : LINKTYPE_ETHERNET
}

/** The connections around a fault that lasts from `first` to `last`, in microseconds since 1970. */
function balesAround(first: number, last: number, options: HaystackOptions): Bale[] {
  const { connections, rate, place, isExclusive } = options
  const duration = Math.max((connections / rate) * 1e6, 2 * (last - first))
  if (!isExclusive) {
    const start = { start: first, middle: (first + last - duration) / 2, end: last - duration }[place]
    return [{ from: 0, to: connections, start, duration }]
  }
  const before = { start: 0, middle: connections >> 1, end: connections }[place]
  const time = (duration * before) / connections
  return [
    { from: 0, to: before, start: first - time, duration: time },
    { from: before, to: connections, start: last, duration: duration - time },
  ].filter(({ from, to }) => to > from)
}

/** Microseconds since 1970. */
function timeOf(record: Uint8Array): number {
  const view = viewOf(record)
  return view.getUint32(0, true) * 1e6 + view.getUint32(4, true)
}
