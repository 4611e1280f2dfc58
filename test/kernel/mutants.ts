// Proves the random comparison: plants one mistake at a time into a copy of the sources and looks whether it is noticed.
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MUTATIONS, type Mutation } from './mutations.ts'

const USAGE =
  'mutants.ts --recordings DIRECTORY [--only TEXT] [--parallel N]   (DIRECTORY as run.ts --keep leaves it)'
const ROOT = join(import.meta.dirname, '../..')
/** Milliseconds after which a mistake that makes the model run for ever is taken as noticed. */
const PATIENCE = 120_000

type Outcome = 'caught' | 'crashed' | 'missed' | 'does not apply'

/** A mistake in every cell of a transition grid: the next state but one, so that neighbours do not look alike. */
function gridMutations(file: string, states: readonly string[]): Mutation[] {
  const source = readFileSync(join(ROOT, 'src', file), 'utf8')
  const start = source.indexOf('const GRID = ')
  const grid = source.slice(start, source.indexOf('\n)', start))
  const mutations: Mutation[] = []
  let part = ''
  for (const line of grid.split('\n')) {
    if (/^ {2}\/\/ (original|reply)/.test(line)) part = line.trim().slice(3)
    if (!line.includes('*/')) continue
    const cells = line
      .slice(line.indexOf('*/') + 2)
      .split(',')
      .slice(0, -1)
      .map(cell => cell.trim())
    const row = line.slice(line.indexOf('/*') + 2, line.indexOf('*/')).trim()
    cells.forEach((cell, column) => {
      if (isUnreachable(part, row, column)) return
      const other = states[(states.indexOf(cell) + 2) % states.length]
      const changed = cells.with(column, other)
      const head = line.slice(0, line.indexOf('*/') + 2)
      mutations.push({
        file,
        from: inPart(grid, part, line),
        to: inPart(grid, part, line).replace(line, `${head} ${changed.join(', ')},`),
      })
    })
  }
  return mutations
}

/**
 * Cells that no packet can look up: a reply meets no entry without a state; segments without flags, and chunks that may
 * not open an association, are refused before the grid is asked.
 */
function isUnreachable(part: string, row: string, column: number): boolean {
  if (row === 'none') return true
  return column === 0 && (part === 'reply' || ['abort', 'cookie_ack', 'shutdown_comp'].includes(row))
}

/** A line of the grid with all before it back to its half's heading, since both halves have lines that are alike. */
function inPart(grid: string, part: string, line: string): string {
  const from = grid.indexOf(`// ${part}`)
  return grid.slice(from, grid.indexOf(line, from) + line.length)
}

/** A copy of the sources in which mistakes are planted one after the other. */
class Workshop {
  private readonly recordings: readonly string[]
  readonly directory = mkdtempSync(join(tmpdir(), 'mutants-'))
  private child: ChildProcess | null = null

  constructor(recordings: readonly string[]) {
    this.recordings = recordings
    cpSync(join(ROOT, 'src'), join(this.directory, 'src'), { recursive: true })
    cpSync(join(ROOT, 'test/kernel'), join(this.directory, 'test/kernel'), { recursive: true })
    for (const name of ['package.json', 'tsconfig.json', 'node_modules'])
      symlinkSync(join(ROOT, name), join(this.directory, name))
  }

  async plant({ file, from, to }: Mutation): Promise<Outcome> {
    const path = join(this.directory, 'src', file)
    const source = readFileSync(path, 'utf8')
    if (source.split(from).length !== 2) return 'does not apply'
    writeFileSync(
      path,
      source.replace(from, () => to),
    )
    try {
      return await this.compare()
    } finally {
      writeFileSync(path, source)
    }
  }

  /** What the comparison of all recordings says about the sources as they are. */
  compare(): Promise<Outcome> {
    const compare = join(this.directory, 'test/kernel/compare.ts')
    return new Promise(resolve => {
      const child = spawn(process.execPath, ['--import', 'tsx', compare, '--show', '1', ...this.recordings], {
        cwd: this.directory,
      })
      this.child = child
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
      let text = ''
      child.stdout.on('data', chunk => {
        text += chunk
      })
      child.once('close', code => {
        clearTimeout(timer)
        resolve(code === 0 ? 'missed' : text.includes('disagreements') ? 'caught' : 'crashed')
      })
    })
  }

  close(): void {
    this.child?.kill()
    rmSync(this.directory, { recursive: true })
  }
}

function mutationText({ file, from, to }: Mutation): string {
  const [a, b] = [from.split('\n'), to.split('\n')]
  const at = a.length === b.length ? a.findIndex((line, i) => line !== b[i]) : -1
  const changed = at >= 0 ? [a[at], b[at]] : [from, to]
  return `${file}: ${changed.map(text => JSON.stringify(text.trim())).join(' -> ')}`
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      recordings: { type: 'string' },
      only: { type: 'string', default: '' },
      parallel: { type: 'string', default: '2' },
    },
  })
  if (values.recordings === undefined) throw new Error(USAGE)
  const parent = values.recordings
  const recordings = readdirSync(parent).map(name => join(parent, name))
  const all = [
    ...MUTATIONS,
    ...gridMutations('conntrack/proto/tcp-table.ts', [
      'sSS',
      'sSR',
      'sES',
      'sFW',
      'sCW',
      'sLA',
      'sTW',
      'sCL',
      'sS2',
      'sIV',
      'sIG',
    ]),
    ...gridMutations('conntrack/proto/sctp-table.ts', [
      'sCL',
      'sCW',
      'sCE',
      'sES',
      'sSS',
      'sSR',
      'sSA',
      'sHS',
      'sIV',
    ]),
  ].filter(mutation => mutationText(mutation).includes(values.only))
  const tally: Record<Outcome, number> = { caught: 0, crashed: 0, missed: 0, 'does not apply': 0 }
  const waiting = [...all]
  const work = async (): Promise<void> => {
    const workshop = new Workshop(recordings)
    try {
      if ((await workshop.compare()) !== 'missed')
        throw new Error('the sources disagree with the kernel as they are')
      for (let mutation = waiting.shift(); mutation !== undefined; mutation = waiting.shift()) {
        const outcome = await workshop.plant(mutation)
        tally[outcome]++
        if (outcome !== 'caught') console.log(`${outcome}: ${mutationText(mutation)}`)
      }
    } finally {
      workshop.close()
    }
  }
  await Promise.all(Array.from({ length: Number(values.parallel) }, work))
  console.log(
    `${all.length} mistakes: ${Object.entries(tally)
      .map(([outcome, count]) => `${count} ${outcome}`)
      .join(', ')}`,
  )
  if (tally.missed > 0 || tally['does not apply'] > 0) process.exitCode = 1
}

await main()
