// Findings of every recorded scenario with its own rules and topology, and with those of others: never less, never wrong.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Facts } from '../../src/findings/facts/facts.ts'
import { informedBy } from '../../src/findings/rule-evidence.ts'
import { say } from '../../src/findings/wording/say.ts'
import type { Report } from '../../src/report/analyze/model.ts'
import { runCli } from '../support/cli.ts'
import { knowledgeFrom } from '../support/knowledge.ts'
import { captureSets, LAB, labPath, labRuns } from '../support/lab.ts'
import { watchCaptures } from '../support/watch-captures.ts'

const GOLDEN = 'fixtures/findings/lab-knowledge.tsv'
if (LAB === null)
  console.warn(
    'lab-knowledge.test.ts: skipped, CTPCAP_CORPUS names no folder with recorded scenarios in `lab`',
  )

const runs = labRuns('rules.txt')
const RANKS = ['possible', 'likely', 'certain']

/** Which of the two an answer past its translation is, rules and topology may decide. */
const PAST_TRANSLATION = ['asymmetric-same-bridge-return', 'dsr-untranslated-reply']
const isOneOfTwo = (...ids: string[]): boolean => ids.every(id => PAST_TRANSLATION.includes(id))

const isFaulty = (run: string): boolean =>
  JSON.parse(readFileSync(labPath(run, 'truth.json'), 'utf8')).verdict === 'faulty'

function knowledgeOf(run: string) {
  return knowledgeFrom([labPath(run, 'rules.txt')], [labPath(run, 'topology.txt')])
}

describe.skipIf(LAB === null)('recorded scenarios with knowledge', () => {
  it('have the same findings, at least as sure, and by their own rules alone surer', async () => {
    const lines = ['run\tcapture\tfound\twithout\twith\treason added']
    const wrong: string[] = []
    const informants = runs.map(run => ({ run, inform: informedBy(knowledgeOf(run)) }))
    for (const run of runs.filter(isFaulty)) {
      const folder = labPath(run, 'captures')
      const own = informants.find(other => other.run === run)?.inform
      if (own === undefined) continue
      for (const captures of captureSets(run)) {
        const capture = captures.join('+')
        const seen: Facts[] = []
        const paths = captures.map(name => join(folder, name))
        await watchCaptures(paths, true, facts => {
          seen.push(facts)
          return facts
        })
        for (const plain of seen) {
          const found = own(plain)
          // what the packets leave open, and its own files do not decide, is told nowhere
          if (found === null && plain.isOpen) continue
          if (found === null) {
            wrong.push(`${run} ${capture}: ${plain.id} is taken back by its own rules`)
            continue
          }
          const before = say({ ...plain, id: found.id }, String).reason
          const added = say(found, String).reason.slice(before.length)
          lines.push([run, capture, found.id, plain.confidence, found.confidence, added].join('\t'))
          for (const { run: from, inform } of informants) {
            const other = inform(plain)
            // files of another host take back what the packets alone do not prove
            if (other === null && plain.confidence !== 'certain' && from !== run) continue
            const isSame =
              other !== null &&
              (other.id === plain.id || isOneOfTwo(plain.id, other.id)) &&
              other.flows === plain.flows &&
              other.frames === plain.frames
            if (!isSame) wrong.push(`${run} ${capture} with ${from}: ${JSON.stringify(other)}`)
            if (other === null) continue
            const rise = RANKS.indexOf(other.confidence) - RANKS.indexOf(plain.confidence)
            if (rise < 0) wrong.push(`${run} ${capture} with ${from}: ${JSON.stringify(other)}`)
            if (rise > 0 && found.confidence !== other.confidence)
              wrong.push(`${run} ${capture}: surer by ${from}`)
          }
        }
      }
    }
    expect(wrong).toEqual([])
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(join('../..', GOLDEN))
  })

  it('are translated as their rules say, and healthy ones stay clean', async () => {
    for (const run of runs) {
      const capture = labPath(run, 'captures', 'any.pcap')
      if (!existsSync(capture)) continue
      const files = ['--rules', labPath(run, 'rules.txt'), '--topology', labPath(run, 'topology.txt')]
      const { stdout, stderr } = await runCli(['analyze', capture, ...files, '--json'])
      expect(stderr, run).toBe('')
      const report = JSON.parse(stdout) as Report
      const translations = report.knowledge?.translations
      expect([translations?.contradicted, translations?.unknown, translations?.undecided], run).toEqual([
        { flows: 0, groups: [] },
        { flows: 0, groups: [] },
        0,
      ])
      if (!isFaulty(run))
        expect(
          report.findings.filter(({ severity }) => severity !== 'info'),
          run,
        ).toEqual([])
    }
  })

  it('leave untracked what the rules of one do', async () => {
    const capture = labPath('notrack', 'captures', 'any.pcap')
    const rules = ['--rules', labPath('notrack', 'rules.txt')]
    const entries = async (more: string[]) =>
      (await runCli(['list', capture, ...more])).stdout.match(/^tcp/gm)?.length ?? 0
    // the kernel had none, either
    expect(readFileSync(labPath('notrack', 'conntrack-final.txt'), 'utf8')).not.toContain('tcp')
    expect(await entries(rules)).toBe(0)
    expect(await entries([])).toBe(60)
  })
})
