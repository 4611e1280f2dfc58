// Makes the frames of a synthetic capture one behind the other: a link header, IPv4 and TCP, UDP or ICMP, zeros as payload.
import { finish, sumWords } from '../kernel/generate/checksum.ts'

/** Bytes kept before they are to be taken. */
const CHUNK = 4 << 20
const LONGEST_RECORD = 16 + 20 + 0xffff

const FILE_HEADER = 24
const RECORD_HEADER = 16
const IPV4 = 20

const PROTOCOL_ICMP = 1
const PROTOCOL_TCP = 6
const PROTOCOL_UDP = 17

const LINKTYPE_ETHERNET = 1
const SYN = 0x02
const WINDOW = 64240
/** Of a SYN: MSS 1460, SACK permitted, time stamp, window scale 7. */
const SYN_OPTIONS = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]

/** Addresses and ports of a packet. */
export interface Endpoints {
  source: number
  destination: number
  sourcePort: number
  destinationPort: number
}

/** Takes the packets of conversations. */
export interface PacketSink {
  tcp(ends: Endpoints, flags: number, sequence: number, acknowledgment: number, payload: number): void
  udp(ends: Endpoints, payload: number): void
  /** An echo request (type 8) or reply (type 0). */
  echo(ends: Endpoints, type: number, id: number, payload: number): void
}

/** The header of an Ethernet frame with IPv4. */
export function ethernetHeader(destinationMac: readonly number[], sourceMac: readonly number[]): Uint8Array {
  return Uint8Array.from([...destinationMac, ...sourceMac, 8, 0])
}

/**
 * A classic pcap file of microseconds, as chunks: whoever makes frames takes them away when `isFull`. The fields say what
 * the next frame is like.
 */
export class SyntheticFrames implements PacketSink {
  packets = 0
  /** Microseconds since 1970. */
  time = 0
  link: Uint8Array = ethernetHeader([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1])
  ttl = 64
  /** IP ID. */
  identification = 0
  private readonly bytes = new Uint8Array(CHUNK + LONGEST_RECORD)
  private readonly view = new DataView(this.bytes.buffer)
  private end = FILE_HEADER

  private readonly snapLength: number

  constructor(snapLength: number, linkType = LINKTYPE_ETHERNET) {
    this.snapLength = snapLength
    this.view.setUint32(0, 0xa1b2c3d4, true)
    this.view.setUint16(4, 2, true)
    this.view.setUint16(6, 4, true)
    this.view.setUint32(16, snapLength, true)
    this.view.setUint32(20, linkType, true)
  }

  tcp(ends: Endpoints, flags: number, sequence: number, acknowledgment: number, payload: number): void {
    const options = (flags & SYN) !== 0 ? SYN_OPTIONS : []
    const header = 20 + options.length
    const at = this.begin(ends, PROTOCOL_TCP, header + payload)
    this.ports(at, ends)
    this.view.setUint32(at + 4, sequence)
    this.view.setUint32(at + 8, acknowledgment)
    this.bytes[at + 12] = (header / 4) << 4
    this.bytes[at + 13] = flags
    this.view.setUint16(at + 14, WINDOW)
    this.bytes.set(options, at + 20)
    this.finish(at, header, payload, 16, true)
  }

  /** @param word the payload's first four bytes, if it has as many: without IP ID, what tells datagrams apart */
  udp(ends: Endpoints, payload: number, word = 0): void {
    const at = this.begin(ends, PROTOCOL_UDP, 8 + payload)
    this.ports(at, ends)
    this.view.setUint16(at + 4, 8 + payload)
    const written = payload < 4 ? 0 : 4
    if (written > 0) this.view.setInt32(at + 8, word)
    this.finish(at, 8 + written, payload - written, 6, true)
  }

  echo(ends: Endpoints, type: number, id: number, payload: number): void {
    const at = this.begin(ends, PROTOCOL_ICMP, 8 + payload)
    this.bytes[at] = type
    this.view.setUint16(at + 4, id)
    this.finish(at, 8, payload, 2, false)
  }

  /** A whole record, header included, from another little-endian capture of microseconds. */
  record(record: Uint8Array): void {
    this.bytes.set(record, this.end)
    this.end += record.length
    this.packets++
  }

  get isFull(): boolean {
    return this.end > CHUNK
  }

  /** A copy of the bytes since they were taken last. */
  take(): Uint8Array {
    const taken = this.bytes.slice(0, this.end)
    this.end = 0
    return taken
  }

  /** Writes the headers below the transport's and returns where that starts. */
  private begin(ends: Endpoints, protocol: number, transportLength: number): number {
    const { bytes, view, link } = this
    const frameLength = link.length + IPV4 + transportLength
    view.setUint32(this.end, Math.floor(this.time / 1e6), true)
    view.setUint32(this.end + 4, this.time % 1e6, true)
    view.setUint32(this.end + 8, Math.min(frameLength, this.snapLength), true)
    view.setUint32(this.end + 12, frameLength, true)
    const start = this.end + RECORD_HEADER
    bytes.fill(0, start, start + frameLength)
    bytes.set(link, start)
    const ip = start + link.length
    bytes[ip] = 0x45
    view.setUint16(ip + 2, IPV4 + transportLength)
    view.setUint16(ip + 4, this.identification & 0xffff)
    bytes[ip + 6] = 0x40
    bytes[ip + 8] = this.ttl
    bytes[ip + 9] = protocol
    view.setUint32(ip + 12, ends.source)
    view.setUint32(ip + 16, ends.destination)
    view.setUint16(ip + 10, finish(sumWords(bytes.subarray(ip, ip + IPV4))))
    return ip + IPV4
  }

  private ports(at: number, ends: Endpoints): void {
    this.view.setUint16(at, ends.sourcePort)
    this.view.setUint16(at + 2, ends.destinationPort)
  }

  /** Sums the transport up, whose payload of zeros adds nothing, and ends the record. */
  private finish(at: number, header: number, payload: number, checksum: number, pseudoHeader: boolean): void {
    const { bytes } = this
    const length = header + payload
    let sum = sumWords(bytes.subarray(at, at + header))
    if (pseudoHeader) sum = sumWords(bytes.subarray(at - 8, at), sum + bytes[at - 11] + length)
    this.view.setUint16(at + checksum, finish(sum) || 0xffff)
    this.end = Math.min(at + length, this.end + RECORD_HEADER + this.snapLength)
    this.packets++
  }
}
