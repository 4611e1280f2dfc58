// Connections that were seen half in front of a translation and half behind it: what their packets were before.
import { TCP_ACK, TCP_RST, TCP_SYN } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { hashOfEnd, isSource, readDestination, readSource } from './connection-ends.ts'
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

/** Places for connections, a power of two; each has room for two, of which a newer one drives out the older. */
const PLACES = 1 << 12
const ROOM = 2
/** Words of a connection. */
const SHIFT = 4
const WORDS = 1 << SHIFT
/** What the backend's last untranslated segment acknowledged. */
const BARE_ACKNOWLEDGMENT = 15

/** The entry was made of the SYN as it was seen, so that requests stay as they are. */
const ANSWERS_ONLY = 1 << 18
const SAW_BARE = 1 << 19

export class JoinedConnections {
  /** Made when there is a connection to put in. */
  private records = new Int32Array(0)

  /**
   * @param handshakes has the record at `from`
   * @param answersOnly whether the SYN has made an entry as it was seen
   */
  put(handshakes: Int32Array, from: number, answersOnly: boolean): void {
    if (this.records.length === 0) this.records = new Int32Array((PLACES * ROOM) << SHIFT)
    const { records } = this
    const client = from + CLIENT
    const state = handshakes[from + STATE] & (KNOWN | IPV6 | 0xffff)
    const family = (state & IPV6) === 0 ? 4 : 6
    const at = place(family, handshakes[client], handshakes[client + 3], handshakes[from + PORTS] >>> 16)
    // packets of an earlier connection of the same client may still be on their way through the window
    records.copyWithin(at + WORDS, at, at + WORDS)
    for (let word = 0; word <= SEQUENCE; word++) records[at + word] = handshakes[from + word]
    records[at + STATE] = state | (answersOnly ? ANSWERS_ONLY : 0)
  }

  /** Drops connections of the client that sent a SYN, but for the one that begins with it. */
  forgetOthers(syn: Packet): void {
    const { records } = this
    const first = place(syn.family, syn.source0, syn.source3, syn.sourcePort)
    for (let at = first; at < first + ROOM * WORDS; at += WORDS) {
      if (isFromClient(records, at, syn) && records[at + SEQUENCE] !== syn.sequence) records[at + STATE] = 0
    }
  }

  /** Sends a request to the service again that was seen on its way to the backend. */
  restoreRequest(packet: Packet): boolean {
    const { records } = this
    const first = place(packet.family, packet.source0, packet.source3, packet.sourcePort)
    for (let at = first; at < first + ROOM * WORDS; at += WORDS) {
      if (!isFromClient(records, at, packet) || !isToBackend(records, at, packet)) continue
      if ((records[at + STATE] & ANSWERS_ONLY) !== 0) return false
      if ((packet.tcpFlags & TCP_SYN) !== 0 && packet.sequence !== records[at + SEQUENCE]) continue
      if (this.resetsBare(at, packet)) return false
      readDestination(records, at + SERVICE, packet)
      packet.destinationPort = records[at + STATE] & 0xffff
      return true
    }
    return false
  }

  /** Lets an answer that was seen as the service's come from the backend. */
  restoreAnswer(packet: Packet): boolean {
    const { records } = this
    const first = place(packet.family, packet.destination0, packet.destination3, packet.destinationPort)
    for (let at = first; at < first + ROOM * WORDS; at += WORDS) {
      if (!isToClient(records, at, packet)) continue
      if (isFromBackend(records, at, packet)) {
        records[at + STATE] |= SAW_BARE
        records[at + BARE_ACKNOWLEDGMENT] = packet.acknowledgment
        return false
      }
      if ((records[at + STATE] & 0xffff) !== packet.sourcePort) continue
      if (!isSource(records, at + SERVICE, packet)) continue
      const isSyn = (packet.tcpFlags & TCP_SYN) !== 0
      if (isSyn && packet.acknowledgment !== ((records[at + SEQUENCE] + 1) | 0)) continue
      readSource(records, at + BACKEND, packet)
      packet.sourcePort = records[at + PORTS] & 0xffff
      return true
    }
    return false
  }

  /** Whether the client resets what came untranslated: that it sends to the backend itself, past the translation. */
  private resetsBare(at: number, packet: Packet): boolean {
    const { records } = this
    if ((packet.tcpFlags & (TCP_RST | TCP_ACK)) !== TCP_RST || (records[at + STATE] & SAW_BARE) === 0)
      return false
    return records[at + BARE_ACKNOWLEDGMENT] === packet.sequence
  }
}

/** Where the connections of a client would be. */
function place(family: number, address: number, lowAddress: number, port: number): number {
  return (hashOfEnd(family, address, lowAddress, port) & (PLACES - 1)) * ROOM * WORDS
}
