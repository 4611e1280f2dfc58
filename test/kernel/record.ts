// Runs record.py: a capture through the running kernel's conntrack, or the news that this is not possible here.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CaptureRecords, writeCapture } from './capture-file.ts'
import { CAPTURE, readRecording } from './recording.ts'

const RECORDER = join(import.meta.dirname, 'record.py')
const EXIT_UNAVAILABLE = 77
/** Microseconds: frames later than this may meet an entry expired that should be alive (see conversation.ts). */
const TOO_LATE = 50_000
/** A machine that was busy for a moment gets another chance; one that is too slow for the capture does not. */
const ATTEMPTS = 4

/** The kernel, its modules, the tools or the rights for a recording are missing; the message says which. */
export class RecordingUnavailable extends Error {}

/**
 * Records a capture file into a directory.
 * @param sysctls by their names under net.netfilter, or dotted ones outside it
 * @returns whether the kernel got every frame in time; if not, what hangs on timeouts may differ
 * @throws RecordingUnavailable when the kernel cannot be asked here
 */
export async function recordTo(
  capture: string,
  directory: string,
  sysctls: Readonly<Record<string, number>>,
  maxSeconds = 600,
): Promise<boolean> {
  const settings = Object.entries(sysctls).flatMap(([name, value]) => ['--sysctl', `${name}=${value}`])
  const options = ['--out', directory, '--max-seconds', String(maxSeconds), ...settings]
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const { code, text } = await run('python3', [RECORDER, capture, ...options])
    if (code === EXIT_UNAVAILABLE) throw new RecordingUnavailable(text.trim())
    if (code !== 0) throw new Error(text.trim() || `record.py ended with ${code}`)
    if (readRecording(directory).latest < TOO_LATE) return true
  }
  return false
}

/** Calls `use` with the frames in a file, and the temporary directory that it is in. */
export async function withCapture<T>(
  frames: CaptureRecords,
  use: (capture: string, directory: string) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'conformance-'))
  try {
    const capture = join(directory, CAPTURE)
    writeCapture(capture, frames)
    return await use(capture, directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function run(command: string, options: string[]): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, options, { stdio: ['ignore', 'inherit', 'pipe'] })
    const forward = (): void => void child.kill('SIGTERM')
    process.once('SIGINT', forward)
    let text = ''
    child.stderr.on('data', chunk => {
      text += chunk
    })
    child.once('error', reject)
    child.once('close', code => {
      process.off('SIGINT', forward)
      resolve({ code, text })
    })
  })
}
