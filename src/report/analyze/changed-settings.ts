// The sysctls that differ from others: what a report says of the settings of a replay.
import { defaultSettings, type Settings, SYSCTL_NAMES } from '../../conntrack/settings.ts'

/** Those of `settings` that differ from `from`, by default its kernel's. */
export function changedSettings(
  settings: Settings,
  from = defaultSettings(settings.kernel),
): Record<string, number> {
  const changed: Record<string, number> = {}
  for (const name of SYSCTL_NAMES) {
    if (settings[name] !== from[name]) changed[name] = settings[name]
  }
  return changed
}
