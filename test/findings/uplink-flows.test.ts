// What one interface of a router shows alone, the one that flows leave by: sources and destinations that should not be there.
import { describe, expect, it } from 'vitest'
import { FlowCapture, findingsOf } from '../support/flow-captures.ts'
import { ethernet, filler, ipv4, udp } from '../support/frames.ts'

const ROUTER = 1
const PROVIDER = 9
const PUBLIC = '203.0.113.11'
const SERVER = '198.51.100.9'
const ELSEWHERE = '10.24.66.108'
const INSIDE = '192.168.1.7'

interface Sent {
  source?: string
  destination?: string
  port?: number
  ttl?: number
  /** Stations of the source and of the destination. */
  stations?: [number, number]
}

class Uplink {
  private readonly capture = new FlowCapture()
  private identification = 1

  sent(sent: Sent): this {
    this.datagram(sent, false)
    return this
  }

  /** A datagram and its answer. */
  answered(sent: Sent): this {
    this.datagram(sent, false)
    this.datagram(sent, true)
    return this
  }

  async found(): Promise<string[]> {
    return (await findingsOf([this.capture])).filter(finding => !finding.startsWith('info'))
  }

  private datagram(
    { source = PUBLIC, destination = SERVER, port = 40_000, ttl = 63, stations = [ROUTER, PROVIDER] }: Sent,
    isAnswer: boolean,
  ): void {
    const ports = { sourcePort: port, destinationPort: 4500 }
    const frame = isAnswer
      ? packet(destination, source, 55, { sourcePort: 4500, destinationPort: port }, this.identification++)
      : packet(source, destination, ttl, ports, this.identification++)
    const [from, to] = isAnswer ? stations.toReversed() : stations
    frame[11] = from
    frame[5] = to
    this.capture.frame(frame).wait(1)
  }
}

function packet(
  source: string,
  destination: string,
  ttl: number,
  ports: { sourcePort: number; destinationPort: number },
  identification: number,
): Uint8Array {
  const header = { source, destination, protocol: 17, ttl, identification }
  return ethernet(ipv4(header, udp(ports, filler(20))))
}

describe('a private destination at the uplink', () => {
  const leak = { destination: ELSEWHERE, port: 40_001 }

  it('is a leak where the source is answered from the Internet by the same station', async () => {
    const uplink = new Uplink().answered({}).sent(leak).sent(leak).sent(leak)
    expect(await uplink.found()).toEqual(['error private-destination-leak possible'])
  })

  it('is none where clients out there ask for what is behind this host', async () => {
    const asked: Sent = { ...leak, source: '198.51.100.77', stations: [PROVIDER, ROUTER] }
    expect(await new Uplink().answered({}).sent(asked).sent(asked).sent(asked).found()).toEqual([])
  })

  it('is none where others of that network answer', async () => {
    const uplink = new Uplink().answered({}).answered({ destination: '10.24.1.1', port: 40_002 })
    expect(await uplink.sent(leak).sent(leak).sent(leak).found()).toEqual([])
  })

  it('is none where one datagram was lost', async () => {
    expect(await new Uplink().answered({}).sent(leak).found()).toEqual([])
  })
})

describe('a private source at the uplink', () => {
  const own = { source: INSIDE, port: 40_001 }

  it('is untranslated where others that were forwarded have a public one', async () => {
    const uplink = new Uplink().answered({}).sent(own).sent(own).sent(own)
    expect(await uplink.found()).toEqual(['error untranslated-source possible'])
  })

  it('has an entry older than the rule where all others began later', async () => {
    const uplink = new Uplink().sent(own).sent(own).answered({}).sent(own)
    expect(await uplink.found()).toEqual(['error entry-older-than-rule possible'])
  })

  it('is that of a host on that link, which no router has forwarded for', async () => {
    const host: Sent = { ...own, ttl: 64, stations: [5, PROVIDER] }
    expect(await new Uplink().answered({}).sent(host).sent(host).sent(host).found()).toEqual([])
  })

  it('is translated by another router where private sources are answered', async () => {
    const uplink = new Uplink().answered({}).answered({ source: '192.168.1.8', port: 40_002 })
    expect(await uplink.sent(own).sent(own).sent(own).found()).toEqual([])
  })
})
