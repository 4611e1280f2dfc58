// SCTP associations on several pairs of addresses: data before a HEARTBEAT, and what only looks like that.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import { asIpv6 } from '../support/as-ipv6.ts'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { findingsIn } from '../support/flow-captures.ts'
import { changeFrames, pcapRecords } from '../support/pcap-records.ts'

const FAULT = 'fixtures/flow-findings/sctp-path-without-entry.any.pcap'
const SOUND = 'fixtures/flow-findings/sctp-second-path.any.pcap'
/** Of cooked v2 frames: where addresses, the verification tag and the first chunk begin. */
const SOURCE = 32
const DESTINATION = 36
const TAG = 44
const CHUNK = 52
const DATA = 0

const fault = (): Uint8Array => readFileSync(FAULT)

async function foundIn(bytes: Uint8Array): Promise<string[]> {
  using folder = new Folder()
  return await findingsIn(folder.write('capture.pcap', bytes))
}

async function reportOf(bytes: Uint8Array): Promise<Report> {
  using folder = new Folder()
  return JSON.parse((await runCli([folder.write('capture.pcap', bytes), '--json'])).stdout)
}

/** The capture with `change` made to data on the second path. */
const withData = (change: (frame: Uint8Array) => void): Uint8Array =>
  changeFrames(fault(), frame => {
    const copy = Uint8Array.from(frame)
    if (copy[CHUNK] === DATA && copy[SOURCE + 3] === 3) change(copy)
    return copy
  })

describe('data on a second path', () => {
  it('is lost in the host before a HEARTBEAT has made its entry', async () => {
    expect(await foundIn(fault())).toEqual(['error sctp-path-without-entry certain'])
    expect(await foundIn(asIpv6(fault()))).toEqual(['error sctp-path-without-entry certain'])
  })

  it('is INVALID all the same where one interface alone was captured', async () => {
    const { header, records } = pcapRecords(fault())
    // what came in: cooked v2 has the packet type at 10
    const incoming = records.filter(record => record[16 + 10] === 0)
    expect(await foundIn(Buffer.concat([header, ...incoming]))).toEqual([
      'warning sctp-path-without-entry certain',
    ])
  })

  it('has its entry where the HEARTBEAT comes first', async () => {
    expect(await findingsIn(SOUND)).toEqual([])
  })
})

describe('nothing is told', () => {
  it('of another association between hosts with the same ports', async () => {
    expect(await foundIn(withData(frame => frame.fill(0x77, TAG, TAG + 4)))).toEqual([])
  })

  it('of packets between addresses that the association has: they passed by a translation', async () => {
    const crossed = withData(frame => {
      frame[SOURCE + 3] = 2
      const server = frame.slice(DESTINATION, DESTINATION + 4)
      frame.copyWithin(DESTINATION, SOURCE, SOURCE + 4)
      frame.set(server, SOURCE)
      frame[SOURCE + 3] = 2
    })
    expect(await foundIn(crossed)).toEqual([])
  })

  it('of an association that was open when the capture began, whose packets are not called INVALID by themselves', async () => {
    const { header, records } = pcapRecords(fault())
    const later = records.filter(record => record[16 + CHUNK] === DATA || record[16 + CHUNK] === 3)
    const report = await reportOf(Buffer.concat([header, ...later]))
    expect(report.findings).toEqual([])
    expect(report.invalid.length).toBeGreaterThan(0)
    for (const { count, partial } of report.invalid) expect(partial).toBe(count)
  })
})
