// Builds frames as points of a host see them, and runs them through a window.
import type { Frame } from '../../src/capture/frame.ts'
import { formatIpv4 } from '../../src/net/address.ts'
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2 } from '../../src/net/numbers.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { SightingWindow } from '../../src/vantage/window.ts'
import { type Bytes, be16, be32, frameOf, ipv4, join, tcp, udp } from './frames.ts'

export interface Sighting {
  /** Microseconds. */
  at: number
  /** Interface index on a cooked capture; 0 makes an Ethernet frame. */
  on?: number
  /** Cooked packet type. */
  type?: number
  /** Last byte of the hardware addresses. */
  mac?: number
  toMac?: number
  ttl?: number
  /** `10.0.0.1:1000>10.0.0.2:80` */
  tuple: string
  id?: number
  moreFragments?: boolean
  protocol?: 'tcp' | 'udp'
  sequence?: number
  acknowledgment?: number
  flags?: number
  options?: Bytes | undefined
  payload?: Bytes
  /** Index of the capture, each with one interface. */
  capture?: number
}

/** The frame of a sighting. */
export function frameSeen(sighting: Sighting, number: number): Frame {
  const {
    on = 0,
    type = 0,
    mac = 1,
    toMac = 2,
    ttl = 64,
    id = 1,
    capture = 0,
    moreFragments = false,
  } = sighting
  const [source, destination] = sighting.tuple.split('>').map(end => end.split(':'))
  const ports = { sourcePort: Number(source[1]), destinationPort: Number(destination[1]) }
  const isUdp = sighting.protocol === 'udp'
  const transport = isUdp
    ? udp(ports, sighting.payload)
    : tcp(
        {
          ...ports,
          sequence: sighting.sequence ?? 100,
          acknowledgment: sighting.acknowledgment ?? 0,
          flags: sighting.flags ?? 0x10,
          ...(sighting.options && { options: sighting.options }),
        },
        sighting.payload,
      )
  const packet = ipv4(
    {
      source: source[0],
      destination: destination[0],
      protocol: isUdp ? 17 : 6,
      ttl,
      identification: id,
      moreFragments,
    },
    transport,
  )
  const link =
    on === 0
      ? join([2, 0, 0, 0, 0, toMac], [2, 0, 0, 0, 0, mac], be16(0x800))
      : join(be16(0x800), be16(0), be32(on), be16(1), type, 6, [2, 0, 0, 0, 0, mac], be16(0))
  const linkType = on === 0 ? LINKTYPE_ETHERNET : LINKTYPE_LINUX_SLL2
  const frame = frameOf(join(link, packet), { linkType, time: sighting.at * 1000, number })
  frame.capture = capture
  frame.interface = capture
  return frame
}

/** A packet that came out of the window: the frames that show it, and its translation. */
export interface Released {
  frames: number[]
  tuple: string
  /** Its tuple behind the translation, `''` without one. */
  translated: string
  meeting: number
  isLate: boolean
  /** Whether it never waited. */
  isDirect: boolean
}

/** @param bridgeCalls bridge-nf-call-iptables and -ip6tables of the host, null: not told */
export function windowOf(captures = 1, bridgeCalls: number | null = null): SightingWindow {
  const interfaces = Array.from({ length: captures }, (_, capture) => ({ capture, name: '' }))
  const source = { captures: interfaces.map((_, i) => ({ path: `c${i}.pcap` })), interfaces }
  return new SightingWindow(source as never, {
    bridgeCalls: { ipv4: bridgeCalls, ipv6: bridgeCalls },
    keepsPayload: false,
  })
}

/** Runs frames through a window, to its end. */
export function runWindow(frames: Iterable<Frame>, window: SightingWindow): Released[] {
  const released: Released[] = []
  const packet = new Packet()
  for (const frame of frames) {
    if (!decode(frame, packet)) throw new Error('the frame holds no packet')
    if (window.passes(frame, packet)) {
      const tuple = tupleText(packet)
      released.push({
        frames: [frame.number],
        tuple,
        translated: '',
        meeting: 0,
        isLate: false,
        isDirect: true,
      })
      continue
    }
    window.add(frame, packet)
    while (window.next(packet)) released.push(describe(window, packet))
  }
  window.finish()
  while (window.next(packet)) released.push(describe(window, packet))
  return released
}

/** The packets that come of sightings in the order they are given. */
export function release(sightings: readonly Sighting[], captures = 1): Released[] {
  return runWindow(
    sightings.map((sighting, index) => frameSeen(sighting, index + 1)),
    windowOf(captures),
  )
}

function describe({ sightings }: SightingWindow, packet: Packet): Released {
  const after = new Packet()
  const isTranslated = sightings.translated !== 0 && sightings.decode(sightings.after, after)
  sightings.readBehind(after)
  return {
    frames: Array.from({ length: sightings.count }, (_, index) => sightings.frame(index)),
    tuple: tupleText(packet),
    translated: isTranslated ? tupleText(after) : '',
    meeting: sightings.meeting,
    isLate: sightings.isLate,
    isDirect: false,
  }
}

function tupleText(packet: Packet): string {
  const source = `${formatIpv4(packet.source0)}:${packet.sourcePort}`
  return `${source}>${formatIpv4(packet.destination0)}:${packet.destinationPort}`
}
