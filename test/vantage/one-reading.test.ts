// However a node was captured, no more packets are INVALID than its kernel counted: docs/invented-invalid.md has what is not so.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { replayNode } from '../support/node-run.ts'
import { capturesOfInterfaces, countedInvalid, ownFiles, recordedNodes } from '../support/recorded-nodes.ts'

const KNOWN = 'docs/invented-invalid.md'
const ROW = /^\| `([^`]+)` \| ([^|]+) \| (\d+ of \d+) \| ([^|]+) \|$/gm

const nodes = recordedNodes()
if (nodes.length === 0)
  console.warn('one-reading.test.ts: skipped, CTPCAP_CORPUS names no folder with recorded nodes')

/** Rows of the document: node and captures, then how many of how many. */
function readKnown(): Map<string, string> {
  const rows = [...readFileSync(KNOWN, 'utf8').matchAll(ROW)]
  return new Map(rows.map(([, node, captures, counts]) => [`${node} ${captures.trim()}`, counts]))
}

/** Each interface, each two, all, and every capture that shows several. */
function readings(folder: string): string[][] {
  const { single, several } = capturesOfInterfaces(folder)
  const pairs = single.flatMap((one, i) => single.slice(i + 1).map(other => [one, other]))
  return [
    ...single.map(name => [name]),
    ...pairs,
    ...(single.length > 2 ? [single] : []),
    ...several.map(name => [name]),
  ]
}

const nameOf = (captures: string[], all: number): string =>
  captures.length > 2 && captures.length === all ? 'all' : captures.join(' + ')

describe.skipIf(nodes.length === 0)('INVALID packets of part of a node', { timeout: 300_000 }, () => {
  const known = readKnown()

  it('are more than the kernel counted where the document says so, of nodes that there are', () => {
    const names = nodes.map(({ name }) => name)
    expect([...known.keys()].filter(key => !names.includes(key.split(' ')[0]))).toEqual([])
  })

  it.each(nodes)('$name', async node => {
    const kernel = countedInvalid(node)
    const own = ownFiles(node)
    const { single } = capturesOfInterfaces(node.folder)
    const more = new Map<string, string>()
    for (const captures of readings(node.folder)) {
      const paths = captures.map(name => join('captures', name))
      const counts: number[] = []
      for (const tellsBridge of [true, false])
        counts.push((await replayNode(node.folder, paths, { ...own, tellsBridge })).invalid)
      const invalid = Math.max(...counts)
      if (invalid > kernel)
        more.set(`${node.name} ${nameOf(captures, single.length)}`, `${invalid} of ${kernel}`)
    }
    const expected = [...known].filter(([key]) => key.startsWith(`${node.name} `))
    expect([...more].toSorted()).toEqual(expected.toSorted())
  })
})
