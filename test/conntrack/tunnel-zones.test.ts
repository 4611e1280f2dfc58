// Zones of packets out of tunnels: which flows are told apart by the tunnel's id, and which are forgotten for others.
import { describe, expect, it } from 'vitest'
import { TunnelZones } from '../../src/conntrack/tunnel-zones.ts'
import { Packet } from '../../src/packet/packet.ts'

const TCP = 6
const ICMP = 1

interface Flow {
  source?: number
  destination?: number
  sourcePort?: number
  destinationPort?: number
  protocol?: number
}

/** The zone of a packet of a flow, or of its reply, with a tunnel id. */
function zone(zones: TunnelZones, id: number, flow: Flow = {}, isReply = false): number {
  const { source = 1, destination = 2, sourcePort = 1000, destinationPort = 80, protocol = TCP } = flow
  const packet = new Packet()
  packet.family = 4
  packet.protocol = protocol
  packet.hasTuple = true
  packet.tunnelId = id
  packet.source0 = isReply ? destination : source
  packet.destination0 = isReply ? source : destination
  const swapsPorts = isReply && protocol !== ICMP
  packet.sourcePort = swapsPorts ? destinationPort : sourcePort
  packet.destinationPort = swapsPorts ? sourcePort : destinationPort
  packet.zone = 99
  zones.assign(packet)
  return packet.zone
}

const reply = (zones: TunnelZones, id: number, flow: Flow = {}) => zone(zones, id, flow, true)

describe('packets of one direction with the same addresses and ports', () => {
  it('are of one zone for each id, in the order in which they come', () => {
    const zones = new TunnelZones()
    expect([7, 9, 7, 8, 9, 8, 7].map(id => zone(zones, id))).toEqual([0, 1, 0, 2, 1, 2, 0])
  })

  it('are of zone 0 as long as they have one id, whatever it is', () => {
    const zones = new TunnelZones()
    expect([1, 2, 3].map(port => zone(zones, port, { sourcePort: port }))).toEqual([0, 0, 0])
    expect([1, 2, 3].map(last => zone(zones, last, { source: last * 9 }))).toEqual([0, 0, 0])
    expect([6, 17, 132].map(protocol => zone(zones, protocol, { protocol, source: 5 }))).toEqual([0, 0, 0])
  })

  it('are told apart in very many flows at a time', () => {
    const zones = new TunnelZones()
    const flows = Array.from({ length: 2000 }, (_, index) => ({ source: 5000 + index }))
    const zonesOf = (id: number) => new Set(flows.map(flow => zone(zones, id, flow)))
    expect([1, 2, 1, 2].map(id => [...zonesOf(id)])).toEqual([[0], [1], [0], [1]])
  })

  it('without a tuple are of zone 0, and tell nothing', () => {
    const zones = new TunnelZones()
    const packet = new Packet()
    packet.zone = 5
    zones.assign(packet)
    expect(packet.zone).toBe(0)
  })
})

describe('a reply', () => {
  it('belongs to the flow that has its id', () => {
    for (const flow of [{}, { source: 9 }, { source: 2, sourcePort: 99 }, { protocol: ICMP }]) {
      const zones = new TunnelZones()
      expect([7, 9].map(id => zone(zones, id, flow))).toEqual([0, 1])
      expect([9, 7, 9].map(id => reply(zones, id, flow))).toEqual([1, 0, 1])
    }
  })

  it('with an id of its own belongs to a flow that has had none, and then to no other', () => {
    const zones = new TunnelZones()
    expect(zone(zones, 7)).toBe(0)
    expect(reply(zones, 70)).toBe(0)
    expect(zone(zones, 9)).toBe(1)
    expect(reply(zones, 90)).toBe(1)
    expect([reply(zones, 70), reply(zones, 90), zone(zones, 7), zone(zones, 9)]).toEqual([0, 1, 0, 1])
  })

  it('goes by its own id before it goes by that of the other direction', () => {
    const zones = new TunnelZones()
    zone(zones, 7)
    reply(zones, 9)
    // a second flow with the id that the replies of the first have
    expect(zone(zones, 9)).toBe(1)
    expect(reply(zones, 9)).toBe(0)
  })
})

describe('when there are more flows than are remembered', () => {
  it('those not seen for longest are forgotten', () => {
    const zones = new TunnelZones()
    const seen = { source: 1000 }
    const unseen = Array.from({ length: 200 }, (_, index) => ({ source: 2000 + index }))
    for (const flow of [seen, ...unseen]) {
      zone(zones, 1, flow)
      expect(zone(zones, 2, flow)).toBe(1)
    }
    // three times as many as there is room for
    for (let other = 0; other < 3 << 16; other++) {
      zone(zones, 5, { source: 10_000 + other, destination: 3 })
      if (other % 400 !== 0) continue
      zone(zones, 1, seen)
      expect(zone(zones, 2, seen)).toBe(1)
    }
    // what is new is of zone 0; nearly every bucket has had eight others since
    const forgotten = unseen.filter(flow => zone(zones, 2, flow) === 0)
    expect(forgotten.length).toBeGreaterThan(190)
  })
})
