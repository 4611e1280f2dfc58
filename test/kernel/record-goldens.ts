// Records what the running kernel says of every capture in fixtures/ that it can be shown, for goldens.ts to compare with.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { EVENTS, FIXTURES, fixtureCaptures, GOLDENS, goldenSysctls, VERDICTS } from './goldens.ts'
import { runModel } from './model.ts'
import { RecordingUnavailable, recordTo } from './record.ts'
import { readRecording } from './recording.ts'
import { WITHOUT_GOLDEN } from './without-golden.ts'

/** Longer captures are recorded up to here; the comparison ends with the recording. */
const MAX_SECONDS = 600
/** Goldens larger than this are gzipped: fixtures are to stay small. */
const PLAIN_BYTES = 4096

/** Records one capture; returns what there is to say about it. */
async function recordGolden(name: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'golden-'))
  try {
    const sysctls = goldenSysctls(name)
    await recordTo(join(FIXTURES, name), directory, sysctls, MAX_SECONDS)
    // a capture that ctpcap refuses has nothing to be compared with
    await runModel(join(FIXTURES, name), sysctls, 0)
    const { verdicts } = readRecording(directory)
    const seen = verdicts.filter(({ state }) => state !== 'skipped' && state !== 'unplayable').length
    if (seen === 0) return 'nothing that the kernel could be shown'
    mkdirSync(dirname(join(GOLDENS, name)), { recursive: true })
    keep(join(directory, 'verdicts.tsv'), join(GOLDENS, `${name}${VERDICTS}`))
    keep(join(directory, 'events.tsv'), join(GOLDENS, `${name}${EVENTS}`))
    return `${seen} of ${verdicts.length} frames`
  } catch (error) {
    if (error instanceof RecordingUnavailable) throw error
    return `not recorded: ${error instanceof Error ? error.message : error}`
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Copies a file of a recording to where it is a golden, instead of what was there. */
function keep(from: string, to: string): void {
  const bytes = readFileSync(from)
  rmSync(to, { force: true })
  rmSync(`${to}.gz`, { force: true })
  if (bytes.length > PLAIN_BYTES) writeFileSync(`${to}.gz`, gzipSync(bytes, { level: 9 }))
  else writeFileSync(to, bytes)
}

const wanted = process.argv.slice(2)
for (const name of fixtureCaptures().filter(name => WITHOUT_GOLDEN[name] === undefined)) {
  if (wanted.length > 0 && !wanted.some(part => name.includes(part))) continue
  console.log(`${name}: ${await recordGolden(name)}`)
}
