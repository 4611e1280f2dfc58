// What a finding on one host comes of on another that the same connection passes: one story, with the host to fix.
import { comesOf } from '../../findings/detectors/list.ts'
import type { FindingReport } from './finding-model.ts'

/** A finding, and the host that it is of. */
export interface FoundOn {
  host: string
  id: string
}

/** What one host does to a connection, and what others show of it. */
export interface Cause extends FoundOn {
  consequences: FoundOn[]
}

/** A host that a connection passes, with what was found there. */
export interface FoundHop {
  host: string
  /** Null where it does not translate the connection. */
  translated: object | null
  found: readonly FindingReport[]
}

interface Found extends FoundOn {
  finding: FindingReport
  translates: boolean
}

/** Causes of one connection, and what each explains; none where no host's findings come of another's. */
export function causesOf(hops: readonly FoundHop[]): Cause[] {
  const causes = new Map<Found, Cause>()
  for (const [shown, done] of explained(hops)) {
    const { host, id } = done
    const cause = causes.get(done) ?? { host, id, consequences: [] }
    cause.consequences.push({ host: shown.host, id: shown.id })
    causes.set(done, cause)
  }
  return [...causes.values()]
}

/** The cause of each finding of which every flow is a connection that another host spoils, the same one for all. */
export function causesOfFindings(connections: readonly (readonly FoundHop[])[]): Map<FindingReport, FoundOn> {
  const known = new Map<FindingReport, { cause: FoundOn; flows: number }>()
  const mixed = new Set<FindingReport>()
  for (const hops of connections) {
    for (const [{ finding }, { host, id }] of explained(hops)) {
      const same = known.get(finding)
      if (same === undefined) known.set(finding, { cause: { host, id }, flows: 1 })
      else if (same.cause.host === host && same.cause.id === id) same.flows++
      else mixed.add(finding)
    }
  }
  const whole = [...known].filter(
    ([finding, { flows }]) => flows === finding.flowCount && !mixed.has(finding),
  )
  return new Map(whole.map(([finding, { cause }]) => [finding, cause]))
}

/** Findings that come of others, each with what it comes of in the end. */
function explained(hops: readonly FoundHop[]): Map<Found, Found> {
  const all = foundOn(hops)
  const causeOf = (shown: Found): Found | undefined =>
    all.find(done => done.host !== shown.host && isSure(done.finding) && comesOf(shown, done))
  const roots = new Map<Found, Found>()
  for (const shown of all) {
    const passed = new Set([shown])
    let root = shown
    for (let next = causeOf(root); next !== undefined && !passed.has(next); next = causeOf(root)) {
      passed.add(next)
      root = next
    }
    if (root.host !== shown.host) roots.set(shown, root)
  }
  return roots
}

/** A host may be passed twice: what was found there counts once. */
function foundOn(hops: readonly FoundHop[]): Found[] {
  const known = new Map<FindingReport, Found>()
  for (const { host, translated, found } of hops) {
    for (const finding of found) {
      const translates = translated !== null || known.get(finding)?.translates === true
      known.set(finding, { host, id: finding.id, finding, translates })
    }
  }
  return [...known.values()]
}

/** What is only possible explains nothing that another host shows. */
function isSure({ confidence }: FindingReport): boolean {
  return confidence !== 'possible'
}
