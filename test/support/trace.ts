// A trace of hosts that talk to each other, as a capture on their network has it: sums right, IP IDs counted by host.
import { TCP_ACK, TCP_PSH, TCP_SYN } from '../../src/net/numbers.ts'
import {
  type Bytes,
  be16,
  internetChecksum,
  ipv4,
  join,
  pseudoHeader,
  type TcpOptions,
  tcp,
  udp,
} from './frames.ts'
import { type WrittenFrame, writePcap } from './pcap-writer.ts'

const LEAST_FRAME = 60
const ETHERNET_HEADER = 14
const MSS = 1460

export interface Host {
  address: string
  /** The last byte of its hardware address, or that of the gateway to it. */
  mac: number
  /** What its packets have left where they are captured. */
  ttl: number
  /** Counted on with each packet. */
  identification: number
}

export class Trace {
  private readonly frames: WrittenFrame[] = []
  private readonly epoch: number
  private readonly snapLength: number
  private micros = 0

  /** @param epoch seconds since 1970 of its start; `snapLength`: bytes kept of a frame */
  constructor(epoch: number, snapLength = 262_144) {
    this.epoch = epoch
    this.snapLength = snapLength
  }

  wait(seconds: number): void {
    this.micros += Math.round(seconds * 1e6)
  }

  /** An Ethernet frame, padded to the least there is unless the host that captured it sent it. */
  frame(from: number, to: number, type: number, payload: Bytes, isPadded = false): void {
    const header = join([2, 0, 0, 0, 0, to], [2, 0, 0, 0, 0, from], be16(type))
    const padding = isPadded ? Math.max(0, LEAST_FRAME - ETHERNET_HEADER - payload.length) : 0
    const bytes = join(header, payload, new Uint8Array(padding))
    this.frames.push({
      bytes: bytes.subarray(0, this.snapLength),
      seconds: this.epoch + Math.floor(this.micros / 1e6),
      fraction: this.micros % 1e6,
      originalLength: bytes.length,
    })
  }

  packet(from: Host, to: Host, header: Omit<Parameters<typeof ipv4>[0], 'source'>, payload: Bytes): Bytes {
    const packet = ipv4(
      {
        source: from.address,
        destination: to.address,
        ttl: from.ttl,
        identification: from.identification++ & 0xffff,
        ...header,
      },
      payload,
    )
    this.frame(from.mac, to.mac, 0x0800, packet)
    return packet
  }

  /** @param ports source and destination */
  udp(from: Host, to: Host, [sourcePort, destinationPort]: [number, number], payload: Bytes): Bytes {
    const length = 8 + payload.length
    const datagram = (checksum: number) => udp({ sourcePort, destinationPort, checksum }, payload)
    const sum = internetChecksum(pseudoHeader(from.address, to.address, 17, length), datagram(0))
    return this.packet(from, to, { protocol: 17 }, datagram(sum))
  }

  tcp(from: Host, to: Host, options: TcpOptions, payload: Bytes = join()): Bytes {
    const segment = (checksum: number) => tcp({ ...options, checksum }, payload)
    const empty = segment(0)
    const sum = internetChecksum(pseudoHeader(from.address, to.address, 6, empty.length), empty)
    return this.packet(from, to, { protocol: 6, dontFragment: true }, segment(sum))
  }

  bytes(): Uint8Array {
    return writePcap(this.frames, { snapLength: this.snapLength })
  }
}

/** One end of a TCP connection: what it sends next, and what it has got. */
interface End {
  host: Host
  port: number
  next: number
}

/** A TCP connection between hosts of a trace, with an acknowledgment after every second full segment. */
export class Connection {
  private readonly trace: Trace
  private readonly client: End
  private readonly server: End

  constructor(trace: Trace, [client, clientPort]: [Host, number], [server, serverPort]: [Host, number]) {
    this.trace = trace
    this.client = { host: client, port: clientPort, next: (clientPort * 0x9e37) | 0 }
    this.server = { host: server, port: serverPort, next: (clientPort * 0x79b9) | 0 }
  }

  /** The handshake. @param rtt seconds to the server and back */
  open(rtt: number): void {
    const { trace, client, server } = this
    const options = join([2, 4], be16(MSS))
    this.segment(client, server, { flags: TCP_SYN, options })
    client.next++
    trace.wait(rtt)
    this.segment(server, client, { flags: TCP_SYN | TCP_ACK, options })
    server.next++
    trace.wait(0.0001)
    this.segment(client, server, { flags: TCP_ACK })
  }

  /** A request, and after `rtt` its answer. */
  exchange(request: Bytes, rtt: number, answer: Bytes): void {
    this.say(this.client, this.server, request, rtt)
    this.say(this.server, this.client, answer, 0.0004)
  }

  private say(from: End, to: End, text: Bytes, rtt: number): void {
    for (let at = 0, segments = 1; at < text.length; at += MSS, segments++) {
      const isLast = at + MSS >= text.length
      const payload = text.subarray(at, at + MSS)
      this.segment(from, to, { flags: isLast ? TCP_ACK | TCP_PSH : TCP_ACK }, payload)
      from.next += payload.length
      this.trace.wait(isLast || segments % 2 === 0 ? rtt : 0.0002)
      if (isLast || segments % 2 === 0) this.segment(to, from, { flags: TCP_ACK })
    }
    this.trace.wait(0.001)
  }

  private segment(from: End, to: End, options: TcpOptions, payload?: Bytes): void {
    const isFirst = options.flags === TCP_SYN
    this.trace.tcp(
      from.host,
      to.host,
      {
        sourcePort: from.port,
        destinationPort: to.port,
        sequence: from.next,
        acknowledgment: isFirst ? 0 : to.next,
        window: 29_200,
        ...options,
      },
      payload,
    )
  }
}
