// `--only ID,…` and `--without ID,…`: which findings are told.
import { FINDING_IDS, type FindingId } from '../../findings/facts/facts.ts'
import { UsageError } from '../io/usage-error.ts'
import { nearest, suggestion } from './nearest.ts'

export interface FindingFlags {
  only?: string
  without?: string
}

export const ONLY_HELP = 'report only these findings, by commas: their ids (docs/findings.md)'
export const WITHOUT_HELP = 'leave these findings out, by commas'

/** Whether a finding is to be told. @throws UsageError for an id that no finding has */
export function wantedFindings({ only, without }: FindingFlags): (id: FindingId) => boolean {
  const wanted = only === undefined ? null : parseIds('--only', only)
  const unwanted = without === undefined ? null : parseIds('--without', without)
  return id => (wanted === null || wanted.has(id)) && unwanted?.has(id) !== true
}

function parseIds(option: string, text: string): Set<FindingId> {
  const ids = new Set<FindingId>()
  for (const word of text.split(',')) {
    const name = word.trim()
    const id = FINDING_IDS.find(known => known === name)
    if (id === undefined)
      throw new UsageError(
        `${option} ${name}: no such finding${suggestion(nearest(name, FINDING_IDS), 'docs/findings.md lists them')}`,
      )
    ids.add(id)
  }
  return ids
}
