// npm run lab:fix: faults are built on this kernel, the commands of the report are typed, and the fault must be gone.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isInstalled } from '../support/installed.ts'
import { ROOT } from '../support/source-files.ts'
import { experiment, type Outcome } from './experiment.ts'
import { agentOf, labScenarios, labScripts } from './lab.ts'
import { ownScenarios } from './own.ts'
import type { Scenario } from './scenario.ts'
import { rowOf, rowsOf, scenarioOf, table } from './table.ts'

const USAGE = `run.ts [--only TEXT] [--keep FOLDER] [--write]
  --only TEXT    scenarios whose name begins with that
  --lanes N      so many at a time (4): most of their time they wait
  --keep FOLDER  leaves the recordings there
  --write        writes docs/tried-fixes.md: the rows of the scenarios that were tried, the others stay`

const PROGRAMS = ['ip', 'iptables', 'conntrack', 'tcpdump', 'tshark', 'curl', 'python3', 'gcc']

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    lanes: { type: 'string', default: '4' },
    keep: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(`usage: ${USAGE}`)
  process.exit(0)
}

function missing(): string | null {
  if (process.geteuid?.() !== 0) return 'it needs root'
  if (labScripts() === null) return 'CTPCAP_CORPUS names no folder with `lab/scripts`'
  const absent = PROGRAMS.find(program => !isInstalled(program))
  return absent === undefined ? null : `there is no ${absent}`
}

/** One value for the machine, which a remedy enlarges: as it was, afterwards. */
const MAXIMUM = '/proc/sys/net/netfilter/nf_conntrack_max'

async function run(): Promise<boolean> {
  const why = missing()
  const scripts = labScripts()
  if (why !== null || scripts === null) {
    console.log(`lab:fix: skipped, ${why}`)
    return true
  }
  const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'ctpcap-lab-fix-'))
  const all = [...labScenarios(scripts), ...ownScenarios(agentOf(scripts))]
  const scenarios = all.filter(({ name }) => name.startsWith(values.only))
  const maximum = readFileSync(MAXIMUM, 'utf8')
  const told = new Map<Scenario, Outcome[]>()
  const tryOne = async (scenario: Scenario): Promise<void> => {
    const own = await experiment(scenario, folder)
    told.set(scenario, own)
    for (const outcome of own) tell(outcome)
  }
  try {
    const waiting = scenarios.filter(({ isAlone }) => !isAlone)
    const lane = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await tryOne(next)
    }
    await Promise.all(Array.from({ length: Number(values.lanes) }, lane))
    for (const scenario of scenarios.filter(({ isAlone }) => isAlone)) {
      await tryOne(scenario)
      writeFileSync(MAXIMUM, maximum)
    }
  } finally {
    writeFileSync(MAXIMUM, maximum)
    if (values.keep === undefined) rmSync(folder, { recursive: true, force: true })
  }
  const outcomes = scenarios.flatMap(scenario => told.get(scenario) ?? [])
  if (values.write) {
    const page = join(ROOT, 'docs/tried-fixes.md')
    const before = rowsOf(readFileSync(page, 'utf8'))
    const rows = all.flatMap(scenario => {
      const own = told.get(scenario)
      return own?.map(rowOf) ?? before.filter(row => scenarioOf(row) === scenario.name)
    })
    writeFileSync(page, table(rows, release()))
  }
  const failed = outcomes.filter(({ objections }) => objections.length > 0).length
  console.log(`${outcomes.length - failed} passed, ${failed} failed`)
  return failed === 0
}

function tell({ scenario, finding, tries, before, after, objections }: Outcome): void {
  console.log(`${objections.length === 0 ? 'ok  ' : 'FAIL'} ${scenario} (${finding}): ${before} → ${after}`)
  for (const { command, role, address } of tries) console.log(`       ${role} ${address ?? ''} $ ${command}`)
  for (const objection of objections) console.log(`     - ${objection}`)
}

process.exitCode = (await run()) ? 0 : 1
