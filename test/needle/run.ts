// npm run needle: every recorded fault at the start, in the middle and at the end of very many sound connections.
import { spawn } from 'node:child_process'
import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { corpusPath } from '../support/recorded-captures.ts'
import { ROOT } from '../support/source-files.ts'
import { haystack, PLACES, type Place } from './haystack.ts'
import { knownDifferences, type NeedleCapture, nameOf, needleCaptures } from './needles.ts'
import { differences, type ReportedFinding } from './same-finding.ts'

/** A full table refuses every new connection: there is none beside those of the fault. */
const EXCLUSIVE = 'conntrack-table-full'

/** The indexes of what the hosts of public reports have are below. */
const OTHER_INTERFACES = 100

const USAGE = `run.ts [--connections N] [--rate N] [--only TEXT]
  --connections N  sound connections around each fault (200000)
  --rate N         of them a second of capture time (10000)
  --only TEXT      runs whose name ("scenario capture place") begins with that
known-differences.tsv is about these defaults: with other numbers faults may be found that it lists, or others missed.`

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '200000' },
    rate: { type: 'string', default: '10000' },
    only: { type: 'string', default: '' },
  },
})
const connections = Number(values.connections)
const rate = Number(values.rate)
if (!(Number.isInteger(connections) && connections > 0 && rate > 0)) {
  console.error(`usage: ${USAGE}`)
  process.exit(2)
}
if (!existsSync(corpusPath('lab')) || !existsSync(corpusPath('wild'))) {
  console.error('skipped: CTPCAP_CORPUS names no folder with recorded scenarios in `lab` and `wild`')
  process.exit(0)
}

/** The findings of the built program in a capture that comes through a pipe. */
async function findingsOf(capture: Readable): Promise<ReportedFinding[]> {
  // sound connections alone are not to fill the table
  const options = ['--json', '--set', `nf_conntrack_max=${Math.max(262_144, 2 * connections)}`]
  const child = spawn(process.execPath, [join(ROOT, 'dist/main.js'), 'analyze', ...options, '-'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  const [output, code] = await Promise.all([text(child.stdout), ended, pipeline(capture, child.stdin)])
  if (code !== 0) throw new Error(`analyze ended with ${code}`)
  return JSON.parse(output).findings
}

function pathOf({ collection, scenario, capture }: NeedleCapture): string {
  return corpusPath(collection, scenario, 'captures', capture)
}

async function runAt(needle: NeedleCapture, place: Place, alone: ReportedFinding[]): Promise<string[]> {
  const bytes = readFileSync(pathOf(needle))
  const isExclusive = needle.problem === EXCLUSIVE
  const { vantage } = needle
  const firstIndex = needle.collection === 'lab' ? 0 : OTHER_INTERFACES
  return differences(
    alone,
    await findingsOf(
      streamOf(haystack(bytes, { connections, rate, place, vantage, isExclusive, firstIndex })),
    ),
  )
}

/** One chunk at a time: the next is made while the program works on the last. */
function streamOf(chunks: Iterable<Uint8Array>): Readable {
  return Readable.from(chunks, { objectMode: true, highWaterMark: 1 })
}

const known = knownDifferences()
const wrong: string[] = []
let same = 0
let listed = 0
const began = performance.now()

function judge(name: string, different: readonly string[]): void {
  const cause = known.get(name)
  const isSame = different.length === 0
  if (isSame) same++
  else if (cause !== undefined) listed++
  if (isSame !== (cause === undefined))
    wrong.push(isSame ? `${name}: the same, and listed as different` : `${name}: ${different.join('; ')}`)
  console.log(
    `${name}\t${isSame ? 'same' : different.join('; ')}${cause === undefined ? '' : ` (known: ${cause})`}`,
  )
}

for (const needle of needleCaptures()) {
  const places = PLACES.filter(place => nameOf(needle, place).startsWith(values.only))
  if (places.length === 0) continue
  const alone = await findingsOf(createReadStream(pathOf(needle)))
  if (!alone.some(({ id }) => id === needle.problem))
    throw new Error(`${needle.scenario} ${needle.capture} alone does not give ${needle.problem}`)
  for (const place of places) judge(nameOf(needle, place), await runAt(needle, place, alone))
}

if (same + listed + wrong.length === 0) wrong.push(`no run is called ${values.only}`)
const minutes = ((performance.now() - began) / 60_000).toFixed(1)
console.log(`${same} same, ${listed} known to differ, ${wrong.length} wrong; ${minutes} minutes`)
for (const line of wrong) console.log(`WRONG ${line}`)
process.exitCode = wrong.length === 0 ? 0 : 1
