// Holds every recorded node to its kernel's own logs: `conntrack -E`, `-L` at the end, and the INVALID packets of `-S`.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { verdictText } from '../kernel/compare.ts'
import { runModel } from '../kernel/model.ts'
import { differences, replayNode } from '../support/node-run.ts'
import {
  countedInvalid,
  ownFiles,
  type RecordedNode,
  recordedNodes,
  shownCaptures,
} from '../support/recorded-nodes.ts'

/** Nodes that differ today, by how many lines, and why. The list may only become shorter. */
const KNOWN = 'fixtures/kernel-logs.tsv'
const nodes = recordedNodes()
if (nodes.length === 0)
  console.warn('kernel-logs.test.ts: skipped, CTPCAP_CORPUS names no folder with recorded nodes')

/** Lines that the kernel has and the model has not, and the other way round. */
interface Gaps {
  /** NEW events with both tuples. */
  opened: string[]
  /** All events of a connection, in their order. */
  events: string[]
  /** The table at the end. */
  listing: string[]
  /** `MODEL of KERNEL` packets that are INVALID, or nothing where they are as many. */
  invalid: string
}

async function gapsOf(node: RecordedNode): Promise<Gaps> {
  const run = await replayNode(node.folder, node.captures, ownFiles(node))
  const invalid = countedInvalid(node)
  return {
    opened: differences(onlyNew(run.expectedEvents), onlyNew(run.events)),
    events: differences(run.expectedEvents, run.events),
    listing: differences(run.expectedEntries, run.entries),
    invalid: run.invalid === invalid ? '' : `${run.invalid} of ${invalid}`,
  }
}

function onlyNew(events: Map<string, string[]>): Map<string, string[]> {
  const opened = [...events].map(([key, all]): [string, string[]] => [
    key,
    all.filter(event => event.startsWith('NEW')),
  ])
  return new Map(opened.filter(([, all]) => all.length > 0))
}

/** As a line of the list has it, without the cause. */
function summary({ opened, events, listing, invalid }: Gaps): string {
  return `new ${opened.length}, events ${events.length}, listing ${listing.length}, invalid ${invalid || 'agrees'}`
}

interface Known {
  summary: string
  cause: string
}

function readKnown(): Map<string, Known> {
  const lines = readFileSync(KNOWN, 'utf8').trimEnd().split('\n').slice(1)
  return new Map(
    lines.map(line => {
      const [name, opened, events, listing, invalid, cause] = line.split('\t')
      const counts = `new ${opened}, events ${events}, listing ${listing}, invalid ${invalid || 'agrees'}`
      return [name, { summary: counts, cause }]
    }),
  )
}

const AGREES = summary({ opened: [], events: [], listing: [], invalid: '' })
const MOST_LINES = 12

describe.skipIf(nodes.length === 0)('the logs of recorded kernels', { timeout: 120_000 }, () => {
  const known = readKnown()

  it('are those that the list of differences names, each with its cause', () => {
    const names = nodes.map(({ name }) => name)
    expect([...known.keys()].filter(name => !names.includes(name))).toEqual([])
    expect([...known].filter(([, { summary, cause }]) => summary === AGREES || !cause)).toEqual([])
  })

  it.each(nodes)('$name', async node => {
    const gaps = await gapsOf(node)
    const lines = [...gaps.events, ...gaps.listing].slice(0, MOST_LINES).join('\n')
    expect(summary(gaps), `${KNOWN} has other numbers for ${node.name}:\n${lines}`).toBe(
      known.get(node.name)?.summary ?? AGREES,
    )
  })
})

describe.skipIf(nodes.length === 0)('what a kernel said of each frame that it was shown', () => {
  it.each(shownCaptures())('$name', { timeout: 120_000 }, async ({ capture, verdicts }) => {
    const lines = readFileSync(verdicts, 'utf8').trimEnd().split('\n').slice(1)
    const theirs = lines.map(line => {
      const [, , state, direction, seenReply, assured, reason = ''] = line.split('\t')
      return verdictText({ state, direction, seenReply, assured, reason })
    })
    const ours = await runModel(capture, {}, 0)
    expect(theirs.length).toBeGreaterThan(0)
    expect(ours.verdicts.map(verdictText)).toEqual(theirs)
  })
})
