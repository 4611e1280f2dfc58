// Holds package.json to what is meant: these dependencies and no others, the executable, the files of the package.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT, readSourceFiles } from './support/source-files.ts'

/** What an installation brings along, and what for. */
const RUNTIME_DEPENDENCIES = {
  'cli-progress': 'the progress bar',
  'cli-table3': 'tables of the report',
  commander: 'commands and flags',
  fzstd: 'zstd where node:zlib has none',
  'string-width': 'columns that a text takes on a terminal, as cli-table3 counts them',
  picocolors: 'colours, switched per stream',
}

interface Manifest {
  version: string
  type: string
  license: string
  bin: Record<string, string>
  engines: Record<string, string>
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
}

interface Lock {
  packages: Record<string, { version: string; resolved?: string; hasInstallScript?: boolean; dev?: boolean }>
}

const readJson = <T>(name: string): T => JSON.parse(readFileSync(join(ROOT, name), 'utf8')) as T
const manifest = readJson<Manifest>('package.json')
const lock = readJson<Lock>('package-lock.json')

/** The package of a module name: `fzstd`, `@scope/name`. */
function packageOf(module: string): string {
  return module
    .split('/')
    .slice(0, module.startsWith('@') ? 2 : 1)
    .join('/')
}

describe('dependencies', () => {
  it('are the ones meant', () => {
    expect(Object.keys(manifest.dependencies).sort()).toEqual(Object.keys(RUNTIME_DEPENDENCIES).sort())
  })

  it('are all used, and nothing else is', () => {
    const modules = readSourceFiles('src')
      .flatMap(({ imports }) => imports)
      .filter(name => !name.endsWith('.ts') && !name.startsWith('node:'))
    expect([...new Set(modules.map(packageOf))].sort()).toEqual(Object.keys(manifest.dependencies).sort())
  })

  it('run nothing on installation', () => {
    const scripted = Object.entries(lock.packages).filter(
      ([, { hasInstallScript, dev }]) => hasInstallScript && !dev,
    )
    expect(scripted).toEqual([])
  })

  it('come from whichever registry the user has', () => {
    expect(Object.values(lock.packages).filter(({ resolved }) => resolved !== undefined)).toEqual([])
  })
})

describe('the package', () => {
  it('is an ES module for Node 20.19 and later', () => {
    expect(manifest.type).toBe('module')
    expect(manifest.engines).toEqual({ node: '>=20.19' })
  })

  it('has one executable, built from src/main.ts', () => {
    expect(manifest.bin).toEqual({ ctpcap: 'dist/main.js' })
    expect(readFileSync(join(ROOT, 'src/main.ts'), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
  })

  it('is the version that the lock file and the change log speak of', () => {
    expect(lock.packages[''].version).toBe(manifest.version)
    expect(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8')).toContain(`\n## ${manifest.version}`)
  })

  it('says the licence that stands in LICENSE', () => {
    expect(readFileSync(join(ROOT, 'LICENSE'), 'utf8')).toMatch(new RegExp(`^${manifest.license} License\n`))
  })

  it('holds the program and its papers, no sources, no tests', () => {
    const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [{ files }] = JSON.parse(output) as [{ files: { path: string }[] }]
    const paths = files.map(({ path }) => path)
    expect(paths).toContain('dist/main.js')
    expect(paths.filter(path => !/^dist\/.*\.js$/.test(path)).sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'package.json',
      ...['entry', 'event', 'hosts', 'info', 'packet', 'report', 'rules', 'size'].map(
        name => `schema/${name}.schema.json`,
      ),
    ])
  })
})
