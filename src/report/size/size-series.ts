// The table's size at fixed times: as CSV, as NDJSON, and as OpenMetrics text with node_exporter's names under our prefix.
import { describeClass, OCCUPANCY_CLASSES } from '../../conntrack/occupancy-class.ts'
import type { Occupancy } from '../../sizing/occupancy.ts'
import type { Refusals } from '../../sizing/refusals/refusals.ts'
import { formatTime } from '../text/format.ts'

/** Classes that differ only in whether there was a reply count as one state. */
const STATES = OCCUPANCY_CLASSES / 3

/** Protocol and state of each state class. */
const NAMES = Array.from({ length: STATES }, (_, i) => describeClass(i * 3))

export const SERIES_FORMATS = ['csv', 'ndjson', 'om'] as const
export type SeriesFormat = (typeof SERIES_FORMATS)[number]

/** What a series is of. */
export interface SeriesSubject {
  occupancy: Occupancy
  refusals: Refusals | null
  /** nf_conntrack_max, and the entries that traffic outside the capture holds. */
  max: number
  outside: number
}

/** Turns samples into text; the epoch is known with the first of them. */
export interface SeriesWriter {
  /** @param time nanoseconds since the first frame, whose epoch is `epoch` */
  sample(time: number, epoch: bigint): void
  /** What is left to write when there are no more samples. */
  finish(): void
}

/** A writer that hands its text to `write`, in pieces. */
export function seriesWriter(
  format: SeriesFormat,
  subject: SeriesSubject,
  write: (text: string) => void,
): SeriesWriter {
  switch (format) {
    case 'csv':
      return csvWriter(subject, write)
    case 'ndjson':
      return ndjsonWriter(subject, write)
    case 'om':
      return new OpenMetricsWriter(subject, write)
  }
}

function csvWriter(subject: SeriesSubject, write: (text: string) => void): SeriesWriter {
  const states = NAMES.map(({ protocol, state }) => [protocol, state.toLowerCase()].filter(Boolean).join('_'))
  write(`time,timestamp,live,count,assured,unreplied,refused,early_drops,${states.join(',')}\n`)
  return {
    sample(time, epoch) {
      const { live, count, assured, unreplied, refused, earlyDrops } = totalsOf(subject)
      const entries = NAMES.map((_, i) => stateCount(subject.occupancy, i))
      const clock = `${time / 1e9},${formatTime(epoch + BigInt(time))}`
      write(
        `${clock},${live},${count},${assured},${unreplied},${refused},${earlyDrops},${entries.join(',')}\n`,
      )
    },
    finish() {},
  }
}

function ndjsonWriter(subject: SeriesSubject, write: (text: string) => void): SeriesWriter {
  return {
    sample(time, epoch) {
      const states: Record<string, number> = {}
      for (const [i, { protocol, state }] of NAMES.entries()) {
        const entries = stateCount(subject.occupancy, i)
        if (entries > 0) states[state === '' ? protocol : `${protocol} ${state}`] = entries
      }
      const timestamp = formatTime(epoch + BigInt(time))
      write(`${JSON.stringify({ time: time / 1e9, timestamp, ...totalsOf(subject), states })}\n`)
    },
    finish() {},
  }
}

interface Totals {
  live: number
  /** nf_conntrack_count, with what traffic outside the capture holds. */
  count: number
  assured: number
  unreplied: number
  refused: number
  earlyDrops: number
}

function totalsOf({ occupancy, refusals, outside }: SeriesSubject): Totals {
  let assured = 0
  let unreplied = 0
  for (const [i, count] of occupancy.classes.entries()) {
    if (i % 3 === 0) unreplied += count
    if (i % 3 === 2) assured += count
  }
  return {
    live: occupancy.live,
    count: occupancy.count + outside,
    assured,
    unreplied,
    refused: refusals?.packets ?? 0,
    earlyDrops: refusals?.earlyDrops ?? 0,
  }
}

function stateCount({ classes }: Occupancy, state: number): number {
  return classes.subarray(state * 3, state * 3 + 3).reduce((sum, count) => sum + count, 0)
}

/** Metrics of one sample, all gauges as node_exporter's are. */
const FAMILIES: { name: string; help: string; value: (totals: Totals, max: number) => number }[] = [
  {
    name: 'entries',
    help: 'Modelled nf_conntrack_count.',
    value: ({ count }) => count,
  },
  {
    name: 'entries_limit',
    help: 'nf_conntrack_max of the model.',
    value: (_, max) => max,
  },
  {
    name: 'entries_live',
    help: 'Modelled entries whose timeout has not passed.',
    value: ({ live }) => live,
  },
  {
    name: 'entries_assured',
    help: 'Modelled live entries that are ASSURED.',
    value: ({ assured }) => assured,
  },
  {
    name: 'stat_drop',
    help: 'Modelled packets refused because the table was full.',
    value: ({ refused }) => refused,
  },
  {
    name: 'stat_early_drop',
    help: 'Modelled entries evicted for new ones.',
    value: ({ earlyDrops }) => earlyDrops,
  },
]

/**
 * OpenMetrics wants the samples of a metric together, so they are kept until the end: 35 numbers each.
 * openmetrics.io, "OpenMetrics, a cloud-native, highly scalable metrics protocol", 1.0.
 */
class OpenMetricsWriter implements SeriesWriter {
  private readonly subject: SeriesSubject
  private readonly write: (text: string) => void
  private readonly stamps: string[] = []
  private readonly families = FAMILIES.map(family => ({ ...family, values: [] as number[] }))
  private readonly states = NAMES.map(name => ({ ...name, counts: [] as number[] }))

  constructor(subject: SeriesSubject, write: (text: string) => void) {
    this.subject = subject
    this.write = write
  }

  sample(time: number, epoch: bigint): void {
    // milliseconds are what a Prometheus keeps
    this.stamps.push((Number((epoch + BigInt(time)) / 1_000_000n) / 1000).toFixed(3))
    const totals = totalsOf(this.subject)
    for (const { value, values } of this.families) values.push(value(totals, this.subject.max))
    for (const [i, { counts }] of this.states.entries()) counts.push(stateCount(this.subject.occupancy, i))
  }

  finish(): void {
    for (const { name, help, values } of this.families) {
      this.family(name, help)
      this.metric(name, '', values)
    }
    this.family('entries_by_state', 'Modelled live entries by protocol and state.')
    for (const { protocol, state, counts } of this.states) {
      if (counts.every(count => count === 0)) continue
      this.metric('entries_by_state', `{protocol="${protocol}",state="${state}"}`, counts)
    }
    this.write('# EOF\n')
  }

  private family(name: string, help: string): void {
    this.write(`# TYPE ctpcap_nf_conntrack_${name} gauge\n# HELP ctpcap_nf_conntrack_${name} ${help}\n`)
  }

  private metric(name: string, labels: string, values: readonly number[]): void {
    for (const [i, value] of values.entries()) {
      this.write(`ctpcap_nf_conntrack_${name}${labels} ${value} ${this.stamps[i]}\n`)
    }
  }
}
