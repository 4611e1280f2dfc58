// Real captures outside the repository (CTPCAP_CORPUS) through the running kernel and through the model.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compareWithModel, disagreementText } from './compare.ts'
import { filesUnder } from './goldens.ts'
import { RecordingUnavailable, recordTo } from './record.ts'
import { readRecording } from './recording.ts'

const CAPTURE_NAME = /\.(pcap|pcapng|cap|ntar|snoop)(\.gz|\.zst|\.lz4)?$/
/** As ctpcap has it by default: captures show checksums that the kernel never saw. */
const SYSCTLS = { nf_conntrack_checksum: 0 }

/**
 * Compares every capture under `directory`, up to `maxSeconds` of it; prints those that differ or cannot be replayed.
 * @returns whether none differs
 */
export async function compareCorpus(
  directory: string,
  maxSeconds: number,
  parallel: number,
): Promise<boolean> {
  const waiting = filesUnder(directory).filter(name => CAPTURE_NAME.test(name))
  let [captures, frames, unseen, disagreements] = [0, 0, 0, 0]
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const outcome = await compareCapture(join(directory, name), maxSeconds)
      if (typeof outcome === 'string') {
        console.log(`${name}: not replayed, ${outcome}`)
        continue
      }
      captures++
      frames += outcome.frames
      unseen += outcome.unseen
      disagreements += outcome.lines.length
      for (const line of outcome.lines.slice(0, 5)) console.log(`${name}, ${line}`)
    }
  }
  await Promise.all(Array.from({ length: parallel }, work))
  const summary = `${frames} frames (${unseen} of them that the kernel could not be shown), ${disagreements} disagreements`
  console.log(`corpus: ${captures} captures, ${summary}`)
  return disagreements === 0
}

/** What differs in one capture, or why it cannot be compared. */
async function compareCapture(
  path: string,
  maxSeconds: number,
): Promise<{ frames: number; unseen: number; lines: string[] } | string> {
  const directory = mkdtempSync(join(tmpdir(), 'corpus-'))
  try {
    await recordTo(path, directory, SYSCTLS, maxSeconds)
    const kernel = readRecording(directory)
    const lines = (await compareWithModel(kernel, path, SYSCTLS)).map(disagreementText)
    return {
      frames: kernel.verdicts.length,
      unseen: kernel.verdicts.filter(v => v.state === 'unplayable').length,
      lines,
    }
  } catch (error) {
    if (error instanceof RecordingUnavailable) throw error
    return error instanceof Error ? error.message : String(error)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
