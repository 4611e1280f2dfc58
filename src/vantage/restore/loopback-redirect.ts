// Connections of the host itself that REDIRECT in OUTPUT sent to its loopback address, as a mesh's sidecar has it: nf_nat_redirect_ipv4().
import { IPPROTO_TCP, IPPROTO_UDP, TCP_ACK, TCP_SYN } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { type Sightings, TRANSLATED_DESTINATION, TRANSLATED_SOURCE } from '../record/sighting.ts'
import {
  isDestination,
  isSource,
  readDestination,
  readSource,
  writeDestination,
  writeSource,
} from './connection-ends.ts'

/** Connections that are remembered, a power of two; a newer one takes the place of an older one. */
const MOST = 1 << 13
/** Words of a connection. */
const SHIFT = 4
const CLIENT = 0
const PROXY = 4
const SERVER = 8
/** Client's port << 16 | the proxy's. */
const PORTS = 12
/** TCP: the client's initial sequence number. */
const SEQUENCE = 13
/** KNOWN, and once it has been heard the server's port. */
const STATE = 14
const KIND = 15
const KNOWN = 1 << 16
const ANSWERED = 1 << 17

/**
 * A packet on its way to a loopback address cannot have another source than one, unless NAT changed its destination in
 * OUTPUT. Whom it was sent to the answer tells: it shows on the loopback interface with its source translated back.
 * Nothing ever shows the original request, or the answer as the proxy sent it.
 */
export class LoopbackRedirect {
  /** Whether there have been any such packets. */
  isActive = false

  private readonly connections = new Int32Array(MOST << SHIFT)

  /** Whether a packet is one whose destination REDIRECT made. */
  isRedirected(packet: Packet): boolean {
    if (packet.family === 4) return packet.destination0 >>> 24 === 127 && packet.source0 >>> 24 !== 127
    return packet.family === 6 && isLoopbackDestination(packet) && !isLoopbackSource(packet)
  }

  /** Takes in a frame in the order of the capture, before the packet it shows is restored. */
  learn(packet: Packet): void {
    const { protocol } = packet
    if ((protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) || !packet.hasTuple) return
    if (this.isRedirected(packet)) this.meetRequest(packet)
    else if (this.isActive) this.meetAnswer(packet)
  }

  /** Gives a packet of such a connection the addresses it had before NAT; whether it was one. */
  restore(packet: Packet, sightings: Sightings): boolean {
    if (!this.isActive || !packet.hasTuple) return false
    const { connections } = this
    if (this.isRedirected(packet)) {
      const at = this.find(packet, packet.source0, packet.source3, packet.sourcePort)
      if ((connections[at + STATE] & ANSWERED) === 0 || !this.isProxy(at, packet)) return false
      readDestination(connections, at + SERVER, packet)
      packet.destinationPort = connections[at + STATE] & 0xffff
      sightings.translated = TRANSLATED_DESTINATION
      return true
    }
    const at = this.find(packet, packet.destination0, packet.destination3, packet.destinationPort)
    if ((connections[at + STATE] & ANSWERED) === 0 || !this.isServer(at, packet)) return false
    readSource(connections, at + PROXY, packet)
    packet.sourcePort = connections[at + PORTS] & 0xffff
    sightings.translated = TRANSLATED_SOURCE
    return true
  }

  private meetRequest(packet: Packet): void {
    this.isActive = true
    const isTcp = packet.protocol === IPPROTO_TCP
    if (isTcp && (packet.tcpFlags & (TCP_SYN | TCP_ACK)) !== TCP_SYN) return
    const { connections } = this
    const at = this.find(packet, packet.source0, packet.source3, packet.sourcePort)
    if ((connections[at + STATE] & KNOWN) !== 0 && this.isProxy(at, packet)) {
      if (!isTcp || connections[at + SEQUENCE] === packet.sequence) return
    }
    writeSource(connections, at + CLIENT, packet)
    writeDestination(connections, at + PROXY, packet)
    connections[at + PORTS] = (packet.sourcePort << 16) | packet.destinationPort
    connections[at + SEQUENCE] = isTcp ? packet.sequence : 0
    connections[at + KIND] = kindOf(packet)
    connections[at + STATE] = KNOWN
  }

  private meetAnswer(packet: Packet): void {
    const { connections } = this
    const at = this.find(packet, packet.destination0, packet.destination3, packet.destinationPort)
    if ((connections[at + STATE] & (KNOWN | ANSWERED)) !== KNOWN || !this.isClient(at, packet)) return
    const expected = (connections[at + SEQUENCE] + 1) | 0
    if (packet.protocol === IPPROTO_TCP && packet.acknowledgment !== expected) return
    writeSource(connections, at + SERVER, packet)
    connections[at + STATE] |= ANSWERED | packet.sourcePort
  }

  /** Where the connection of a client would be. */
  private find(packet: Packet, address: number, lowAddress: number, port: number): number {
    const low = packet.family === 6 ? lowAddress : 0
    const hash = Math.imul(address ^ Math.imul(low, 0x85ebca77) ^ (port << 8) ^ kindOf(packet), 0x9e3779b1)
    return ((hash >>> 13) & (MOST - 1)) << SHIFT
  }

  private isProxy(at: number, packet: Packet): boolean {
    const { connections } = this
    return (
      connections[at + KIND] === kindOf(packet) &&
      connections[at + PORTS] === ((packet.sourcePort << 16) | packet.destinationPort) &&
      isSource(connections, at + CLIENT, packet) &&
      isDestination(connections, at + PROXY, packet)
    )
  }

  private isServer(at: number, packet: Packet): boolean {
    const { connections } = this
    return (
      (connections[at + STATE] & 0xffff) === packet.sourcePort &&
      isSource(connections, at + SERVER, packet) &&
      this.isClient(at, packet)
    )
  }

  private isClient(at: number, packet: Packet): boolean {
    const { connections } = this
    return (
      connections[at + KIND] === kindOf(packet) &&
      connections[at + PORTS] >>> 16 === packet.destinationPort &&
      isDestination(connections, at + CLIENT, packet)
    )
  }
}

const kindOf = (packet: Packet): number => (packet.family << 8) | packet.protocol

function isLoopbackSource(packet: Packet): boolean {
  return packet.source0 === 0 && packet.source1 === 0 && packet.source2 === 0 && packet.source3 === 1
}

function isLoopbackDestination(packet: Packet): boolean {
  return (
    packet.destination0 === 0 &&
    packet.destination1 === 0 &&
    packet.destination2 === 0 &&
    packet.destination3 === 1
  )
}
