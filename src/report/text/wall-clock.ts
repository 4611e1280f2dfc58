// Times of day as people read them: in UTC unless another zone was asked for, to the millisecond, the zone beside them.
import { formatDuration } from './format.ts'

const NANOSECONDS_A_MILLISECOND = 1_000_000n

/** The first and the last instant that Date knows, in milliseconds. */
const MOST_MILLISECONDS = 8_640_000_000_000_000n

export class WallClock {
  readonly zone: string
  private readonly format: Intl.DateTimeFormat

  /** @param zone a name of the IANA time zone database, or `UTC`. @throws RangeError for one that nobody knows */
  constructor(zone = 'UTC') {
    this.zone = zone
    this.format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      fractionalSecondDigits: 3,
      timeZoneName: 'longOffset',
    })
  }

  /** `2026-11-22 04:19:30.527 UTC`. @param instant nanoseconds since 1970 */
  at(instant: bigint): string {
    const { day, time, zone } = this.read(instant)
    return `${day} ${time} ${zone}`
  }

  /** `04:19:30.527 UTC`: where the day is known. */
  timeAt(instant: bigint): string {
    const { time, zone } = this.read(instant)
    return `${time} ${zone}`
  }

  /** `2026-11-22 04:19:30.527 to 04:19:35.726 UTC (5.199 s)`; the second day where it is another. */
  span(first: bigint, last: bigint): string {
    if (first === last) return this.at(first)
    const from = this.read(first)
    const to = this.read(last)
    const zone = from.zone === to.zone ? '' : ` ${from.zone}`
    const day = from.day === to.day ? '' : `${to.day} `
    return `${from.day} ${from.time}${zone} to ${day}${to.time} ${to.zone} (${formatDuration(Number(last - first) / 1e9)})`
  }

  /** Nanoseconds since 1970 of a local time, given as if it were one in UTC; of two such instants the first. */
  ofLocal(local: bigint): bigint {
    const first = local - this.offsetAt(local)
    return local - this.offsetAt(first)
  }

  /** Nanoseconds that the zone is ahead of UTC. */
  private offsetAt(instant: bigint): bigint {
    const [, sign, hours = '0', minutes = '0'] = /([+-])(\d\d):(\d\d)/.exec(this.read(instant).zone) ?? []
    const offset = BigInt(Number(hours) * 60 + Number(minutes)) * 60_000_000_000n
    return sign === '-' ? -offset : offset
  }

  private read(instant: bigint): { day: string; time: string; zone: string } {
    const milliseconds = floorDivide(instant, NANOSECONDS_A_MILLISECOND)
    if (milliseconds > MOST_MILLISECONDS || milliseconds < -MOST_MILLISECONDS)
      return { day: 'second', time: String(floorDivide(instant, 1_000_000_000n)), zone: 'since 1970' }
    const parts = new Map<string, string>()
    for (const { type, value } of this.format.formatToParts(Number(milliseconds))) parts.set(type, value)
    const part = (name: string): string => parts.get(name) ?? ''
    const offset = part('timeZoneName').replace('GMT', '')
    return {
      day: `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}`,
      time: `${part('hour')}:${part('minute')}:${part('second')}.${part('fractionalSecond')}`,
      zone: offset === '' || offset === '+00:00' ? 'UTC' : `UTC${offset}`,
    }
  }
}

/** Nanoseconds since 1970 of a time as reports write it: `2026-11-22T04:19:30.527725Z`, or seconds where no year has four digits. */
export function instantOf(time: string): bigint {
  const [, head = '', fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(time) ?? []
  const nanoseconds = BigInt(fraction.padEnd(9, '0'))
  const seconds = /^-?\d+$/.test(head) ? BigInt(head) : BigInt(Date.parse(`${head}Z`)) / 1000n
  return seconds * 1_000_000_000n + nanoseconds
}

function floorDivide(value: bigint, divisor: bigint): bigint {
  return value / divisor - (value % divisor < 0n ? 1n : 0n)
}
