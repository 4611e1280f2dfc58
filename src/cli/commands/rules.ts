// `ctpcap rules`: what each rule of a host met and dropped of the packets captured there.
import type { Knowledge } from '../../host/knowledge.ts'
import { ChangedFates } from '../../host/walk/changed-fates.ts'
import { Defragmenter } from '../../packet/defrag/fragments.ts'
import type { Packet } from '../../packet/packet.ts'
import { FRAME_TRACKED, replay } from '../../replay.ts'
import { renderJson } from '../../report/json.ts'
import { buildRulesReport } from '../../report/rules/rules-report.ts'
import { type Io, writeText } from '../io/io.ts'
import { withProgress } from '../io/progress.ts'
import { UsageError } from '../io/usage-error.ts'
import { describeCaptures, endOf } from '../replay/describe-captures.ts'
import { FilteredSource } from '../replay/filtered-source.ts'
import { replayedRules } from '../replay/rules-replay.ts'
import { clockCorrections, windowFor } from '../replay/sightings.ts'
import { fragmentSettings, type Sysctls } from '../replay/sysctls.ts'
import { makeEngine, type Selection, warnOfDamage, withCaptures } from './line-replay.ts'

export const RULES_FORMATS = ['text', 'json'] as const

export interface RulesOptions extends Selection {
  format: (typeof RULES_FORMATS)[number]
  sysctls: Sysctls
  knowledge: Knowledge | null
  /** Rules that might come in the place of those, or null. */
  after: Knowledge | null
  color: boolean
  width: number
  quiet: boolean
}

/** Hears of no event: only packets are asked about. */
const SILENT = {
  created: () => {},
  updated: () => {},
  reclassified: () => {},
  expired: () => {},
  destroyed: () => {},
}

/** Runs the command. @throws UsageError without rules, CaptureError, Interrupted */
export async function printRules(options: RulesOptions, io: Io, generator: string): Promise<void> {
  const { knowledge, sysctls } = options
  const corrections = await clockCorrections(options.captures, 'auto', io)
  await withCaptures(
    options,
    io,
    async (source, interrupt) => {
      const window = windowFor(source, sysctls, 'auto', knowledge)
      const rules = replayedRules(knowledge, sysctls, source, window)
      if (rules === null) throw new UsageError('give the rules of the host with --rules FILE')
      const engine = makeEngine(sysctls, SILENT, { knowledge, table: null }, rules)
      const others = replayedRules(options.after, sysctls, source, window, true)
      const engines = [engine]
      if (others !== null) engines.push(makeEngine(sysctls, SILENT, { knowledge: null, table: null }, others))
      const changes = others === null ? null : new ChangedFates(rules, others)
      const fates = new Map<string, number>()
      let packets = 0
      const witness = {
        seen(packet: Packet, outcome: number): void {
          if (outcome !== FRAME_TRACKED) return
          packets++
          changes?.add(packet)
          fates.set(rules.fate, (fates.get(rules.fate) ?? 0) + 1)
        },
      }
      const progress = { quiet: options.quiet, ending: interrupt.ending }
      await withProgress(source, io, progress, () =>
        replay(source, engines, new Defragmenter(fragmentSettings(sysctls)), witness, window),
      )
      interrupt.finish()
      const report = buildRulesReport({
        generator,
        captures: describeCaptures(source),
        filter: source instanceof FilteredSource ? source.report : null,
        end: endOf(source),
        packets,
        fates,
        rules,
        after: others,
        changes,
      })
      if (!options.quiet) warnOfDamage(source.captures, io.stderr)
      if (options.format === 'json') return await writeText(io.stdout, renderJson(report))
      const { renderRulesText } = await import('../../report/rules/rules-text.ts')
      await writeText(io.stdout, renderRulesText(report, options))
    },
    { corrections },
  )
}
