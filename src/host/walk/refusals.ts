// What was refused a moment ago, by rules or for its TTL, so that the answers are known: nf_send_reset(), nf_send_unreach().
import type { Packet } from '../../packet/packet.ts'
import { sameAddress } from '../files/network.ts'

/** Refusals that are remembered, and for how long an answer may take. */
const SLOTS = 64
const LIFETIME = 1e9

const RST = 4
/** ICMPv6 errors are 1 to 4. */
const LAST_ERROR6 = 4

interface Refusal {
  time: number
  family: number
  protocol: number
  source: Int32Array
  destination: Int32Array
  ports: number
  isReset: boolean
  /** Whether the packet had an entry, in which direction it went, and whether its source was not settled yet. */
  hasEntry: boolean
  direction: number
  isFirst: boolean
}

/** Where the transport header of an ICMP error's quotation ends, and what it needs at least. */
const ICMP_HEADER = 8

export class Refusals {
  private readonly ring: Refusal[] = Array.from({ length: SLOTS }, () => ({
    time: Number.NEGATIVE_INFINITY,
    family: 0,
    protocol: 0,
    source: new Int32Array(4),
    destination: new Int32Array(4),
    ports: 0,
    isReset: false,
    hasEntry: false,
    direction: 0,
    isFirst: false,
  }))
  private next = 0
  private readonly quoted = { source: new Int32Array(4), destination: new Int32Array(4), protocol: 0 }

  add(packet: Packet, isReset: boolean, hasEntry: boolean, direction: number, isFirst: boolean): void {
    const one = this.ring[this.next]
    if (one === undefined) return
    this.next = (this.next + 1) % SLOTS
    one.time = packet.time
    one.family = packet.family
    one.protocol = packet.protocol
    addressesOf(packet, one.source, one.destination)
    one.ports = (packet.sourcePort << 16) | packet.destinationPort
    one.isReset = isReset
    one.hasEntry = hasEntry
    one.direction = direction
    one.isFirst = isFirst
  }

  /** The refusal that a packet of the host answers, which is over then; null for none. */
  answeredBy(packet: Packet): Readonly<Refusal> | null {
    if (packet.protocol === 6) return (packet.tcpFlags & RST) === 0 ? null : this.find(packet, true)
    const isIcmp = packet.protocol === 1 || packet.protocol === 58
    return isIcmp && this.quote(packet) ? this.find(packet, false) : null
  }

  private find(packet: Packet, isReset: boolean): Refusal | null {
    for (let back = 1; back <= SLOTS; back++) {
      const one = this.ring[(this.next - back + SLOTS) % SLOTS]
      if (one === undefined || packet.time - one.time > LIFETIME) return null
      if (one.family !== packet.family || one.isReset !== isReset) continue
      if (isReset ? !isAnswer(one, packet) : !this.isQuoted(one)) continue
      one.family = 0
      return one
    }
    return null
  }

  private isQuoted({ source, destination, protocol }: Refusal): boolean {
    const { quoted } = this
    return (
      protocol === quoted.protocol &&
      sameAddress(source, quoted.source) &&
      sameAddress(destination, quoted.destination)
    )
  }

  /** Reads what an ICMP error quotes; false for another message. */
  private quote(packet: Packet): boolean {
    const { family, view, transportOffset, transportCaptured, destinationPort } = packet
    const type = destinationPort >>> 8
    const at = transportOffset + ICMP_HEADER
    const { quoted } = this
    if (family === 4) {
      if (!isError(type) || transportCaptured < ICMP_HEADER + 20) return false
      quoted.protocol = view.getUint8(at + 9)
      quoted.source.fill(0)
      quoted.destination.fill(0)
      quoted.source[0] = view.getInt32(at + 12)
      quoted.destination[0] = view.getInt32(at + 16)
      return true
    }
    if (type === 0 || type > LAST_ERROR6 || transportCaptured < ICMP_HEADER + 40) return false
    quoted.protocol = view.getUint8(at + 6)
    for (let i = 0; i < 4; i++) {
      quoted.source[i] = view.getInt32(at + 8 + 4 * i)
      quoted.destination[i] = view.getInt32(at + 24 + 4 * i)
    }
    return true
  }
}

/** Destination unreachable, time exceeded, parameter problem. */
function isError(type: number): boolean {
  return type === 3 || type === 11 || type === 12
}

function isAnswer(one: Refusal, packet: Packet): boolean {
  const ports = (packet.destinationPort << 16) | packet.sourcePort
  if (one.protocol !== 6 || one.ports !== ports || one.source[0] !== packet.destination0) return false
  if (one.destination[0] !== packet.source0) return false
  if (packet.family === 4) return true
  return (
    one.source[1] === packet.destination1 &&
    one.source[2] === packet.destination2 &&
    one.source[3] === packet.destination3 &&
    one.destination[1] === packet.source1 &&
    one.destination[2] === packet.source2 &&
    one.destination[3] === packet.source3
  )
}

/** Writes the addresses of a packet into arrays of four words. */
export function addressesOf(packet: Packet, source: Int32Array, destination: Int32Array): void {
  const isWide = packet.family === 6
  source[0] = packet.source0
  source[1] = isWide ? packet.source1 : 0
  source[2] = isWide ? packet.source2 : 0
  source[3] = isWide ? packet.source3 : 0
  destination[0] = packet.destination0
  destination[1] = isWide ? packet.destination1 : 0
  destination[2] = isWide ? packet.destination2 : 0
  destination[3] = isWide ? packet.destination3 : 0
}
