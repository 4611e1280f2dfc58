// A full table: which packets are refused, which would not have been sent, for how long there was no room.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Engine } from '../../src/conntrack/engine.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { STATE_DROPPED, STATE_ESTABLISHED, STATE_NEW } from '../../src/conntrack/status.ts'
import { Tuple } from '../../src/conntrack/tuple.ts'
import { IPPROTO_TCP, IPPROTO_UDP, TCP_ACK, TCP_SYN } from '../../src/net/numbers.ts'
import { Packet } from '../../src/packet/packet.ts'
import { Refusals } from '../../src/sizing/refusals/refusals.ts'
import { FLOW_REFUSED, FLOW_UNKNOWN, RefusedFlows } from '../../src/sizing/refusals/refused-flows.ts'

const CLIENT = 0x0a000001
const SERVER = 0x0a000002

/** A packet of connection `port` at `seconds`, from the client unless `isReply`. */
function packet(
  seconds: number,
  port: number,
  { protocol = IPPROTO_TCP, flags = TCP_SYN, isReply = false, sequence = 1000, acknowledgment = 0 },
): Packet {
  const made = new Packet()
  made.time = seconds * 1e9
  made.frame = Math.round(seconds * 1000)
  made.family = 4
  made.networkLength = 40
  made.protocol = protocol
  made.hasTuple = true
  made.transportLength = 20
  made.transportCaptured = 20
  made.view = new DataView(new ArrayBuffer(64))
  made.view.setUint16(4, 20)
  made.source0 = isReply ? SERVER : CLIENT
  made.destination0 = isReply ? CLIENT : SERVER
  made.sourcePort = isReply ? 80 : port
  made.destinationPort = isReply ? port : 80
  made.tcpFlags = flags
  made.tcpHeaderLength = 20
  made.sequence = sequence
  made.acknowledgment = acknowledgment
  made.window = 1000
  return made
}

class FullTable {
  readonly settings = { ...defaultSettings(), nf_conntrack_max: 2 }
  readonly refusals = new Refusals(this.settings)
  readonly engine: Engine

  constructor() {
    const changed = (_: number, time: number): void => this.refusals.resized(this.engine.table.count, time)
    this.engine = new Engine(
      this.settings,
      {
        created: changed,
        updated: () => {},
        reclassified: () => {},
        expired: () => {},
        destroyed: (_, cause, time) => {
          this.refusals.destroyed(cause)
          // the entry is given back after this
          this.refusals.resized(this.engine.table.count - 1, time)
        },
      },
      true,
      this.refusals,
    )
    // two connections that early drop finds no bucket of, far from those that come later
    this.engine.track(packet(1, 1, {}))
    this.engine.track(packet(1, 2, {}))
  }

  state(made: Packet): number {
    return this.engine.track(made)
  }
}

describe('a full table', () => {
  it('refuses a SYN and its repetitions, of one connection', () => {
    const table = new FullTable()
    for (const seconds of [2, 3, 5]) expect(table.state(packet(seconds, 7, {}))).toBe(STATE_DROPPED)
    expect(table.refusals).toMatchObject({
      packets: 3,
      connections: 1,
      late: 0,
      unsent: 0,
      firstFrame: 2000,
      firstTime: 2e9,
      lastTime: 5e9,
    })
    expect(table.refusals.sources.largest(5, 0).held).toMatchObject([{ words: [CLIENT, 0, 0, 0], held: 1 }])
    expect(table.refusals.services.largest(5, 0).held).toMatchObject([
      { words: [SERVER, 0, 0, 0], protocol: 6, port: 80, held: 1 },
    ])
  })

  it('keeps out what a refused connection would not have sent, and picks nothing of it up', () => {
    const table = new FullTable()
    table.state(packet(2, 7, {}))
    const answer = { isReply: true, flags: TCP_SYN | TCP_ACK, sequence: 5000, acknowledgment: 1001 }
    expect(table.state(packet(2.1, 7, answer))).toBe(STATE_DROPPED)
    table.state(packet(100, 7, {}))
    // the first two are gone by now: there is room
    expect(table.state(packet(200, 7, { flags: TCP_ACK, acknowledgment: 5001 }))).toBe(STATE_DROPPED)
    expect(table.engine.table.count).toBe(0)
    expect(table.refusals).toMatchObject({ packets: 2, connections: 1, unsent: 2 })
    expect(table.engine.dropped).toBe(2)
  })

  it('lets a connection in that tries again when there is room', () => {
    const table = new FullTable()
    table.state(packet(100, 7, {}))
    expect(table.state(packet(200, 7, {}))).toBe(STATE_NEW)
    const answer = { isReply: true, flags: TCP_SYN | TCP_ACK, sequence: 5000, acknowledgment: 1001 }
    expect(table.state(packet(200.1, 7, answer))).toBe(STATE_ESTABLISHED)
    expect(table.refusals).toMatchObject({ packets: 1, connections: 1, late: 1, unsent: 0 })
  })

  it('takes every UDP packet of the asking side for a try, and no answer', () => {
    const table = new FullTable()
    const udp = { protocol: IPPROTO_UDP }
    table.state(packet(2, 7, udp))
    table.state(packet(2.1, 7, { ...udp, isReply: true }))
    table.state(packet(7, 7, udp))
    expect(table.refusals).toMatchObject({ packets: 2, connections: 1, unsent: 1 })
  })

  it('was full for as long as there was no room', () => {
    const table = new FullTable()
    // their timeout passes after 120 s, but they count until a lookup or the collector comes
    table.engine.advance(200e9)
    table.refusals.resized(table.engine.table.count, 200e9)
    expect(table.engine.table.count).toBe(0)
    expect(table.refusals.fullTime).toBeGreaterThan(119e9)
    expect(table.refusals.fullTime).toBeLessThanOrEqual(181e9)
  })
})

describe('RefusedFlows', () => {
  it('agrees with a map, and forgets after two minutes', () => {
    const steps = fc.array(
      fc.record({ wait: fc.integer({ min: 0, max: 40 }), port: fc.nat({ max: 400 }), notes: fc.boolean() }),
      { maxLength: 400 },
    )
    fc.assert(
      fc.property(steps, all => {
        const flows = new RefusedFlows()
        const map = new Map<number, number>()
        let now = 0
        for (const { wait, port, notes } of all) {
          now += wait * 1e9
          const tuple = new Tuple()
          tuple.kind = IPPROTO_TCP
          tuple.ports = port
          const noted = map.get(port)
          const remembered = noted !== undefined && now - noted <= 128e9
          expect(flows.look(tuple, now)).toBe(remembered ? FLOW_REFUSED : FLOW_UNKNOWN)
          if (!notes) continue
          flows.note(tuple, FLOW_REFUSED, now)
          map.set(port, Math.max(now, 1))
        }
      }),
    )
  })

  it('holds a flood in bounded memory, the latest of it', () => {
    const flows = new RefusedFlows()
    const tuple = new Tuple()
    tuple.kind = IPPROTO_TCP
    for (let i = 0; i < 1_500_000; i++) {
      tuple.ports = i
      flows.note(tuple, FLOW_REFUSED, 1 + i * 1000)
    }
    expect(flows.look(tuple, 1.5e9)).toBe(FLOW_REFUSED)
    tuple.ports = 0
    expect(flows.look(tuple, 1.5e9)).toBe(FLOW_UNKNOWN)
  })
})
