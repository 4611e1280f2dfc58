// `--tz`: whose times of day are printed, and meant where a time is given.
import { WallClock } from '../../report/text/wall-clock.ts'
import { UsageError } from '../io/usage-error.ts'

export const TZ_HELP = 'time zone of all times of day, such as Europe/Berlin; local is that of this machine'
export const DEFAULT_TZ = 'UTC'

/** The name of a zone in the IANA database. @throws UsageError */
export function zoneOf(name: string): string {
  const zone = name === 'local' ? Intl.DateTimeFormat().resolvedOptions().timeZone : name
  try {
    return new WallClock(zone).zone
  } catch {
    throw new UsageError(
      `--tz ${name}: not a time zone; expected a name such as Europe/Berlin, UTC, or local`,
    )
  }
}
