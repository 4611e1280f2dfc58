// However a node was captured, no more is INVALID than its kernel counted, and flows are its own: see docs/invented-invalid.md.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type NodeRun, replayNode } from '../support/node-run.ts'
import { capturesOfInterfaces, countedInvalid, ownFiles, recordedNodes } from '../support/recorded-nodes.ts'

const KNOWN = 'docs/invented-invalid.md'
const ROW = /^\| `([^`]+)` \| ([^|]+) \| (\d+ of \d+) \| ([^|]+) \|$/gm

/** Flows that part of a node shows, and its table had not. */
const FLOW_ROW = /^\| `([^`]+)` \| `([^`]+)` \| ([^|]+) \|$/gm

const nodes = recordedNodes()
if (nodes.length === 0)
  console.warn('one-reading.test.ts: skipped, CTPCAP_CORPUS names no folder with recorded nodes')

/** Rows of the document: node and captures, then how many of how many. */
function readKnown(): Map<string, string> {
  const rows = [...readFileSync(KNOWN, 'utf8').matchAll(ROW)]
  return new Map(rows.map(([, node, captures, counts]) => [`${node} ${captures.trim()}`, counts]))
}

function readUnmet(): Set<string> {
  return new Set(
    [...readFileSync(KNOWN, 'utf8').matchAll(FLOW_ROW)].map(([, node, view]) => `${node} ${view}`),
  )
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

const isWhole = (captures: string[], single: string[]): boolean =>
  captures.length === single.length || captures.some(name => !single.includes(name))

/** All flows of a node: what its kernel had, and what the model has where all interfaces were captured. */
function nodeFlows({ events, entries, expectedEvents, expectedEntries }: NodeRun): string[] {
  return [events, entries, expectedEvents, expectedEntries].flatMap(map => [...map.keys()])
}

const TUPLE = /src=(\S+) dst=(\S+)(?: sport=(\d+) dport=(\d+))?/

/** Both ends of a tuple. */
function endsOf(tuple: string): [source: string, destination: string] {
  const [, source, destination, sourcePort, destinationPort] = TUPLE.exec(tuple) ?? []
  return [`${source} ${sourcePort}`, `${destination} ${destinationPort}`]
}

/** A flow by the ends that its packets had, in no order. */
function viewOf(flow: string): string {
  const protocol = flow.slice(0, flow.indexOf(' '))
  return `${protocol} ${endsOf(flow).sort().join(' ')}`
}

/** All that a single interface may show of a flow: with each end before or behind its translation. */
function viewsOf(flow: string): string[] {
  const protocol = flow.slice(0, flow.indexOf(' '))
  const [original = '', reply = ''] = flow.split(' | ')
  const [client, service] = endsOf(original)
  const [backend, seenClient] = endsOf(reply)
  return [client, seenClient].flatMap(source =>
    [service, backend].map(destination => `${protocol} ${[source, destination].sort().join(' ')}`),
  )
}

describe.skipIf(nodes.length === 0)('INVALID packets of part of a node', { timeout: 300_000 }, () => {
  const known = readKnown()
  const unmet = readUnmet()

  it('are more than the kernel counted where the document says so, of nodes that there are', () => {
    const names = nodes.map(({ name }) => name)
    expect([...known.keys()].filter(key => !names.includes(key.split(' ')[0]))).toEqual([])
  })

  it.each(nodes)('$name', async node => {
    const kernel = countedInvalid(node)
    const own = ownFiles(node)
    const { single } = capturesOfInterfaces(node.folder)
    const more = new Map<string, string>()
    const whole = new Set<string>()
    const ofParts = new Map<string, string[]>()
    for (const captures of readings(node.folder)) {
      const paths = captures.map(name => join('captures', name))
      const name = nameOf(captures, single.length)
      const counts: number[] = []
      for (const tellsBridge of [true, false]) {
        const run = await replayNode(node.folder, paths, { ...own, tellsBridge })
        counts.push(run.invalid)
        const flows = [...run.events.keys(), ...run.entries.keys()]
        if (isWhole(captures, single))
          for (const flow of nodeFlows(run)) for (const view of viewsOf(flow)) whole.add(view)
        else ofParts.set(name, [...(ofParts.get(name) ?? []), ...flows])
      }
      const invalid = Math.max(...counts)
      if (invalid > kernel) more.set(`${node.name} ${name}`, `${invalid} of ${kernel}`)
    }
    const strange = [...ofParts].flatMap(([name, flows]) =>
      [...new Set(flows)]
        .filter(flow => !whole.has(viewOf(flow)) && !unmet.has(`${node.name} ${viewOf(flow)}`))
        .map(flow => `${name}: ${flow}`),
    )
    if (whole.size > 0) expect(strange).toEqual([])
    const expected = [...known].filter(([key]) => key.startsWith(`${node.name} `))
    expect([...more].toSorted()).toEqual(expected.toSorted())
  })
})
