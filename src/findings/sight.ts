// One packet as one observation point saw it: how it stands in a record of the queue, and the view that detectors have.
import { IPPROTO_UDP } from '../net/numbers.ts'

// words of a record; the first line is all that an IPv4 segment in the middle of a connection needs
/** A RECORD_* and SIGHT_* bits. */
export const TYPE = 0
/** IP version << 8 | protocol. */
export const KIND = 1
export const POINT = 2
export const PORTS = 3
export const SOURCE = 4
export const DESTINATION = 5
/** Of UDP the DNS_* bits of what may be a DNS message. */
export const SEQUENCE = 6
export const ACKNOWLEDGMENT = 7
/** Window scale of a SYN << 16 | window. */
export const WINDOW = 8
export const PAYLOAD = 9
/** TTL << 8 | TCP flags. */
export const HOP = 10
export const CAPTURE = 11
export const FRAME = 12
export const PACKET_NUMBER = 13
/** A double: `doubles[(at >> 1) + TIME]`. */
export const TIME = 7
/** Words 1 to 3 of IPv6 addresses. */
export const SOURCE_REST = 16
export const DESTINATION_REST = 19
/** With SIGHT_MACS alone. */
export const SOURCE_MAC = 22
export const DESTINATION_MAC = 23

/** Bits beside the type: hashes of the hardware addresses are there; several points tell of this packet. */
export const SIGHT_MACS = 1 << 8
export const SIGHT_TOLD = 1 << 9
/** The first record of a packet. */
export const SIGHT_FIRST = 1 << 10
/** A SUM_* stands above here. */
export const SIGHT_SUM_SHIFT = 11

/** Whether the checksum of a SYN was captured as the sum of the pseudo header alone. */
export const SUM_UNKNOWN = 0
export const SUM_FINISHED = 1
export const SUM_UNFINISHED = 2

/** The id of what may be a DNS message; whether a datagram is long enough for one; whether it begins as a query does. */
export const DNS_ID = 0xffff
export const DNS_HEAD = 1 << 16
export const DNS_QUERY = 1 << 17

// words of a record of what was seen of a packet at all points: where it left the host and in which capture, -1 for
// not; whether its source was translated
export const PASSED_EXIT = 1
export const PASSED_EXIT_CAPTURE = 2
export const PASSED_SOURCE_TRANSLATED = 3

/** Times are nanoseconds since the first frame of the replay, addresses words as in Packet. */
export class Sight {
  time = 0
  point = 0
  capture = 0
  frame = 0
  family = 0
  protocol = 0
  readonly source = new Int32Array(4)
  readonly destination = new Int32Array(4)
  sourcePort = 0
  destinationPort = 0
  ttl = 0
  /** Hashes of the frame's hardware addresses, 0 where it has none. */
  sourceMac = 0
  destinationMac = 0
  /** TCP alone; 0 for the others. */
  flags = 0
  sequence = 0
  acknowledgment = 0
  window = 0
  /** What a SYN offers, 0 without the option. */
  windowScale = 0
  /** A SUM_*. */
  sum = 0
  /** UDP alone: DNS_* bits. */
  dns = 0
  /** Bytes behind the transport header. */
  payload = 0
  /** Number of the packet, 32 bits of it: its copies have the same. */
  number = 0

  /** The same, in a record of its own. */
  copy(): Sight {
    return Object.assign(new Sight(), this, {
      source: this.source.slice(),
      destination: this.destination.slice(),
    })
  }

  /** Takes the record at `at`. */
  read(words: Int32Array, doubles: Float64Array, at: number): void {
    const kind = words[at + KIND]
    this.time = doubles[(at >> 1) + TIME]
    this.point = words[at + POINT]
    this.capture = words[at + CAPTURE]
    this.frame = words[at + FRAME]
    this.family = kind >> 8
    this.protocol = kind & 0xff
    this.sourcePort = words[at + PORTS] >>> 16
    this.destinationPort = words[at + PORTS] & 0xffff
    this.source[0] = words[at + SOURCE]
    this.destination[0] = words[at + DESTINATION]
    const isWide = this.family === 6
    for (let i = 0; i < 3; i++) {
      this.source[i + 1] = isWide ? words[at + SOURCE_REST + i] : 0
      this.destination[i + 1] = isWide ? words[at + DESTINATION_REST + i] : 0
    }
    const hop = words[at + HOP]
    this.ttl = hop >> 8
    this.flags = hop & 0xff
    const isUdp = this.protocol === IPPROTO_UDP
    this.sequence = isUdp ? 0 : words[at + SEQUENCE]
    this.dns = isUdp ? words[at + SEQUENCE] : 0
    this.sum = (words[at + TYPE] >> SIGHT_SUM_SHIFT) & 3
    this.acknowledgment = words[at + ACKNOWLEDGMENT]
    this.window = words[at + WINDOW] & 0xffff
    this.windowScale = words[at + WINDOW] >> 16
    this.payload = words[at + PAYLOAD]
    this.number = words[at + PACKET_NUMBER]
    const hasMacs = (words[at + TYPE] & SIGHT_MACS) !== 0
    this.sourceMac = hasMacs ? words[at + SOURCE_MAC] : 0
    this.destinationMac = hasMacs ? words[at + DESTINATION_MAC] : 0
  }
}
