// Captures of fixtures/formats/ that are made: pcapng with many interfaces, with odd stamps, with obsolete blocks.
import { address, type Bytes, be16, be32, internetChecksum, ipv4, join, pseudoHeader, udp } from './frames.ts'
import { bigOption, type PcapngOption, PcapngWriter, textOption } from './pcap-writer.ts'

const ETHERNET = 1
const BSD_LOOPBACK = 0
const RAW_IP = 12
const COOKED = 113
/** A link type that hardly anybody has: experimental Ethernet of 3 Mbit/s. */
const EXPERIMENTAL_ETHERNET = 2

const IF_NAME = 2
const IF_TSRESOL = 9
const IF_FILTER = 11
const IF_OS = 12
const ISB_STARTTIME = 2
const ISB_ENDTIME = 3
const ISB_IFRECV = 4
const ISB_IFDROP = 5

/** 2023-11-14T22:13:20Z in microseconds. */
const EPOCH = 1_700_000_000_000_000n

const NAMES = ['en0', 'awdl0', 'bridge0', 'en1', 'en2', 'p2p0', 'lo0', 'gif0', 'stf0', 'utun0', 'utun1']

function packet(id: number, from: string, to: string, payload = 40 + id): Bytes {
  const data = Uint8Array.from({ length: payload }, (_, i) => (i * id) & 0xff)
  const ports = { sourcePort: 50_000 + id, destinationPort: 9 }
  const header = pseudoHeader(from, to, 17, 8 + payload)
  const checksum = internetChecksum(header, udp(ports, data))
  return ipv4(
    { source: from, destination: to, protocol: 17, identification: id },
    udp({ ...ports, checksum }, data),
  )
}

function ethernet(id: number): Bytes {
  const isOut = id % 2 === 0
  const [from, to] = isOut ? ['192.168.1.139', '192.168.1.1'] : ['192.168.1.1', '192.168.1.139']
  const macs = isOut ? '02 00 00 00 00 01  02 00 00 00 00 8b' : '02 00 00 00 00 8b  02 00 00 00 00 01'
  return join(macs, '08 00', packet(id, from, to))
}

function cooked(id: number): Bytes {
  return join(
    be16(4),
    be16(772),
    be16(6),
    new Uint8Array(8),
    be16(0x0800),
    packet(id, '10.0.2.15', '10.0.2.2'),
  )
}

function resolution(exponent: number): PcapngOption {
  return { code: IF_TSRESOL, value: Uint8Array.of(exponent) }
}

/** A time as interface statistics have it: the higher word first. */
function timeOption(code: number, stamp: bigint): PcapngOption {
  const words = [Number(stamp >> 32n), Number(stamp & 0xffffffffn)]
  const value = new Uint8Array(8)
  for (const [i, word] of words.entries()) new DataView(value.buffer).setUint32(i * 4, word, true)
  return { code, value }
}

/** Eleven interfaces of three link types, of which three have frames, each with statistics in the end. */
export function manyInterfaces(): Uint8Array {
  const capture = new PcapngWriter().section([textOption(4, 'ctpcap test/support/made-formats.ts')])
  for (const name of NAMES) {
    const linkType = name === 'lo0' ? BSD_LOOPBACK : /^(gif|stf|utun)/.test(name) ? RAW_IP : ETHERNET
    const filter = { code: IF_FILTER, value: join(0, new TextEncoder().encode('host 192.168.1.139')) }
    const os = textOption(IF_OS, 'an operating system')
    capture.interface(linkType, 262_144, [textOption(IF_NAME, name), resolution(6), filter, os])
  }
  const received = new Map<string, bigint>()
  const add = (name: string, micros: bigint, bytes: Bytes) => {
    capture.enhanced(NAMES.indexOf(name), EPOCH + micros, bytes)
    received.set(name, (received.get(name) ?? 0n) + 1n)
  }
  // the second frame is stamped before the first: interfaces are read in turn
  add('lo0', 300n, join('02 00 00 00', packet(100, '127.0.0.1', '127.0.0.1')))
  for (let id = 1; id <= 30; id++) add('en0', BigInt(id * 250) * BigInt(id), ethernet(id))
  add('lo0', 230_000n, join('02 00 00 00', packet(101, '127.0.0.1', '127.0.0.1')))
  for (let id = 31; id <= 40; id++) add('utun0', BigInt(id * 8_000), packet(id, '10.8.0.2', '10.8.0.1'))
  for (const [id, name] of NAMES.entries()) {
    capture.statistics(id, [
      timeOption(ISB_STARTTIME, EPOCH),
      timeOption(ISB_ENDTIME, EPOCH + 400_000n),
      bigOption(ISB_IFRECV, received.get(name) ?? 0n),
      bigOption(ISB_IFDROP, 0n),
    ])
  }
  return capture.bytes()
}

/** Two interfaces, in nanoseconds and microseconds: a frame decades ahead of the others, and all before 1970. */
export function negativeStamps(): Uint8Array {
  const capture = new PcapngWriter().section()
  capture.interface(ETHERNET, 262_144, [textOption(IF_NAME, 'lo'), resolution(9)])
  capture.interface(COOKED, 262_144, [resolution(6)])
  const nanoseconds = EPOCH * 1000n
  for (let id = 1; id <= 20; id++) {
    const ahead = id === 2 ? 46n * 365n * 86_400n * 1_000_000_000n : 0n
    capture.enhanced(0, nanoseconds + BigInt(id) * 52_416_957n + ahead, ethernet(id))
  }
  for (let id = 21; id <= 60; id++) capture.enhanced(1, -505_425_287n + BigInt(id) * 3_817n, cooked(id))
  return capture.bytes()
}

/** The obsolete packet block (type 2) on Ethernet, and on a link that is not supported. */
export function obsoletePacketBlock(): Uint8Array {
  const capture = new PcapngWriter().section().interface(ETHERNET).interface(EXPERIMENTAL_ETHERNET)
  capture.obsolete(0, EPOCH, ethernet(1))
  capture.obsolete(1, EPOCH + 1_000n, join(1, 2, be16(0x0200), be32(0), address('10.0.0.1')))
  capture.obsolete(0, EPOCH + 2_000n, ethernet(3))
  return capture.bytes()
}
