// All files of a command, before it reads any: refused are an output that is an input, two outputs that are one file, and an input given twice.
import { randomBytes } from 'node:crypto'
import { type BigIntStats, closeSync, fstatSync, openSync, realpathSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { STANDARD_INPUT } from '../../capture/open/stored.ts'
import type { StandardDescriptors } from '../io/io.ts'
import { outputTarget } from '../io/output-target.ts'
import { UsageError } from '../io/usage-error.ts'
import type { NamedFile } from './named-files.ts'

/** A file, and where it lies. */
interface PlacedFile {
  isWritten: boolean
  option: string
  /** As the user gave it. */
  path: string
  host: string
  /** What is there; null for an output that is not there yet. */
  stats: BigIntStats | null
  /** With all links followed; '' for what a shell opened. */
  real: string
  /** What it shares with all that may be the same file. */
  keys: string[]
}

const STANDARD_OUTPUT = 'standard output'
const STANDARD_ERROR = 'standard error'

/**
 * Refuses files that are in each other's way, under whatever names. An input that cannot be found is left to who opens
 * it.
 * @param descriptors of the standard streams, null where none are looked at
 * @throws UsageError, and OutputError for an output that cannot be written
 */
export function refuseClashes(files: readonly NamedFile[], descriptors: StandardDescriptors | null): void {
  const placed = files.flatMap(file => placesOf(file, descriptors))
  if (descriptors !== null) {
    placed.push(redirected(true, STANDARD_OUTPUT, descriptors.stdout))
    // first of all: where it is an input, no other clash may be told either
    placed.unshift(redirected(true, STANDARD_ERROR, descriptors.stderr))
  }
  const known = new Map<string, PlacedFile[]>()
  for (const file of placed) {
    for (const key of file.keys) {
      const others = known.get(key) ?? []
      for (const other of others) refuse(file, other)
      known.set(key, [...others, file])
    }
  }
}

/** None for what cannot be found. */
function placesOf(
  { role, option, path, host }: NamedFile,
  descriptors: StandardDescriptors | null,
): PlacedFile[] {
  const isWritten = role === 'written'
  if (option === '' && path === STANDARD_INPUT)
    return descriptors === null ? [] : [redirected(false, 'standard input', descriptors.stdin)]
  if (isWritten) {
    const target = outputTarget(path)
    const place = { isWritten, option, path, host, real: target.path }
    if (target.before !== null) return [existing(place, statSync(target.path, { bigint: true }))]
    const folder = statSync(dirname(target.path), { bigint: true })
    return [{ ...place, stats: null, keys: [`${identityOf(folder)}/${folded(basename(target.path))}`] }]
  }
  try {
    const stats = statSync(path, { bigint: true })
    return [existing({ isWritten, option, path, host, real: resolved(path) }, stats)]
  } catch {
    return []
  }
}

/** What /dev/fd leads to may have no name. */
function resolved(path: string): string {
  try {
    return realpathSync.native(path)
  } catch {
    return ''
  }
}

function redirected(isWritten: boolean, path: string, descriptor: number): PlacedFile {
  const place = { isWritten, option: '', path, host: '', real: '' }
  return existing(place, fstatSync(descriptor, { bigint: true }))
}

/** Some file systems have no numbers for their files, others several for one: the resolved path tells, too. */
function existing(place: Omit<PlacedFile, 'stats' | 'keys'>, stats: BigIntStats): PlacedFile {
  const keys = [stats.ino === 0n ? '' : identityOf(stats), place.real]
  return { ...place, stats, keys: keys.filter(key => key !== '') }
}

function identityOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`
}

/** A name as the most lenient of file systems takes it. */
function folded(name: string): string {
  return name.normalize('NFKD').toUpperCase().toLowerCase()
}

function refuse(file: PlacedFile, other: PlacedFile): void {
  const where = `${nameOf(file)}: `
  if (!file.isWritten && !other.isWritten) {
    if (file.option !== other.option) return
    // two hosts may have the same rules
    if (file.option !== '' && file.host !== other.host) return
    const again = other.path === file.path ? 'given twice' : `the same file as ${other.path}`
    throw new UsageError(`${where}${again}, expected each ${file.option === '' ? 'capture' : 'file'} once`)
  }
  if (file.isWritten && other.isWritten) {
    // both standard streams may go to one log; what a device is told is not kept
    const isLog = file.path === STANDARD_OUTPUT && other.path === STANDARD_ERROR
    if (isLog || !isStored(file.stats) || !isOneName(file, other)) return
    throw new UsageError(`${where}the same file as ${nameOf(other)}, expected one for each output`)
  }
  if (!isStored(file.stats) && file.stats?.isFIFO() !== true) return
  const [output, input] = file.isWritten ? [file, other] : [other, file]
  throw new UsageError(
    `${nameOf(output)}: the same file as ${nameOf(input)}, which is read: expected another one`,
    output.path === STANDARD_ERROR,
  )
}

function nameOf({ option, path }: PlacedFile): string {
  return option === '' ? path : `${option} ${path}`
}

/** Whether something may be kept there. */
function isStored(stats: BigIntStats | null): boolean {
  return stats === null || stats.isFile() || stats.isBlockDevice()
}

/** Whether two outputs, of which neither may be there yet, will be one: the file system is asked where their names look alike. */
function isOneName(file: PlacedFile, other: PlacedFile): boolean {
  if (file.stats !== null || basename(file.real) === basename(other.real)) return true
  const trial = join(dirname(file.real), `.ctpcap-${randomBytes(9).toString('hex')}-`)
  try {
    closeSync(openSync(trial + basename(file.real), 'wx', 0o600))
    return statSync(trial + basename(other.real), { throwIfNoEntry: false }) !== undefined
  } catch {
    // what cannot be told apart is not risked
    return true
  } finally {
    rmSync(trial + basename(file.real), { force: true })
  }
}
