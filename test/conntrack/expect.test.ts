// Helpers: what FTP's lines say and what is dropped, flows that are expected; recordings of kernels: helper-recordings.test.ts.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Engine } from '../../src/conntrack/engine.ts'
import {
  EXPECT_INACTIVE,
  EXPECT_PERMANENT,
  type Expectation,
  Expectations,
} from '../../src/conntrack/expect/expectations.ts'
import { LineEnds, readFtp } from '../../src/conntrack/expect/ftp.ts'
import type { Span } from '../../src/conntrack/expect/payload.ts'
import {
  helperBits,
  helperOf,
  masterHelperBits,
  masterHelperOf,
  USUAL_ASSIGNMENTS,
} from '../../src/conntrack/helper-assignment.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { STATE_NAMES, STATE_NEW, STATE_RELATED } from '../../src/conntrack/status.ts'
import { KIND_IPV6, Tuple } from '../../src/conntrack/tuple.ts'
import { TCP_ACK, TCP_SYN } from '../../src/net/numbers.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { ethernet, frameOf, ipv4, type TcpOptions, tcp } from '../support/frames.ts'
import { SILENT } from '../support/segments.ts'

const text = (line: string): Uint8Array => new Uint8Array(Buffer.from(line, 'latin1'))
/** The bytes amid others that must not be looked at. */
const span = (bytes: Uint8Array): Span => ({
  bytes: new Uint8Array([0x31, ...bytes, 0x2c, 0x31, 0x7c, 0x0d]),
  start: 1,
  end: bytes.length + 1,
})

it("helpers are assigned to the ports that the kernel's modules take, and an entry tells which one it has", () => {
  expect(USUAL_ASSIGNMENTS.map(({ helper, port }) => `${helper}:${port}`)).toEqual([
    'ftp:21',
    'tftp:69',
    'irc:6667',
    'pptp:1723',
    'sip:5060',
    'amanda:10080',
    'sane:6566',
    'netbios-ns:137',
    'snmp:161',
  ])
  for (const { helper } of USUAL_ASSIGNMENTS) {
    expect(helperOf(helperBits(helper))).toBe(helper)
    expect(masterHelperOf(helperBits(helper))).toBe(null)
    expect(masterHelperOf(masterHelperBits(helper))).toBe(helper)
    expect(helperOf(masterHelperBits(helper))).toBe(null)
  }
})

describe('a line of FTP', () => {
  const address = [(192 << 24) | (168 << 16) | (1 << 8) | 10]

  it.each([
    ['PORT 192,168,1,10,4,1\r\n', 0, { address, port: 1025 }],
    ['port 192,168,1,10,4,1\r\n', 0, { address, port: 1025 }],
    ['PORTX 192,168,1,10,4,1\r\n', 0, { address, port: 1025 }],
    ['EPRT |1|192.168.1.10|6275|\r\n', 0, { address, port: 6275 }],
    ['227 Entering Passive Mode (192,168,1,10,4,1).\r\n', 1, { address, port: 1025 }],
    ['227 =192,168,1,10,4,1\r\n', 1, { address, port: 1025 }],
    ['229 Entering Extended Passive Mode (|||6446|)\r\n', 1, { address: null, port: 6446 }],
    // numbers wrap
    ['PORT 192,168,1,10,256,1\r\n', 0, { address, port: 1 }],
    ['EPRT |1|192.168.1.10|65537|\r\n', 0, { address, port: 1 }],
    ['USER anonymous\r\n', 0, 'none'],
    ['227 Entering Passive Mode (192,168,1,10,4,1).\r\n', 0, 'none'],
    ['P', 0, 'partial'],
    ['2', 1, 'partial'],
    ['PORT', 0, 'partial'],
    ['PORT 192,168,1,10,4', 0, 'partial'],
    ['PORT 192,168,1,10,4,1\n', 0, 'partial'],
    ['PORT  192,168,1,10,4,1\r\n', 0, 'partial'],
    ['227 no address\r\n', 1, 'partial'],
    ['229 no port\r\n', 1, 'partial'],
    ['EPRT |2|192.168.1.10|6275|\r\n', 0, 'partial'],
  ] as const)('%j in direction %i', (line, direction, reading) => {
    expect(readFtp(span(text(line)), direction, false, false)).toEqual(reading)
  })

  it('of IPv6', () => {
    expect(readFtp(span(text('EPRT |2|2001:db8::1|6275|\r\n')), 0, true, false)).toEqual({
      address: [0x20010db8, 0, 0, 1],
      port: 6275,
    })
    expect(readFtp(span(text('EPRT |1|192.168.1.10|6275|\r\n')), 0, true, false)).toBe('partial')
  })

  it.each(['PORT 192,168,1,10,256,1\r\n', 'EPRT |1|192.168.1.10|65537|\r\n'])(
    '%j is dropped where numbers have bounds',
    line => {
      expect(readFtp(span(text(line)), 0, false, true)).toBe('partial')
    },
  )

  it('of any bytes is read without harm', () => {
    const words = fc.constantFrom('PORT ', 'EPRT ', '227 ', '229 ', '(|||', '|2|', '|1|', '1,2,3', '::', '')
    const lines = fc.tuple(words, words, fc.uint8Array({ maxLength: 80 })).map(([a, b, rest]) => {
      return new Uint8Array([...text(a), ...text(b), ...rest])
    })
    fc.assert(
      fc.property(lines, fc.nat(1), fc.boolean(), fc.boolean(), (line, direction, isIpv6, bounded) => {
        const reading = readFtp(span(line), direction, isIpv6, bounded)
        if (typeof reading === 'string') return
        expect(reading.port).toBeGreaterThanOrEqual(0)
        expect(reading.port).toBeLessThanOrEqual(0xffff)
      }),
    )
  })
})

describe('ends of lines', () => {
  it('are remembered, two a direction, the oldest goes', () => {
    const ends = new LineEnds()
    for (const sequence of [10, 20, 30]) ends.note(0, sequence)
    expect([10, 20, 30].map(sequence => ends.begins(0, sequence))).toEqual([false, true, true])
    ends.note(0, 5)
    expect(ends.begins(0, 5)).toBe(false)
    expect(ends.begins(1, 20)).toBe(false)
  })
})

describe('expectations', () => {
  const of = (master: number, port: number, deadline = 100): Expectation => ({
    master,
    helper: 'ftp',
    kind: 6,
    source: [1],
    mask: null,
    sourcePort: null,
    destination: [2],
    port,
    class: 0,
    flags: 0,
    assigns: null,
    deadline,
  })
  const flow = (port: number, source = 1): Tuple =>
    Object.assign(new Tuple(), { kind: 6, source, destination: 2, ports: (4000 << 16) | port })

  it('are met once, from the source that was named, until they are given up', () => {
    const expectations = new Expectations(9)
    expect(expectations.add(of(1, 7), 2, 0)).toBe('added')
    expect(expectations.take(flow(7, 3), 0)).toBe(null)
    expect(expectations.take(flow(8), 0)).toBe(null)
    expect(expectations.take(flow(7), 99)).toMatchObject({ port: 7 })
    expect(expectations.take(flow(7), 99)).toBe(null)
    expectations.add(of(1, 7), 2, 0)
    expect(expectations.take(flow(7), 100)).toBe(null)
  })

  it('over IPv6 are met by whole addresses', () => {
    const expectations = new Expectations(9)
    const kind = KIND_IPV6 | 6
    expectations.add({ ...of(1, 7), kind, source: null, destination: [2, 3, 4, 5] }, 2, 0)
    const sixth = { destination0: 2, destination1: 3, destination2: 4 }
    const met = (destination3: number): Expectation | null =>
      expectations.take(Object.assign(flow(7), { kind, ...sixth, destination3 }), 0)
    expect(met(6)).toBe(null)
    expect(met(5)).toMatchObject({ port: 7 })
  })

  it('of one master are replaced, the oldest of too many goes, those of another are refused', () => {
    const expectations = new Expectations(9)
    expectations.add(of(1, 7), 2, 0)
    expect(expectations.add(of(2, 7), 2, 0)).toBe('clashes')
    expect(expectations.add(of(1, 7, 200), 2, 0)).toBe('added')
    expectations.add(of(1, 8), 2, 0)
    expectations.add(of(1, 9), 2, 0)
    expect([7, 8, 9].map(port => expectations.take(flow(port), 0) !== null)).toEqual([false, true, true])
  })

  it('that are permanent stay when a flow has come, and inactive ones are not met', () => {
    const expectations = new Expectations(9)
    expectations.add({ ...of(1, 7), flags: EXPECT_PERMANENT }, 2, 0)
    expectations.add({ ...of(1, 8), flags: EXPECT_INACTIVE }, 2, 0)
    expect([0, 50, 99].map(jiffies => expectations.take(flow(7), jiffies)?.port)).toEqual([7, 7, 7])
    expect(expectations.take(flow(8), 0)).toBe(null)
    expect(expectations.find(flow(8))).toMatchObject({ port: 8 })
    expect(expectations.take(flow(7), 100)).toBe(null)
  })

  it('go with their master, and are not more than there may be', () => {
    const expectations = new Expectations(1)
    expectations.add(of(1, 7), 2, 0)
    expect(expectations.add(of(2, 8), 2, 0)).toBe('full')
    expectations.forget(1)
    expect(expectations.take(flow(7), 0)).toBe(null)
    expect(expectations.add(of(2, 8), 2, 0)).toBe('added')
  })
})

describe('an entry that a helper was assigned to', () => {
  /** Rules that drop what goes to the control port: its entry is never confirmed. */
  class Closed extends Engine {
    protected override leaves(_ct: number, packet: Packet): boolean {
      return packet.destinationPort !== 21
    }
  }

  it('leaves nothing behind when its first packet is dropped: the next one in its place has no helper', () => {
    const helpers = [{ helper: 'ftp', port: 21 } as const]
    const engine = new Closed({ ...defaultSettings(), helpers }, SILENT)
    const packet = new Packet()
    const states: string[] = []
    const send = (back: boolean, ports: [number, number], flags: number, at: [number, number], text = '') => {
      const [source, destination] = back ? ['192.0.2.2', '192.0.2.1'] : ['192.0.2.1', '192.0.2.2']
      const header = {
        sourcePort: ports[0],
        destinationPort: ports[1],
        sequence: at[0],
        acknowledgment: at[1],
      }
      const segment = tcp({ ...header, flags, window: 1000 }, new Uint8Array(Buffer.from(text)))
      const bytes = ethernet(ipv4({ source, destination, protocol: 6 }, segment))
      decode(frameOf(bytes, { number: states.length + 1 }), packet)
      states.push(STATE_NAMES[engine.track(packet)])
    }
    send(false, [4000, 21], TCP_SYN, [100, 0])
    send(false, [4001, 80], TCP_SYN, [100, 0])
    send(true, [80, 4001], TCP_SYN | TCP_ACK, [500, 101])
    send(false, [4001, 80], TCP_ACK, [101, 501], 'one\n')
    send(false, [4001, 80], TCP_ACK, [105, 501], 'PORT 192,0,2,1,4,1\r\n')
    send(true, [20, 1025], TCP_SYN, [900, 0])
    expect(states).toEqual(['new', 'new', 'established', 'established', 'established', 'new'])
  })
})

describe('a flow that FTP announces', () => {
  const CLIENT = '10.0.0.1'
  const SERVER = '10.0.0.2'

  /** The state of a first packet from the client, behind lines of the server. */
  function stateBehind(lines: string[], destination: string, destinationPort: number): number {
    const settings = { ...defaultSettings(), helpers: USUAL_ASSIGNMENTS }
    const quiet = () => {}
    const engine = new Engine(settings, {
      created: quiet,
      updated: quiet,
      reclassified: quiet,
      expired: quiet,
      destroyed: quiet,
    })
    const packet = new Packet()
    const send = (from: string, to: string, segment: TcpOptions, payload = ''): number => {
      const bytes = tcp({ acknowledgment: 1, ...segment }, text(payload))
      decode(frameOf(ipv4({ source: from, destination: to, protocol: 6 }, bytes), { linkType: 101 }), packet)
      engine.track(packet)
      return engine.state
    }
    const up = { sourcePort: 4000, destinationPort: 21 }
    const down = { sourcePort: 21, destinationPort: 4000 }
    send(CLIENT, SERVER, { ...up, flags: 2, sequence: 0, acknowledgment: 0 })
    send(SERVER, CLIENT, { ...down, flags: 0x12, sequence: 0 })
    send(CLIENT, SERVER, { ...up, flags: 0x10, sequence: 1 })
    let sequence = 1
    for (const line of ['220 ready\r\n', ...lines]) {
      send(SERVER, CLIENT, { ...down, flags: 0x18, sequence }, line)
      sequence += line.length
    }
    return send(CLIENT, destination, {
      sourcePort: 5000,
      destinationPort,
      flags: 2,
      sequence: 0,
      acknowledgment: 0,
    })
  }

  it.each([
    ['227 Entering Passive Mode (10,0,0,2,4,1).\r\n', SERVER, 1025, STATE_RELATED],
    ['229 Entering Extended Passive Mode (|||1025|)\r\n', SERVER, 1025, STATE_RELATED],
    ['227 Entering Passive Mode (10,0,0,2,4,1).\r\n', SERVER, 1026, STATE_NEW],
    // somewhere else: only with the module's parameter loose=1
    ['227 Entering Passive Mode (10,0,0,3,4,1).\r\n', SERVER, 1025, STATE_NEW],
    ['227 Entering Passive Mode (10,0,0,3,4,1).\r\n', '10.0.0.3', 1025, STATE_NEW],
    ['200 nothing\r\n', SERVER, 1025, STATE_NEW],
  ])('is RELATED, from the server alone: %j to %s port %i', (line, destination, port, state) => {
    expect(stateBehind([line], destination, port)).toBe(state)
  })
})
