// The trail that each direction of an entry went last: most packets of a flow ask nothing new.
import type { Packet } from '../../packet/packet.ts'
import { ASKS_STATUS, ASKS_TCP_FLAGS } from '../rules/asks.ts'
import { NAT_STATUS } from './packet-key.ts'
import type { Trail } from './trail.ts'

/**
 * Words of a direction: addresses, ports, what is known of the packet, status, course, the connection's mark, and the
 * trail. Both directions of an entry are one cache line.
 */
const WORDS = 8
const KIND = 3
const STATUS = 4
const COURSE = 5
const MARK = 6
const TRAIL = 7

/** Trails that can be named at a time: a power of two. One that gives way to another is known by its number no more. */
const TRAILS = 1 << 14

/** IPv4 alone; memory follows the most entries at a time. */
export class LastTrails {
  private words = new Int32Array(2048 * WORDS)
  private readonly trails: (Trail | null)[] = new Array(TRAILS).fill(null)
  private numbers = 0

  /**
   * The trail of the packet before, if this one is the same in all that its rules asked.
   * @param key of the packet's entry and direction
   * @param flags what conntrack said of it
   */
  find(
    key: number,
    packet: Packet,
    flags: number,
    status: number,
    course: number,
    mark: number,
  ): Trail | null {
    const at = key * WORDS
    const { words } = this
    if (at + WORDS > words.length) return null
    if (
      words[at] !== packet.source0 ||
      words[at + 1] !== packet.destination0 ||
      words[at + 2] !== ((packet.sourcePort << 16) | packet.destinationPort) ||
      words[at + COURSE] !== course ||
      words[at + MARK] !== (mark | 0)
    )
      return null
    const number = words[at + TRAIL]
    const trail = this.trails[number & (TRAILS - 1)]
    if (trail === null || trail.number !== number) return null
    // what no rule asked for may be another
    const kindMask = (trail.asks & ASKS_TCP_FLAGS) === 0 ? ~TCP_FLAGS : -1
    if (((words[at + KIND] ^ kindOf(packet, flags)) & kindMask) !== 0) return null
    const statusMask = (trail.asks & ASKS_STATUS) === 0 ? NAT_STATUS : -1
    return ((words[at + STATUS] ^ status) & statusMask) === 0 ? trail : null
  }

  keep(
    key: number,
    packet: Packet,
    flags: number,
    status: number,
    course: number,
    mark: number,
    trail: Trail,
  ): void {
    const at = key * WORDS
    if (at + WORDS > this.words.length) this.grow(at + WORDS)
    if (this.trails[trail.number & (TRAILS - 1)] !== trail) {
      trail.number = ++this.numbers
      this.trails[trail.number & (TRAILS - 1)] = trail
    }
    const { words } = this
    words[at] = packet.source0
    words[at + 1] = packet.destination0
    words[at + 2] = (packet.sourcePort << 16) | packet.destinationPort
    words[at + KIND] = kindOf(packet, flags)
    words[at + STATUS] = status
    words[at + COURSE] = course
    words[at + MARK] = mark
    words[at + TRAIL] = trail.number
  }

  /** Reads the cache line of a key ahead. */
  touch(key: number): number {
    const at = key * WORDS
    return at < this.words.length ? this.words[at] : 0
  }

  /** A new entry has this number: what was kept is of another. */
  forget(ct: number): void {
    const at = ct * 2 * WORDS
    if (at + 2 * WORDS > this.words.length) return
    this.words[at + TRAIL] = 0
    this.words[at + WORDS + TRAIL] = 0
  }

  private grow(size: number): void {
    const words = new Int32Array(Math.max(size, this.words.length * 2))
    words.set(this.words)
    this.words = words
  }
}

/** Bits of kindOf() that are the flags of TCP. */
const TCP_FLAGS = 0xff

function kindOf({ protocol, tcpFlags, transportCaptured, ttl }: Packet, flags: number): number {
  const own = protocol === 6 ? (tcpFlags & 0xff) | (transportCaptured >= 14 ? 256 : 0) : 0
  return own | (ttl <= 1 ? 512 : 0) | (transportCaptured >= 2 ? 1024 : 0) | (protocol << 11) | (flags << 19)
}
