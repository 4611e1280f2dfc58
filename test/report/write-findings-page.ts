// Writes docs/findings.md anew: npx tsx test/report/write-findings-page.ts.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findingsPage } from '../support/findings-page.ts'
import { ROOT } from '../support/source-files.ts'

const path = join(ROOT, 'docs/findings.md')
writeFileSync(path, findingsPage(readFileSync(path, 'utf8')))
