// Writes the frames of a synthetic capture one behind the other: Ethernet, IPv4 and TCP, UDP or ICMP, zeros as payload.
import { closeSync, openSync, writeSync } from 'node:fs'
import { finish, sumWords } from '../kernel/generate/checksum.ts'

/** Bytes kept before they are written. */
const CHUNK = 4 << 20
const LONGEST_RECORD = 16 + 14 + 0xffff

const FILE_HEADER = 24
const RECORD_HEADER = 16
const ETHERNET = 14
const IPV4 = 20

const PROTOCOL_ICMP = 1
const PROTOCOL_TCP = 6
const PROTOCOL_UDP = 17

const EPOCH = 1_700_000_000

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

/** A classic pcap file, microseconds, one frame every `interval` microseconds. */
export class SyntheticFrames {
  private readonly interval: number
  private readonly snapLength: number
  packets = 0
  private readonly file: number
  private readonly bytes = new Uint8Array(CHUNK + LONGEST_RECORD)
  private readonly view = new DataView(this.bytes.buffer)
  private end = FILE_HEADER
  private identification = 0

  constructor(path: string, interval: number, snapLength: number) {
    this.interval = interval
    this.snapLength = snapLength
    this.file = openSync(path, 'w')
    this.view.setUint32(0, 0xa1b2c3d4, true)
    this.view.setUint16(4, 2, true)
    this.view.setUint16(6, 4, true)
    this.view.setUint32(16, snapLength, true)
    this.view.setUint32(20, 1, true)
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

  udp(ends: Endpoints, payload: number): void {
    const at = this.begin(ends, PROTOCOL_UDP, 8 + payload)
    this.ports(at, ends)
    this.view.setUint16(at + 4, 8 + payload)
    this.finish(at, 8, payload, 6, true)
  }

  /** An echo request (type 8) or reply (type 0). */
  echo(ends: Endpoints, type: number, id: number, payload: number): void {
    const at = this.begin(ends, PROTOCOL_ICMP, 8 + payload)
    this.bytes[at] = type
    this.view.setUint16(at + 4, id)
    this.finish(at, 8, payload, 2, false)
  }

  /** Seconds from the first frame to the next one. */
  get seconds(): number {
    return (this.packets * this.interval) / 1e6
  }

  close(): void {
    this.flush()
    closeSync(this.file)
  }

  /** Writes the headers below the transport's and returns where that starts. */
  private begin(ends: Endpoints, protocol: number, transportLength: number): number {
    if (this.end > CHUNK) this.flush()
    const { bytes, view } = this
    const frameLength = ETHERNET + IPV4 + transportLength
    const micros = Math.floor(this.packets * this.interval)
    view.setUint32(this.end, EPOCH + Math.floor(micros / 1e6), true)
    view.setUint32(this.end + 4, micros % 1e6, true)
    view.setUint32(this.end + 8, Math.min(frameLength, this.snapLength), true)
    view.setUint32(this.end + 12, frameLength, true)
    const ethernet = this.end + RECORD_HEADER
    bytes.fill(0, ethernet, ethernet + frameLength)
    bytes[ethernet] = 2
    bytes[ethernet + 5] = 2
    bytes[ethernet + 6] = 2
    bytes[ethernet + 11] = 1
    bytes[ethernet + 12] = 8
    const ip = ethernet + ETHERNET
    bytes[ip] = 0x45
    view.setUint16(ip + 2, IPV4 + transportLength)
    view.setUint16(ip + 4, this.identification++ & 0xffff)
    bytes[ip + 6] = 0x40
    bytes[ip + 8] = 64
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

  private flush(): void {
    writeSync(this.file, this.bytes, 0, this.end)
    this.end = 0
  }
}
