// Connections of the host itself that were translated in OUTPUT, before any interface could show them: nf_nat_ipv4_local_fn().
import { IPPROTO_TCP, PACKET_OUTGOING, TCP_ACK, TCP_SYN } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { type Sightings, TRANSLATED_DESTINATION } from '../record/sighting.ts'

/** Records of each kind that are remembered, a power of two; a newer one takes the place of an older one. */
const MOST = 256
/** Words of a record. */
const SHIFT = 1
const KEY = 0
const ORIGINAL_PORT = 1

/** The segment size that a SYN offers whose first route led over the loopback interface: its MTU less the headers. */
const LEAST_LOOPBACK_MSS = 65475
const TCP_HEADER = 20
const MSS_OPTION = 0x0204

/**
 * A process that connects to an address of its own host takes that address for itself, and offers the loopback's
 * segment size. If the SYN leaves for another host all the same, its destination was translated, from the address that
 * is its source. Which port it had other connections tell, that came from outside and were translated alike.
 */
export class LocalOutput {
  private readonly services = new Int32Array(MOST << SHIFT)
  private readonly connections = new Int32Array(MOST << SHIFT)
  private hasConnections = false

  /** Takes a translated packet in: its destination is one that local processes may use, too. */
  learn(sightings: Sightings): void {
    const { before, after } = sightings
    if ((sightings.translated & TRANSLATED_DESTINATION) === 0 || sightings.protocol !== IPPROTO_TCP) return
    const key = serviceKey(
      sightings.destinationFold(before),
      sightings.destinationFold(after),
      sightings.destinationPort(after),
    )
    put(this.services, key, sightings.destinationPort(before))
  }

  /** Gives a packet that was translated in OUTPUT the destination it had; whether it was one. */
  restore(packet: Packet, sightings: Sightings): boolean {
    if (packet.protocol !== IPPROTO_TCP || !packet.hasTuple) return false
    const first = sightings.packetType(sightings.before)
    if (first >= 0 && first !== PACKET_OUTGOING) return false
    const isSyn = (packet.tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN
    if (!this.hasConnections && !isSyn) return false
    const source = sightings.sourceFold(sightings.before)
    const destination = sightings.destinationFold(sightings.before)
    const connection = connectionKey(source, destination, packet.sourcePort, packet.destinationPort)
    if (isSyn && offersLoopbackSize(packet)) {
      const port = get(this.services, serviceKey(source, destination, packet.destinationPort))
      if (port < 0 || source === destination) return false
      put(this.connections, connection, port)
      this.hasConnections = true
    }
    const port = this.hasConnections ? get(this.connections, connection) : -1
    if (port < 0) return false
    packet.destination0 = packet.source0
    packet.destination1 = packet.source1
    packet.destination2 = packet.source2
    packet.destination3 = packet.source3
    packet.destinationPort = port
    sightings.translated = TRANSLATED_DESTINATION
    return true
  }
}

/** The option comes first in the SYN of every Linux. */
function offersLoopbackSize(packet: Packet): boolean {
  if (packet.transportCaptured < TCP_HEADER + 4 || packet.tcpHeaderLength < TCP_HEADER + 4) return false
  const at = packet.transportOffset + TCP_HEADER
  return packet.view.getUint16(at) === MSS_OPTION && packet.view.getUint16(at + 2) >= LEAST_LOOPBACK_MSS
}

function serviceKey(before: number, after: number, port: number): number {
  return mix(Math.imul(before, 0x85ebca77) ^ Math.imul(after, 0xc2b2ae3d) ^ port)
}

function connectionKey(source: number, destination: number, sourcePort: number, port: number): number {
  return mix(Math.imul(source, 0x85ebca77) ^ Math.imul(destination, 0xc2b2ae3d) ^ ((sourcePort << 16) | port))
}

/** Never 0. */
function mix(word: number): number {
  const mixed = Math.imul(word ^ (word >>> 15), 0x9e3779b1)
  return (mixed ^ (mixed >>> 13)) | 1
}

function put(records: Int32Array, key: number, port: number): void {
  const at = ((key >>> 1) & (MOST - 1)) << SHIFT
  records[at + KEY] = key
  records[at + ORIGINAL_PORT] = port
}

/** The port, or -1. */
function get(records: Int32Array, key: number): number {
  const at = ((key >>> 1) & (MOST - 1)) << SHIFT
  return records[at + KEY] === key ? records[at + ORIGINAL_PORT] : -1
}
