// What stands on faults out of public reports and on their sound twins, and where it is not what is true of them.
import { describe, expect, it } from 'vitest'
import { collectionPath, truthOf } from '../support/recorded-captures.ts'
import {
  objections,
  rightAt,
  standingFindings,
  standingLines,
  type Truth,
} from '../support/standing-findings.ts'

const path = collectionPath('wild')
if (path === null) console.warn('standing-wild.test.ts: skipped, CTPCAP_CORPUS names no folder with `wild`')

interface Case {
  healthy: boolean
  /** Each is right. */
  ids?: string[]
  never?: string[]
}

describe.skipIf(path === null)('faults out of public reports', () => {
  it('have the findings of the golden', { timeout: 300_000 }, async () => {
    const standing = await standingFindings('wild')
    const captures = [...standing.keys()]
    const truth = (capture: string): Truth => {
      const [run] = capture.split('/')
      const { healthy, ids = [], never = [] } = truthOf<Case>('wild', run)
      expect(healthy && ids.length > 0, run).toBe(false)
      // all that the host saw must show its fault; where that was not captured, each capture there is
      const any = `${run}/captures/any.pcap`
      const isShown = ids.length > 0 && (capture === any || !captures.includes(any))
      return { ids: rightAt(ids, capture), never, isShown }
    }
    const lines = standingLines(standing, (capture, findings) => objections(findings, truth(capture)))
    await expect(lines).toMatchFileSnapshot('../../fixtures/standing-findings/wild.tsv')
  })
})
