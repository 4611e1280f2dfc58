// What stands on public captures, which are sound, and on small ones that were misread.
import { describe, expect, it } from 'vitest'
import { collectionPath } from '../support/recorded-captures.ts'
import { objections, standingFindings, standingLines, type Truth } from '../support/standing-findings.ts'

const GOLDENS = '../../fixtures/standing-findings'
const TIMEOUT = 300_000
const SOUND: Truth = { ids: [], never: [], isShown: false }

for (const collection of ['captures', 'faults'])
  if (collectionPath(collection) === null)
    console.warn(`standing-public.test.ts: skipped, CTPCAP_CORPUS names no folder with ${collection}`)

describe.skipIf(collectionPath('captures') === null)('public captures', { timeout: TIMEOUT }, () => {
  it('have the findings of the golden, no error and no warning', async () => {
    const lines = standingLines(await standingFindings('captures'), (_capture, findings) =>
      objections(findings, SOUND),
    )
    await expect(lines).toMatchFileSnapshot(`${GOLDENS}/captures.tsv`)
  })
})

/** What is right, by capture; any other is sound. */
const RIGHT: Record<string, Truth> = {
  // a segment out of the window, whose client is the connection with the initial sequence number 0
  'isn-zero-alone.pcap': { ids: ['invalid-leak'], never: [], isShown: true },
  'isn-zero-beside-udp.pcap': { ids: ['invalid-leak'], never: [], isShown: true },
  // five SYNs from a port that is still known, 144 s without a connection
  'port-reuse-after-five-failures.pcap': {
    ids: ['port-reuse'],
    never: [],
    isShown: true,
    severity: 'error',
  },
}
/** A capture that has another beside it: the findings of the one, down to the flows named. */
const BESIDE: Record<string, string> = { 'isn-zero-beside-udp.pcap': 'isn-zero-alone.pcap' }

describe.skipIf(collectionPath('faults') === null)('captures that were misread', { timeout: TIMEOUT }, () => {
  it('have the findings of the golden', async () => {
    const standing = await standingFindings('faults')
    expect(Object.keys(RIGHT).filter(capture => !standing.has(capture))).toEqual([])
    const flowsOf = (capture: string) => standing.get(capture)?.flatMap(({ flows }) => flows)
    const lines = standingLines(standing, (capture, findings) => {
      const wrong = objections(findings, RIGHT[capture] ?? SOUND)
      const alone = flowsOf(BESIDE[capture] ?? capture)
      const strangers = findings.flatMap(({ flows }) => flows).filter(flow => !alone?.includes(flow))
      return [...wrong, ...strangers.map(flow => `no such flow: ${flow}`)]
    })
    await expect(lines).toMatchFileSnapshot(`${GOLDENS}/faults.tsv`)
  })
})
