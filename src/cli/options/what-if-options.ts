// The scenarios of `ctpcap size`: `--scenario`, `--sweep`, `--presets`, or what suggests itself.
import { defaultSettings, type Settings, SYSCTLS, type SysctlName } from '../../conntrack/settings.ts'
import { Filter } from '../../filter/filter.ts'
import type { CapturedFirst, ScenarioSpec } from '../../sizing/scenarios/scenario.ts'
import { UsageError } from '../io/usage-error.ts'
import { filterFault } from '../replay/filtered-source.ts'
import { enforcesMaximum, type Sysctls } from '../replay/sysctls.ts'
import { PRESET_NAMES, presetValues } from './preset.ts'
import { withAssignments, withValues } from './sysctl.ts'

/** Each is a table of its own, with all its entries. */
const MOST_SCENARIOS = 64

/** What people set them to, besides half of what they are. */
const POPULAR: Partial<Record<SysctlName, number>> = {
  nf_conntrack_tcp_timeout_syn_sent: 20,
  nf_conntrack_tcp_timeout_syn_recv: 10,
  nf_conntrack_tcp_timeout_established: 86400,
  nf_conntrack_tcp_timeout_fin_wait: 30,
  nf_conntrack_tcp_timeout_close_wait: 15,
  nf_conntrack_tcp_timeout_last_ack: 10,
  nf_conntrack_tcp_timeout_time_wait: 30,
  nf_conntrack_udp_timeout: 10,
  nf_conntrack_udp_timeout_stream: 180,
  nf_conntrack_icmp_timeout: 5,
  nf_conntrack_generic_timeout: 120,
}

export const SCENARIO_HELP =
  "another table beside the captured one, repeatable: 'name: tcp_timeout_time_wait=30, udp_timeout=10, kernel=5.10'"
export const SWEEP_HELP =
  'a scenario for each of several values, repeatable: tcp_timeout_time_wait=10..120:10 (from..to:step)'
export const PRESETS_HELP = `scenarios of presets, by commas, or all: ${PRESET_NAMES.join(', ')}`

export const NOTRACK_HELP =
  "a scenario in which packets are not tracked (CT --notrack), repeatable; the filter is tcpdump's: 'udp port 53'"

/** The flags that ask for scenarios. */
export interface WhatIfFlags {
  scenario: string[]
  sweep: string[]
  presets?: string
  notrack: string[]
}

/** The table as the traffic needs it, and, where a maximum was given, as that maximum lets it be. */
export function capturedSpecs(sysctls: Sysctls): CapturedFirst<ScenarioSpec> {
  const { settings } = sysctls
  const captured: ScenarioSpec = { name: 'as captured', settings, enforced: false, notrack: null }
  if (!enforcesMaximum(sysctls)) return [captured]
  const name = `nf_conntrack_max=${settings.nf_conntrack_max}`
  return [captured, { name, settings, enforced: true, notrack: null }]
}

/** The table behind `--rules-after`. */
export function otherRulesSpec({ settings }: Sysctls): ScenarioSpec {
  return { name: '--rules-after', settings, enforced: false, notrack: null, hasOtherRules: true }
}

/** The scenarios that the flags ask for; none where they ask for none. @throws UsageError */
export function requestedSpecs(flags: WhatIfFlags, sysctls: Sysctls, cores: number): ScenarioSpec[] {
  const specs = [
    ...flags.scenario.map(text => scenarioSpec(text, sysctls)),
    ...flags.sweep.flatMap(text => sweepSpecs(text, sysctls)),
    ...presetSpecs(flags.presets, sysctls, cores),
    ...flags.notrack.map(text => notrackSpec(text, sysctls)),
  ]
  if (specs.length > MOST_SCENARIOS) {
    throw new UsageError(
      `${specs.length} scenarios: ${MOST_SCENARIOS} are the most, each is a table of its own`,
    )
  }
  return specs
}

/** Halves and popular values of the timeouts that hold most entries, and kube-proxy's sysctls. */
export function suggestedSpecs(
  timeouts: readonly SysctlName[],
  sysctls: Sysctls,
  cores: number,
): ScenarioSpec[] {
  const values = timeouts.flatMap(name => {
    const now = sysctls.settings[name]
    const candidates = [Math.floor(now / 2), POPULAR[name] ?? 0]
    return [...new Set(candidates)]
      .filter(value => value > 0 && value !== now)
      .map(value => ({ name, value }))
  })
  return [
    ...values.map(({ name, value }) => valueSpec(name, value, sysctls)),
    ...presetSpecs('kube-proxy', sysctls, cores),
  ]
}

function scenarioSpec(text: string, sysctls: Sysctls): ScenarioSpec {
  const colon = text.indexOf(':')
  const list = text.slice(colon + 1)
  const assignments = list.split(',').map(part => part.trim())
  const name = colon < 0 ? assignments.join(', ') : text.slice(0, colon).trim()
  const changed = withAssignments({ ...sysctls, given: new Set() }, '--scenario', assignments)
  return specOf(name, changed)
}

const SWEEP = /^([\w./-]+)=(\d+)\.\.(\d+)(?::(\d+))?$/

function sweepSpecs(text: string, sysctls: Sysctls): ScenarioSpec[] {
  const match = SWEEP.exec(text.trim())
  if (match === null) throw new UsageError(`--sweep ${text}: expected name=from..to:step`)
  const [, name, from, to, step = '1'] = match
  const count = Math.floor((Number(to) - Number(from)) / Number(step)) + 1
  if (!(count >= 1 && count <= MOST_SCENARIOS)) {
    throw new UsageError(`--sweep ${text}: expected 1 to ${MOST_SCENARIOS} steps upwards`)
  }
  return Array.from({ length: count }, (_, i) => {
    const assignment = `${name}=${Number(from) + i * Number(step)}`
    return specOf(assignment, withAssignments({ ...sysctls, given: new Set() }, '--sweep', [assignment]))
  })
}

function presetSpecs(list: string | undefined, sysctls: Sysctls, cores: number): ScenarioSpec[] {
  if (list === undefined) return []
  const names = list === 'all' ? PRESET_NAMES : list.split(',').map(name => name.trim())
  return names.map(name => {
    // a preset stands for itself: what was tuned by hand on this node is not part of it
    const { nf_conntrack_count, helpers } = sysctls.settings
    const values = presetValues('--presets', name, cores)
    const untouched = {
      ...sysctls,
      settings: { ...defaultSettings(values.kernel ?? sysctls.settings.kernel), nf_conntrack_count, helpers },
      given: new Set<SysctlName>(),
    }
    const label = name === 'kube-proxy' ? `kube-proxy, ${cores} cores` : name
    return specOf(label, withValues(untouched, values))
  })
}

function notrackSpec(text: string, sysctls: Sysctls): ScenarioSpec {
  try {
    const filter = new Filter(text)
    const spec = specOf(`notrack ${text}`, { ...sysctls, given: new Set() })
    return { ...spec, notrack: packet => filter.matchesPacket(packet) }
  } catch (error) {
    throw filterFault('--notrack', text, error)
  }
}

function valueSpec(name: SysctlName, value: number, sysctls: Sysctls): ScenarioSpec {
  const settings: Settings = { ...sysctls.settings, [name]: value }
  return specOf(`${shortName(name)}=${value}`, { ...sysctls, settings, given: new Set() })
}

/** A scenario is as large as it needs to be, unless its maximum is part of it. */
function specOf(name: string, sysctls: Sysctls): ScenarioSpec {
  return { name, settings: sysctls.settings, enforced: enforcesMaximum(sysctls), notrack: null }
}

/** A timeout's name without what all of them begin with. */
function shortName(name: SysctlName): string {
  return SYSCTLS[name].effect === 'timeout' ? name.slice('nf_conntrack_'.length) : name
}
