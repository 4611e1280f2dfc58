// Every finding is in docs/findings.md, in docs/report-schema.md and in docs/scenarios.md, by its id.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { FINDING_IDS } from '../../src/findings/facts/facts.ts'
import { ROOT } from '../support/source-files.ts'

it.each(['docs/findings.md', 'docs/report-schema.md', 'docs/scenarios.md'])('%s has every id', name => {
  const text = readFileSync(join(ROOT, name), 'utf8')
  expect(FINDING_IDS.filter(id => !text.includes(`\`${id}\``))).toEqual([])
})
