// The same traffic captured otherwise: over IPv6, in a VLAN, cooked, at several points, translated, with INVALID segments.
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { asIpv6 } from '../support/as-ipv6.ts'
import { internetChecksum } from '../support/frames.ts'
import { viewOf } from '../support/pcap-records.ts'
import { BENCH_DATA, type BenchCapture } from './captures.ts'

const FILE_HEADER = 24
const RECORD_HEADER = 16
const ETHERNET = 14
const COOKED = 20
const LINKTYPE_ETHERNET = 1
const LINKTYPE_LINUX_SLL2 = 276
const PACKET_HOST = 0
const PACKET_OUTGOING = 4
/** Bytes kept before they are written. */
const CHUNK = 4 << 20

type Emit = (frame: Uint8Array, microsecondsLater?: number) => void

interface Variant {
  linkType: number
  /** @param frame Ethernet with IPv4 @param number from 0 on */
  frames(frame: Uint8Array, number: number, emit: Emit): void
}

const VARIANTS = {
  vlan: {
    linkType: LINKTYPE_ETHERNET,
    frames(frame, _, emit) {
      emit(Buffer.concat([frame.subarray(0, 12), Uint8Array.of(0x81, 0, 0, 100), frame.subarray(12)]))
    },
  },
  cooked: {
    linkType: LINKTYPE_LINUX_SLL2,
    frames(frame, _, emit) {
      emit(cooked(frame, 2, PACKET_HOST))
    },
  },
  /** A third of the packets: behind every second one that can have such, a segment far outside of the window. */
  invalid: {
    linkType: LINKTYPE_ETHERNET,
    frames(frame, number, emit) {
      emit(frame)
      if (number % 2 === 0) return
      const stray = Uint8Array.from(frame)
      const transport = viewOf(stray.subarray(ETHERNET + 20))
      const isSegment = frame[ETHERNET + 9] === 6 && (transport.getUint8(13) & 0x07) === 0
      if (isSegment) transport.setUint32(4, (transport.getUint32(4) + 0x40000000) >>> 0)
      // an answer to a ping that nobody sent
      else stray.set(strayAnswer(number), ETHERNET)
      emit(stray, 1)
    },
  },
  /** Where it comes in and where it leaves, with the client's address translated. */
  nat: {
    linkType: LINKTYPE_LINUX_SLL2,
    frames(frame, _, emit) {
      const isReply = isFromServer(frame)
      const outside = cooked(frame, 3, isReply ? PACKET_HOST : PACKET_OUTGOING)
      const inside = cooked(frame, 2, isReply ? PACKET_OUTGOING : PACKET_HOST)
      // 100.64.0.0/10 for 10.0.0.0/8, of which the first few millions are used
      const client = COOKED + (isReply ? 16 : 12)
      outside[client] = 100
      outside[client + 1] = 64 | (outside[client + 1] & 0x3f)
      if (!isReply) routed(outside)
      finish(outside)
      if (isReply) routed(inside)
      finish(inside)
      emit(isReply ? outside : inside)
      emit(isReply ? inside : outside, 1)
    },
  },
  /** As `-i any` shows a routed packet: a port, its bridge, the uplink. */
  any: {
    linkType: LINKTYPE_LINUX_SLL2,
    frames(frame, _, emit) {
      const isReply = isFromServer(frame)
      for (const [at, place] of (isReply ? [2, 3, 5] : [5, 3, 2]).entries()) {
        const leaves = isReply ? at > 0 : at === 2
        const copy = cooked(frame, place, leaves ? PACKET_OUTGOING : PACKET_HOST)
        if (leaves) routed(copy)
        finish(copy)
        emit(copy, at)
      }
    },
  },
} satisfies Record<string, Variant>

export type VariantName = keyof typeof VARIANTS | 'ipv6'

/** The variant of a capture of Ethernet and IPv4, written if it is not there yet. */
export function variantOf(name: VariantName, plain: BenchCapture): BenchCapture {
  const path = join(BENCH_DATA, `${name}-${plain.packets}.pcap`)
  if (!existsSync(path)) {
    console.error(`writing ${path}`)
    write(`${path}.tmp`, name, readFileSync(plain.path))
    renameSync(`${path}.tmp`, path)
  }
  const bytes = readFileSync(path)
  let packets = 0
  for (let at = FILE_HEADER; at < bytes.length; at += RECORD_HEADER + bytes.readUInt32LE(at + 8)) packets++
  return { path, packets }
}

function write(path: string, name: VariantName, original: Buffer): void {
  const file = openSync(path, 'w')
  try {
    if (name === 'ipv6') writeSync(file, asIpv6(original))
    else for (const chunk of changed(original, VARIANTS[name])) writeSync(file, chunk)
  } finally {
    closeSync(file)
  }
}

function* changed(original: Buffer, { linkType, frames }: Variant): Generator<Uint8Array> {
  const header = Buffer.from(original.subarray(0, FILE_HEADER))
  header.writeUInt32LE(linkType, 20)
  let parts: Uint8Array[] = [header]
  let size = 0
  let number = 0
  for (let at = FILE_HEADER; at < original.length; ) {
    const end = at + RECORD_HEADER + original.readUInt32LE(at + 8)
    const record = original.subarray(at, at + RECORD_HEADER)
    const frame = original.subarray(at + RECORD_HEADER, end)
    frames(frame, number++, (copy, later = 0) => {
      const head = Buffer.from(record)
      const microseconds = record.readUInt32LE(4) + later
      head.writeUInt32LE(record.readUInt32LE(0) + (microseconds >= 1e6 ? 1 : 0), 0)
      head.writeUInt32LE(microseconds % 1e6, 4)
      head.writeUInt32LE(copy.length, 8)
      head.writeUInt32LE(record.readUInt32LE(12) + copy.length - frame.length, 12)
      parts.push(head, copy)
      size += copy.length
    })
    at = end
    if (size < CHUNK) continue
    yield Buffer.concat(parts)
    parts = []
    size = 0
  }
  yield Buffer.concat(parts)
}

/** Servers of synthetic captures are in 192.168.0.0/16. */
function isFromServer(frame: Uint8Array): boolean {
  return frame[ETHERNET + 12] === 192
}

function cooked(frame: Uint8Array, place: number, packetType: number): Uint8Array {
  const header = new Uint8Array(COOKED)
  const view = viewOf(header)
  view.setUint16(0, 0x0800)
  view.setUint32(4, place)
  view.setUint16(8, 1)
  view.setUint8(10, packetType)
  view.setUint8(11, 6)
  header.set(frame.subarray(6, 12), 12)
  return Buffer.concat([header, frame.subarray(ETHERNET)])
}

function routed(frame: Uint8Array): void {
  frame[COOKED + 8]--
}

/** Makes the checksum of the IPv4 header right again. */
function finish(frame: Uint8Array): void {
  const header = frame.subarray(COOKED, COOKED + 20)
  const view = viewOf(header)
  view.setUint16(10, 0)
  view.setUint16(10, internetChecksum(header))
}

/** IPv4 and ICMP of an echo reply without a request. */
function strayAnswer(number: number): Uint8Array {
  const packet = new Uint8Array(28)
  const view = viewOf(packet)
  view.setUint16(0, 0x4500)
  view.setUint16(2, packet.length)
  view.setUint16(4, number & 0xffff)
  view.setUint16(8, 0x4001)
  view.setUint32(12, 0xc0a80001)
  view.setUint32(16, 0x0a000001)
  view.setUint16(10, internetChecksum(packet.subarray(0, 20)))
  view.setUint16(24, number & 0xffff)
  view.setUint16(22, internetChecksum(packet.subarray(20)))
  return packet
}
