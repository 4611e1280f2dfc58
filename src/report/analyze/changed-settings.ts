// The sysctls that differ from others: what a report says of the settings of a replay.
import { defaultSettings, type Settings, type SysctlName } from '../../conntrack/settings.ts'

/** Those of `settings` that differ from `from`, by default the kernel's. */
export function changedSettings(settings: Settings, from = defaultSettings()): Record<string, number> {
  const changed: Record<string, number> = {}
  for (const name of Object.keys(from) as SysctlName[]) {
    if (settings[name] !== from[name]) changed[name] = settings[name]
  }
  return changed
}
