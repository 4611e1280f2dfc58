// SYNs without an answer, and what the timestamps of those that were answered say of them.
import { describe, expect, it } from 'vitest'
import { type Ends, FlowCapture, findingsOf, reportOf, turned } from '../support/flow-captures.ts'
import { be32, join } from '../support/frames.ts'

const SYN = 0x02
const SYN_ACK = 0x12
const ACK = 0x10
const FIN_ACK = 0x11

const NAT = '203.0.113.2'
const SERVER = '198.51.100.5'
const OLDER = ['error tcp-timestamps-nat likely']

class Server {
  readonly capture = new FlowCapture()
  private port = 40_000
  private seconds = 0

  wait(seconds: number): this {
    this.seconds += seconds
    this.capture.wait(seconds)
    return this
  }

  /** A connection whose client has been up for so many seconds at the start, 0: without timestamps. */
  answers(uptime: number, source = NAT): this {
    const ends = this.ends(source)
    const back = turned(ends)
    this.syn(ends, uptime)
    this.capture
      .segment(back, { flags: SYN_ACK, sequence: 5000, acknowledgment: 1001 })
      .segment(ends, { flags: ACK, sequence: 1001, acknowledgment: 5001 })
      .segment(back, { flags: FIN_ACK, sequence: 5001, acknowledgment: 1001 })
      .segment(ends, { flags: FIN_ACK, sequence: 1001, acknowledgment: 5002 })
      .segment(back, { flags: ACK, sequence: 5002, acknowledgment: 1002 })
    return this.wait(0.5)
  }

  ignores(uptime: number, source = NAT): this {
    const ends = this.ends(source)
    for (const pause of [1, 2, 0.5]) {
      this.syn(ends, uptime)
      this.wait(pause)
    }
    return this
  }

  private ends(source: string): Ends {
    return { source, destination: SERVER, sourcePort: this.port++, destinationPort: 443 }
  }

  private syn(ends: Ends, uptime: number): void {
    const clock = Math.round((uptime + this.seconds) * 1000)
    const options = uptime === 0 ? join() : join('01 01 08 0a', be32(clock | 0), be32(0))
    this.capture.segment(ends, { flags: SYN, sequence: 1000, options })
  }
}

const found = async (server: Server): Promise<string[]> =>
  (await findingsOf([server.capture])).filter(finding => !finding.includes('checksum'))

/** A host with a new clock that is answered in turn with one with an old clock that is not. */
function inTurn(newer: number, older: number, count: number, source = NAT): Server {
  const server = new Server().answers(newer)
  for (let i = 0; i < count; i++) server.ignores(older, source).answers(newer)
  return server
}

describe('tcp-timestamps-nat', () => {
  it('is SYNs of older clocks that nobody answers', async () => {
    expect(await found(inTurn(900_000, 20_000, 3))).toEqual(OLDER)
    expect(await found(inTurn(900_000, 20_000, 2))).toEqual(['error tcp-timestamps-nat possible'])
  })

  it('compares clocks across the end of their numbers', async () => {
    expect(await found(inTurn(100, 2 ** 32 / 1000 - 5000, 3))).toEqual(OLDER)
  })

  it('names each connection that failed, and the SYN that was answered', async () => {
    const { findings } = await reportOf([inTurn(900_000, 20_000, 4).capture])
    expect(findings[0]).toMatchObject({ id: 'tcp-timestamps-nat', flows: { length: 4 } })
    expect(findings[0].steps[0].frames[0]).toMatchObject({ frame: 1 })
  })

  it.each<[string, () => Server]>([
    ['a single one', () => inTurn(900_000, 20_000, 1)],
    ['clocks that are newer', () => inTurn(20_000, 900_000, 3)],
    ['hosts without timestamps', () => inTurn(900_000, 0, 3)],
    ['another address', () => inTurn(900_000, 20_000, 3, '203.0.113.3')],
    [
      'a server that ignores new ones, too: it is busy',
      () => inTurn(900_000, 20_000, 3).ignores(900_000).answers(900_000),
    ],
    [
      'a server that answers older ones, too',
      () => inTurn(900_000, 20_000, 2).answers(20_000).ignores(20_000).answers(900_000),
    ],
    [
      'a server that is gone',
      () => new Server().answers(900_000).ignores(20_000).ignores(20_000).ignores(20_000),
    ],
    [
      'an address that was silent for a minute',
      () => {
        const server = new Server().answers(900_000)
        for (let i = 0; i < 3; i++) server.wait(70).ignores(20_000)
        return server.answers(900_000)
      },
    ],
    [
      'clocks that differ from connection to connection',
      () => {
        const server = new Server()
        for (const uptime of [5000, 900, 70_000, 100, 8000]) server.answers(uptime)
        return server.ignores(20).ignores(30).ignores(40).answers(10)
      },
    ],
  ])('is none of %s', async (_what, server) => {
    expect(await found(server())).toEqual([])
  })
})
