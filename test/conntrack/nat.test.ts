// Translations seen on the wire in the table: reply tuples, clashes, what is learnt late, datagrams in fragments.
import { describe, expect, it } from 'vitest'
import { DatagramTranslations } from '../../src/conntrack/datagram-translations.ts'
import { Engine } from '../../src/conntrack/engine.ts'
import { CAUSE_NAMES } from '../../src/conntrack/events.ts'
import { ObservedTranslation } from '../../src/conntrack/nat.ts'
import { ENTERS, LEAVES } from '../../src/conntrack/passage.ts'
import { RuledEngine } from '../../src/conntrack/ruled-engine.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import {
  DIRECTION_REPLY,
  IPS_DST_NAT,
  IPS_NAT_CLASH,
  IPS_SEEN_REPLY,
  IPS_SRC_NAT,
  STATE_ESTABLISHED,
  STATE_INVALID,
  STATE_NEW,
} from '../../src/conntrack/status.ts'
import { Tuple } from '../../src/conntrack/tuple.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { listEngine } from '../support/conntrack-text.ts'
import { ethernet, filler, frameOf, ipv4, tcp, udp } from '../support/frames.ts'

const POD = '10.0.0.5:4000>10.9.0.1:53'
const FIRST = '10.0.0.5:4000>10.0.0.7:53'
const SECOND = '10.0.0.5:4000>10.0.0.8:53'

function packetOf(tuple: string, protocol: 'tcp' | 'udp' = 'udp', time = 0, flags = 2): Packet {
  const [source, destination] = tuple.split('>').map(end => end.split(':'))
  const ports = { sourcePort: Number(source[1]), destinationPort: Number(destination[1]) }
  const transport = protocol === 'udp' ? udp(ports, filler(20)) : tcp({ ...ports, flags, sequence: 100 })
  const header = { source: source[0], destination: destination[0], protocol: protocol === 'udp' ? 17 : 6 }
  const packet = new Packet()
  if (!decode(frameOf(ethernet(ipv4(header, transport)), { time }), packet)) throw new Error('no packet')
  return packet
}

const reply = (tuple: string) => tuple.split('>').reverse().join('>')
const seen = (before: Packet, after: Packet) => new ObservedTranslation().observe(before, after)
const silent = { created() {}, updated() {}, reclassified() {}, expired() {}, destroyed() {} }
const engineOf = () => new Engine(defaultSettings(), silent)
const keys = (engine: Engine) => listEngine(engine).map(({ key }) => key)

/** Tracks a packet that left as `to`. */
function track(engine: Engine, from: string, to: string, protocol: 'tcp' | 'udp' = 'udp', time = 0): number {
  const before = packetOf(from, protocol, time)
  return engine.track(before, seen(before, packetOf(to, protocol, time)))
}

describe('a translated connection', () => {
  it('has the reply tuple that its replies have, and the bits of what was changed', () => {
    const engine = engineOf()
    expect(track(engine, POD, '192.0.2.1:31000>10.0.0.7:5353')).toBe(STATE_NEW)
    expect(engine.status & (IPS_SRC_NAT | IPS_DST_NAT)).toBe(IPS_SRC_NAT | IPS_DST_NAT)
    expect(keys(engine)).toEqual([
      'udp src=10.0.0.5 dst=10.9.0.1 sport=4000 dport=53 | src=10.0.0.7 dst=192.0.2.1 sport=5353 dport=31000',
    ])
    expect(engine.track(packetOf('10.0.0.7:5353>192.0.2.1:31000'))).toBe(STATE_ESTABLISHED)
    expect(engine.direction).toBe(DIRECTION_REPLY)
  })
})

describe('a translated connection of a zone', () => {
  it('has both its tuples there', () => {
    const engine = engineOf()
    const inZone = (packet: Packet): Packet => Object.assign(packet, { zone: 1 })
    const before = inZone(packetOf(POD, 'udp', 0))
    engine.track(before, seen(before, packetOf('192.0.2.1:31000>10.0.0.7:5353', 'udp', 0)))
    expect(engine.track(packetOf('10.0.0.7:5353>192.0.2.1:31000'))).toBe(STATE_NEW)
    expect(engine.track(inZone(packetOf('10.0.0.7:5353>192.0.2.1:31000')))).toBe(STATE_ESTABLISHED)
  })
})

describe('what of a packet was translated', () => {
  const before = { family: 6, protocol: 17, sourcePort: 1, destinationPort: 2 }
  const bitsOf = (family: number, after: Partial<Packet>) => {
    const packet = Object.assign(new Packet(), before, { family })
    const left = Object.assign(new Packet(), packet, after)
    return new ObservedTranslation().observe(packet, left).apply(new Tuple())
  }

  it('is told by every word of an IPv6 address, and by the ports', () => {
    expect(bitsOf(6, {})).toBe(0)
    for (let word = 0; word < 4; word++) {
      expect(bitsOf(6, { [`source${word}`]: 9 })).toBe(IPS_SRC_NAT)
      expect(bitsOf(6, { [`destination${word}`]: 9 })).toBe(IPS_DST_NAT)
    }
    expect(bitsOf(6, { sourcePort: 9 })).toBe(IPS_SRC_NAT)
    expect(bitsOf(6, { destinationPort: 9 })).toBe(IPS_DST_NAT)
  })

  it('is told by the first word alone in IPv4, whatever stands in the others', () => {
    const rest = { source1: 7, source2: 8, source3: 9, destination1: 7, destination2: 8, destination3: 9 }
    expect(bitsOf(4, rest)).toBe(0)
    expect(bitsOf(4, { ...rest, source0: 9 })).toBe(IPS_SRC_NAT)
    expect(bitsOf(4, { ...rest, destination0: 9 })).toBe(IPS_DST_NAT)
  })
})

describe('a translation that is seen later than the first packet', () => {
  it('goes into an entry that has seen no reply', () => {
    const engine = engineOf()
    engine.track(packetOf(POD))
    engine.learn(packetOf(POD), seen(packetOf(POD), packetOf(FIRST)))
    expect(engine.track(packetOf(reply(FIRST)))).toBe(STATE_ESTABLISHED)
    expect(listEngine(engine)).toHaveLength(1)
  })

  it('leaves the reply in the zone of its entry, whichever the packet before was of', () => {
    const passage = {
      zone: 0,
      replyZone: 0,
      isOwn: false,
      redirection: null,
      assignsHelpers: false,
      helper: null,
      answers: () => true,
      touchKey: () => 0,
      enter: () => ENTERS,
      entersAgain: () => false,
      leave: () => LEAVES,
    }
    const engine = new RuledEngine(passage, defaultSettings(), silent, false, null)
    engine.track(packetOf(POD))
    passage.replyZone = 7
    engine.track(packetOf('10.0.0.6:4000>10.9.0.1:53'))
    passage.replyZone = 0
    engine.learn(packetOf(POD), seen(packetOf(POD), packetOf(FIRST)))
    expect(engine.track(packetOf(reply(FIRST)))).toBe(STATE_ESTABLISHED)
  })

  it('is learnt from a retransmission', () => {
    const engine = engineOf()
    engine.track(packetOf(POD, 'tcp'))
    track(engine, POD, FIRST, 'tcp', 1e9)
    expect(keys(engine)).toEqual([
      'tcp src=10.0.0.5 dst=10.9.0.1 sport=4000 dport=53 | src=10.0.0.7 dst=10.0.0.5 sport=53 dport=4000',
    ])
  })

  it('leaves an entry alone that has seen a reply', () => {
    const engine = engineOf()
    engine.track(packetOf(POD))
    engine.track(packetOf(reply(POD)))
    engine.learn(packetOf(POD), seen(packetOf(POD), packetOf(FIRST)))
    expect(keys(engine)).toEqual([
      'udp src=10.0.0.5 dst=10.9.0.1 sport=4000 dport=53 | src=10.9.0.1 dst=10.0.0.5 sport=53 dport=4000',
    ])
  })
})

describe('two first packets of one tuple with two translations', () => {
  it('have an entry each: replies find the second for a second, and it is not listed', () => {
    const engine = engineOf()
    track(engine, POD, FIRST)
    track(engine, POD, SECOND)
    expect(engine.table.count).toBe(2)
    expect(engine.status & IPS_NAT_CLASH).toBe(IPS_NAT_CLASH)
    expect(listEngine(engine)).toHaveLength(1)
    expect(engine.track(packetOf(reply(SECOND)))).toBe(STATE_ESTABLISHED)
    expect(engine.status & IPS_NAT_CLASH).toBe(IPS_NAT_CLASH)
    engine.track(packetOf(POD, 'udp', 1e6))
    expect(engine.status & (IPS_NAT_CLASH | IPS_SEEN_REPLY)).toBe(0)
    engine.track(packetOf(reply(SECOND), 'udp', 1.1e9))
    expect(engine.state).toBe(STATE_NEW)
  })

  it('do not clash over TCP, where the second would have been dropped', () => {
    const engine = engineOf()
    track(engine, POD, FIRST, 'tcp')
    track(engine, POD, SECOND, 'tcp')
    expect(engine.table.count).toBe(1)
    expect(engine.track(packetOf(reply(SECOND), 'tcp', 0, 0x12))).toBe(STATE_INVALID)
  })
})

describe('a tuple that goes on with another translation', () => {
  function deletions(...packets: [from: string, to: string, protocol: 'tcp' | 'udp', time: number][]) {
    const causes: string[] = []
    const engine = new Engine(defaultSettings(), {
      ...silent,
      destroyed: (_, cause) => causes.push(CAUSE_NAMES[cause]),
    })
    for (const packet of packets) track(engine, ...packet)
    return { causes, keys: keys(engine) }
  }
  const SERVED =
    'udp src=10.0.0.5 dst=10.9.0.1 sport=4000 dport=53 | src=10.0.0.7 dst=10.0.0.5 sport=53 dport=4000'
  const ANEW =
    'udp src=10.0.0.5 dst=10.9.0.1 sport=4000 dport=53 | src=10.0.0.8 dst=10.0.0.5 sport=53 dport=4000'

  it('has an entry made anew: the one before was deleted', () => {
    expect(deletions([POD, FIRST, 'udp', 0], [POD, SECOND, 'udp', 2e9])).toEqual({
      causes: ['deleted'],
      keys: [ANEW],
    })
  })

  it('has one whether or not the one before was answered, but not at the moment of its first packet', () => {
    const engine = engineOf()
    track(engine, POD, FIRST)
    engine.track(packetOf(reply(FIRST), 'udp', 1e6))
    track(engine, POD, SECOND, 'udp', 2e6)
    expect(keys(engine)).toEqual([SERVED])
    track(engine, POD, SECOND, 'udp', 2e9)
    expect(keys(engine)).toEqual([ANEW])
    expect(engine.state).toBe(STATE_NEW)
  })

  it('keeps its entry where only half of the translation is seen', () => {
    const both = '192.0.2.1:31000>10.0.0.7:53'
    const half = '192.0.2.1:31000>10.9.0.1:53'
    const { causes, keys: left } = deletions(
      [POD, both, 'udp', 0],
      [POD, FIRST, 'udp', 2e9],
      [POD, half, 'udp', 3e9],
    )
    expect(causes).toEqual([])
    expect(left).toHaveLength(1)
    expect(deletions([POD, both, 'udp', 0], [POD, '192.0.2.1:31001>10.0.0.7:53', 'udp', 2e9]).causes).toEqual(
      ['deleted'],
    )
  })

  it('keeps its entry over TCP, of which kube-proxy deletes none', () => {
    expect(deletions([POD, FIRST, 'tcp', 0], [POD, SECOND, 'tcp', 2e9]).causes).toEqual([])
  })
})

describe('a datagram in fragments', () => {
  it('has the translation that its first fragment showed, once', () => {
    const datagrams = new DatagramTranslations()
    const fragment = packetOf(POD)
    fragment.moreFragments = true
    datagrams.keep(fragment, packetOf(FIRST))
    const whole = packetOf(POD)
    const engine = engineOf()
    engine.track(whole, datagrams.of(whole))
    expect(keys(engine)[0]).toContain('| src=10.0.0.7 dst=10.0.0.5 sport=53 dport=4000')
    expect(datagrams.of(whole)).toBeNull()
  })
})
