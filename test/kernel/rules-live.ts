// Random rulesets and packets through the running kernel, in throw-away namespaces, and through the model: `npx tsx test/kernel/rules-live.ts FROM-TO`.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compareRules } from './rules-comparison.ts'

/** Of all packets, those whose fate the model may not tell, or have wrong: what one capture of all interfaces hides. */
const MOST_UNKNOWN = 0.05
const MOST_WRONG = 0.005

const oracle = join(process.env.CTPCAP_CORPUS ?? '../shared', 'kernel-oracle', 'rules-cases.py')
const [from = 1, to = from] = (process.argv[2] ?? '1-100').split('-').map(Number)

function missing(): string | null {
  if (process.getuid?.() !== 0) return 'needs root'
  if (!existsSync(oracle)) return `${oracle} is not there`
  for (const tool of ['iptables-restore', 'nft', 'conntrack', 'ip', 'python3']) {
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `${tool} is not installed`
  }
  return null
}

function python(...args: string[]): boolean {
  return spawnSync('python3', [oracle, ...args], { stdio: 'ignore', timeout: 60_000 }).status === 0
}

async function run(): Promise<number> {
  const reason = missing()
  if (reason !== null) {
    process.stdout.write(`rules: skipped, ${reason}\n`)
    return 0
  }
  const folder = mkdtempSync(join(tmpdir(), 'ctpcap-rules-'))
  const sum = { cases: 0, packets: 0, unknown: 0, wrong: 0, counters: 0, events: 0, failed: 0 }
  try {
    for (let seed = from; seed <= to; seed++) {
      const own = join(folder, String(seed))
      if (!python('gen', '--visible', '--seed', String(seed), '--out', own) || !python('run', own)) {
        sum.failed++
        continue
      }
      const { packets, unknown, wrong, counters, events } = await compareRules(own)
      sum.cases++
      sum.packets += packets
      sum.unknown += unknown
      sum.wrong += wrong.length
      sum.counters += counters.length
      sum.events += events.length
      for (const line of wrong) process.stdout.write(`seed ${seed}: frame ${line}\n`)
      rmSync(own, { recursive: true })
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  process.stdout.write(`rules: ${JSON.stringify(sum)}\n`)
  const isGood =
    sum.cases > (to - from) * 0.9 &&
    sum.unknown <= sum.packets * MOST_UNKNOWN &&
    sum.wrong <= sum.packets * MOST_WRONG
  return isGood ? 0 : 1
}

process.exitCode = await run()
