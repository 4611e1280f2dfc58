// `--topology`: what ip and bridge print, as JSON or as text, of one network namespace or of several.
import { FileFault } from './file-fault.ts'
import { looksLikeJson, readJsonDocuments } from './json-documents.ts'
import type { Topology } from './topology.ts'
import { readTopologyJson } from './topology-json.ts'
import { readTopologyText } from './topology-text.ts'

const EXPECTED =
  'expected the output of ip -j addr, ip -j route, ip -j neigh, bridge -j -d link, bridge -j fdb'

/** A line that says whose what follows is: `### namespace node`, `netns: node`. */
const NAMESPACE = /^(?:#+\s*(?:network )?namespace|#*\s*netns:?)\s+(\S+)\s*$/

/**
 * Reads one file into `topology`.
 * @throws FileFault for a file that has nothing of it
 */
export function readTopology(text: string, topology: Topology): void {
  let understood = 0
  for (const part of partsOf(text)) {
    const host = topology.host(part.name)
    if (looksLikeJson(part.text)) {
      for (const document of documentsOf(part)) understood += readTopologyJson(document, host)
    } else understood += readTopologyText(part.text, host)
  }
  if (understood === 0) throw new FileFault(1, `no interfaces, routes or neighbours in it, ${EXPECTED}`)
}

interface Part {
  name: string
  /** Lines in front of it. */
  lines: number
  text: string
}

function partsOf(text: string): Part[] {
  const parts: Part[] = []
  let current: { name: string; lines: number; own: string[] } = { name: '', lines: 0, own: [] }
  const close = (): void => {
    const own = current.own.join('\n')
    if (own.trim() !== '') parts.push({ name: current.name, lines: current.lines, text: own })
  }
  for (const [i, line] of text.split('\n').entries()) {
    const name = NAMESPACE.exec(line)?.[1]
    if (name === undefined) {
      current.own.push(line)
      continue
    }
    close()
    current = { name, lines: i + 1, own: [] }
  }
  close()
  return parts
}

function documentsOf({ text, lines }: Part) {
  try {
    return readJsonDocuments(text)
  } catch (error) {
    if (error instanceof FileFault) throw new FileFault(error.line + lines, error.message)
    throw error
  }
}
