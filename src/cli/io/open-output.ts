// Opens the file that an option names for output: regular ones become whole or stay as they are, FIFOs and devices are written directly.
import type { OutputFile } from './output-file.ts'
import { outputTarget } from './output-target.ts'
import { SpecialFile } from './special-file.ts'
import { WholeFile } from './whole-file.ts'

/**
 * Opens `path` for output; where it is a FIFO, waits until somebody reads it.
 * @param ending when it is aborted, the wait ends and the file is discarded before anything else happens
 * @throws OutputError, or what `ending` was aborted with
 */
export async function openOutput(path: string, ending: AbortSignal): Promise<OutputFile> {
  ending.throwIfAborted()
  const target = outputTarget(path)
  const file = target.isSpecial ? await SpecialFile.open(target, ending) : new WholeFile(target)
  ending.addEventListener('abort', () => file.discard(), { once: true })
  return file
}
