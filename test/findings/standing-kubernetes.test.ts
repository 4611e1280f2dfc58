// What stands on captures of a cluster's nodes, pods and outside hosts, and where it is not what is true of the case.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { brief, findingsOf, isGrave, type PlacedFinding } from '../support/findings-of.ts'
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

/** Findings that are as right as those of the truth: what a case's own note accepts, and one end of a switched answer. */
const AS_RIGHT: Readonly<Record<string, readonly string[]>> = {
  'invalid-reset': ['invalid-leak'],
  'asymmetric-same-bridge-return': ['dsr-untranslated-reply'],
}

/** Options that give all files of a node. */
function filesOf(run: string, node: string): string[] {
  const at = (...names: string[]): string => join(path ?? '', run, ...names)
  const rules = ['rules.txt', 'rules6.txt', ...(run.endsWith('-nftables') ? ['nft.json'] : [])]
    .map(name => at(node, name))
    .filter(file => existsSync(file))
  // a node without pods has no rules of the plugins: iptables-save prints nothing there
  const given = rules.filter(file => statSync(file).size > 0)
  return [
    ...given.flatMap(file => ['--rules', file]),
    ...['--topology', at(node, 'topology.json'), '--sysctl', at(node, 'sysctl.txt')],
    ...['--kubernetes', at('cluster.json')],
  ]
}

/** What is found in `any` and in each interface of a node, with all of its files. */
async function informed(run: string, node: string): Promise<Map<string, readonly PlacedFinding[]>> {
  const folder = join(path ?? '', run, node, 'captures')
  const found = new Map<string, readonly PlacedFinding[]>()
  for (const name of readdirSync(folder).sort()) {
    const findings = await findingsOf([join(folder, name)], filesOf(run, node))
    if (findings === null) throw new Error(`${run} ${node} ${name}: refused`)
    found.set(join(run, node, name), findings)
  }
  return found
}

describe.skipIf(path === null)('cases of a cluster, with rules, topology, sysctls and objects', () => {
  const runs = path === null ? [] : readdirSync(path).filter(run => existsSync(join(path, run, 'truth.json')))

  it.each(runs)('%s: the fault is named, and nothing beside it', { timeout: 300_000 }, async run => {
    const { ids } = truthOf<Case>('kubernetes', run)
    const right = [...ids, ...ids.flatMap(id => AS_RIGHT[id] ?? [])]
    const found = new Map([...(await informed(run, '')), ...(await informed(run, 'worker-2'))])
    const beside = [...found].flatMap(([capture, findings]) => {
      const strangers = findings.filter(finding => isGrave(finding) && !right.includes(finding.id))
      return strangers.length === 0 ? [] : [`${capture}: ${brief(strangers)}`]
    })
    expect(beside).toEqual([])
    const all = [...found.values()].flat()
    expect(all.some(finding => isGrave(finding) && right.includes(finding.id))).toBe(ids.length > 0)
  })
})

describe.skipIf(path === null)('cases of a cluster', () => {
  it('have the findings of the golden', { timeout: 300_000 }, async () => {
    const standing = await standingFindings('kubernetes')
    const lines = standingLines(standing, (capture, findings) =>
      objections(findings, truthIn(standing, capture)),
    )
    await expect(lines).toMatchFileSnapshot('../../fixtures/standing-findings/kubernetes.tsv')
  })
})
