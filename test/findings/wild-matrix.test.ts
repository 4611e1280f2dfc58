// Faults out of public reports and their sound twins, by every interface, in pairs, all together, with and without the host's files.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { findingsOf, isGrave, type PlacedFinding } from '../support/findings-of.ts'
import { collectionPath, truthOf } from '../support/recorded-captures.ts'
import { capturesOfInterfaces } from '../support/recorded-nodes.ts'
import { rightAt } from '../support/standing-findings.ts'

const path = collectionPath('wild')
if (path === null) console.warn('wild-matrix.test.ts: skipped, CTPCAP_CORPUS names no folder with `wild`')

interface Case {
  healthy: boolean
  /** Each is right. */
  ids?: string[]
  never?: string[]
  source: string[]
}

/** What was captured together, whether the host's files were given, and what was found. */
interface Reading {
  captures: readonly string[]
  hasFiles: boolean
  findings: readonly PlacedFinding[]
}

/** Every capture alone, those of single interfaces in pairs and all together. */
function setsOf(folder: string): string[][] {
  const all = readdirSync(join(folder, 'captures')).filter(name => name.endsWith('.pcap'))
  const { single } = capturesOfInterfaces(folder)
  const pairs = single.flatMap((name, i) => single.slice(i + 1).map(other => [name, other]))
  return [...all.sort().map(name => [name]), ...pairs, ...(single.length > 2 ? [single] : [])]
}

/** Options that give the files of the host; none where there are none. */
function filesOf(folder: string): string[] {
  const first = (option: string, ...names: string[]): string[] => {
    const found = names
      .map(name => join(folder, name))
      .find(file => existsSync(file) && statSync(file).size > 0)
    return found === undefined ? [] : [option, found]
  }
  return [
    ...first('--rules', 'rules.txt', 'nft.json'),
    ...first('--topology', 'topology-node.txt', 'topo.txt', 'topology.txt'),
    ...first('--sysctl', 'sysctl.txt'),
  ]
}

async function readingsOf(run: string): Promise<Reading[]> {
  const folder = join(path ?? '', run)
  const files = filesOf(folder)
  const own = new Set(Object.values(capturesOfInterfaces(folder)).flat())
  const readings: Reading[] = []
  for (const captures of setsOf(folder)) {
    // files are of the host, and not of those beside it
    const isOfHost = files.length > 0 && captures.every(name => own.has(name))
    for (const hasFiles of isOfHost ? [false, true] : [false]) {
      const paths = captures.map(name => join(folder, 'captures', name))
      const findings = await findingsOf(paths, hasFiles ? files : [])
      if (findings === null) throw new Error(`${run}: ${captures.join(', ')} cannot be read`)
      readings.push({ captures, hasFiles, findings })
    }
  }
  return readings
}

/** What was found in a reading that is not true of the case. */
function wrongIn({ captures, hasFiles, findings }: Reading, { ids = [], never = [] }: Case): string[] {
  const right = captures.flatMap(name => rightAt(ids, `captures/${name}`))
  return findings
    .filter(finding => never.includes(finding.id) || (isGrave(finding) && !right.includes(finding.id)))
    .map(({ id }) => `${captures.join(' + ')}${hasFiles ? ' with files' : ''}: ${id}`)
}

/** The gravest of the right ones, of those the surest: by fewest captures, without files. */
function bestOf(readings: readonly Reading[], ids: readonly string[]): PlacedFinding | undefined {
  const all = readings.flatMap(({ findings }) => findings.filter(({ id }) => ids.includes(id)))
  const sureness = ({ confidence }: PlacedFinding): number =>
    ['possible', 'likely', 'certain'].indexOf(confidence)
  return all.toSorted((a, b) => Number(isGrave(b)) - Number(isGrave(a)) || sureness(b) - sureness(a))[0]
}

/** How many readings of a kind name the fault: `3 of 4`. */
function share(readings: readonly Reading[], ids: readonly string[]): string {
  const named = readings.filter(({ findings }) => findings.some(({ id }) => ids.includes(id)))
  return readings.length === 0 ? '' : `${named.length} of ${readings.length}`
}

/** A row of the page. */
function rowOf(run: string, { ids = [], source }: Case, readings: readonly Reading[]): string {
  const kinds = [
    readings.filter(({ captures, hasFiles }) => captures.length === 1 && !hasFiles),
    readings.filter(({ captures, hasFiles }) => captures.length > 1 && !hasFiles),
    readings.filter(({ hasFiles }) => hasFiles),
  ]
  const shares = kinds.map(kind =>
    ids.length === 0 ? (kind.length === 0 ? '' : `0 of ${kind.length}`) : share(kind, ids),
  )
  const best = bestOf(readings, ids)
  const said =
    best === undefined
      ? ['nothing', '', '']
      : [
          `\`${best.id}\` ${best.severity}, ${best.confidence}`,
          `\`${best.flows[0]}\``,
          `${best.facts.first?.time.slice(11, 23) ?? ''}, frame ${best.frames[0]?.frame}`,
        ]
  const cited = source
    .filter(each => each.startsWith('http'))
    .map((each, i) => `[${i + 1}](${each.split(' ')[0]})`)
  return `| ${[run, cited.join(' '), ...said, ...shares].join(' | ')} |`
}

const HEAD = `# Public reports, rebuilt

Faults out of public bug reports and postmortems, and sound captures that look like them, most of them recorded on a real
kernel: what is found in them, the surest finding of each. The last columns count the readings that name it: captures of
one interface or of \`any\`, several together, and all of these once more with the host's rules, topology and sysctls. In no
reading is anything else an error or a warning, and of the sound ones nothing is. What one interface cannot show (what was
lost in the host, what a flow looked like before it was translated) is not guessed.

| case | report | found | flow | when (UTC) | alone | together | with files |
|---|---|---|---|---|---|---|---|
`

describe.skipIf(path === null)('faults out of public reports, by all that was captured', () => {
  it('are named with severity, flow, time and a frame, and nothing beside them', {
    timeout: 600_000,
  }, async () => {
    const rows: string[] = []
    const wrong: string[] = []
    for (const run of readdirSync(path ?? '').sort()) {
      if (!existsSync(join(path ?? '', run, 'truth.json'))) continue
      const truth = truthOf<Case>('wild', run)
      const readings = await readingsOf(run)
      wrong.push(...readings.flatMap(reading => wrongIn(reading, truth).map(each => `${run}: ${each}`)))
      rows.push(rowOf(run, truth, readings))
      const best = bestOf(readings, truth.ids ?? [])
      if ((truth.ids ?? []).length > 0 && best === undefined) wrong.push(`${run}: nothing is found`)
      if (
        best !== undefined &&
        (best.flows.length === 0 || best.frames.length === 0 || best.facts.first === null)
      )
        wrong.push(`${run}: ${best.id} without a flow, a frame or a time`)
    }
    expect(wrong).toEqual([])
    await expect(`${HEAD}${rows.join('\n')}\n`).toMatchFileSnapshot('../../docs/public-reports.md')
  })
})
