// Packets of single flows for captures that detectors look at: DNS messages, TCP segments with TTLs and stations of choice.
import type { Report } from '../../src/report/analyze/model.ts'
import { CaptureBuilder, Folder, quoted } from './capture-builder.ts'
import { runCli } from './cli.ts'
import { type Bytes, be16, ethernet, icmp, ipv4, join, tcp, udp } from './frames.ts'

export const ANSWER = true

/** A query for an address, or its answer. */
export function dnsMessage(id: number, isAnswer = false): Bytes {
  const question = '03 77 77 77 07 65 78 61 6d 70 6c 65 00 00 01 00 01'
  return join(
    be16(id),
    isAnswer ? '81 80' : '01 00',
    '00 01',
    isAnswer ? '00 01' : '00 00',
    '00 00 00 00',
    question,
  )
}

export interface Ends {
  source: string
  destination: string
  sourcePort: number
  destinationPort: number
}

export const turned = (ends: Ends): Ends => ({
  source: ends.destination,
  destination: ends.source,
  sourcePort: ends.destinationPort,
  destinationPort: ends.sourcePort,
})

export interface Segment {
  flags: number
  sequence?: number
  acknowledgment?: number
  window?: number
  payload?: number
  options?: Bytes
  ttl?: number
  /** Last bytes of the hardware addresses, the sender's and the receiver's. */
  stations?: [number, number]
}

export class FlowCapture extends CaptureBuilder {
  /** Of the next packet. */
  identification = 1000

  dns(ends: Ends, id: number, isAnswer = false, ttl = 64, stations?: [number, number]): this {
    const from = isAnswer ? turned(ends) : ends
    return this.ip({ ...from, protocol: 17, ttl }, udp(from, dnsMessage(id, isAnswer)), stations)
  }

  /** Port unreachable, in answer to a datagram from `ends`. */
  unreachable(ends: Ends, stations?: [number, number], ttl = 64): this {
    const datagram = ipv4({ ...ends, protocol: 17 }, udp(ends, new Uint8Array(8)))
    const { source, destination } = turned(ends)
    return this.ip({ source, destination, protocol: 1, ttl }, icmp(3, 3, quoted(datagram)), stations)
  }

  segment(ends: Ends, { ttl = 64, payload = 0, stations, ...header }: Segment): this {
    return this.ip(
      { ...ends, protocol: 6, ttl },
      tcp({ ...ends, ...header }, new Uint8Array(payload)),
      stations,
    )
  }

  /** A handshake and one question with its answer of ten bytes each; numbers begin at 1000 and 5000. */
  exchange(ends: Ends, serverTtl = 64, sequence = 1000): this {
    const server = turned(ends)
    const next = sequence + 1
    return this.segment(ends, { flags: 0x02, sequence })
      .segment(server, { flags: 0x12, sequence: 5000, acknowledgment: next, ttl: serverTtl })
      .segment(ends, { flags: 0x10, sequence: next, acknowledgment: 5001 })
      .segment(ends, { flags: 0x18, sequence: next, acknowledgment: 5001, payload: 10 })
      .segment(server, {
        flags: 0x18,
        sequence: 5001,
        acknowledgment: next + 10,
        payload: 10,
        ttl: serverTtl,
      })
      .segment(ends, { flags: 0x10, sequence: next + 10, acknowledgment: 5011 })
  }

  /** Both sides close what `exchange` began. */
  close(ends: Ends, sequence = 1000): this {
    const next = sequence + 11
    return this.segment(ends, { flags: 0x11, sequence: next, acknowledgment: 5011 })
      .segment(turned(ends), { flags: 0x11, sequence: 5011, acknowledgment: next + 1 })
      .segment(ends, { flags: 0x10, sequence: next + 1, acknowledgment: 5012 })
  }

  private ip(header: Parameters<typeof ipv4>[0], transport: Bytes, stations?: [number, number]): this {
    const frame = ethernet(ipv4({ ...header, identification: this.identification++ }, transport))
    if (stations !== undefined) {
      frame[5] = stations[1]
      frame[11] = stations[0]
    }
    return this.frame(frame)
  }
}

/** What the whole program finds in captures, tunnels included: `severity id confidence`. */
export async function findingsOf(captures: FlowCapture[], ...args: string[]): Promise<string[]> {
  return (await reportOf(captures, ...args)).findings.map(describe)
}

export async function reportOf(captures: FlowCapture[], ...args: string[]): Promise<Report> {
  using folder = new Folder()
  const paths = captures.map((capture, i) => folder.write(`${i}.pcap`, capture.bytes()))
  return JSON.parse((await runCli([...paths, '--json', ...args])).stdout)
}

/** What is found in files, with what is inside of tunnels. */
export async function findingsIn(...paths: string[]): Promise<string[]> {
  const report: Report = JSON.parse((await runCli([...paths, '--json'])).stdout)
  return [report, ...report.tunnels]
    .flatMap(table => table.findings)
    .filter(({ id }) => id !== 'offload-checksum')
    .map(describe)
}

const describe = ({ severity, id, confidence }: Report['findings'][number]): string =>
  `${severity} ${id} ${confidence}`
