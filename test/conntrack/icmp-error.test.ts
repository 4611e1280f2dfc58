// ICMP errors and the flow they quote: every verdict and complaint here is the one that Linux 6.18 gave of the same packets.
import { describe, expect, it } from 'vitest'
import { Engine } from '../../src/conntrack/engine.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { DIRECTION_NAMES, STATE_NAMES } from '../../src/conntrack/status.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import {
  type Bytes,
  be16,
  ethernet,
  filler,
  frameOf,
  icmp,
  internetChecksum,
  ipv4,
  ipv6,
  join,
  pseudoHeader,
  udp,
} from '../support/frames.ts'

const silent = { created() {}, updated() {}, reclassified() {}, expired() {}, destroyed() {} }
const CLIENT = 'fe80::1'
const ROUTER = 'fe80::2'
const SERVER = '2001:db8::3'
const CLIENT4 = '10.0.0.1'
const SERVER4 = '10.0.0.3'

const payload = udp({ sourcePort: 4000, destinationPort: 53, checksum: 1 }, filler(24))
const flow6 = ipv6({ nextHeader: 17, source: CLIENT, destination: SERVER, hopLimit: 64 }, payload)
const flow4 = ipv4({ protocol: 17, source: CLIENT4, destination: SERVER4 }, payload)

/** A table with the flow that `first` is the first packet of. */
function engineWith(first: Bytes): Engine {
  const engine = new Engine(defaultSettings(), silent)
  verdictOn(engine, first)
  return engine
}

/** The verdict on a packet: `state [direction] ["complaint"]`. */
function verdictOn(engine: Engine, bytes: Bytes): string {
  const packet = new Packet()
  if (!decode(frameOf(ethernet(bytes)), packet)) throw new Error('no packet')
  engine.track(packet)
  const direction = engine.direction < 0 ? '' : ` ${DIRECTION_NAMES[engine.direction]}`
  const complaint = engine.context.reasons.text()
  return `${STATE_NAMES[engine.state]}${direction}${complaint === '' ? '' : ` "${complaint}"`}`
}

interface Redirect {
  source?: string
  destination?: string
  hopLimit?: number
  code?: number
  option?: number
  optionLength?: number
  /** Bytes of the message that are there. */
  length?: number
}

/** A redirect about the flow (RFC 4861, 4.5): a target, a destination, and the packet in an option. */
function redirect(options: Redirect): Bytes {
  const { source = ROUTER, destination = CLIENT, hopLimit = 255, code = 0 } = options
  const { option = 4, optionLength = 1 + flow6.length / 8 } = options
  const message = join(
    [137, code, 0, 0, 0, 0, 0, 0],
    filler(32),
    [option, optionLength, 0, 0, 0, 0, 0, 0],
    flow6,
  ).slice(0, options.length)
  message.set(be16(internetChecksum(pseudoHeader(source, destination, 58, message.length), message)), 2)
  return ipv6({ nextHeader: 58, source, destination, hopLimit }, message)
}

const SOURCE = 'invalid "invalid saddr or hoplimit for redirect"'
const REDIRECTS: [string, Redirect, string][] = [
  ['as it must be', {}, 'related reply'],
  ['with a hop limit of 254', { hopLimit: 254 }, SOURCE],
  ['with a hop limit of 64', { hopLimit: 64 }, SOURCE],
  ['from fe7f::', { source: 'fe7f:ffff::2' }, SOURCE],
  ['from febf::', { source: 'febf:ffff::2' }, 'related reply'],
  ['from fec0::', { source: 'fec0::2' }, SOURCE],
  ['from elsewhere', { source: '2001:db8::2' }, SOURCE],
  ['of 39 bytes', { length: 39 }, 'invalid "short redirect"'],
  ['without options', { length: 40 }, 'invalid "redirect without options"'],
  ['with half an option header', { length: 41 }, 'invalid "redirect without options"'],
  ['with an option of length 0', { optionLength: 0 }, 'invalid "redirect without options"'],
  ['with nothing in the option', { length: 42 }, 'invalid'],
  ['with part of the packet in the option', { length: 48 + 43 }, 'invalid'],
  ['with its ports in the option', { length: 48 + 44 }, 'related reply'],
  [
    'to another host',
    { destination: 'fe80::9' },
    'invalid "outer daddr fe80:0000:0000:0000:0000:0000:0000:0009 != inner fe80:0000:0000:0000:0000:0000:0000:0001"',
  ],
]

describe('a redirect of IPv6', () => {
  const engine = engineWith(flow6)

  it.each(REDIRECTS)('%s', (_, options, expected) => {
    expect(verdictOn(engine, redirect(options))).toBe(expected)
  })

  it.each([
    ['with another option', { option: 2 }],
    ['with a code', { code: 1 }],
  ])('that is no error about a packet has no tuple of its own: %s', (_, options) => {
    expect(verdictOn(engine, redirect(options))).toBe('invalid')
  })
})

/** An ICMP message about the flow. */
const error4 = (type: number, code = 0, inner = flow4, destination = CLIENT4) =>
  ipv4({ protocol: 1, source: '10.0.0.2', destination }, icmp(type, code, join([0, 0, 0, 0], inner)))

describe('an ICMP message that quotes a packet', () => {
  const engine = engineWith(flow4)

  it('is related by its type: unreachable, source quench, redirect, time exceeded, parameter problem', () => {
    const types = Array.from({ length: 256 }, (_, type) => type)
    const verdicts = new Map(types.map(type => [type, verdictOn(engine, error4(type))]))
    const ofKind = (verdict: string) => types.filter(type => verdicts.get(type) === verdict)
    expect(ofKind('related reply')).toEqual([3, 4, 5, 11, 12])
    // echo, timestamp, information and address mask ask for something
    expect(ofKind('new original')).toEqual([8, 13, 15, 17])
    expect(ofKind('invalid "invalid icmp type"')).toEqual(types.filter(type => type > 18))
  })

  it('must quote the ports, and go to where the packet came from', () => {
    const cut = (length: number) => verdictOn(engine, error4(3, 3, flow4.slice(0, length)))
    expect([19, 20, 23, 24, 28].map(cut)).toEqual([
      'invalid',
      'invalid',
      'invalid',
      'related reply',
      'related reply',
    ])
    expect(verdictOn(engine, error4(3, 3, flow4, '10.0.0.9'))).toBe(
      'invalid "outer daddr 10.0.0.9 != inner 10.0.0.1"',
    )
  })
})
