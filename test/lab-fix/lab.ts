// The faulty scenarios of a lab's own scripts (CTPCAP_CORPUS, lab/scripts): which they are, and how one is played.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FindingId } from '../../src/findings/facts/facts.ts'
import { ROOT } from '../support/source-files.ts'
import type { Recording, Scenario, Session, Try, TryResult } from './scenario.ts'

const DRIVER = join(ROOT, 'test/lab-fix/driver.py')

/** What a scenario takes as its parameters once the machine's table is larger; the rest of the table stays taken. */
type Parameters = (grown: number) => Record<string, number | string>

const RUNS: readonly [script: string, run: string, finding: FindingId, parameters?: Parameters][] = [
  ['s01_same_bridge_dnat.py', 'same-bridge-dnat', 'asymmetric-same-bridge-return'],
  ['s01_same_bridge_dnat.py', 'same-bridge-dnat-nopromisc', 'asymmetric-same-bridge-return'],
  ['s01_same_bridge_dnat.py', 'same-bridge-dnat-udp', 'asymmetric-same-bridge-return'],
  ['s14_mixed.py', 'mixed', 'asymmetric-same-bridge-return'],
  ['s03_invalid_leak.py', 'invalid-leak', 'invalid-leak'],
  ['s03_invalid_leak.py', 'invalid-leak-egress', 'invalid-leak-private-source'],
  ['s08_hairpin.py', 'hairpin', 'hairpin-no-masquerade'],
  ['s08_hairpin.py', 'hairpin-mode-off', 'hairpin-mode-off'],
  ['s09_idle_timeout.py', 'idle-timeout', 'idle-timeout-inbound'],
  ['s09_idle_timeout.py', 'idle-timeout-remapped', 'idle-timeout-remapped'],
  ['s09_idle_timeout.py', 'idle-timeout-dnat', 'idle-timeout-untranslated-reply'],
  ['s12_dsr_asymmetric.py', 'dsr-asymmetric-invalid-drop', 'dsr-invalid-drop'],
  ['s12_dsr_asymmetric.py', 'dsr-asymmetric-dnat', 'dsr-untranslated-reply'],
  ['s07_udp_dns_race.py', 'snat-port-race-udp', 'snat-insert-race'],
  ['s07_udp_dns_race.py', 'snat-port-race-tcp', 'snat-insert-race'],
  ['s05_table_full.py', 'table-full', 'conntrack-table-full', grown => ({ room: 256 + grown })],
  ['s05_table_full.py', 'table-full-held', 'conntrack-table-full', grown => ({ room: 256 + grown })],
]

/** Names of the runs. */
export const LAB_RUNS: readonly string[] = RUNS.map(([, run]) => run)

/** @param scripts the folder of the lab's scripts */
export function labScenarios(scripts: string): Scenario[] {
  return RUNS.filter(([script]) => existsSync(join(scripts, 'scenarios', script))).map(
    ([script, run, finding, parameters]) => ({
      name: run,
      finding,
      isAlone: parameters !== undefined,
      build: async () => new LabSession(scripts, script, run, parameters ?? (() => ({}))),
    }),
  )
}

/** The lab's scripts build, play and tear down in one go: commands wait until the next scenario stands. */
class LabSession implements Session {
  private tries: readonly Try[] = []
  private tried: TryResult[] = []
  private readonly maximum = maximumOf()

  private readonly scripts: string
  private readonly script: string
  private readonly name: string
  private readonly parameters: Parameters

  constructor(scripts: string, script: string, name: string, parameters: Parameters) {
    this.scripts = scripts
    this.script = script
    this.name = name
    this.parameters = parameters
  }

  async play(folder: string): Promise<Recording> {
    mkdirSync(folder, { recursive: true })
    const tries = join(folder, 'tries.json')
    writeFileSync(tries, JSON.stringify(this.tries))
    const grown = this.tries.some(({ role }) => role === 'machine')
    const own = join(folder, this.name)
    await this.drive(folder, tries, grown ? this.maximum : 0)
    this.tried = JSON.parse(readFileSync(join(own, 'tried.json'), 'utf8'))
    return recordingOf(own)
  }

  async run(tries: readonly Try[]): Promise<void> {
    this.tries = tries
  }

  results(): TryResult[] {
    return this.tried
  }

  close(): void {}

  private drive(folder: string, tries: string, grown: number): Promise<void> {
    const parameters = Object.entries(this.parameters(grown)).map(([name, value]) => `${name}=${value}`)
    const args = [DRIVER, this.scripts, this.script, this.name, '.', tries, ...parameters]
    return new Promise((resolve, reject) => {
      const child = spawn('/usr/bin/python3', args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      child.stdout.on('data', bytes => {
        said += bytes
      })
      child.on('error', reject)
      // it ends with 1 where its own proofs of the fault fail, as they must where it is cured
      child.on('close', () => (said.includes('FAILED') ? reject(new Error(said)) : resolve()))
    })
  }
}

function maximumOf(): number {
  return Number(readFileSync('/proc/sys/net/netfilter/nf_conntrack_max', 'utf8'))
}

function recordingOf(run: string): Recording {
  const truth = JSON.parse(readFileSync(join(run, 'truth.json'), 'utf8'))
  const captures = readdirSync(join(run, 'captures'))
    .filter(file => file.endsWith('.pcap') && file !== 'any.pcap' && !file.startsWith('far-'))
    .sort()
    .map(file => join(run, 'captures', file))
  const files = ['rules', 'topology', 'sysctl'].flatMap(kind => [`--${kind}`, join(run, `${kind}.txt`)])
  const told = (truth.client as ClientReport[]).map(verdictOf).filter(verdict => verdict !== null)
  return {
    captures,
    files,
    succeeded: told.length === 0 ? null : told.every(({ isWell }) => isWell),
    client: told.map(({ said }) => said).join(', '),
  }
}

interface ClientReport {
  what: string
  exit: number
  stderr?: string
  result?: Record<string, unknown> | { log: { error?: string }[] }[]
}

interface Verdict {
  isWell: boolean
  said: string
}

/** What a program of the lab says of what it wanted; null of one that wants nothing. */
function verdictOf({ what, exit, result }: ClientReport): Verdict | null {
  if (result === undefined) return { isWell: exit === 0, said: `${what.split(' ')[0]} exit ${exit}` }
  if (Array.isArray(result)) {
    const errors = result.flatMap(({ log }) => log.flatMap(({ error }) => error ?? []))
    const isWell = result.length > 0 && errors.length === 0
    return { isWell, said: isWell ? 'server ok' : `server ${errors[0] ?? 'saw no connection'}` }
  }
  if (typeof result.connect === 'string') {
    const log = (result.log ?? []) as { error?: string; got?: string }[]
    const error = log.find(step => step.error !== undefined)?.error
    const isWell = result.connect === 'ok' && error === undefined
    return { isWell, said: isWell ? 'tcp ok' : `tcp ${error ?? result.connect}` }
  }
  if (Array.isArray(result.results)) {
    const answered = result.results.filter(one => String(one).startsWith('answer')).length
    const all = result.results.length
    return { isWell: answered === all, said: `udp ${answered}/${all} answered` }
  }
  if (Array.isArray(result.no_answer) || Array.isArray(result.slow_connect)) {
    const counts = [result.no_answer, result.slow_connect].flat().map(one => Number(one ?? 0))
    const lost = counts.reduce((sum, one) => sum + one, 0)
    return { isWell: lost === 0, said: `${lost} lost` }
  }
  if (typeof result.attempts === 'number')
    return { isWell: result.ok === result.attempts, said: `${result.ok}/${result.attempts} connected` }
  return null
}

/** Where the lab's scripts are; null where there are none. */
export function labScripts(): string | null {
  const folder = join(process.env.CTPCAP_CORPUS ?? '', 'lab', 'scripts')
  return process.env.CTPCAP_CORPUS !== undefined && existsSync(join(folder, 'lablib.py')) ? folder : null
}

/** The lab's traffic program, which our own scenarios use, too. */
export function agentOf(scripts: string): string {
  return join(scripts, 'agent.py')
}
