// What stands on captures today, one line each, and where that is wrong by what is known of them.
import { join } from 'node:path'
import { brief, findingsOf, isGrave, type PlacedFinding } from './findings-of.ts'
import { capturesIn, collectionPath } from './recorded-captures.ts'

/** What is true of a capture. */
export interface Truth {
  /** Each is right; none where the capture is of sound traffic. */
  ids: readonly string[]
  /** Never to be said, not even in passing. */
  never: readonly string[]
  /** Whether one of `ids` must be found. */
  isShown: boolean
  /** What it is, where that is known. */
  severity?: string
  /** How many flows it is true of, where that is known. */
  flows?: number
}

export type Standing = ReadonlyMap<string, readonly PlacedFinding[] | null>

/** Captures of a port of a bridge, or of another machine: they show one end of a connection. */
const ONE_END = /(^|\/)(far\/|client|server|far-)|veth/

/**
 * What is right in a capture of a case: where one end alone was captured, an answer that was switched past the
 * translation looks as one that another host translated, and nothing tells which it was.
 * @param ids what is right of the case where all was seen
 */
export function rightAt(ids: readonly string[], capture: string): readonly string[] {
  const isOpen = ids.includes('asymmetric-same-bridge-return') && ONE_END.test(capture)
  return isOpen ? [...ids, 'dsr-untranslated-reply'] : ids
}

/** What is found in each capture of a collection, in their order; null where the program cannot read one. */
export async function standingFindings(collection: string): Promise<Standing> {
  const path = collectionPath(collection) ?? ''
  const standing = new Map<string, PlacedFinding[] | null>()
  for (const capture of capturesIn(collection)) standing.set(capture, await findingsOf([join(path, capture)]))
  return standing
}

/** What is wrong with findings, in words; nothing where they tell the truth. */
export function objections(findings: readonly PlacedFinding[], truth: Truth): string[] {
  const { ids, never, isShown, severity, flows } = truth
  const wrong = findings.filter(({ id }) => never.includes(id)).map(({ id }) => `${id} must not be said`)
  const strangers = findings.filter(
    finding => isGrave(finding) && !ids.includes(finding.id) && !never.includes(finding.id),
  )
  wrong.push(...strangers.map(({ id }) => (ids.length > 0 ? `${id} is not the fault` : `${id} is sound`)))
  const right = findings.filter(({ id }) => ids.includes(id))
  if (isShown && right.length === 0) wrong.push(`${ids.join(' or ')} is missing`)
  if (severity !== undefined && right.some(finding => finding.severity !== severity))
    wrong.push(`${right[0].id} should be of severity ${severity}`)
  if (flows !== undefined && right.some(({ flowCount }) => flowCount !== flows))
    wrong.push(`${right[0].id} should be of ${flows} flows`)
  return wrong
}

/**
 * The golden of a collection: a line for each capture.
 * @param wrongOf what is wrong of a capture that the program can read
 */
export function standingLines(
  standing: Standing,
  wrongOf: (capture: string, findings: readonly PlacedFinding[]) => readonly string[],
): string {
  const lines = [...standing].map(([capture, findings]) =>
    findings === null
      ? `${capture}\tnot to be read\t`
      : `${capture}\t${brief(findings)}\t${wrongOf(capture, findings).join('; ')}`,
  )
  return `${['capture\tfindings\twrong', ...lines].join('\n')}\n`
}
