// Recorded faults of single flows are the same with other numbers, and parts of their captures show no other fault.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { asIpv6 } from '../support/as-ipv6.ts'
import { Folder } from '../support/capture-builder.ts'
import { findingsIn } from '../support/flow-captures.ts'
import { pcapRecords } from '../support/pcap-records.ts'
import { renumber } from '../support/renumber.ts'
import { TWINS } from '../support/twins.ts'

const FOLDER = 'fixtures/flow-findings'
const RECORDED = [
  'unacknowledged-data.inside.pcap',
  'unfinished-handshake.inside.pcap',
  'foreign-challenge-ack.any.pcap',
  'foreign-challenge-ack.inside.pcap',
  'tcp-timestamps-nat.pcap',
  'sack-not-translated.pcap',
  'entry-missing.any.pcap',
  'entry-missing.outside.pcap',
  'entry-missing.dnat.any.pcap',
]
const SOUND = [
  'acknowledged-late.inside.pcap',
  'deferred-accept.inside.pcap',
  'entry-missing.cured.outside.pcap',
]

const read = (file: string): Uint8Array => readFileSync(join(FOLDER, file))

async function foundIn(bytes: Uint8Array): Promise<string[]> {
  using folder = new Folder()
  return await findingsIn(folder.write('twin.pcap', bytes))
}
/** Captures of hosts with all their interfaces, which are told apart by what addresses are for. */
const OF_HOSTS = readdirSync(FOLDER).filter(name => name.endsWith('.any.pcap'))
/** What private networks are for is all that tells it. */
const NEEDS_INTERNET = ['private-destination-leak.any.pcap']

describe.each(OF_HOSTS)('%s', file => {
  it('is the same over IPv6', async () => {
    expect(await foundIn(asIpv6(read(file)))).toEqual(await findingsIn(join(FOLDER, file)))
  })

  it.skipIf(NEEDS_INTERNET.includes(file))('is the same behind a private uplink', async () => {
    const twin = renumber(read(file), { areAllPrivate: true })
    expect(await foundIn(twin)).toEqual(await findingsIn(join(FOLDER, file)))
  })
})

describe.each([...RECORDED, ...SOUND])('%s', file => {
  it.each(Object.keys(TWINS))('is the same with %s', async twin => {
    expect(await foundIn(TWINS[twin](read(file)))).toEqual(await findingsIn(join(FOLDER, file)))
  })

  it('shows no other fault in part', async () => {
    const { header, records } = pcapRecords(read(file))
    const whole = await findingsIn(join(FOLDER, file))
    const ids = new Set(whole.map(finding => finding.split(' ')[1]))
    const strangers = new Set<string>()
    for (let from = 0; from < 8; from++) {
      for (let to = from + 1; to <= 8; to++) {
        const [start, end] = [from, to].map(part => Math.round((part * records.length) / 8))
        const part = await foundIn(Buffer.concat([header, ...records.slice(start, end)]))
        for (const finding of part) {
          const [severity, id] = finding.split(' ')
          if (severity !== 'info' && !ids.has(id)) strangers.add(`${start} to ${end}: ${finding}`)
        }
      }
    }
    expect([...strangers]).toEqual([])
  })
})
