// SYNPROXY between a client and its servers, as a kernel had it: both sides, either alone, and what only looks like it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { asCookedV1 } from '../support/as-cooked-v1.ts'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { differences, replayNode } from '../support/node-run.ts'
import { pcapRecords } from '../support/pcap-records.ts'
import { countedInvalid } from '../support/recorded-nodes.ts'

const FOLDER = 'fixtures/lab/synproxy'
const CAPTURE = join(FOLDER, 'any.pcap')
const COUNTED = countedInvalid({ name: 'synproxy', folder: FOLDER, captures: [] })
/** Behind a record's header: the interface's index in the cooked header, and the TCP header behind it and IPv4. */
const INTERFACE_AT = 20
const IPV4_AT = 36
const TCP_AT = 56
/** Those of topology.txt. */
const WAN = 2
const LAN = 3

/** The capture with records left out or changed. */
function changed(scratch: Folder, change: (record: Uint8Array) => boolean): string {
  const { header, records } = pcapRecords(readFileSync(CAPTURE))
  return scratch.write('any.pcap', Buffer.concat([header, ...records.map(one => one.slice()).filter(change)]))
}

function sideOf(scratch: Folder, index: number): string {
  return changed(scratch, record => Buffer.from(record).readUInt32BE(INTERFACE_AT) === index)
}

async function reported(capture: string, ...more: string[]) {
  const given = ['rules.txt', 'nft.json'].flatMap(name => ['--rules', join(FOLDER, name)])
  const side = ['--sysctl', join(FOLDER, 'sysctl.txt'), '--topology', join(FOLDER, 'topology.txt')]
  const { code, stdout } = await runCli(['analyze', '--json', capture, ...side, ...given, ...more])
  expect(code).toBe(0)
  return JSON.parse(stdout)
}

describe('connections that SYNPROXY opens', () => {
  it('have the INVALID packets that the kernel counted', async () => {
    expect(COUNTED).toBe(22)
    expect((await replayNode(FOLDER, ['any.pcap'])).invalid).toBe(COUNTED)
    const { packets } = await reported(CAPTURE)
    expect(packets.invalid).toBe(COUNTED)
  })

  it('are the same where interfaces are not told apart', async () => {
    using scratch = new Folder()
    const path = scratch.write('any.pcap', asCookedV1(readFileSync(CAPTURE)))
    const run = await replayNode(FOLDER, [path])
    expect(differences(run.expectedEvents, run.events)).toEqual([])
    expect(run.invalid).toBe(COUNTED)
  })

  it('are no fault, and nothing that worked where SYNPROXY alone answered', async () => {
    const { findings } = await reported(CAPTURE)
    expect(findings.map(({ id }: { id: string }) => id)).toEqual(['offload-checksum'])
  })

  it.each([
    ['client', WAN],
    ['server', LAN],
  ])("have no more INVALID packets on the %s's side alone, whatever the rules say", async (_side, index) => {
    using scratch = new Folder()
    const path = sideOf(scratch, index)
    const { expectedEvents, events, invalid } = await replayNode(FOLDER, [path])
    expect(invalid).toBeLessThanOrEqual(COUNTED)
    const { packets, flows } = await reported(path)
    expect(packets.invalid).toBeLessThanOrEqual(COUNTED)
    expect(flows.total - flows.unreplied).toBeGreaterThanOrEqual(6)
    const known = [...expectedEvents.keys()]
    if (index === LAN) expect([...events.keys()].filter(key => !known.includes(key))).toEqual([])
  })

  it('are known by the number that the host sends in its SYN: another SYN begins as any does', async () => {
    using scratch = new Folder()
    const path = changed(scratch, record => {
      const isSyn = record[IPV4_AT] >> 4 === 4 && record[IPV4_AT + 9] === 6 && record[TCP_AT + 13] === 2
      if (isSyn) record.fill(0, TCP_AT + 8, TCP_AT + 12)
      return true
    })
    const run = await replayNode(FOLDER, [path])
    const other = differences(run.expectedEvents, run.events).filter(line => line.startsWith('-'))
    expect(other.length).toBeGreaterThanOrEqual(3)
    expect(other.filter(line => line.includes('2001:db8'))).toEqual([])
  })
})
