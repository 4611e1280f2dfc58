// `--topology`: what ip and bridge print, as JSON or as text, of one network namespace or of several.
import { FileFault } from '../files/file-fault.ts'
import { looksLikeJson, readJsonDocuments } from '../files/json-documents.ts'
import { MOST_LINES } from '../files/text-lines.ts'
import type { Topology } from './topology.ts'
import { readTopologyJson } from './topology-json.ts'
import { readTopologyText } from './topology-text.ts'

const EXPECTED =
  'expected the output of ip -j addr, ip -j route, ip -j neigh, bridge -j -d link, bridge -j fdb'

/** Namespaces of a file; a node has some hundreds. */
const MOST_HOSTS = 100_000

/** A line that says whose what follows is: `### namespace node`, `netns: node`. */
const NAMESPACE = /^(?:#+\s*(?:network )?namespace|#*\s*netns:?)\s+(\S+)\s*$/

/**
 * Reads one file into `topology`.
 * @param name the namespace that it is of, where it does not say
 * @throws FileFault for a file that has nothing of it
 */
export function readTopology(text: string, topology: Topology, name = ''): void {
  let understood = 0
  for (const part of partsOf(text)) {
    if (topology.hosts.length > MOST_HOSTS || understood > MOST_LINES) {
      throw new FileFault(
        part.lines + 1,
        `more than ${MOST_HOSTS} namespaces or ${MOST_LINES} lines, the most that are read`,
      )
    }
    const host = topology.host(part.name === '' ? name : part.name)
    try {
      if (looksLikeJson(part.text)) {
        for (const document of readJsonDocuments(part.text)) understood += readTopologyJson(document, host)
      } else understood += readTopologyText(part.text, host)
    } catch (error) {
      throw error instanceof FileFault ? new FileFault(error.line + part.lines, error.message) : error
    }
  }
  if (understood === 0) throw new FileFault(1, `no interfaces, routes or neighbours in it, ${EXPECTED}`)
}

interface Part {
  name: string
  /** Lines in front of it. */
  lines: number
  text: string
}

/** What stands between the lines that name a namespace; parts of blanks alone are left out. */
function* partsOf(text: string): Generator<Part> {
  let part = { name: '', lines: 0, start: 0 }
  const until = (end: number): Part[] => {
    const own = text.slice(part.start, end)
    return own.trim() === '' ? [] : [{ name: part.name, lines: part.lines, text: own }]
  }
  const lines = /^[ \t]*(?:#|netns).*$/gm
  let number = 1
  let at = 0
  for (let match = lines.exec(text); match !== null; match = lines.exec(text)) {
    const name = NAMESPACE.exec(match[0])?.[1]
    if (name === undefined) continue
    for (; at < match.index; number++) at = text.indexOf('\n', at) + 1
    yield* until(match.index)
    part = { name, lines: number - 1, start: lines.lastIndex }
  }
  yield* until(text.length)
}
