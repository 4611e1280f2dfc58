// What can be read more than once: files, not pipes nor devices.
import { stat } from 'node:fs/promises'

/** Whether there is a file of that path, or one that a link leads to. */
export async function isRegularFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() === true
}
