// docs/tried-fixes.md is what `npm run lab:fix` wrote: every scenario is there, and what each came to.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { FINDING_IDS } from '../../src/findings/facts/facts.ts'
import { LAB_RUNS } from './lab.ts'
import { OWN_SCENES } from './own.ts'
import { rowsOf } from './table.ts'

const rows = rowsOf(readFileSync('docs/tried-fixes.md', 'utf8')).map(row => row.slice(2, -2).split(' | '))

describe('the page of fixes that were tried', () => {
  it('has every scenario', () => {
    const names = new Set(rows.map(([name]) => name))
    expect([...names].sort()).toEqual([...LAB_RUNS, ...OWN_SCENES].sort())
  })

  it('has findings that there are, and a command in each row', () => {
    for (const [name, id, commands] of rows) {
      expect(FINDING_IDS, name).toContain(id.replaceAll('`', ''))
      expect(commands, name).toMatch(/`.+`/)
    }
  })

  it('has nothing but cures', () => {
    expect(rows.filter(row => row.at(-1) !== 'cured')).toEqual([])
  })
})
