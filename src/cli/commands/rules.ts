// `ctpcap rules`: what each rule of a host met and dropped of the packets captured there.
import type { Knowledge } from '../../host/knowledge.ts'
import type { AddressNames } from '../../host/names/names.ts'
import type { Rules } from '../../host/rules/rules.ts'
import { ChangedFates } from '../../host/walk/changed-fates.ts'
import { Defragmenter } from '../../packet/defrag/fragments.ts'
import type { Packet } from '../../packet/packet.ts'
import { FRAME_TRACKED, replay } from '../../replay.ts'
import { renderJson } from '../../report/json.ts'
import type { RulesReport } from '../../report/rules/rules-model.ts'
import { buildRulesReport } from '../../report/rules/rules-report.ts'
import { hostsReport, textOfHosts } from '../../report/text/hosts.ts'
import { type Io, writeText } from '../io/io.ts'
import { withProgress } from '../io/progress.ts'
import { UsageError } from '../io/usage-error.ts'
import type { Hosts } from '../options/hosts.ts'
import { describeCaptures, endOf } from '../replay/describe-captures.ts'
import { FilteredSource } from '../replay/filtered-source.ts'
import { namesFor } from '../replay/known-names.ts'
import { rulesOver } from '../replay/rules-replay.ts'
import { clockCorrections, windowOver } from '../replay/sightings.ts'
import { fragmentSettings, type Sysctls } from '../replay/sysctls.ts'
import { reportsOf } from './by-host.ts'
import { DEAF, makeEngine, type Selection, warnOfDamage, withCaptures } from './line-replay.ts'

export const RULES_FORMATS = ['text', 'json'] as const

export interface RulesOptions extends Selection {
  /** Whose captures they are, `''` where nobody said. */
  host: string
  format: (typeof RULES_FORMATS)[number]
  sysctls: Sysctls
  knowledge: Knowledge | null
  /** Those of `--names`, by address. */
  names: AddressNames
  /** Rules that might come in the place of those, or null. */
  after: Rules | null
  color: boolean
  width: number
  quiet: boolean
}

/** Runs the command, for one host after the other. @throws UsageError without rules, CaptureError, Interrupted */
export async function printRules(hosts: Hosts<RulesOptions>, io: Io, generator: string): Promise<void> {
  const reports = await reportsOf(hosts, options => rulesOfHost(options, io, generator))
  // all but the files is the same for each
  const [options] = hosts
  if (options.format === 'json')
    return await writeText(io.stdout, renderJson(hostsReport(generator, reports)))
  const { renderRulesText } = await import('../../report/rules/rules-text.ts')
  await writeText(
    io.stdout,
    textOfHosts(reports, report => renderRulesText(report, options)),
  )
}

async function rulesOfHost(options: RulesOptions, io: Io, generator: string): Promise<RulesReport> {
  const { knowledge, after, sysctls } = options
  const given = knowledge?.rules ?? null
  if (knowledge === null || given === null) {
    const name = options.host === '' ? '' : `${options.host}=`
    throw new UsageError(`give the rules of the host with --rules ${name}FILE`)
  }
  const corrections = await clockCorrections(options.captures, 'auto', io)
  return await withCaptures(
    options,
    io,
    async (source, interrupt) => {
      const window = windowOver(source, sysctls, { knowledge, after })
      const rules = rulesOver(knowledge, given, sysctls, source, window, { isWhatIf: false })
      const others =
        after === null ? null : rulesOver(knowledge, after, sysctls, source, window, { isWhatIf: true })
      const engines = [rules, ...(others === null ? [] : [others])].map(each =>
        makeEngine(sysctls, DEAF, { knowledge, table: null }, each),
      )
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
        changes,
        names: namesFor(options, source),
      })
      if (!options.quiet) warnOfDamage(source.captures, io.stderr)
      return report
    },
    { corrections },
  )
}
