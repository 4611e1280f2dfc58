// Replays captures of whole nodes and holds the table and its events against what conntrack printed there.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { asCookedV1 } from '../support/as-cooked-v1.ts'
import { knowledgeFrom } from '../support/knowledge.ts'
import { differences, replayNode } from '../support/node-run.ts'

const FIXTURES = 'fixtures/lab'
const scratch = mkdtempSync(join(tmpdir(), 'ctpcap-'))
afterAll(() => rmSync(scratch, { recursive: true }))
const corpus = process.env.CTPCAP_CORPUS ?? ''
const LAB = [corpus, join(corpus, 'lab')].find(
  folder => corpus !== '' && existsSync(join(folder, 'masquerade-egress', 'truth.json')),
)

/** NOTRACK leaves no trace on the wire: the node's rules must tell. */
const NEEDS_RULES = new Set(['notrack'])

/** Runs whose entries, or events, a capture cannot tell, and why; all of them faulty ones. */
const ENTRIES_DIFFER: Record<string, string> = {
  'hairpin-mode-off': 'the bridge dropped the packets before they were confirmed',
  'table-full-gc': 'when the collector swept the full table is not in the capture',
}
const EVENTS_DIFFER: Record<string, string> = {
  ...ENTRIES_DIFFER,
  'table-full-held': 'the listener lost events of 159 connections that closed at once',
}

/** REDIRECT in PREROUTING leads to a socket of the host: its port shows on no interface, only the one that was asked for. */
const UNSHOWN_PORTS: Record<string, [shown: string, redirected: string]> = {
  sidecar: ['sport=8080', 'sport=15006'],
}

function asShown<T>(run: string, connections: Map<string, T>): Map<string, T> {
  const [shown, redirected] = UNSHOWN_PORTS[run] ?? ['', '']
  return new Map([...connections].map(([key, value]) => [key.replace(redirected, shown), value]))
}

/** Where the table was filled up by entries outside the capture, their number. */
function heldEntries(folder: string): string[] {
  const path = join(folder, 'truth.json')
  const table = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).table : undefined
  if (table === undefined) return []
  return [`nf_conntrack_max=${table.nf_conntrack_max}`, `nf_conntrack_count=${table.filler_entries}`]
}

describe('captures on any, in the repository', () => {
  const runs = readdirSync(FIXTURES).filter(run => existsSync(join(FIXTURES, run, 'any.pcap')))
  for (const run of runs) {
    it(`${run}: entries and events are those of the node`, async () => {
      const node = await replayNode(join(FIXTURES, run), ['any.pcap'])
      expect(node.expectedEntries.size + node.window.copies).toBeGreaterThan(0)
      expect(differences(asShown(run, node.expectedEntries), node.entries)).toEqual([])
      expect(differences(asShown(run, node.expectedEvents), node.events)).toEqual([])
    })
  }

  it('tell whom a connection was for that REDIRECT in OUTPUT sent to the loopback address', async () => {
    const { entries } = await replayNode(join(FIXTURES, 'sidecar'), ['any.pcap'])
    const redirected = [...entries.keys()].filter(key => / src=(127\.0\.0\.1|::1) .*sport=15/.test(key))
    expect(redirected.map(key => key.split(' ')[0]).toSorted()).toEqual([
      'tcp',
      'tcp',
      'tcp',
      'tcp',
      'tcp',
      'tcp',
      'udp',
    ])
    expect(redirected.filter(key => key.includes('dst=127.') || key.includes('dst=::1'))).toEqual([])
  })

  it('tell by themselves whether the bridge called iptables', async () => {
    const concluded = async (run: string) => {
      const { window } = await replayNode(join(FIXTURES, run), ['any.pcap'], { sysctl: false })
      const v1 = join(scratch, `${run}.pcap`)
      writeFileSync(v1, asCookedV1(readFileSync(join(FIXTURES, run, 'any.pcap'))))
      const { window: other } = await replayNode(join(FIXTURES, run), [v1], { sysctl: false })
      expect(other.bridging.ipv4).toEqual(window.bridging.ipv4)
      return { ...window.bridging.ipv4 }
    }
    expect(await concluded('same-bridge-dnat')).toEqual({ value: 0, origin: 'concluded' })
    expect(await concluded('same-bridge-dnat-control')).toEqual({ value: 1, origin: 'concluded' })
    expect(await concluded('same-bridge-direct-control')).toEqual({ value: 1, origin: 'assumed' })
  })
})

if (LAB === undefined) {
  it.skip('node-runs.test.ts: skipped, CTPCAP_CORPUS names no folder with runs of nodes', () => {})
} else {
  describe('captures on any, of every run', () => {
    const runs = readdirSync(LAB).filter(run => existsSync(join(LAB, run, 'captures/any.pcap')))
    for (const run of runs) {
      const replayed = (capture = 'captures/any.pcap') =>
        replayNode(join(LAB, run), [capture], {
          set: heldEntries(join(LAB, run)),
          ...(NEEDS_RULES.has(run) && {
            knowledge: knowledgeFrom([join(LAB, run, 'rules.txt')], [join(LAB, run, 'topology.txt')]),
          }),
        })
      it.runIf(!(run in ENTRIES_DIFFER))(`${run}: entries`, async () => {
        const node = await replayed()
        expect(differences(node.expectedEntries, node.entries)).toEqual([])
      })
      it.runIf(!(run in EVENTS_DIFFER))(`${run}: events`, async () => {
        const node = await replayed()
        expect(differences(node.expectedEvents, node.events)).toEqual([])
      })
      it(`${run}: the same where interfaces are not told apart`, async () => {
        const path = join(scratch, `${run}.pcap`)
        writeFileSync(path, asCookedV1(readFileSync(join(LAB, run, 'captures/any.pcap'))))
        const [v1, v2] = [await replayed(path), await replayed()]
        expect([...v1.entries]).toEqual([...v2.entries])
        expect([...v1.events]).toEqual([...v2.events])
      })
    }
  })
}
