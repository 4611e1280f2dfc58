// What stands on captures of a cluster's nodes, pods and outside hosts, and where it is not what is true of the case.
import { describe, expect, it } from 'vitest'
import { collectionPath, truthOf } from '../support/recorded-captures.ts'
import {
  objections,
  rightAt,
  type Standing,
  standingFindings,
  standingLines,
  type Truth,
} from '../support/standing-findings.ts'

const path = collectionPath('kubernetes')
if (path === null)
  console.warn('standing-kubernetes.test.ts: skipped, CTPCAP_CORPUS names no folder with `kubernetes`')

interface Case {
  /** Each is right; none where all is sound. */
  ids: string[]
}

/** What is true of a capture: its case's fault need only be found at one of the places where it was captured. */
function truthIn(standing: Standing, capture: string): Truth {
  const [run] = capture.split('/')
  const { ids } = truthOf<Case>('kubernetes', run)
  const elsewhere = [...standing].filter(([other]) => other.startsWith(`${run}/`))
  const isFound = elsewhere.some(([, findings]) => findings?.some(({ id }) => ids.includes(id)))
  return {
    ids: rightAt(ids, capture),
    never: [],
    isShown: ids.length > 0 && !isFound && capture === `${run}/captures/any.pcap`,
  }
}

describe.skipIf(path === null)('cases of a cluster', () => {
  it('have the findings of the golden', { timeout: 300_000 }, async () => {
    const standing = await standingFindings('kubernetes')
    const lines = standingLines(standing, (capture, findings) =>
      objections(findings, truthIn(standing, capture)),
    )
    await expect(lines).toMatchFileSnapshot('../../fixtures/standing-findings/kubernetes.tsv')
  })
})
