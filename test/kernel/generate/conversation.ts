// Two hosts that talk: their addresses, their clock, and how a transport becomes a packet on the wire.
import { transportChecksum } from './checksum.ts'
import { concat, ipPacket, put16 } from './ip.ts'
import type { Random } from './random.ts'

export const ORIGINAL = 0
export const REPLY = 1
export type Direction = typeof ORIGINAL | typeof REPLY

/** A packet and when it is sent, in nanoseconds after the start of its conversation. */
export interface SentPacket {
  time: number
  bytes: Uint8Array
}

/**
 * A second has eight windows of 125 ms, and the n-th burst of a conversation lies in the first 60 ms of the n-th. So
 * packets of two bursts are never a whole number of seconds apart, not within 65 ms: every timeout, being whole
 * seconds, has clearly passed or clearly not, however the kernel's jiffies fall.
 */
const WINDOW = 125e6
const BURST = 60e6
const LAST_BURST = 7

export class Conversation {
  readonly random: Random
  private readonly timeouts: readonly number[]
  readonly packets: SentPacket[] = []
  readonly family: 4 | 6
  readonly hosts: readonly [Uint8Array, Uint8Array]
  private second = 0
  private burst = 0
  private within = 0
  private identification: number

  /**
   * @param index the number of the conversation, which gives it addresses of its own
   * @param timeouts the whole seconds that pauses should fall short of, or cross
   */
  constructor(random: Random, index: number, timeouts: readonly number[]) {
    this.random = random
    this.timeouts = timeouts
    this.family = random.chance(0.7) ? 4 : 6
    this.hosts = [address(this.family, 1, index), address(this.family, 2, index)]
    this.identification = random.below(0x10000)
  }

  /** Lets a little time pass, most often far less than a millisecond, within the burst. */
  tick(): void {
    this.within = Math.min(BURST, this.within + this.random.below(this.random.chance(0.05) ? 4e6 : 300e3))
  }

  /** Begins another burst so that a timeout has passed, or has not quite. Does nothing when a conversation grows too long. */
  pause(): void {
    const seconds = this.random.pick(this.timeouts)
    this.sleep(this.random.chance(0.5) ? seconds : seconds - 1)
  }

  /** Begins another burst some seconds later. */
  sleep(seconds: number): void {
    if (this.burst === LAST_BURST) return
    this.burst++
    this.second += seconds
    this.within = 0
  }

  /** Sends finished bytes from the IP header on. */
  sendPacket(bytes: Uint8Array): Uint8Array {
    this.tick()
    this.packets.push({ time: this.second * 1e9 + this.burst * WINDOW + this.within, bytes })
    return bytes
  }

  /** Sends a transport in an IP packet, sometimes with options or extension headers in between. */
  send(direction: Direction, protocol: number, transport: Uint8Array, ttl = 64): Uint8Array {
    return this.sendPacket(this.wrap(direction, protocol, transport, ttl))
  }

  /** The packet that `send` would send. */
  wrap(direction: Direction, protocol: number, transport: Uint8Array, ttl = 64): Uint8Array {
    const { random } = this
    const source = this.hosts[direction]
    const destination = this.hosts[1 - direction]
    const identification = this.nextIdentification()
    const fields = { source, destination, protocol, ttl, identification }
    if (random.chance(0.97)) return ipPacket(fields, transport)
    if (this.family === 4)
      return ipPacket({ ...fields, extra: new Uint8Array(random.between(1, 10) * 4).fill(1) }, transport)
    const { first, bytes } = extensionHeaders(random, protocol)
    return ipPacket({ ...fields, extra: bytes, extraProtocol: first }, transport)
  }

  nextIdentification(): number {
    this.identification = (this.identification + 1) & 0xffff
    return this.identification
  }

  /** Fills in the checksum at `at`; now and then a wrong one, which counts only with nf_conntrack_checksum=1. */
  sealChecksum(direction: Direction, protocol: number, transport: Uint8Array, at: number): void {
    if (transport.length < at + 2) return
    put16(transport, at, 0)
    const sum = transportChecksum(this.hosts[direction], this.hosts[1 - direction], protocol, transport)
    put16(transport, at, this.random.chance(0.005) ? sum ^ (1 << this.random.below(16)) : sum)
  }

  port(): number {
    return this.random.chance(0.9)
      ? this.random.between(1024, 65535)
      : this.random.pick([0, 1, 53, 80, 443, 0xffff])
  }
}

function address(family: 4 | 6, side: number, index: number): Uint8Array {
  if (family === 4) {
    // 10.0.0.0/8 on one side, 172.16.0.0/12 and up on the other
    return Uint8Array.of(
      side === 1 ? 10 : 172 + (index >>> 20),
      (side === 1 ? 0 : 16) + (index >>> 16),
      index >>> 8,
      index,
    )
  }
  const bytes = new Uint8Array(16)
  bytes.set([0x20, 0x01, 0x0d, 0xb8, side])
  put16(bytes, 12, index >>> 16)
  put16(bytes, 14, index)
  return bytes
}

/** A chain of harmless extension headers that ends at `protocol`. */
function extensionHeaders(random: Random, protocol: number): { first: number; bytes: Uint8Array } {
  const kinds = random.shuffle([60, 43, 51, 60]).slice(0, random.between(1, 3))
  if (random.chance(0.3)) kinds.unshift(0)
  const headers = kinds.map((kind, i) => {
    const next = kinds[i + 1] ?? protocol
    if (kind === 51) {
      const header = new Uint8Array(24)
      header[1] = 4
      header[0] = next
      return header
    }
    const header = new Uint8Array(random.between(1, 3) * 8)
    header[0] = next
    header[1] = header.length / 8 - 1
    if (kind === 43) header[2] = 4
    else header.set([1, header.length - 4], 2)
    return header
  })
  return { first: kinds[0], bytes: concat(...headers) }
}
