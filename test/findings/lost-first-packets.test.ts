// First packets that come in and do not leave: as behind a full table, and as rules, routes and filters of sources have them.
import { describe, expect, it } from 'vitest'
import { type Ends, FlowCapture, findingsOf, reportOf } from '../support/flow-captures.ts'

const SYN = 0x02
const CLIENT = '10.1.0.5'
const SERVER = '10.9.0.7'
const FULL = ['error conntrack-table-full possible']

/** The host's interfaces: two where clients are, one that leads out. */
class Host {
  readonly inside = new FlowCapture()
  readonly other = new FlowCapture()
  readonly outside = new FlowCapture()
  private port = 40_000

  /** SYNs of as many connections, which leave again or do not. */
  open(
    count: number,
    leaves: boolean,
    { source = CLIENT, destination = SERVER, from = this.inside } = {},
  ): this {
    for (let i = 0; i < count; i++) {
      const flow: Ends = { source, destination, sourcePort: this.port++, destinationPort: 443 }
      const segment = { flags: SYN, sequence: this.port * 1000 }
      const { identification } = from
      from.segment(flow, segment)
      if (leaves) {
        this.outside.identification = identification
        this.outside
          .wait(0.00002)
          .segment(flow, { ...segment, ttl: 63 })
          .wait(-0.00002)
      }
      for (const capture of [this.inside, this.other, this.outside]) capture.wait(0.2)
    }
    return this
  }

  /** Ports of the clients that are named. */
  async named(): Promise<number[]> {
    const { findings } = await reportOf([this.inside, this.other, this.outside])
    const full = findings.filter(({ id }) => id === 'conntrack-table-full')
    return full.flatMap(({ facts }) => facts.flows.map(({ client }) => client?.port ?? -1))
  }

  async found(): Promise<string[]> {
    const found = await findingsOf([this.inside, this.other, this.outside])
    return found.filter(finding => !finding.startsWith('info'))
  }
}

/** Then more are lost than ever, of a client that is let through nowhere. */
function kept(host: Host): Host {
  return host.open(1, true).open(20, false, { source: '10.2.0.9' })
}

describe('first packets that do not leave', () => {
  it('may be those of a full table where the same client had reached the same server', async () => {
    expect(await new Host().open(5, true).open(12, false).open(2, true).found()).toEqual(FULL)
  })

  it.each<[string, Host, number, number]>([
    ['shorter, behind it', new Host().open(5, true).open(12, false).open(1, true).open(3, false), 40_005, 12],
    ['shorter, before it', new Host().open(5, true).open(9, false).open(1, true).open(12, false), 40_015, 12],
    ['of clients that are kept out', kept(new Host().open(5, true).open(12, false)), 40_005, 12],
  ])('are named of a row that is long enough, not of another: %s', async (_which, host, first, count) => {
    const ports = await host.open(2, true).named()
    expect(ports).toEqual(Array.from({ length: count }, (_, i) => first + i))
  })

  it('are named of each row that is long enough', async () => {
    const host = new Host().open(5, true).open(10, false).open(1, true).open(12, false).open(2, true)
    expect(await host.named()).toHaveLength(22)
  })

  it.each<[string, Host]>([
    ['a few', new Host().open(5, true).open(9, false).open(2, true)],
    [
      'a server that nobody reaches: a rule or a route',
      new Host().open(5, true).open(12, false, { destination: '10.9.0.8' }).open(2, true),
    ],
    [
      'clients that never get through: a filter of sources, or of martians',
      new Host().open(5, true).open(12, false, { source: '10.2.0.9' }).open(2, true),
    ],
  ])('are no sign of it: %s', async (_what, host) => {
    expect(await host.found()).toEqual([])
  })

  it('are no sign of it at an interface from which nothing is forwarded: rp_filter', async () => {
    const host = new Host().open(5, true)
    host.open(12, false, { from: host.other }).open(2, true)
    expect(await host.found()).toEqual([])
  })
})
