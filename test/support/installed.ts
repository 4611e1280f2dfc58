// Programs that some tests need beside Node.js, and whether they are on the PATH.
import { accessSync, constants } from 'node:fs'
import { delimiter, resolve } from 'node:path'

/** @param program a name, or a path */
export function isInstalled(program: string): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.some(folder => {
    try {
      accessSync(resolve(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Whether a program is there; where it is not, says on the console what is skipped. @param what "x.test.ts: FIFOs" */
export function hasProgram(program: string, what: string): boolean {
  const isHere = isInstalled(program)
  if (!isHere) console.warn(`${what}: skipped, there is no ${program}`)
  return isHere
}
