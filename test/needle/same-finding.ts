// Whether a fault gives the same finding among sound connections as alone.

/** Of a finding in `analyze --json`. */
export interface ReportedFinding {
  id: string
  severity: string
  confidence: string
  flows: string[]
  flowCount: number
}

/**
 * What is different, in words; nothing where both are the same. Remarks (severity info) do not count: some speak of a
 * share of the whole capture.
 */
export function differences(alone: readonly ReportedFinding[], among: readonly ReportedFinding[]): string[] {
  const expected = alone.filter(isFault)
  const found = among.filter(isFault)
  const missing = expected.filter(({ id }) => !found.some(finding => finding.id === id))
  return [
    ...missing.map(({ id }) => `${id} is not found`),
    ...found.flatMap(finding => {
      const before = expected.find(({ id }) => id === finding.id)
      if (before === undefined) return [`${finding.id} is found: ${finding.flows[0] ?? ''}`]
      return changes(before, finding).map(change => `${finding.id}: ${change}`)
    }),
  ]
}

const isFault = ({ severity }: ReportedFinding): boolean => severity !== 'info'

function changes(before: ReportedFinding, after: ReportedFinding): string[] {
  const told: string[] = []
  if (after.severity !== before.severity) told.push(`${after.severity}, not ${before.severity}`)
  if (after.confidence !== before.confidence) told.push(`${after.confidence}, not ${before.confidence}`)
  if (after.flowCount !== before.flowCount) told.push(`${after.flowCount} flows, not ${before.flowCount}`)
  const expected = new Set(before.flows.map(partiesOf))
  const strangers = after.flows.filter(flow => !expected.has(partiesOf(flow)))
  if (strangers.length > 0) told.push(`other parties: ${strangers[0]}, not ${before.flows[0]}`)
  return told
}

/**
 * A flow without the numbers of SYNs that the line of a flood has: those of the last moments count only once time has
 * told that nobody completes them, and a capture of the flood alone has no such time.
 */
function partiesOf(flow: string): string {
  return flow.replace(/\b\d+ flows(?= -> )/, 'flows').replace(/, \d+ answered, \d+ completed$/, '')
}
