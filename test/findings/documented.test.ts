// Every finding is in docs/findings.md, in docs/report-schema.md and in the README, by its id.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { NAT_FINDINGS } from '../../src/findings/wording/catalogue.ts'
import { FLOW_FINDINGS } from '../../src/findings/wording/flow-catalogue.ts'
import { ROOT, readSourceFiles } from '../support/source-files.ts'

/** Ids that a detector names itself: those of the table, which stand in no catalogue, are among them. */
const named = readSourceFiles('src/findings').flatMap(({ code }) =>
  [...code.matchAll(/\bid: '([a-z]+(?:-[a-z]+)+)'/g)].map(([, id]) => id),
)
const ids = new Set([...Object.keys(NAT_FINDINGS), ...Object.keys(FLOW_FINDINGS), ...named])

it.each(['docs/findings.md', 'docs/report-schema.md', 'README.md'])('%s has every id', name => {
  const text = readFileSync(join(ROOT, name), 'utf8')
  expect(named).toContain('conntrack-early-drop')
  expect([...ids].filter(id => !text.includes(`\`${id}\``))).toEqual([])
})
