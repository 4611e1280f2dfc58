// Ports in use per destination, counted from entries as they come and go: ceilings, what is released, what is bounded.
import { describe, expect, it } from 'vitest'
import { Engine } from '../../src/conntrack/engine.ts'
import { CAUSE_TIMEOUT } from '../../src/conntrack/events.ts'
import { ObservedTranslation } from '../../src/conntrack/nat.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { PortPressure } from '../../src/findings/detectors/snat-port-pressure.ts'
import { Legs } from '../../src/findings/evidence/legs.ts'
import type { Finding } from '../../src/findings/wording/finding.ts'
import { say } from '../../src/findings/wording/say.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { type Bytes, ethernet, frameOf, ipv4, tcp } from '../support/frames.ts'

/** Where the TCP header begins, behind those of Ethernet and IPv4. */
const TCP = 34

/** Counts the ports of what an engine tracks. */
class Counter {
  readonly pressure: PortPressure
  private readonly engine: Engine
  private readonly packet = new Packet()
  private fresh = -1
  private number = 0
  // made once, and given other ports: their checksums, which nobody looks at, are wrong then
  private readonly request = segment('10.0.0.1', '10.0.0.2', 0, 443, { flags: 0x02, sequence: 1 })
  private readonly answer = segment('10.0.0.2', '10.0.0.1', 443, 0, { flags: 0x12, acknowledgment: 2 })
  private readonly behind = new Packet()
  private readonly translation = new ObservedTranslation()
  private readonly inside = segment('10.1.0.1', '203.0.113.2', 0, 443, { flags: 0x02, sequence: 1 })
  private readonly outside = segment('203.0.113.1', '203.0.113.2', 0, 443, { flags: 0x02, sequence: 1 })
  private readonly outsideAnswer = segment('203.0.113.2', '203.0.113.1', 443, 0, {
    flags: 0x12,
    acknowledgment: 2,
  })

  constructor() {
    this.engine = new Engine(defaultSettings(), {
      created: ct => {
        this.fresh = ct
      },
      updated: () => {},
      reclassified: () => {},
      expired: ct => this.pressure.released(this.engine.table, ct),
      destroyed: (ct, cause) => {
        if (cause !== CAUSE_TIMEOUT) this.pressure.released(this.engine.table, ct)
        this.pressure.ended(this.engine.table, ct)
      },
    })
    this.pressure = new PortPressure(new Legs(this.engine.table))
  }

  /** A connection that is answered, `time` in seconds. */
  connect(port: number, time: number, isAnswered = true): void {
    this.track(time, port, this.request, 0)
    if (isAnswered) this.track(time, port, this.answer, 2)
  }

  /** The same of a client whose address is translated. */
  connectTranslated(port: number, time: number): void {
    this.track(time, port, this.inside, 0, this.outside)
    this.track(time, port, this.outsideAnswer, 2)
  }

  async conclude(): Promise<Finding[]> {
    const { table } = this.engine
    for (let ct = 0; ct < table.top; ct++) if (table.status(ct) !== 0) this.pressure.ended(table, ct)
    return this.pressure.conclude().map(facts => say(facts, String))
  }

  /** @param portAt where the client's port stands in the TCP header */
  private track(time: number, port: number, bytes: Bytes, portAt: number, translated?: Bytes): void {
    read(time, port, bytes, portAt, this.packet, ++this.number)
    if (translated !== undefined) read(time, port, translated, portAt, this.behind, this.number)
    const translation = translated === undefined ? null : this.translation.observe(this.packet, this.behind)
    this.engine.track(this.packet, translation)
    if (this.fresh >= 0) this.pressure.created(this.engine.table, this.fresh, this.packet)
    this.fresh = -1
  }
}

function read(
  time: number,
  port: number,
  bytes: Bytes,
  portAt: number,
  packet: Packet,
  number: number,
): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint16(TCP + portAt, port)
  if (!decode(frameOf(bytes, { time: time * 1e9, number }), packet)) throw new Error('not decoded')
}

function segment(
  source: string,
  destination: string,
  from: number,
  to: number,
  header: Parameters<typeof tcp>[0],
): Bytes {
  return ethernet(
    ipv4({ source, destination, protocol: 6 }, tcp({ ...header, sourcePort: from, destinationPort: to })),
  )
}

/** Connects from `count` ports, each one further than the last by `step`, which has no divisor in common with the range. */
async function connectAll(
  count: number,
  first: number,
  range: number,
  step: number,
  isAnswered = true,
): Promise<Finding[]> {
  const counter = new Counter()
  for (let i = 0; i < count; i++) counter.connect(first + ((i * step) % range), i / 1e5, isAnswered)
  return await counter.conclude()
}

describe('ports in use', () => {
  it('near the end of what Linux gives to its own sockets', async () => {
    expect(await connectAll(25_300, 32768, 28_232, 1009)).toEqual([])
    const [finding] = await connectAll(25_500, 32768, 28_232, 1009)
    expect(finding).toMatchObject({ severity: 'warning', confidence: 'likely' })
    expect(finding.reason).toContain('25500 ports in use by entries, net.ipv4.ip_local_port_range has 28232')
  })

  it('near the end of what NAT takes', async () => {
    expect(await connectAll(57_000, 1024, 64_512, 1013)).toEqual([])
    expect((await connectAll(58_500, 1024, 64_512, 1013))[0].reason).toContain('58500 ports in use of 64512')
  })

  it('of a flood are none', async () => {
    expect(await connectAll(60_000, 1024, 64_512, 1013, false)).toEqual([])
  })

  it('are free again once their entries are gone', async () => {
    const counter = new Counter()
    // unacknowledged answers are kept for 60 s
    for (let i = 0; i < 600; i++) counter.connect(30_000 + ((i * 7) % 300), i)
    expect(await counter.conclude()).toEqual([])
  })

  it('are a range, if connections come back to them long after and take no other', async () => {
    const counter = new Counter()
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 70; i++) counter.connect(40_000 + ((i * 3) % 70), round * 100 + i / 100)
    }
    expect(await counter.conclude()).toMatchObject([
      { flows: [expect.stringMatching(/^tcp 10.0.0.1 -> 10.0.0.2:443/)], confidence: 'likely' },
    ])
  })

  it('are told apart by whether NAT gave them: causes and remedies differ', async () => {
    const counter = new Counter()
    for (let i = 0; i < 210; i++) {
      const time = Math.floor(i / 70) * 100 + (i % 70) / 100
      counter.connect(40_000 + ((i * 3) % 70), time)
      counter.connectTranslated(50_000 + ((i * 3) % 70), time)
    }
    const told = await counter.conclude()
    expect(told.map(({ flows, flowCount, facts }) => [flows, flowCount, facts.values.isTranslated])).toEqual([
      [[expect.stringMatching(/^tcp 203.0.113.1 -> 203.0.113.2:443/)], 1, true],
      [[expect.stringMatching(/^tcp 10.0.0.1 -> 10.0.0.2:443/)], 1, false],
    ])
  })
})
