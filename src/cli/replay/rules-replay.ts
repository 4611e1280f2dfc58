// The rules given, run over the packets of a replay: where interfaces get their names, and which host they are of.
import type { FrameSource } from '../../capture/frame.ts'
import type { Knowledge } from '../../host/knowledge.ts'
import type { Rules } from '../../host/rules/rules.ts'
import { untrackedBy } from '../../host/untracked.ts'
import { ReplayedRules } from '../../host/walk/replayed-rules.ts'
import type { RuledHost } from '../../host/walk/ruled-host.ts'
import type { SightingWindow } from '../../vantage/window.ts'
import { stemOf } from './captured-places.ts'
import type { Sysctls } from './sysctls.ts'

/**
 * The rules of the host for one engine; null where none were given, or frames are replayed as they come: then nobody
 * knows which two of them show one packet.
 */
export function replayedRules(
  knowledge: Knowledge | null,
  sysctls: Sysctls,
  source: FrameSource,
  window: SightingWindow | null,
): ReplayedRules | null {
  const rules = knowledge?.rules ?? null
  if (knowledge === null || rules === null || window === null) return null
  return rulesOver(knowledge, rules, sysctls, source, window, { isWhatIf: false })
}

/**
 * Rules for one engine.
 * @param how whether they are others than those that ran (`isWhatIf`), and what one rule more would leave untracked
 */
export function rulesOver(
  knowledge: Knowledge,
  rules: Rules,
  { routing }: Sysctls,
  source: FrameSource,
  window: SightingWindow,
  how: { isWhatIf: boolean; notrack?: RuledHost['notrack'] },
): ReplayedRules {
  const { host } = knowledge
  const nameOf = (place: number, index: number): string | null => {
    if (index !== 0) return host?.byIndex(index)?.name ?? null
    const own = source.interfaces[place]
    if (own === undefined) return null
    if (own.name !== '') return own.name
    const stem = stemOf(source.captures[own.capture]?.path ?? '')
    return host?.interfaces.has(stem) === true ? stem : null
  }
  return new ReplayedRules({
    ruleset: rules.ruleset,
    host,
    settings: routing,
    spares: untrackedBy(knowledge, rules),
    notrack: how.notrack ?? null,
    isWhatIf: how.isWhatIf,
    names: {
      ofPoint: point => {
        const seen = window.points.all[point]
        return seen === undefined ? null : nameOf(seen.interface, seen.interfaceIndex)
      },
      ofFrame: ({ interface: place, interfaceIndex }) => nameOf(place, interfaceIndex),
    },
  })
}
