// Runs the built program on other versions of Node.js and compares what it prints, byte by byte: run.ts NODE...
import { execFile, execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../support/source-files.ts'

const MAIN = join(ROOT, 'dist/main.js')
const CAPTURE = /\.(pcap|pcapng|snoop|ntar)(\.(gz|zst|lz4))?$/
const LARGEST_OUTPUT = 1 << 28

/** For every capture among the fixtures, and further ones for some of them. */
const COMMANDS = [['analyze', '--json'], ['packets'], ['info', '--json']]
const FURTHER = [['events'], ['list', '--at', 'peak'], ['size', '--json']]
const SOME = /^fixtures\/(report|conntrack-output)\//
const SAME_BRIDGE = 'fixtures/findings/same-bridge-dnat.cni0.pcap'
const OTHERS = [
  ['analyze', SAME_BRIDGE],
  ['analyze', SAME_BRIDGE, '--rules', 'fixtures/knowledge/same-bridge-dnat.rules.txt'],
  ['analyze', SAME_BRIDGE, '--topology', 'fixtures/knowledge/ip-bridge.json'],
  ['list', 'fixtures/known-table/kernel.pcap', '--table', 'fixtures/known-table/kernel.table.txt'],
  ['size', 'fixtures/report/syn-flood.pcap', '--sweep', 'tcp_timeout_syn_sent=30,60,120'],
  ['help', 'analyze'],
]

function runs(): string[][] {
  const captures = readdirSync(join(ROOT, 'fixtures'), { recursive: true, encoding: 'utf8' })
    .filter(path => CAPTURE.test(path))
    .sort()
    .map(path => join('fixtures', path))
  const commandsFor = (path: string) => (SOME.test(path) ? [...COMMANDS, ...FURTHER] : COMMANDS)
  return [...captures.flatMap(path => commandsFor(path).map(command => [...command, path])), ...OTHERS]
}

/** Everything that a run gives: exit code, standard output, standard error. */
function outcome(node: string, args: string[]): Promise<string> {
  return new Promise(resolve => {
    const options = { cwd: ROOT, encoding: 'buffer', maxBuffer: LARGEST_OUTPUT } as const
    execFile(node, [MAIN, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : (error.code ?? error.signal)
      resolve(`${code}\n${stdout.toString('latin1')}\n${stderr.toString('latin1')}`)
    })
  })
}

const nodes = process.argv.slice(2)
if (nodes.length === 0) {
  console.error('usage: run.ts NODE...')
  process.exit(2)
}
const versions = nodes.map(node => execFileSync(node, ['--version'], { encoding: 'utf8' }).trim())
const different: string[] = []
let failed = 0
const all = runs()
const waiting = all.values()

async function work(): Promise<void> {
  for (const args of waiting) {
    const expected = await outcome(process.execPath, args)
    if (!/^[0-2]\n/.test(expected)) failed++
    for (const [i, node] of nodes.entries()) {
      if ((await outcome(node, args)) !== expected) different.push(`${versions[i]}: ctpcap ${args.join(' ')}`)
    }
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, work))
for (const line of different) console.log(`not as on ${process.version}: ${line}`)
if (failed > 0) console.log(`${failed} runs failed on ${process.version}`)
console.log(
  `${all.length} runs on ${versions.join(', ')} compared with ${process.version}: ${different.length} differ`,
)
process.exitCode = different.length + failed === 0 ? 0 : 1
