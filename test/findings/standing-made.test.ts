// What stands on captures made for it: one direction of many connections, and a flood.
import { describe, expect, it } from 'vitest'
import { TCP_ACK, TCP_PSH, TCP_SYN } from '../../src/net/numbers.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { findingsOf } from '../support/findings-of.ts'
import { objections, standingLines, type Truth } from '../support/standing-findings.ts'

/** Connections to port 443 of which the packets of the client alone were captured. */
function oneWay(connections: number): CaptureBuilder {
  const capture = new CaptureBuilder()
  for (let i = 0; i < connections; i++) {
    const ports = { sourcePort: 10_000 + i, destinationPort: 443 }
    const first = 1_000_000 + i * 1000
    capture.tcp({ ...ports, flags: TCP_SYN, sequence: first }).wait(0.0005)
    for (const [sequence, acknowledgment, payload] of [
      [1, 5000, 0],
      [1, 5000, 20],
      [21, 6000, 20],
    ]) {
      const flags = payload > 0 ? TCP_PSH | TCP_ACK : TCP_ACK
      capture.tcp({ ...ports, flags, sequence: first + sequence, acknowledgment }, payload).wait(0.0005)
    }
  }
  return capture
}

/** SYNs to port 443, each from another address, and nothing else. */
function flood(count: number, seconds: number): CaptureBuilder {
  const capture = new CaptureBuilder()
  for (let i = 0; i < count; i++) {
    const source = `100.${i % 251}.${(i >> 3) & 0xff}.${1 + (i % 13)}`
    const sourcePort = 1024 + ((i * 37) % 60_000)
    capture.tcp({ source, sourcePort, destinationPort: 443, flags: TCP_SYN, sequence: i * 7919 })
    capture.wait(seconds / count)
  }
  return capture
}

const MADE: { name: string; capture: () => CaptureBuilder; truth: Truth }[] = [
  {
    name: '1000 connections of which one direction was captured',
    capture: () => oneWay(1000),
    truth: { ids: ['one-way-flow'], never: ['syn-flood'], isShown: true, flows: 1000 },
  },
  {
    name: '20000 SYNs of as many clients in 0.9 s',
    capture: () => flood(20_000, 0.9),
    truth: { ids: ['syn-flood'], never: [], isShown: true },
  },
]

describe('made captures', () => {
  it('have the findings of the golden', { timeout: 300_000 }, async () => {
    const truths = new Map(MADE.map(({ name, truth }) => [name, truth]))
    using folder = new Folder()
    const standing = new Map<string, Awaited<ReturnType<typeof findingsOf>>>()
    for (const { name, capture } of MADE)
      standing.set(name, await findingsOf([folder.write('made.pcap', capture().bytes())]))
    const lines = standingLines(standing, (name, findings) => objections(findings, truths.get(name) as Truth))
    await expect(lines).toMatchFileSnapshot('../../fixtures/standing-findings/made.tsv')
  })
})
