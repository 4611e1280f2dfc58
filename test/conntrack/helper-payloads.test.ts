// Payloads of any bytes under every helper: nothing breaks, what is expected stays within its bounds, and goes with its flow.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Engine } from '../../src/conntrack/engine.ts'
import type { Expectation } from '../../src/conntrack/expect/expectations.ts'
import { HELPERS, type HelperName } from '../../src/conntrack/helper-assignment.ts'
import { type Kernel, kernelOf } from '../../src/conntrack/kernel.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { IPPROTO_TCP, TCP_ACK, TCP_PSH, TCP_SYN } from '../../src/net/numbers.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { type Bytes, ethernet, frameOf, ipv4, ipv6, join, tcp, udp } from '../support/frames.ts'
import { SILENT } from '../support/segments.ts'

const CLIENT = ['10.0.0.5', '2001:db8::5'] as const
const SERVER = ['10.9.0.7', '2001:db8::7'] as const

/** What helpers look for, in pieces: whole messages of each come about, and others that are nearly so. */
const WORDS = [
  'PORT 10,0,0,5,156,165\r\n',
  '227 (10,9,0,7,156,165)\r\n',
  'EPRT |2|2001:db8::5|40101|\r\n',
  '229 (|||40101|)\r\n',
  'PRIVMSG x :\x01DCC SEND file 167772165 40400\x01\n',
  'PRIVMSG  :\x01DCC CHAT ',
  'CONNECT DATA 50201 MESG 50202 INDEX 50203\n',
  'CONNECT ',
  '\0\0\0\x07\0\0\0\0',
  '\0\0\0\0\0\0\xc4\x02',
  '\0\x10\0\x01\x1a\x2b\x3c\x4d\0\x01\0\0'.padEnd(170, '\0'),
  '\0\x10\0\x01\x1a\x2b\x3c\x4d\0\x02\0\0\0\0\x01'.padEnd(170, '\0'),
  '\0\x10\0\x01\x1a\x2b\x3c\x4d\0\x07\0\0\0\x64'.padEnd(170, '\0'),
  '\0\x10\0\x01\x1a\x2b\x3c\x4d\0\x08\0\0\0\xc8\0\x64\x01'.padEnd(170, '\0'),
  '\0\x10\0\x01\x1a\x2b\x3c\x4d\0\x0d\0\0'.padEnd(170, '\0'),
  'INVITE sip:7@10.9.0.7 SIP/2.0\r\nCSeq: 1 INVITE\r\n',
  'SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n',
  'REGISTER sip:10.9.0.7 SIP/2.0\r\nCSeq: 4294967296 REGISTER\r\nContact: <sip:u@10.0.0.5:5060>;expires=60\r\n\r\n',
  'REGISTER sip:10.9.0.7 SIP/2.0\r\nCSeq: 2 REGISTER\r\nContact: <sip:u@10.0.0.5:5060>,',
  'SIP/2.0 200 OK\r\nCSeq: 2 REGISTER\r\nContact: <sip:u@10.0.0.5:5060>;expires=60\r\n\r\n',
  'REGISTER sip:10.9.0.7 SIP/2.0\r\nCSeq: 2 REGISTER\r\nContact: <sip:u@10.0.0.5:5060>;expires=60\r\nl: 0\r\n\r\n',
  'REGISTER sip:7 SIP/2.0\r\nCSeq: 2 REGISTER\r\nm: <sip:u@[2001:db8::5]>;expires=60\r\nl:0\r\n\r\n',
  '\0\x01file\0octet\0',
  'BYE sip:7 SIP/2.0\r\nCSeq: 3 BYE\r\n',
  'Content-Length: 40\r\n\r\n',
  'Content-Length: 4294967295\r\n\r\n',
  '\r\nv=0\r\nc=IN IP4 10.0.0.5\r\nm=audio 10000 RTP\r\n',
  'm=video 65536 RTP\r\nc=IN IP6 2001:db8::5\r\n',
  'm=image 1024',
  'c=IN IP4 ',
  '\r\n ',
  '\r',
  ' ',
  ':',
]

const text = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom(...WORDS).map(word => Buffer.from(word, 'latin1')) },
      fc.uint8Array({ maxLength: 40 }),
    ),
    { maxLength: 6 },
  )
  .map(parts => join(...parts.map(part => new Uint8Array(part))))
const whole = fc.constantFrom(...WORDS).map(word => join(new Uint8Array(Buffer.from(word, 'latin1'))))

interface Message {
  fromClient: boolean
  payload: Bytes
  /** Bytes of the frame that were captured, less than all of them where it was cut. */
  captured: number
  /** Seconds that pass before it. */
  wait: number
}

const message: fc.Arbitrary<Message> = fc.record({
  fromClient: fc.boolean(),
  payload: fc.oneof(text, whole),
  captured: fc.oneof({ weight: 9, arbitrary: fc.constant(65_535) }, fc.nat(200)),
  wait: fc.oneof({ weight: 9, arbitrary: fc.constant(0.01) }, fc.nat(400)),
})

/** One flow that has a helper, and the packets of its two ends. */
class Flow {
  readonly engine: Engine
  /** Expectations that there are. */
  readonly live = new Set<Expectation>()
  private readonly packet = new Packet()
  private readonly family: 0 | 1
  private readonly protocol: number
  private readonly port: number
  private readonly next = [101, 501]
  private time = 0
  private frames = 0

  constructor(helper: HelperName, kernel: Kernel, family: 0 | 1, protocol: number) {
    const { port } = HELPERS[helper]
    const settings = { ...defaultSettings(kernel), nf_conntrack_buckets: 64, helpers: [{ helper, port }] }
    this.engine = new Engine(settings, SILENT)
    this.engine.watchExpectations({
      expectation: (event, expectation) => {
        if (event === 'NEW') this.live.add(expectation)
        else this.live.delete(expectation)
      },
    })
    this.family = family
    this.protocol = protocol
    this.port = port
    if (protocol !== IPPROTO_TCP) return
    this.send(true, new Uint8Array(0), TCP_SYN, [100, 0])
    this.send(false, new Uint8Array(0), TCP_SYN | TCP_ACK, [500, 101])
    this.send(true, new Uint8Array(0), TCP_ACK, [101, 501])
  }

  say({ fromClient, payload, captured, wait }: Message): void {
    this.time += Math.round(wait * 1e9)
    const [own, other] = fromClient ? [0, 1] : [1, 0]
    this.send(fromClient, payload, TCP_ACK | TCP_PSH, [this.next[own], this.next[other]], captured)
    this.next[own] = (this.next[own] + payload.length) | 0
  }

  private send(
    fromClient: boolean,
    payload: Bytes,
    flags: number,
    [sequence, acknowledgment]: [number, number],
    captured = 65_535,
  ): void {
    const { family, protocol, port } = this
    const hosts = [CLIENT[family], SERVER[family]]
    const ports = [700, port]
    const [from, to] = fromClient ? [0, 1] : [1, 0]
    const ends = { sourcePort: ports[from], destinationPort: ports[to] }
    const transport =
      protocol === IPPROTO_TCP
        ? tcp({ ...ends, sequence, acknowledgment, flags, window: 60_000 }, payload)
        : udp(ends, payload)
    const addresses = { source: hosts[from], destination: hosts[to] }
    const whole = ethernet(
      family === 0
        ? ipv4({ ...addresses, protocol }, transport)
        : ipv6({ ...addresses, nextHeader: protocol }, transport),
    )
    this.time += 1e6
    const bytes = whole.subarray(0, Math.max(74, captured))
    const frame = frameOf(bytes, { time: this.time, number: ++this.frames, originalLength: whole.length })
    if (decode(frame, this.packet)) this.engine.track(this.packet)
  }

  /** Most is over; registrations stay as long as they say. */
  end(): void {
    this.engine.advance(this.time + 400e9)
  }
}

/** Expectations that a flow may have, all classes together. */
const MOST: Record<HelperName, number> = {
  ftp: 1,
  tftp: 1,
  irc: 8,
  pptp: 2,
  sip: 11,
  amanda: 4,
  sane: 1,
  'netbios-ns': 1,
  snmp: 1,
}

const cases = (Object.keys(HELPERS) as HelperName[]).flatMap(helper =>
  HELPERS[helper].protocols.map(protocol => [helper, protocol] as const),
)

describe('any payload', () => {
  it.each(cases)('of %s, protocol %i', (helper, protocol) => {
    const kernels = fc
      .constantFrom('5.10.46', '6.18', '7.2')
      .map(release => kernelOf(release, 'option') as Kernel)
    fc.assert(
      fc.property(
        kernels,
        fc.constantFrom(0, 1),
        fc.array(message, { maxLength: 20 }),
        (kernel, family, messages) => {
          const flow = new Flow(helper, kernel, family as 0 | 1, protocol)
          for (const each of messages) {
            flow.say(each)
            expect(flow.live.size).toBeLessThanOrEqual(MOST[helper])
            for (const { port, destination } of flow.live) {
              expect(port).toBeGreaterThanOrEqual(0)
              expect(port).toBeLessThanOrEqual(0xffff)
              expect(destination.length).toBe(family === 0 ? 1 : 4)
            }
          }
          flow.end()
          const { jiffies } = flow.engine.context
          for (const { deadline } of flow.live) expect((deadline - jiffies) | 0).toBeGreaterThan(0)
        },
      ),
      { numRuns: 40, seed: 7 },
    )
  })

  // SANE reads the next answer alone, others nothing at all
  const readers = cases.filter(([helper]) => !['sane', 'netbios-ns', 'snmp'].includes(helper))
  it.each(readers)('of %s, protocol %i, is found among others', (helper, protocol) => {
    const flow = new Flow(helper, kernelOf('6.18', 'option') as Kernel, 0, protocol)
    let announced = 0
    for (const word of [...WORDS, ...WORDS]) {
      for (const fromClient of [true, false]) {
        flow.say({
          fromClient,
          payload: new Uint8Array(Buffer.from(word, 'latin1')),
          captured: 65_535,
          wait: 0.01,
        })
        announced += flow.live.size
      }
    }
    expect(announced).toBeGreaterThan(0)
  })

  it.each([
    ['REGISTER sip:7 SIP/2.0\r\nCSeq: 1 REGISTER\r\n', 'Contact: <sip:,\r\n\t'],
    ['SIP/2.0 200 OK\r\nCSeq: 0 REGISTER\r\nExpires: 9\r\n', 'Contact: <sip:1.2.3.4>,\r\n'],
    ['INVITE sip:7 SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\n', 'm=audio 0 \r\n'],
    ['INVITE sip:7 SIP/2.0\r\nCSeq: 1 INVITE\r\n', 'Content-Length: \r\n '],
  ])('as long as a datagram may be is read within its length: %j', (start, rest) => {
    const line = Buffer.from((start + rest.repeat(60_000 / rest.length)).slice(0, 60_000), 'latin1')
    const kernel = kernelOf('6.18', 'option') as Kernel
    const flow = new Flow('sip', kernel, 0, 17)
    // who reads from each line to the end would take minutes for so many, and the test would be ended
    for (let i = 0; i < 200; i++) {
      flow.say({ fromClient: i % 2 === 0, payload: new Uint8Array(line), captured: 65_535, wait: 0.01 })
    }
    expect(flow.live.size).toBeLessThan(line.length)
  })
})
