// `--at`: an instant of the capture, by name, by seconds since its first frame, or by the clock.
import type { WallClock } from '../../report/text/wall-clock.ts'
import { UsageError } from '../io/usage-error.ts'

export type Instant =
  | { kind: 'peak' }
  | { kind: 'end' }
  /** Nanoseconds since the first frame. */
  | { kind: 'elapsed'; nanoseconds: number }
  /** Nanoseconds since 1970. */
  | { kind: 'clock'; epoch: bigint }

export const AT_HELP =
  'peak (most live entries), end, +SECONDS since the first frame, seconds since 1970, or an ISO 8601 time (2026-11-22T12:03:07.5Z; UTC, or the zone of --tz, where it names none)'

/** 64 bits of nanoseconds. */
const MOST_SECONDS = 18_446_744_073

const ELAPSED = /^\+(\d+)(?:\.(\d{1,9}))?$/
const SECONDS = /^(\d+)(?:\.(\d{1,9}))?$/
const ISO = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?(Z|[+-]\d{2}:?\d{2})?$/i

/** @param clock whose zone a time is in that names none. @throws UsageError for a text that is no instant */
export function parseInstant(text: string, clock: WallClock): Instant {
  if (text === 'peak' || text === 'end') return { kind: text }
  const elapsed = ELAPSED.exec(text)
  if (elapsed !== null) {
    const [, seconds = '', digits] = elapsed
    return { kind: 'elapsed', nanoseconds: secondsOf(text, seconds) * 1e9 + fraction(digits) }
  }
  const [, seconds, digits] = SECONDS.exec(text) ?? []
  if (seconds !== undefined) {
    const whole = BigInt(secondsOf(text, seconds))
    return { kind: 'clock', epoch: whole * 1_000_000_000n + BigInt(fraction(digits)) }
  }
  const iso = ISO.exec(text)
  const date = iso === null ? Number.NaN : Date.parse(`${iso[1]}T${iso[2]}${zone(iso[4])}`)
  if (iso === null || Number.isNaN(date))
    throw new UsageError(`--at ${text}: not a time; expected ${AT_HELP}`)
  const epoch = BigInt(date) * 1_000_000n + BigInt(fraction(iso[3]))
  return { kind: 'clock', epoch: iso[4] === undefined ? clock.ofLocal(epoch) : epoch }
}

/** The digits in front of the point. @throws UsageError for more than any capture can stamp */
function secondsOf(text: string, digits: string): number {
  const seconds = Number(digits)
  if (seconds > MOST_SECONDS)
    throw new UsageError(
      `--at ${text}: more seconds than ${MOST_SECONDS}, the most that a time stamp has room for`,
    )
  return seconds
}

/** The digits behind the point as nanoseconds. */
function fraction(digits: string | undefined): number {
  return Number((digits ?? '').padEnd(9, '0'))
}

function zone(text: string | undefined): string {
  if (text === undefined) return 'Z'
  return /^[+-]\d{4}$/.test(text) ? `${text.slice(0, 3)}:${text.slice(3)}` : text.toUpperCase()
}
