// What is found in every capture of every recorded NAT scenario: the right fault, no other, none in healthy ones, and what is said beside.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { PlacedFinding } from '../support/findings-of.ts'
import { brief, findingsOf, isGrave } from '../support/findings-of.ts'
import { captureSets, LAB, labPath, labRuns } from '../support/lab.ts'
import { rightAt } from '../support/standing-findings.ts'

const GOLDEN = 'fixtures/lab/lab-matrix.tsv'
if (LAB === null)
  console.warn('lab-matrix.test.ts: skipped, CTPCAP_CORPUS names no folder with recorded scenarios in `lab`')

/** Captures that show what every interface of the node saw. */
const WHOLE = /^any\.|^multi\.|\+/

interface Truth {
  verdict: string
  problem?: string
  flows: { client?: string; faulty?: boolean; nat?: string }[]
  proofs: { by_capture?: Record<string, { frames: number[] }> }[]
}

/** Frames of `capture` that the run's own proofs name. */
function proofFrames(truth: Truth, capture: string): Set<number> {
  return new Set(truth.proofs.flatMap(proof => proof.by_capture?.[`captures/${capture}`]?.frames ?? []))
}

/** What is wrong with a finding, in words; nothing where it tells the truth. */
function objections(finding: PlacedFinding, truth: Truth, capture: string): string[] {
  const right = rightAt(truth.problem === undefined ? [] : [truth.problem], capture)
  if (!right.includes(finding.id)) return [`${finding.id} is not ${truth.problem ?? 'healthy'}`]
  const found: string[] = []
  const clients = truth.flows
    .filter(flow => flow.faulty && flow.client !== undefined)
    .map(flow => flow.client)
  // a flood has no clients of its own, and outside a masqueraded client has another name
  const isMasked =
    finding.id.startsWith('idle-timeout') && truth.flows.some(flow => flow.nat === 'masquerade')
  const named = clients.length > 0 && finding.id !== 'syn-flood' && !isMasked
  const strangers = named
    ? finding.flows.filter(flow => !clients.some(client => flow.includes(`${client} `)))
    : []
  if (strangers.length > 0) found.push(`healthy: ${strangers.join('; ')}`)
  // single interfaces show some of the flows only
  const isWhole = WHOLE.test(capture)
  const missing = clients.filter(client => !finding.flows.some(flow => flow.includes(`${client} `)))
  if (named && isWhole && missing.length > 0) found.push(`not named: ${missing.join(', ')}`)
  if (finding.id === 'syn-flood' && finding.flowCount !== 1)
    found.push(`${finding.flowCount} floods, there is one`)
  const proofs = proofFrames(truth, capture)
  if (
    proofs.size > 0 &&
    finding.confidence === 'certain' &&
    !finding.frames.some(({ frame }) => proofs.has(frame))
  ) {
    found.push(`none of the proof frames ${[...proofs].join(', ')}`)
  }
  return found
}

describe.skipIf(LAB === null)('recorded NAT scenarios', () => {
  it('show their faults where they can be seen, and nothing else', async () => {
    const lines = ['run\tproblem\tcapture\tfound\tconfidence\tflows\toccurrences\tseverity\tbeside']
    const wrong: string[] = []
    for (const run of labRuns()) {
      const truth = JSON.parse(readFileSync(labPath(run, 'truth.json'), 'utf8')) as Truth
      for (const files of captureSets(run)) {
        const name = files.join('+')
        const findings = await findingsOf(files.map(file => labPath(run, 'captures', file)))
        if (findings === null) throw new Error(`${run} ${name}: not to be read`)
        const grave = findings.filter(isGrave)
        for (const finding of grave) {
          wrong.push(...objections(finding, truth, name).map(objection => `${run} ${name}: ${objection}`))
        }
        const [first] = grave
        if (!first && truth.verdict === 'faulty' && WHOLE.test(name)) wrong.push(`${run} ${name}: nothing`)
        const what = first
          ? [first.id, first.confidence, first.flowCount, first.occurrences, first.severity]
          : ['-', '', '', '', '']
        const beside = brief(findings.filter(finding => finding !== first))
        if (truth.verdict === 'faulty' || findings.length > 0)
          lines.push([run, truth.problem ?? '', name, ...what, beside].join('\t'))
      }
    }
    expect(wrong).toEqual([])
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(join('../..', GOLDEN))
  })
})
