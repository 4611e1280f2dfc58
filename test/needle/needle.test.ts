// A fault among some hundred sound connections gives the finding that it gives alone; sound connections give none.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { ROOT } from '../support/source-files.ts'
import { SyntheticFrames } from '../support/synthetic-frames.ts'
import { Hay, type Vantage } from './hay.ts'
import { haystack, linkTypeAt, PLACES, type Place } from './haystack.ts'
import { knownDifferences, nameOf, needleCaptures } from './needles.ts'
import { differences, type ReportedFinding } from './same-finding.ts'

const CONNECTIONS = 500
const RATE = 10_000
/** How long the connections are without a fault, in microseconds. */
const DURATION = 1e6

const NEEDLES: [capture: string, vantage: Vantage, place: Place][] = [
  ['dsr-asymmetric-invalid-drop.any.pcap', 'any', 'start'],
  ['hairpin-mode-off.any.pcap', 'any', 'middle'],
  ['idle-timeout.eth0.pcap', 'uplink', 'end'],
  ['syn-flood-unanswered.eth0.pcap', 'uplink', 'start'],
  ['invalid-leak.cni0.pcap', 'bridge', 'middle'],
  ['same-bridge-dnat.veth3a1f09c2.pcap', 'pod', 'end'],
]

async function findingsOf(path: string): Promise<ReportedFinding[]> {
  const { code, stdout } = await runCli(['analyze', '--json', path])
  expect(code).toBe(0)
  return JSON.parse(stdout).findings
}

function hayAlone(vantage: Vantage): Uint8Array {
  const frames = new SyntheticFrames(262144, linkTypeAt(vantage))
  const hay = new Hay(frames, { from: 0, to: CONNECTIONS, start: 1.7e15, duration: DURATION }, vantage)
  for (let packet = 0; packet < hay.length; packet++) hay.next()
  return frames.take()
}

describe('sound connections', () => {
  it.each(['any', 'uplink', 'bridge', 'pod'] as const)('give no finding (%s)', async vantage => {
    using folder = new Folder()
    const path = folder.at('hay.pcap')
    writeFileSync(path, hayAlone(vantage))
    const { stdout } = await runCli(['analyze', '--json', path])
    const { findings, packets, flows } = JSON.parse(stdout)
    expect(findings).toEqual([])
    expect(packets).toMatchObject({ invalid: 0, undecodable: 0, new: CONNECTIONS })
    expect(flows).toMatchObject({ total: CONNECTIONS, unreplied: 0 })
  })
})

describe('a fault', () => {
  it.each(NEEDLES)('%s (%s), with sound connections: at their %s', async (capture, vantage, place) => {
    using folder = new Folder()
    const needle = join(ROOT, 'fixtures/findings', capture)
    const path = folder.at('haystack.pcap')
    const options = { connections: CONNECTIONS, rate: RATE, place, vantage, isExclusive: false }
    writeFileSync(path, Buffer.concat([...haystack(readFileSync(needle), options)]))
    const alone = await findingsOf(needle)
    expect(alone).not.toEqual([])
    expect(differences(alone, await findingsOf(path))).toEqual([])
  })
})

describe('what is compared', () => {
  const finding: ReportedFinding = {
    id: 'hairpin-mode-off',
    severity: 'error',
    confidence: 'certain',
    flows: ['tcp 10.0.0.1:1 -> 10.0.0.2:80'],
    flowCount: 1,
  }

  it.each<[string, ReportedFinding[], string[]]>([
    ['the finding', [], ['hairpin-mode-off is not found']],
    [
      'that there is no other',
      [finding, { ...finding, id: 'syn-flood' }],
      ['syn-flood is found: tcp 10.0.0.1:1 -> 10.0.0.2:80'],
    ],
    ['severity', [{ ...finding, severity: 'warning' }], ['hairpin-mode-off: warning, not error']],
    ['confidence', [{ ...finding, confidence: 'likely' }], ['hairpin-mode-off: likely, not certain']],
    ['how many flows', [{ ...finding, flowCount: 2 }], ['hairpin-mode-off: 2 flows, not 1']],
    [
      'who they are of',
      [{ ...finding, flows: ['tcp 10.0.0.9:1 -> 10.0.0.2:80'] }],
      ['hairpin-mode-off: other parties: tcp 10.0.0.9:1 -> 10.0.0.2:80, not tcp 10.0.0.1:1 -> 10.0.0.2:80'],
    ],
    ['no remark', [finding, { ...finding, id: 'offload-checksum', severity: 'info' }], []],
  ])('%s', (_what, among, expected) => {
    expect(differences([finding], among)).toEqual(expected)
  })
})

it('known differences are of faults that are looked for', () => {
  const names = needleCaptures().flatMap(needle => PLACES.map((place: Place) => nameOf(needle, place)))
  expect([...knownDifferences().keys()].filter(name => !names.includes(name))).toEqual([])
})
