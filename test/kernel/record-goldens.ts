// Records what the running kernel says of every capture in fixtures/ that it can be shown, for goldens.ts to compare with.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { FIXTURES, filesUnder, GOLDENS, goldenSysctls, VERDICTS } from './goldens.ts'
import { runModel } from './model.ts'
import { RecordingUnavailable, recordTo } from './record.ts'
import { readRecording } from './recording.ts'

const CAPTURE_NAME = /\.(pcap|pcapng|cap|ntar)(\.gz)?$/
/** Longer captures are recorded up to here; the comparison ends with the recording. */
const MAX_SECONDS = 600

/** Records one capture; returns what there is to say about it. */
async function recordGolden(name: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'golden-'))
  try {
    const sysctls = goldenSysctls(name)
    await recordTo(join(FIXTURES, name), directory, sysctls, MAX_SECONDS)
    // a capture that ctpcap refuses has nothing to be compared with
    await runModel(join(FIXTURES, name), sysctls, 0)
    const { verdicts } = readRecording(directory)
    const seen = verdicts.filter(({ state }) => state !== 'skipped').length
    if (seen === 0) return 'nothing that the kernel could be shown'
    mkdirSync(dirname(join(GOLDENS, name)), { recursive: true })
    copyFileSync(join(directory, 'verdicts.tsv'), join(GOLDENS, `${name}${VERDICTS}`))
    copyFileSync(join(directory, 'events.tsv'), join(GOLDENS, `${name}.events.tsv`))
    return `${seen} of ${verdicts.length} frames`
  } catch (error) {
    if (error instanceof RecordingUnavailable) throw error
    return `not recorded: ${error instanceof Error ? error.message : error}`
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const wanted = process.argv.slice(2)
for (const name of filesUnder(FIXTURES).filter(file => CAPTURE_NAME.test(file))) {
  if (wanted.length > 0 && !wanted.some(part => name.includes(part))) continue
  console.log(`${name}: ${await recordGolden(name)}`)
}
