// Replays captures of whole nodes and holds the table and its events against what conntrack printed there.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { asCookedV1 } from '../support/as-cooked-v1.ts'
import { Folder } from '../support/capture-builder.ts'
import { differences, replayNode } from '../support/node-run.ts'
import { ownFiles, recordedNodes } from '../support/recorded-nodes.ts'

const FIXTURES = 'fixtures/lab'
const nodes = recordedNodes().filter(({ captures }) => captures[0].endsWith('any.pcap'))

/** Events that are others where interfaces are not told apart, and why. */
const NEEDS_INTERFACES: Record<string, string> = {
  'wild/multiwan-wrong-uplink': 'equal SYN-ACKs 170 µs apart, one of a timer, then pass for sightings of one',
}

/** REDIRECT in PREROUTING leads to a socket of the host: its port shows on no interface, only the one that was asked for. */
const UNSHOWN_PORTS: Record<string, [shown: string, redirected: string]> = {
  sidecar: ['sport=8080', 'sport=15006'],
}

function asShown<T>(run: string, connections: Map<string, T>): Map<string, T> {
  const [shown, redirected] = UNSHOWN_PORTS[run] ?? ['', '']
  return new Map([...connections].map(([key, value]) => [key.replace(redirected, shown), value]))
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
      using scratch = new Folder()
      const v1 = scratch.write('any.pcap', asCookedV1(readFileSync(join(FIXTURES, run, 'any.pcap'))))
      const { window: other } = await replayNode(join(FIXTURES, run), [v1], { sysctl: false })
      expect(other.bridging.ipv4).toEqual(window.bridging.ipv4)
      return { ...window.bridging.ipv4 }
    }
    expect(await concluded('same-bridge-dnat')).toEqual({ value: 0, origin: 'concluded' })
    expect(await concluded('same-bridge-dnat-control')).toEqual({ value: 1, origin: 'concluded' })
    expect(await concluded('same-bridge-direct-control')).toEqual({ value: 1, origin: 'assumed' })
  })
})

if (nodes.length === 0)
  console.warn('node-runs.test.ts: recorded nodes skipped, CTPCAP_CORPUS names no folder with some')

describe.skipIf(nodes.length === 0)('captures on any, of every recorded node', { timeout: 120_000 }, () => {
  it.each(nodes)('$name: the same where interfaces are not told apart', async node => {
    const [capture] = node.captures
    using scratch = new Folder()
    const path = scratch.write('any.pcap', asCookedV1(readFileSync(join(node.folder, capture))))
    const v1 = await replayNode(node.folder, [path], ownFiles(node))
    const v2 = await replayNode(node.folder, [capture], ownFiles(node))
    expect([...v1.entries]).toEqual([...v2.entries])
    if (node.name in NEEDS_INTERFACES) expect([...v1.events]).not.toEqual([...v2.events])
    else expect([...v1.events]).toEqual([...v2.events])
  })
})
