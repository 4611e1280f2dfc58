// What `ctpcap analyze` finds in captures, the findings inside of tunnels included.
import type { Confidence, Severity } from '../../src/findings/facts/facts.ts'
import type { FindingReport } from '../../src/report/analyze/finding-model.ts'
import type { Report } from '../../src/report/analyze/model.ts'
import { runCli } from './cli.ts'

/** A finding, and the kind of tunnel whose packets it is of; '' for those around them. */
export type PlacedFinding = FindingReport & { inside: string }

/** The findings of `captures`, merged by time, with the options given; null where the program cannot read them. */
export async function findingsOf(
  captures: readonly string[],
  options: readonly string[] = [],
): Promise<PlacedFinding[] | null> {
  const { code, stdout, stderr } = await runCli(['analyze', ...captures, '--json', ...options])
  if (code === 2) return null
  if (code !== 0) throw new Error(`${captures.join(' ')}: exit code ${code}: ${stderr}`)
  const report = JSON.parse(stdout) as Report
  return [
    ...report.findings.map(finding => ({ ...finding, inside: '' })),
    ...report.tunnels.flatMap(tunnel =>
      tunnel.findings.map(finding => ({ ...finding, inside: tunnel.name })),
    ),
  ]
}

export const CONFIDENCES: readonly Confidence[] = ['possible', 'likely', 'certain']

/** Whether a finding says that something is wrong. */
export function isGrave({ severity }: { severity: Severity }): boolean {
  return severity !== 'info'
}

/** `id severity confidence flows`, of several one after the other, with the tunnel where there is one. */
export function brief(findings: readonly PlacedFinding[]): string {
  return findings
    .map(({ inside, id, severity, confidence, flowCount }) =>
      [...(inside ? [`${inside}:`] : []), id, severity, confidence, flowCount].join(' '),
    )
    .join('; ')
}
