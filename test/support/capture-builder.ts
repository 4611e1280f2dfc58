// Builds a small capture packet by packet, for tests that look at what the whole program says of it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { TCP_ACK, TCP_FIN, TCP_SYN } from '../../src/net/numbers.ts'
import { type Bytes, ethernet, filler, icmp, ipv4, join, tcp, udp } from './frames.ts'
import { type PcapOptions, type WrittenFrame, writePcap } from './pcap-writer.ts'

const EPOCH = 1_700_000_000
const CLIENT = '10.0.0.1'
const SERVER = '10.0.0.2'

export interface Endpoints {
  source?: string
  destination?: string
  sourcePort?: number
  destinationPort?: number
}

export class CaptureBuilder {
  private readonly frames: WrittenFrame[] = []
  private micros = 0

  /** Lets time pass before the next packet. */
  wait(seconds: number): this {
    this.micros += Math.round(seconds * 1e6)
    return this
  }

  frame(bytes: Bytes, originalLength = bytes.length): this {
    const seconds = EPOCH + Math.floor(this.micros / 1e6)
    this.frames.push({ bytes, seconds, fraction: this.micros % 1e6, originalLength })
    return this
  }

  /** An IPv4 packet with an identification of its own: equal ones would be sightings of one packet. */
  packet(header: Parameters<typeof ipv4>[0], payload: Bytes): this {
    return this.frame(ethernet(ipv4({ ...header, identification: this.frames.length + 1 }, payload)))
  }

  udp({ source = CLIENT, destination = SERVER, ...ports }: Endpoints = {}, payload = 10): this {
    return this.packet({ source, destination, protocol: 17 }, udp(ports, filler(payload)))
  }

  tcp(
    { source = CLIENT, destination = SERVER, ...segment }: Endpoints & Parameters<typeof tcp>[0] = {},
    payload = 0,
  ): this {
    return this.packet({ source, destination, protocol: 6 }, tcp(segment, filler(payload)))
  }

  icmp(type: number, code: number, rest: Bytes, source = SERVER, destination = CLIENT): this {
    return this.packet({ source, destination, protocol: 1 }, icmp(type, code, rest))
  }

  /** A whole TCP connection of `payload` bytes from the client to port 80, closed by FINs. */
  connection(sourcePort: number, payload = 100): this {
    const client = { sourcePort, destinationPort: 80 }
    const server = { source: SERVER, destination: CLIENT, sourcePort: 80, destinationPort: sourcePort }
    const end = 1 + payload
    return this.tcp({ ...client, flags: TCP_SYN, sequence: 0 })
      .tcp({ ...server, flags: TCP_SYN | TCP_ACK, sequence: 0, acknowledgment: 1 })
      .tcp({ ...client, flags: TCP_ACK, sequence: 1, acknowledgment: 1 }, payload)
      .tcp({ ...server, flags: TCP_FIN | TCP_ACK, sequence: 1, acknowledgment: end })
      .tcp({ ...client, flags: TCP_FIN | TCP_ACK, sequence: end, acknowledgment: 2 })
      .tcp({ ...server, flags: TCP_ACK, sequence: 2, acknowledgment: end + 1 })
  }

  bytes(options?: PcapOptions): Uint8Array {
    return writePcap(this.frames, options)
  }
}

/** A folder for the files of one test, gone when it is disposed of. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(joinPath(tmpdir(), 'ctpcap-test-'))

  /** Writes a file and returns its path. */
  write(name: string, content: Uint8Array | string): string {
    const path = this.at(name)
    writeFileSync(path, content)
    return path
  }

  at(name: string): string {
    return joinPath(this.path, name)
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true })
  }
}

/** The first bytes of an IPv4 packet as an ICMP error quotes them, behind four unused ones. */
export function quoted(packet: Bytes): Bytes {
  return join([0, 0, 0, 0], packet.subarray(0, 28))
}
