// The trail that each direction of an entry went last: most packets of a flow ask nothing new.
import type { Packet } from '../../packet/packet.ts'
import type { Trail } from './trail.ts'

/** Words of a direction: addresses, ports, what is known of the packet, status, course, the connection's mark. */
const WORDS = 7

/** IPv4 alone; memory follows the most entries at a time. */
export class LastTrails {
  private words = new Int32Array(2048 * WORDS)
  private readonly trails: (Trail | null)[] = []

  /**
   * The trail of the packet before, if this one is the same in all that rules can ask.
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
      words[at + 3] !== kindOf(packet, flags) ||
      words[at + 4] !== status ||
      words[at + 5] !== course ||
      words[at + 6] !== (mark | 0)
    )
      return null
    return this.trails[key] ?? null
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
    const { words } = this
    words[at] = packet.source0
    words[at + 1] = packet.destination0
    words[at + 2] = (packet.sourcePort << 16) | packet.destinationPort
    words[at + 3] = kindOf(packet, flags)
    words[at + 4] = status
    words[at + 5] = course
    words[at + 6] = mark
    this.trails[key] = trail
  }

  /** A new entry has this number: what was kept is of another. */
  forget(ct: number): void {
    this.trails[ct * 2] = null
    this.trails[ct * 2 + 1] = null
  }

  private grow(size: number): void {
    const words = new Int32Array(Math.max(size, this.words.length * 2))
    words.set(this.words)
    this.words = words
  }
}

function kindOf({ protocol, tcpFlags, transportCaptured, ttl }: Packet, flags: number): number {
  const own = protocol === 6 ? (tcpFlags & 0xff) | (transportCaptured >= 14 ? 256 : 0) : 0
  return own | (ttl <= 1 ? 512 : 0) | (transportCaptured >= 2 ? 1024 : 0) | (protocol << 11) | (flags << 19)
}
