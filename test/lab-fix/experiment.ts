// One experiment: a faulty scenario is recorded, each remedy that the report prints is tried in it, and it is recorded again.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { FindingId } from '../../src/findings/facts/facts.ts'
import type { FindingReport } from '../../src/report/analyze/finding-model.ts'
import type { Report } from '../../src/report/analyze/model.ts'
import { ROOT } from '../support/source-files.ts'
import type { Recording, Scenario, Session, Try, TryResult } from './scenario.ts'

/** Findings of what others send: a remedy bears it, and does not end it. */
const GO_ON: readonly FindingId[] = ['syn-flood']

const MOST_TURNS = 3

/** What became of one remedy. */
export interface Outcome {
  scenario: string
  finding: string
  tries: readonly TryResult[]
  before: string
  after: string
  /** What is left to object to; none: the remedy is as good as its word. */
  objections: string[]
}

/**
 * @param folder where recordings go
 * @returns an outcome for each remedy with commands; one without tries where the report does not find the fault, or has none
 */
export async function experiment(scenario: Scenario, folder: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  let remedies: Try[][] = []
  for (let i = 0; i === 0 || i < remedies.length; i++) {
    const own = join(folder, `${scenario.name}-${i}`)
    const { session, before, report, found } = await faulty(scenario, own)
    try {
      const fault = faultOf(scenario, before, report, found)
      if (fault !== null || found === undefined) return [...outcomes, untried(scenario, before, fault ?? '')]
      remedies = remediesOf(found)
      if (remedies.length === 0) return [untried(scenario, before, 'the report has no command for it')]
      outcomes.push(await tried(scenario, session, remedies[i], { before, report }, join(own, 'after')))
    } finally {
      session.close()
    }
  }
  return outcomes
}

/** Builds the scenario until it shows its fault: some are races, which a busy machine decides otherwise. */
async function faulty(
  scenario: Scenario,
  folder: string,
): Promise<{ session: Session; before: Recording; report: Report; found: FindingReport | undefined }> {
  for (let turn = 1; ; turn++) {
    const session = await scenario.build(folder)
    try {
      const before = await session.play(join(folder, `before-${turn}`))
      const report = analyze(before)
      const found = report.findings.find(({ id }) => id === scenario.finding)
      if (found !== undefined || turn === MOST_TURNS) return { session, before, report, found }
    } catch (error) {
      session.close()
      throw error
    }
    session.close()
  }
}

async function tried(
  scenario: Scenario,
  session: Session,
  remedy: readonly Try[],
  { before, report }: { before: Recording; report: Report },
  folder: string,
): Promise<Outcome> {
  await session.run(remedy)
  const after = await session.play(folder)
  const tries = session.results()
  return {
    scenario: scenario.name,
    finding: scenario.finding,
    tries,
    before: before.client,
    after: after.client,
    objections: objections(scenario, tries, after, report, analyze(after)),
  }
}

function untried(scenario: Scenario, before: Recording, why: string): Outcome {
  const { name, finding } = scenario
  return { scenario: name, finding, tries: [], before: before.client, after: '', objections: [why] }
}

function faultOf(
  { finding }: Scenario,
  { succeeded }: Recording,
  { findings }: Report,
  found: FindingReport | undefined,
): string | null {
  if (found !== undefined) return null
  const others = findings.map(({ id }) => id).join(', ')
  const how = succeeded === true ? 'the clients succeeded, and' : 'the clients failed, but'
  return `${how} the report has no ${finding} (${others === '' ? 'no finding' : others})`
}

/** What stands against a remedy: a command that fails, a client that still does, the finding, a new one. */
function objections(
  { finding }: Scenario,
  tries: readonly TryResult[],
  after: Recording,
  before: Report,
  report: Report,
): string[] {
  const known = new Set(before.findings.map(({ id }) => id))
  const fresh = report.findings.filter(({ id }) => !known.has(id))
  return [
    ...tries
      .filter(({ status }) => status !== 0)
      .map(({ command, said }) => `\`${command}\` failed: ${said}`),
    ...(after.succeeded === false ? [`clients still fail: ${after.client}`] : []),
    ...(!GO_ON.includes(finding) && report.findings.some(({ id }) => id === finding)
      ? [`${finding} is still found`]
      : []),
    ...fresh.map(({ severity, id }) => `new: ${severity} ${id}`),
  ]
}

/** Each advice that has commands, whole; one that goes on with "and" belongs to the one before. */
function remediesOf({ fix }: FindingReport): Try[][] {
  const remedies: Try[][] = []
  for (const { text, commands, on } of fix) {
    const tries = commands.map(command => ({ command, ...on }))
    if (tries.length === 0) continue
    const last = remedies[remedies.length - 1]
    if (text.startsWith('and ') && last !== undefined) last.push(...tries)
    else remedies.push(tries)
  }
  return remedies
}

function analyze({ captures, files }: Recording): Report {
  const program = join(ROOT, 'dist/main.js')
  const args = [program, 'analyze', '--quiet', '--json', ...captures, ...files]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  if (status !== 0) throw new Error(`analyze ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}
