// A capture that began later or ended earlier shows less: never another fault, and none of a healthy node.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { LAB, labPath, labRuns } from '../support/lab.ts'
import { type PcapRecords, pcapRecords, withLoss } from '../support/pcap-records.ts'
import { watchCaptures } from '../support/watch-captures.ts'

const FOLDER = 'fixtures/findings'
if (LAB === null)
  console.warn(
    'parts-of-captures.test.ts: recorded scenarios skipped, CTPCAP_CORPUS names no folder with `lab`',
  )

/** Other faults that are true of a scenario: what the server sends later meets the same forgotten entry. */
const ALSO: Record<string, string[]> = {
  'idle-timeout-remapped': ['idle-timeout-inbound'],
  // without the request on one side of the router nothing tells who translated
  'asymmetric-same-bridge-return': ['dsr-untranslated-reply'],
}

const scratch = mkdtempSync(join(tmpdir(), 'ctpcap-'))
afterAll(() => rmSync(scratch, { recursive: true }))

interface Capture extends PcapRecords {
  path: string
  /** Ids of what may be found in it. */
  ids: string[]
}

const read = (path: string, ids: string[]): Capture => ({ ...pcapRecords(readFileSync(path)), path, ids })

function captures(): Capture[] {
  if (LAB === null) {
    const files = readdirSync(FOLDER).filter(file => file.endsWith('.pcap'))
    return files.map(file => read(join(FOLDER, file), [problemOf(file.split('.')[0])]))
  }
  return labRuns().flatMap(run => {
    const { problem } = JSON.parse(readFileSync(labPath(run, 'truth.json'), 'utf8'))
    const ids = problem === undefined ? [] : [problem, ...(ALSO[problem] ?? [])]
    const files = readdirSync(labPath(run, 'captures')).filter(file => file.endsWith('.pcap'))
    return files.map(file => read(labPath(run, 'captures', file), ids))
  })
}

/** Of a scenario in the repository, by the matrix of what is found in them. */
function problemOf(run: string): string {
  const lines = readFileSync('fixtures/lab/lab-matrix.tsv', 'utf8').split('\n')
  return lines.find(line => line.startsWith(`${run}\t`))?.split('\t')[1] ?? ''
}

async function strangers({ header, records, ids }: Capture, kept: Uint8Array[]): Promise<string[]> {
  const path = join(scratch, 'part.pcap')
  writeFileSync(path, Buffer.concat([header, ...kept]))
  expect(kept.length).toBeLessThanOrEqual(records.length)
  const findings = await watchCaptures([path])
  return findings
    .filter(({ id }) => !ids.includes(id) && !ids.some(whole => GENERAL[whole] === id))
    .map(({ id, confidence, flows }) => `${confidence} ${id}: ${flows[0]}`)
}

/** What is left to say of a finding where it was not seen who translated. */
const GENERAL: Readonly<Record<string, string>> = {
  'asymmetric-same-bridge-return': 'dsr-untranslated-reply',
}

describe('parts of captures', () => {
  const all = captures().filter(({ records }) => records.length < 20_000)
  const fraction = fc.double({ min: 0, max: 1, noNaN: true })
  const pick = fc.integer({ min: 0, max: all.length - 1 })
  // ten of each capture in the repository, and of the recorded scenarios, which are many more, some of each
  const parameters = { seed: 20251125, numRuns: Math.min(600, 10 * all.length) }

  it('show no other fault than the whole', async () => {
    const property = fc.asyncProperty(pick, fraction, fraction, async (index, start, length) => {
      const { records } = all[index]
      const from = Math.floor(start * records.length)
      const to = from + Math.ceil(length * (records.length - from))
      expect(await strangers(all[index], records.slice(from, to)), all[index].path).toEqual([])
    })
    await fc.assert(property, parameters)
  })

  it('are sure of no other fault when frames were lost', async () => {
    const property = fc.asyncProperty(pick, fc.integer({ min: 1 }), async (index, seed) => {
      const kept = withLoss(all[index].records, 0.1, seed)
      const found = await strangers(all[index], kept)
      expect(
        found.filter(finding => finding.startsWith('certain')),
        all[index].path,
      ).toEqual([])
    })
    await fc.assert(property, parameters)
  })
})
