// The captures of the runs in a collection of CTPCAP_CORPUS, with what is known of each run.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const CORPUS = process.env.CTPCAP_CORPUS ?? ''
const CAPTURE = /\.(pcap|pcapng|ntar|snoop)(\.gz)?$/

/** A path below CTPCAP_CORPUS. */
export function corpusPath(...names: string[]): string {
  return join(CORPUS, ...names)
}

/** Where a collection stands, or null where it is not there. */
export function collectionPath(collection: string): string | null {
  const path = corpusPath(collection)
  return CORPUS !== '' && existsSync(path) ? path : null
}

/** All captures below a collection, in paths from there, sorted; none where it is not there. */
export function capturesIn(collection: string): string[] {
  const path = collectionPath(collection)
  if (path === null) return []
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && CAPTURE.test(entry.name))
    .map(entry => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort()
}

/** What is known of a run: `truth.json` in its folder, read as its collection has it. */
export function truthOf<T>(collection: string, run: string): T {
  return JSON.parse(readFileSync(corpusPath(collection, run, 'truth.json'), 'utf8')) as T
}
