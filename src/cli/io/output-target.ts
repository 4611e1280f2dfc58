// Where an output goes, and whether it may: links are followed and read-only files refused as cp(1) does it, before anything is written.
import {
  accessSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isMaimed, MAIMED } from '../../capture/path-fault.ts'
import { OutputError } from './output-error.ts'

export interface OutputTarget {
  /** As the user gave it. */
  name: string
  /** With all links followed; `name` for what is written directly. */
  path: string
  /** What is there now, or null. */
  before: Stats | null
  /** Whether it is a FIFO or a device: written directly, for nothing can take its place. */
  isSpecial: boolean
}

/** Finds out where `name` leads. @throws OutputError where nothing can be written there */
export function outputTarget(name: string): OutputTarget {
  // a file of another name is not what was asked for
  if (isMaimed(name)) throw new OutputError(name, MAIMED)
  try {
    // undefined also where a part of the path is no directory
    const before = statSync(name, { throwIfNoEntry: false })
    if (before === undefined) return { name, path: newPath(name), before: null, isSpecial: false }
    if (before.isDirectory()) throw new OutputError(name, 'is a directory')
    if (!before.isFile()) return { name, path: name, before, isSpecial: true }
    const path = resolved(name, name, before)
    // asks the kernel itself, which knows of more than the mode; nothing is changed without O_TRUNC
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
    checkFolder(name, dirname(path), before)
    return { name, path, before, isSpecial: false }
  } catch (error) {
    throw error instanceof OutputError ? error : new OutputError(name, error)
  }
}

/** Where a file that is not there yet will be. */
function newPath(name: string): string {
  if (lstatSync(name, { throwIfNoEntry: false })?.isSymbolicLink() === true)
    throw new OutputError(name, 'a symbolic link to nothing')
  const folder = resolved(name, dirname(name), statSync(dirname(name)))
  checkFolder(name, folder, null)
  return join(folder, basename(name))
}

/** A path without links. Those of /proc may lead where no path does, and the path they show to another file. */
function resolved(name: string, path: string, { dev, ino }: Stats): string {
  const real = realpathSync.native(path)
  const there = statSync(real)
  if (there.dev !== dev || there.ino !== ino) throw new OutputError(name, 'no path leads to it from here')
  return real
}

/** A file takes the place of another one by a rename, which its directory has to allow. */
function checkFolder(name: string, folder: string, before: Stats | null): void {
  // with the dot a file is not enough
  const stats = statSync(`${folder}/.`)
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EACCES') throw error
    throw new OutputError(name, 'permission denied to make a file in its directory')
  }
  const user = process.geteuid?.() ?? 0
  const isSticky = (stats.mode & 0o1000) !== 0
  if (isSticky && before !== null && user !== 0 && before.uid !== user && stats.uid !== user)
    throw new OutputError(name, "permission denied to replace another user's file in its directory")
}
