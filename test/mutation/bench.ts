// The process that runs tests over sources with a fault or with marks, as run.ts orders it: Vitest stays loaded between orders.
import { join } from 'node:path'
import {
  createVitest,
  type Reporter,
  type TestModule,
  type TestSpecification,
  type Vitest,
} from 'vitest/node'
import { ROOT } from '../support/source-files.ts'
import { withFault, withMarks } from './plant.ts'
import type { Site } from './sites.ts'

export type Order =
  /** Runs one part of the test files over the sources as they are, and notes which of the faults each runs through. */
  | { measure: { filter: string; faults: Site[]; part: number; parts: number } }
  /** Runs test files, in their order, over the sources with a fault, until a test fails. */
  | { plant: { files: string[]; fault: Site } }

export interface Measured {
  file: string
  /** What it took, loading the sources included. */
  milliseconds: number
  /** Numbers of the faults that were run through while it was loaded, and afterwards. */
  loading: number[]
  hits: number[]
}

export type Answer = { measured: Measured[]; failures: string[] } | { failure: string | null }

/** Test files that see nothing of a fault, because what they run are processes of their own. */
const BUILT = [
  '**/package.test.ts',
  '**/budget.test.ts',
  '**/cli/failing-output.test.ts',
  '**/cli/process.test.ts',
  '**/cli/signals.test.ts',
]
/** And those that take from ten seconds to minutes: what catches a fault is to be quick. */
const SLOW = [
  '**/capture/large-file.test.ts',
  '**/cli/absurd-values.test.ts',
  '**/filter/tcpdump.test.ts',
  '**/findings/flow-look-alikes.test.ts',
  '**/findings/other-numbers.test.ts',
  '**/findings/parts-of-captures.test.ts',
  '**/findings/port-pressure.test.ts',
  '**/host/malformed.test.ts',
  '**/report/first-screen.test.ts',
  '**/report/markdown.test.ts',
]

let fault: Site | null = null
let marked: Site[] = []

/** Gives Vitest the sources with the fault, or with marks. */
const vite: NonNullable<Parameters<typeof createVitest>[2]> = {
  plugins: [
    {
      name: 'mutation',
      enforce: 'pre',
      transform(code, id) {
        const file = sourceOf(id)
        if (fault !== null && fault.file === file) return { code: withFault(code, fault), map: null }
        const sites = marked.filter(site => site.file === file)
        if (sites.length === 0) return null
        return { code: withMarks(code, sites, site => marked.indexOf(site)), map: null }
      },
    },
  ],
}

/** Test files in the order they are given. */
class AsOrdered {
  shard(files: TestSpecification[]): TestSpecification[] {
    return files
  }
  sort(files: TestSpecification[]): TestSpecification[] {
    return files
  }
}

let modules: TestModule[] = []
let failures: string[] = []

const reporter: Reporter = {
  onTestModuleEnd: module => {
    modules.push(module)
  },
  onTestCaseResult: test => {
    if (test.result().state === 'failed') failures.push(`${pathOf(test.module)}: ${test.fullName}`)
  },
  onTestRunEnd: (ended, errors) => {
    for (const module of ended)
      if (module.errors().length > 0) failures.push(`${pathOf(module)}: ${module.errors()[0].message}`)
    for (const error of errors) failures.push(error.message)
  },
}

const vitest: Vitest = await createVitest(
  'test',
  {
    root: ROOT,
    config: false,
    watch: false,
    pool: 'forks',
    isolate: false,
    maxWorkers: 1,
    bail: 1,
    exclude: ['**/node_modules/**', '**/dist/**', ...BUILT, ...SLOW],
    execArgv: ['--max-old-space-size=3072'],
    setupFiles: [join(import.meta.dirname, 'note-hits.ts')],
    sequence: { sequencer: AsOrdered as never },
    reporters: [reporter],
    silent: true,
    // machines are busy
    testTimeout: 30_000,
    update: false,
  },
  vite,
)
await vitest.standalone()
const specifications = new Map(
  (await vitest.globTestSpecifications()).map(specification => [
    specification.moduleId.slice(ROOT.length + 1),
    specification,
  ]),
)

process.on('message', (order: Order) => {
  // nobody is left to hear it when the run was ended meanwhile
  void carryOut(order).then(answer => process.send!(answer, () => {}))
})
// the workers are of this process's group
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'))
process.send!('ready')

async function carryOut(order: Order): Promise<Answer> {
  if ('measure' in order) {
    const { filter, faults, part, parts } = order.measure
    marked = faults
    // sorted, because each bench finds them in an order of its own
    const files = [...specifications.keys()].filter(file => file.includes(filter)).sort()
    await runFiles(files.filter((_, index) => index % parts === part))
    return { measured: modules.map(measuredOf), failures }
  }
  fault = order.plant.fault
  vitest.invalidateFile(join(ROOT, 'src', fault.file))
  await runFiles(order.plant.files)
  vitest.invalidateFile(join(ROOT, 'src', fault.file))
  return { failure: failures[0] ?? null }
}

async function runFiles(files: readonly string[]): Promise<void> {
  modules = []
  failures = []
  await vitest.runTestSpecifications(files.map(file => specifications.get(file)!))
}

function measuredOf(module: TestModule): Measured {
  const { loading, hits } = module.meta() as Partial<Measured>
  const { duration, collectDuration, prepareDuration, environmentSetupDuration, setupDuration } =
    module.diagnostic()
  const milliseconds = duration + collectDuration + prepareDuration + environmentSetupDuration + setupDuration
  return {
    file: pathOf(module),
    milliseconds: Math.ceil(milliseconds),
    loading: loading ?? [],
    hits: hits ?? [],
  }
}

function pathOf({ moduleId }: TestModule): string {
  return moduleId.slice(ROOT.length + 1)
}

/** The path under src/ of a module, '' of others. */
function sourceOf(id: string): string {
  const top = `${join(ROOT, 'src')}/`
  return id.startsWith(top) ? id.slice(top.length).replace(/\?.*$/, '') : ''
}
