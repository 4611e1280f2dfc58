// The same traffic between other hosts: addresses, ports, stations, sequence numbers, IDs and times of a capture exchanged.

/** What is exchanged; checksums always fit afterwards, unless they were left unfinished or are to be cleared. */
export interface Renumbering {
  addresses?: boolean
  /** Networks that documentation has for the Internet become private ones, others stay. */
  areAllPrivate?: boolean
  /** But for those of protocols that the program knows by their port. */
  ports?: boolean
  macs?: boolean
  /** TCP's, with acknowledgments and SACK blocks. */
  sequences?: boolean
  identifications?: boolean
  time?: boolean
  /** Whether unfinished checksums are finished. */
  finishesSums?: boolean
  /** Every TCP connection begins with the number 0, in both directions: numbers are equal, and equal to "none". */
  startsAtZero?: boolean
  /** The first ephemeral port is 0 instead. */
  hasPortZero?: boolean
}

export const EVERYTHING: Renumbering = {
  addresses: true,
  ports: true,
  macs: true,
  sequences: true,
  identifications: true,
  time: true,
}

/** DNS, DHCP, VXLAN, Geneve, GTP-U. */
const KNOWN_PORTS = new Set([0, 53, 67, 68, 546, 547, 2152, 4789, 6081, 8472])
const VXLAN_PORTS = [4789, 8472]
/** What an IPv4 address begins with, and what instead; others are special ones. */
const FIRST_BYTES = new Map([
  [10, 9],
  [172, 45],
  [192, 100],
  [198, 203],
  [203, 198],
])
const PRIVATE_FIRST_BYTES = new Map([
  [198, 10],
  [203, 10],
])
const SHIFT = 0x61234567
const SECONDS = 12_345_678
/** How far a connection's numbers may be from its first. */
const FURTHEST = 1 << 26
const EPHEMERAL = 32_768

const SECTION_HEADER = 0x0a0d0d0a
const INTERFACE_DESCRIPTION = 1
const ENHANCED_PACKET = 6

/** A renumbered copy of a pcap, or of a little-endian pcapng, of Ethernet, cooked or raw frames. */
export function renumber(original: Uint8Array, what: Renumbering): Uint8Array {
  const bytes = Uint8Array.from(original)
  const view = new DataView(bytes.buffer)
  const openings = what.startsAtZero === true ? openingsOf(original) : []
  renumberWith(view, what, new Renumberer(view, what, openings))
  return bytes
}

/** The sequence numbers that connections begin with. */
function openingsOf(original: Uint8Array): number[] {
  const view = new DataView(Uint8Array.from(original).buffer)
  const collector = new Renumberer(view, {}, [])
  renumberWith(view, {}, collector)
  return [...collector.seenOpenings]
}

function renumberWith(view: DataView, what: Renumbering, renumberer: Renumberer): void {
  if (view.getUint32(0, true) === SECTION_HEADER) renumberPcapng(view, what, renumberer)
  else renumberPcap(view, what, renumberer)
}

function renumberPcap(view: DataView, what: Renumbering, renumberer: Renumberer): void {
  const little = [0xa1b2c3d4, 0xa1b23c4d].includes(view.getUint32(0, true))
  const linkType = view.getUint32(20, little) & 0xffff
  for (let at = 24; at + 16 <= view.byteLength; ) {
    if (what.time) view.setUint32(at, view.getUint32(at, little) - SECONDS, little)
    const end = at + 16 + view.getUint32(at + 8, little)
    renumberer.frame(at + 16, end, linkType)
    at = end
  }
}

function renumberPcapng(view: DataView, what: Renumbering, renumberer: Renumberer): void {
  const linkTypes: number[] = []
  for (let at = 0; at + 12 <= view.byteLength; at += view.getUint32(at + 4, true)) {
    const type = view.getUint32(at, true)
    if (type === INTERFACE_DESCRIPTION) linkTypes.push(view.getUint16(at + 8, true))
    if (type !== ENHANCED_PACKET) continue
    if (what.time) view.setUint32(at + 12, view.getUint32(at + 12, true) - 1000, true)
    const end = at + 28 + view.getUint32(at + 20, true)
    renumberer.frame(at + 28, end, linkTypes[view.getUint32(at + 8, true)])
  }
}

class Renumberer {
  readonly seenOpenings = new Set<number>()
  private zeroPort = -1
  private readonly view: DataView
  private readonly what: Renumbering
  private readonly openings: readonly number[]

  /** @param openings sequence numbers that connections begin with, where those are to be 0 */
  constructor(view: DataView, what: Renumbering, openings: readonly number[]) {
    this.view = view
    this.what = what
    this.openings = openings
  }

  frame(at: number, end: number, linkType: number): void {
    const { view } = this
    switch (linkType) {
      case 1:
        this.mac(at)
        this.mac(at + 6)
        this.etherType(view.getUint16(at + 12), at + 14, end)
        break
      case 113:
        if (view.getUint16(at + 4) === 6) this.mac(at + 6)
        this.etherType(view.getUint16(at + 14), at + 16, end)
        break
      case 276:
        if (view.getUint8(at + 11) === 6) this.mac(at + 12)
        this.etherType(view.getUint16(at), at + 20, end)
        break
      case 101:
        this.packet(at, end, false)
        break
      default:
        throw new Error(`link type ${linkType}`)
    }
  }

  private etherType(type: number, at: number, end: number): void {
    if (type === 0x8100) this.etherType(this.view.getUint16(at + 2), at + 4, end)
    else if (type === 0x0800 || type === 0x86dd) this.packet(at, end, false)
  }

  /** @param isQuoted whether an ICMP error quotes it, cut off and with sums of its own */
  private packet(at: number, end: number, isQuoted: boolean): void {
    const { view, what } = this
    const isIpv6 = view.getUint8(at) >> 4 === 6
    const headerLength = isIpv6 ? 40 : (view.getUint8(at) & 0x0f) << 2
    if (end - at < headerLength) return
    const transport: Transport = {
      protocol: view.getUint8(at + (isIpv6 ? 6 : 9)),
      at: at + headerLength,
      end,
      length: isIpv6 ? view.getUint16(at + 4) : view.getUint16(at + 2) - headerLength,
      addresses: at + (isIpv6 ? 8 : 12),
      addressBytes: isIpv6 ? 32 : 8,
    }
    const fragment = isIpv6 ? 0 : view.getUint16(at + 6)
    const isWhole = (fragment & 0x3fff) === 0 && !isQuoted
    const isUnfinished = isWhole && this.isUnfinished(transport)
    if (what.addresses || what.areAllPrivate) {
      const exchange = isIpv6 ? this.address6 : this.address4
      for (let i = 0; i < 2; i++) exchange.call(this, transport.addresses + (i * transport.addressBytes) / 2)
    }
    if (!isIpv6) this.ipv4Header(at, headerLength)
    if ((fragment & 0x1fff) !== 0) return
    this.transport(transport, isQuoted)
    if (isWhole) this.sum(transport, isUnfinished)
  }

  private ipv4Header(at: number, length: number): void {
    const { view, what } = this
    const identification = view.getUint16(at + 4)
    if (what.identifications && identification !== 0) {
      view.setUint16(at + 4, identification ^ 0x5555 || 0x5555)
    }
    if (view.getUint16(at + 10) === 0) return
    view.setUint16(at + 10, 0)
    view.setUint16(at + 10, ~fold(this.add(at, at + length)))
  }

  private transport({ protocol, at, end, length }: Transport, isQuoted: boolean): void {
    const { view } = this
    if (end - at < 8) return
    if (protocol === 6 || protocol === 17) {
      const destination = view.getUint16(at + 2)
      if (this.what.ports)
        for (const port of [at, at + 2]) view.setUint16(port, portFor(view.getUint16(port)))
      if (this.what.hasPortZero) for (const port of [at, at + 2]) this.makeZero(port)
      if (protocol === 6 && end - at > 13 && (view.getUint8(at + 13) & 0x02) !== 0) {
        this.seenOpenings.add(view.getUint32(at + 4))
      }
      if (protocol === 6 && (this.what.sequences || this.what.startsAtZero)) this.sequences(at, end)
      if (protocol === 17 && VXLAN_PORTS.includes(destination)) this.frame(at + 16, at + length, 1)
    } else if (!isQuoted && isError(protocol, view.getUint8(at))) this.packet(at + 8, end, true)
  }

  private sequences(at: number, end: number): void {
    const { view } = this
    this.shift(at + 4)
    if (end - at < 20) return
    if ((view.getUint8(at + 13) & 0x10) !== 0) this.shift(at + 8)
    const headerEnd = Math.min(end, at + ((view.getUint8(at + 12) >> 4) << 2))
    for (let option = at + 20; option + 1 < headerEnd; ) {
      const kind = view.getUint8(option)
      if (kind === 0) return
      const length = kind === 1 ? 1 : Math.max(2, view.getUint8(option + 1))
      if (kind === 5) for (let edge = option + 2; edge + 4 <= option + length; edge += 4) this.shift(edge)
      option += length
    }
  }

  private shift(at: number): void {
    const number = this.view.getUint32(at)
    this.view.setUint32(at, this.what.startsAtZero ? this.sinceOpening(number) : number + SHIFT)
  }

  /** A number counted from the nearest below that a connection began with; one of no connection stays. */
  private sinceOpening(number: number): number {
    let nearest = number
    for (const opening of this.openings) nearest = Math.min(nearest, (number - opening) >>> 0)
    return nearest <= FURTHEST ? nearest : number
  }

  private makeZero(at: number): void {
    const port = this.view.getUint16(at)
    if (this.zeroPort < 0 && port >= EPHEMERAL) this.zeroPort = port
    if (port === this.zeroPort) this.view.setUint16(at, 0)
  }

  private isUnfinished(transport: Transport): boolean {
    const at = sumAt(transport)
    return at > 0 && at + 2 <= transport.end && this.view.getUint16(at) === fold(this.pseudoHeader(transport))
  }

  private sum(transport: Transport, isUnfinished: boolean): void {
    const { view } = this
    const { at, length, end, protocol } = transport
    const field = sumAt(transport)
    if (field < 0 || field + 2 > end || (protocol === 17 && view.getUint16(field) === 0)) return
    const pseudoHeader = protocol === 1 ? 0 : this.pseudoHeader(transport)
    if (isUnfinished && !this.what.finishesSums) view.setUint16(field, fold(pseudoHeader))
    else if (at + length <= end) {
      view.setUint16(field, 0)
      view.setUint16(field, ~fold(pseudoHeader + this.add(at, at + length)) & 0xffff || 0xffff)
    }
  }

  private pseudoHeader({ addresses, addressBytes, protocol, length }: Transport): number {
    return this.add(addresses, addresses + addressBytes) + protocol + length
  }

  private add(from: number, to: number): number {
    let sum = 0
    for (let at = from; at < to; at += 2)
      sum += at + 1 < to ? this.view.getUint16(at) : this.view.getUint8(at) << 8
    return sum
  }

  private address4(at: number): void {
    const { areAllPrivate = false } = this.what
    const first = (areAllPrivate ? PRIVATE_FIRST_BYTES : FIRST_BYTES).get(this.view.getUint8(at))
    if (first === undefined) return
    this.view.setUint8(at, first)
    if (!areAllPrivate) this.exchange(at + 1, [0x5a, 0x33, 0x14])
  }

  private address6(at: number): void {
    const first = this.view.getUint8(at)
    if (first === 0xff || this.view.getUint32(at) === 0) return
    if (first !== 0xfe) this.exchange(at + 2, [0x22, 0x33, 0x44, 0x55, 0x66, 0x77])
    this.exchange(at + 8, [0x38, 0x3f, 0x46, 0x4d, 0x54, 0x5b, 0x62, 0x69])
  }

  private mac(at: number): void {
    const isGroup = (this.view.getUint8(at) & 1) !== 0
    if (!this.what.macs || isGroup || this.add(at, at + 6) === 0) return
    this.exchange(at + 1, [0x2a, 0x2b, 0x2c, 0x2d, 0x2e])
  }

  private exchange(at: number, bits: number[]): void {
    for (const [i, bit] of bits.entries()) this.view.setUint8(at + i, this.view.getUint8(at + i) ^ bit)
  }
}

interface Transport {
  protocol: number
  at: number
  /** End of what was captured. */
  end: number
  /** By the IP header. */
  length: number
  addresses: number
  /** Of both addresses. */
  addressBytes: number
}

/** Where the checksum stands, -1: this file knows none. */
function sumAt({ protocol, at }: Transport): number {
  switch (protocol) {
    case 6:
      return at + 16
    case 17:
      return at + 6
    case 1:
    case 58:
      return at + 2
    default:
      return -1
  }
}

function isError(protocol: number, type: number): boolean {
  if (protocol === 58) return type < 128
  return protocol === 1 && [3, 4, 5, 11, 12].includes(type)
}

/** A port of the same kind: below 1024, registered, ephemeral. */
function portFor(port: number): number {
  if (KNOWN_PORTS.has(port)) return port
  let other = nextPort(port)
  while (KNOWN_PORTS.has(other)) other = nextPort(other)
  return other
}

function nextPort(port: number): number {
  if (port < 1024) return 1 + (((port - 1) * 5 + 77) % 1023)
  if (port < 32768) return 1024 + (((port - 1024) * 5 + 777) % 31744)
  return 32768 + (((port - 32768) * 5 + 333) % 32768)
}

function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return sum
}
