// Captures as they would be with a short snap length and lost frames, held to the errors and warnings of the whole ones.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { Folder } from './capture-builder.ts'
import { CONFIDENCES, findingsOf, isGrave, type PlacedFinding } from './findings-of.ts'
import { changeFrames, pcapRecords, withLoss } from './pcap-records.ts'
import { capturesIn, collectionPath } from './recorded-captures.ts'

const SNAP_LENGTH = 96
/** So often frames are lost at random. */
const ROUNDS = [1, 2, 3]
const KNOWN = 'fixtures/worse-captures.tsv'

/**
 * Defines the tests of a collection: cut frames and few lost ones change no error and no warning of a capture, many
 * lost ones invent none and make none surer; but for what the list of changes names.
 */
export function describeWorseCaptures(collection: string): void {
  const path = collectionPath(collection)
  if (path === null) console.warn(`worse captures: skipped, CTPCAP_CORPUS names no folder with ${collection}`)
  // only those can be written anew, frame by frame
  const captures = capturesIn(collection).filter(capture => capture.endsWith('.pcap'))
  const known = knownChanges(collection)

  describe.skipIf(path === null)(`worse captures of ${collection}`, { timeout: 300_000 }, () => {
    it('are of captures that are there, where the list of changes names them', () => {
      expect([...known.keys()].filter(capture => !captures.includes(capture))).toEqual([])
    })

    it.each(captures)('%s', async capture => {
      using scratch = new Folder()
      const changes = await changesOf(join(path ?? '', capture), capture, scratch)
      expect(changes.join('\n')).toBe((known.get(capture) ?? []).join('\n'))
    })
  })
}

/** What changes of the errors and warnings of the capture at `path`: cut short, with few, and with many frames lost. */
async function changesOf(path: string, name: string, scratch: Folder): Promise<string[]> {
  const bytes = readFileSync(path)
  const { header, records } = pcapRecords(bytes)
  const whole = await gravest(path)
  const changes: string[] = []
  const cut = changeFrames(bytes, frame => frame.subarray(0, SNAP_LENGTH), { isCut: true })
  const short = await gravest(scratch.write('short.pcap', cut))
  if (named(short, true) !== named(whole, true))
    changes.push(`${SNAP_LENGTH} bytes: ${named(whole, true)} -> ${named(short, true)}`)
  for (const round of ROUNDS) {
    // each capture loses others of its frames
    const seed = crc32(`${name} ${round}`)
    const lossy = (probability: number): Promise<PlacedFinding[]> =>
      gravest(scratch.write('lossy.pcap', Buffer.concat([header, ...withLoss(records, probability, seed)])))
    const few = await lossy(0.05)
    if (named(few) !== named(whole)) changes.push(`5 % lost, ${round}: ${named(whole)} -> ${named(few)}`)
    const bold = (await lossy(0.3)).filter(finding => !whole.some(other => isAsSure(other, finding)))
    if (bold.length > 0) changes.push(`30 % lost, ${round}: ${named(whole)} -> ${named(bold)}`)
  }
  return changes
}

/** Changes by capture that stand today, each with its cause. The list may only become shorter. */
function knownChanges(collection: string): Map<string, string[]> {
  const known = new Map<string, string[]>()
  for (const line of readFileSync(KNOWN, 'utf8').trimEnd().split('\n').slice(1)) {
    const [name, change, cause] = line.split('\t')
    if (!cause) throw new Error(`${KNOWN}: no cause: ${line}`)
    if (!name.startsWith(`${collection}/`)) continue
    const capture = name.slice(collection.length + 1)
    known.set(capture, [...(known.get(capture) ?? []), change])
  }
  return known
}

async function gravest(path: string): Promise<PlacedFinding[]> {
  const findings = await findingsOf([path])
  if (findings === null) throw new Error(`${path}: not to be read`)
  return findings.filter(isGrave)
}

/** What says less of the same packets: without the request on one side of the router nothing tells who translated. */
const LESS: Record<string, string> = { 'asymmetric-same-bridge-return': 'dsr-untranslated-reply' }

/** Whether `other` says no more than `finding`. */
function isAsSure(finding: PlacedFinding, other: PlacedFinding): boolean {
  const { id, inside, confidence } = other
  const rise = CONFIDENCES.indexOf(confidence) - CONFIDENCES.indexOf(finding.confidence)
  return (finding.id === id || LESS[finding.id] === id) && finding.inside === inside && rise <= 0
}

function named(findings: readonly PlacedFinding[], withFlows = false): string {
  const words = findings.map(({ inside, id, severity, confidence, flowCount }) =>
    [inside, id, severity, confidence, withFlows ? flowCount : ''].filter(word => word !== '').join(' '),
  )
  return words.sort().join(', ') || 'nothing'
}
