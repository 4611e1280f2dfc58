// The faults to look for: recorded scenarios whose captures show them, and the differences that we know of.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../support/source-files.ts'
import type { Vantage } from './hay.ts'
import { PLACES, type Place } from './haystack.ts'

const MATRIX = join(ROOT, 'fixtures/lab/lab-matrix.tsv')
/** Lines without a header: a capture of a public report that was rebuilt, and its findings, the gravest first. */
const REPORTS = join(ROOT, 'fixtures/standing-findings/wild.tsv')
const KNOWN = join(import.meta.dirname, 'known-differences.tsv')

export interface NeedleCapture {
  /** Where it stands below CTPCAP_CORPUS. */
  collection: 'lab' | 'wild'
  scenario: string
  /** What the scenario suffers from: the id of a finding. */
  problem: string
  /** File name. */
  capture: string
  vantage: Vantage
}

/**
 * Of each scenario the capture at `any`, and the first of one interface, in which the fault is found when it is alone.
 * Races for a port (snat-insert-race) are not among them: only several captures together show those.
 */
export function needleCaptures(): NeedleCapture[] {
  const seen = new Set<string>()
  return [...ofLab(), ...ofReports()].filter(({ collection, scenario, vantage }) => {
    const kind = `${collection} ${scenario} ${vantage === 'any'}`
    return !seen.has(kind) && seen.add(kind)
  })
}

function ofLab(): NeedleCapture[] {
  return rowsOf(MATRIX).flatMap(([scenario, problem, capture, found]) => {
    const vantage = vantageOf(capture)
    if (found !== problem || vantage === null) return []
    return [{ collection: 'lab', scenario, problem, capture, vantage }]
  })
}

function ofReports(): NeedleCapture[] {
  return linesOf(REPORTS).flatMap(([path, findings]) => {
    const [problem, severity] = findings.split(' ')
    if (severity !== 'error' && severity !== 'warning') return []
    const [scenario, , capture] = path.split('/')
    return [{ collection: 'wild', scenario, problem, capture, vantage: reportVantageOf(capture) }]
  })
}

/** Such a host has what a node has: interfaces that lead out, a bridge, ports of others. */
function reportVantageOf(capture: string): Vantage {
  if (capture.endsWith('any.pcap')) return 'any'
  if (capture.startsWith('cni')) return 'bridge'
  return capture.includes('veth') ? 'pod' : 'uplink'
}

/** The vantage point of a capture by its name; null for several captures, pcapng, and those of other hosts. */
function vantageOf(capture: string): Vantage | null {
  if (capture === 'any.pcap') return 'any'
  const [, interfaceName] = /^(eth|cni|veth)[0-9a-f]+\.pcap$/.exec(capture) ?? []
  if (interfaceName === undefined) return null
  return interfaceName === 'eth' ? 'uplink' : interfaceName === 'cni' ? 'bridge' : 'pod'
}

/** Causes of the differences that are known, by `nameOf` a place. */
export function knownDifferences(): Map<string, string> {
  const rows = existsSync(KNOWN) ? rowsOf(KNOWN) : []
  return new Map(
    rows.map(([scenario, capture, place, cause]) => {
      if (!PLACES.some(name => name === place)) throw new Error(`${KNOWN}: no place is called ${place}`)
      return [nameOf({ scenario, capture }, place as Place), cause]
    }),
  )
}

export function nameOf(
  { scenario, capture }: Pick<NeedleCapture, 'scenario' | 'capture'>,
  place: Place,
): string {
  return `${scenario} ${capture} ${place}`
}

/** The rows of a table with a header. */
function rowsOf(path: string): string[][] {
  return linesOf(path).slice(1)
}

function linesOf(path: string): string[][] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => line.split('\t'))
}
