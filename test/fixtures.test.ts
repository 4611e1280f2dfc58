// Holds fixtures/ to its README and to REUSE.toml: origin, licence and what a file shows; all of them are small.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { describe, expect, it } from 'vitest'
import { MADE_CAPTURES } from './support/made-captures.ts'
import { ROOT } from './support/source-files.ts'

const FIXTURES = join(ROOT, 'fixtures')
const MOST_BYTES = 3_500_000

/** Licences under which others' captures may be passed on. */
const LICENCES = ['Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'Unlicense']
/** What is ours. */
const OWN = '2026 The ctpcap authors'

/** What REUSE.toml says of the files that its globs match. */
interface Annotation {
  path: string | string[]
  'SPDX-FileCopyrightText': string | string[]
  'SPDX-License-Identifier': string
}

/** A row of the table: `file` may hold several names and globs. */
interface Row {
  files: string[]
  origin: string
  licence: string
  shows: string
}

const files = readdirSync(FIXTURES, { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile())
  .map(entry => join(entry.parentPath, entry.name).slice(FIXTURES.length + 1))
  .filter(name => name !== 'README.md')
  .sort()

const rows: Row[] = readFileSync(join(FIXTURES, 'README.md'), 'utf8')
  .split('\n')
  .filter(line => line.startsWith('| `'))
  .map(line => {
    const [names, origin, licence, ...shows] = line.slice(1, -1).split(/(?<!\\)\|/)
    return {
      files: [...names.matchAll(/`([^`]+)`/g)].map(match => match[1]),
      origin: origin.trim(),
      licence: licence.trim(),
      shows: shows.join('|').trim(),
    }
  })

/** Whether a name matches a pattern, in which `*` stands for any text without a `/`, and `**` for any text. */
function matches(file: string, pattern: string): boolean {
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replace(/\*\*?/g, star => (star === '*' ? '[^/]*' : '.*'))}$`).test(file)
}

describe('fixtures/README.md', () => {
  it('has a row for every file', () => {
    const patterns = rows.flatMap(row => row.files)
    const unnamed = files.filter(file => !patterns.some(pattern => matches(file, pattern)))
    expect(unnamed).toEqual([])
  })

  it('names no file that is not there', () => {
    const patterns = rows.flatMap(row => row.files)
    expect(patterns.filter(pattern => !files.some(file => matches(file, pattern)))).toEqual([])
  })

  it('says where each comes from, by which licence it may be used, and what it shows', () => {
    const incomplete = rows.filter(
      ({ origin, licence, shows }) => origin === '' || shows === '' || !LICENCES.includes(licence),
    )
    expect(incomplete).toEqual([])
  })

  it('speaks of files that are small together', () => {
    const bytes = files.reduce((sum, file) => sum + statSync(join(FIXTURES, file)).size, 0)
    expect(bytes).toBeLessThan(MOST_BYTES)
  })
})

describe('REUSE.toml', () => {
  const { annotations } = parse(readFileSync(join(ROOT, 'REUSE.toml'), 'utf8')) as unknown as {
    annotations: Annotation[]
  }
  /** The last that matches is the one that holds. */
  const annotationOf = (file: string): Annotation | undefined =>
    annotations.findLast(({ path }) => [path].flat().some(pattern => matches(`fixtures/${file}`, pattern)))

  it('names the licence and the holders of every file, the licence being that of the README', () => {
    const wrong = rows.flatMap(({ files: patterns, origin, licence }) => {
      const isOthers = / `[^`]+` at [0-9a-f]{12}\b/.test(origin)
      return files
        .filter(file => patterns.some(pattern => matches(file, pattern)))
        .filter(file => {
          const annotation = annotationOf(file)
          const isOwn = annotation?.['SPDX-FileCopyrightText'] === OWN
          return annotation?.['SPDX-License-Identifier'] !== licence || isOwn === isOthers
        })
    })
    expect(wrong).toEqual([])
  })

  it('has the text of every licence it names, and of no other', () => {
    const named = new Set(annotations.map(annotation => `${annotation['SPDX-License-Identifier']}.txt`))
    expect(readdirSync(join(ROOT, 'LICENSES')).sort()).toEqual([...named].sort())
  })

  it('names no file that is not there', () => {
    const paths = annotations.flatMap(({ path }) => path).filter(path => !path.includes('*'))
    expect(paths.filter(path => !existsSync(join(ROOT, path)))).toEqual([])
  })
})

describe('captures that are made', () => {
  it.each(Object.entries(MADE_CAPTURES))('%s is what its script makes', (name, make) => {
    expect(Buffer.from(make()).equals(readFileSync(join(FIXTURES, name)))).toBe(true)
  })

  it('are the ones that the README calls made', () => {
    const made = rows.filter(({ origin }) => origin.includes('made-captures.ts')).flatMap(row => row.files)
    expect(made.sort()).toEqual(Object.keys(MADE_CAPTURES).sort())
  })
})
