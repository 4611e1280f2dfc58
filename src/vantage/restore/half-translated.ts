// Connections whose requests a point shows translated and whose answers it shows translated back, as a bridge does under br_netfilter.
import { IPPROTO_TCP, TCP_ACK, TCP_RST, TCP_SYN } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { type Sightings, TRANSLATED_DESTINATION, TRANSLATED_SOURCE } from '../record/sighting.ts'
import { hashOfEnd, isDestination, writeDestination, writeSource } from './connection-ends.ts'
import {
  BACKEND,
  CLIENT,
  IPV6,
  isFromBackend,
  isFromClient,
  isToBackend,
  isToClient,
  KNOWN,
  PORTS,
  SEQUENCE,
  SERVICE,
  STATE,
} from './half-record.ts'
import { JoinedConnections } from './joined-connections.ts'

/** Handshakes that are remembered, a power of two; a newer one takes the place of an older one. */
const MOST = 1 << 10
/** Words of a handshake. */
const SHIFT = 5
/** The sequence number of the answer, and both stations. */
const ANSWER_SEQUENCE = 15
const SOURCE_MAC = 16
const DESTINATION_MAC = 17

/** The SYN has been tracked, so that its entry cannot be changed any more. */
const TRACKED = 1 << 18
/** An answer from elsewhere was seen: only what the client makes of it can tell. */
const ANSWERED = 1 << 19
/** It is decided what the connection is. */
const DECIDED = 1 << 20

const HANDSHAKE_FLAGS = TCP_SYN | TCP_ACK | TCP_RST

/**
 * Conntrack translates a request where it enters a bridge, before the bridge shows it, and an answer on its way out to
 * the client, before the bridge shows that. So the SYN goes to the backend, and the answer to it comes from the service,
 * between the same two stations. A client that is answered by a stranger resets the connection; one that acknowledges
 * got the answer from where it had sent its SYN. With that acknowledgment, and not before, the translation is known.
 *
 * A SYN that was tracked by then has made an entry without it: such an entry takes the answers in, and keeps the name it
 * has. Datagrams are left as they are: nothing says that a client took the answer of a stranger for one to its query.
 */
export class HalfTranslated {
  /** Connections whose two halves were joined. */
  private joined = 0

  private readonly handshakes = new Int32Array(MOST << SHIFT)
  private readonly connections = new JoinedConnections()
  /** Handshakes that wait for the client's word. */
  private awaited = 0

  /** Whether packets have to wait: for a client's word, or to be given their addresses; a bridge does so again. */
  get isActive(): boolean {
    return this.joined > 0 || this.awaited > 0
  }

  /**
   * Takes in a frame in the order of the capture, before the packet it shows is tracked.
   * @param isTracked whether the packet is tracked at once
   */
  learn(packet: Packet, sourceMac: number, destinationMac: number, isTracked: boolean): void {
    if (packet.protocol !== IPPROTO_TCP || !packet.hasTuple) return
    const flags = packet.tcpFlags & HANDSHAKE_FLAGS
    if (flags === TCP_SYN) this.meetSyn(packet, sourceMac, destinationMac, isTracked)
    else if (flags === (TCP_SYN | TCP_ACK)) this.meetAnswer(packet, sourceMac, destinationMac)
    else if (this.awaited > 0) this.meetReaction(packet, (flags & TCP_RST) !== 0)
  }

  /** Gives a packet of a joined connection the addresses that it had in front of the translation; whether it was one. */
  restore(packet: Packet, sightings: Sightings): boolean {
    if (packet.protocol !== IPPROTO_TCP || !packet.hasTuple) return false
    const flags = packet.tcpFlags & HANDSHAKE_FLAGS
    if (flags === TCP_SYN) this.leaveSyn(packet)
    else if (flags === (TCP_SYN | TCP_ACK) && this.awaited > 0) this.leaveAnswer(packet)
    if (this.joined === 0) return false
    if (this.connections.restoreRequest(packet)) {
      sightings.translated = TRANSLATED_DESTINATION
      return true
    }
    if (!this.connections.restoreAnswer(packet)) return false
    sightings.translated = TRANSLATED_SOURCE
    return true
  }

  private meetSyn(packet: Packet, sourceMac: number, destinationMac: number, isTracked: boolean): void {
    const { handshakes } = this
    const at = find(packet, packet.source0, packet.source3, packet.sourcePort)
    const ports = (packet.sourcePort << 16) | packet.destinationPort
    if (handshakes[at + SEQUENCE] === packet.sequence && isFromClient(handshakes, at, packet)) {
      // sent again; or seen on both sides of the translation, which then is no riddle
      if (handshakes[at + PORTS] !== ports || !isDestination(handshakes, at + BACKEND, packet))
        this.decide(at)
      return
    }
    this.decide(at)
    writeSource(handshakes, at + CLIENT, packet)
    writeDestination(handshakes, at + BACKEND, packet)
    handshakes[at + PORTS] = ports
    handshakes[at + SEQUENCE] = packet.sequence
    handshakes[at + SOURCE_MAC] = sourceMac
    handshakes[at + DESTINATION_MAC] = destinationMac
    handshakes[at + STATE] = KNOWN | (packet.family === 6 ? IPV6 : 0) | (isTracked ? TRACKED : 0)
  }

  private meetAnswer(packet: Packet, sourceMac: number, destinationMac: number): void {
    const { handshakes } = this
    const at = find(packet, packet.destination0, packet.destination3, packet.destinationPort)
    const state = handshakes[at + STATE]
    if ((state & (KNOWN | DECIDED)) !== KNOWN || !isToClient(handshakes, at, packet)) return
    if (packet.acknowledgment !== ((handshakes[at + SEQUENCE] + 1) | 0)) return
    if (isFromBackend(handshakes, at, packet)) {
      this.decide(at)
      return
    }
    if ((state & ANSWERED) !== 0) return
    if (sourceMac === 0 || handshakes[at + DESTINATION_MAC] !== sourceMac) return
    if (destinationMac === 0 || handshakes[at + SOURCE_MAC] !== destinationMac) return
    writeSource(handshakes, at + SERVICE, packet)
    handshakes[at + ANSWER_SEQUENCE] = packet.sequence
    handshakes[at + STATE] |= ANSWERED | packet.sourcePort
    this.awaited++
  }

  /** What the client has to say to the answer: nothing but its acknowledgment joins the two. */
  private meetReaction(packet: Packet, isReset: boolean): void {
    const { handshakes } = this
    const at = find(packet, packet.source0, packet.source3, packet.sourcePort)
    const state = handshakes[at + STATE]
    if ((state & (ANSWERED | DECIDED)) !== ANSWERED || !isFromClient(handshakes, at, packet)) return
    if (packet.sequence !== ((handshakes[at + SEQUENCE] + 1) | 0)) return
    if (isReset) {
      this.decide(at)
      return
    }
    if ((packet.tcpFlags & TCP_ACK) === 0) return
    if (packet.acknowledgment !== ((handshakes[at + ANSWER_SEQUENCE] + 1) | 0)) return
    if (!isToBackend(handshakes, at, packet)) return
    this.decide(at)
    this.joined++
    this.connections.put(handshakes, at, (state & TRACKED) !== 0)
  }

  /** A SYN is tracked: from now on its entry has the addresses that it has. */
  private leaveSyn(packet: Packet): void {
    const { handshakes } = this
    const at = find(packet, packet.source0, packet.source3, packet.sourcePort)
    const isSame = handshakes[at + SEQUENCE] === packet.sequence && isFromClient(handshakes, at, packet)
    if (isSame) handshakes[at + STATE] |= TRACKED
    if (this.joined > 0) this.connections.forgetOthers(packet)
  }

  /** An answer is tracked before the client has had its say: whatever that is, it comes too late for the entry. */
  private leaveAnswer(packet: Packet): void {
    const { handshakes } = this
    const at = find(packet, packet.destination0, packet.destination3, packet.destinationPort)
    if ((handshakes[at + STATE] & (ANSWERED | DECIDED)) !== ANSWERED || !isToClient(handshakes, at, packet))
      return
    if (handshakes[at + ANSWER_SEQUENCE] === packet.sequence) this.decide(at)
  }

  private decide(at: number): void {
    const { handshakes } = this
    if ((handshakes[at + STATE] & (ANSWERED | DECIDED)) === ANSWERED) this.awaited--
    handshakes[at + STATE] |= DECIDED
  }
}

/** Where the handshake of a client would be. */
function find(packet: Packet, address: number, lowAddress: number, port: number): number {
  return (hashOfEnd(packet.family, address, lowAddress, port) & (MOST - 1)) << SHIFT
}
