// TCP handshakes as all places of a host show them: from what was seen of a translation on either way follows all of it.
import { IPPROTO_TCP, TCP_ACK, TCP_RST, TCP_SYN } from '../../net/numbers.ts'
import { Packet } from '../../packet/packet.ts'
import type { Intake } from '../record/intake.ts'
import { isSameEnd, isSameTuple, TUPLE_WORDS, writeInverse, writeTuple } from '../record/seen-tuple.ts'
import {
  MET,
  ONE_SIDED,
  type Sightings,
  TRANSLATED_DESTINATION,
  TRANSLATED_SOURCE,
} from '../record/sighting.ts'
import {
  HandshakeEnds,
  STATUS_ASKED,
  STATUS_PLAIN,
  STATUS_STRANGE,
  STATUS_SURE,
  STATUS_TWO,
} from './handshake-ends.ts'
import {
  ANSWER_SEQUENCE,
  ANSWERS,
  DECIDED,
  FLAGS,
  find,
  HandshakeViews,
  IPV6,
  KNOWN,
  MIXED,
  ORIGINAL,
  PLACE,
  placeOf,
  RECORD,
  REPLY,
  REQUESTS,
  SEQUENCE,
  STATUS,
  SYN_CLASHES,
  SYN_OTHER,
  TRACKED,
  viewOf,
} from './handshake-views.ts'
import { ANSWER, JoinedConnections, NOT_JOINED, ONE_SIDED_PACKET, REQUEST } from './joined-connections.ts'
import type { Senders } from './senders.ts'

const HANDSHAKE_FLAGS = TCP_SYN | TCP_ACK | TCP_RST

/**
 * Conntrack translates the destination of a packet in front of what a bridge shows, and its source behind it. So a bridge,
 * one of its ports, or both may show a request on its way to the backend and the answer to it as the service's, or a
 * request of the host's own address and the answer to it as the client's. SYN, answer and the client's acknowledgment are
 * known to be of one connection by their sequence numbers; then each view of them is one of the connection's, and all that
 * comes with the same tuple at the same place belongs to it.
 *
 * A client that is answered by a stranger resets the connection; one that acknowledges got the answer from where it had
 * sent its SYN. Where a half is not seen, that acknowledgment, and nothing before, says so. If it comes when the answer
 * has been tracked already, the connection is one-sided: what conntrack made of it no capture says.
 *
 * A SYN that was tracked by then has made an entry without the translation: that keeps the name it has, and takes the
 * answers in. Datagrams are left as they are: nothing says that a client took the answer of a stranger for one to its query.
 */
export class Handshakes {
  private readonly views = new HandshakeViews()
  private readonly ends = new HandshakeEnds(this.views)
  private readonly connections = new JoinedConnections()
  /** Handshakes that wait for the client's word. */
  private awaited = 0
  private readonly view = new Packet()
  private readonly seen = new Int32Array(TUPLE_WORDS)
  private readonly inverse = new Int32Array(TUPLE_WORDS)
  private readonly senders: Senders

  /** @param senders tell of points that show no answers */
  constructor(senders: Senders) {
    this.senders = senders
  }

  /** Whether packets have to wait: for a client's word, or to be given their addresses. One-sided ones need not. */
  get isActive(): boolean {
    return this.connections.joined > 0 || this.awaited > 0
  }

  /** Whether there is any answer that waits for the client's word. */
  get isAwaiting(): boolean {
    return this.awaited > 0
  }

  /**
   * Takes in a frame in the order of the capture, before the packet it shows is tracked; the intake has read it.
   * @param isTracked whether the packet is tracked at once
   */
  learn(packet: Packet, intake: Intake, capture: number, isTracked: boolean): void {
    if (packet.protocol !== IPPROTO_TCP || !packet.hasTuple) return
    const flags = packet.tcpFlags & HANDSHAKE_FLAGS
    if (flags === TCP_SYN) this.meetSyn(packet, intake, capture, isTracked)
    else if (flags === (TCP_SYN | TCP_ACK)) this.meetAnswer(packet, intake, capture)
    else if (this.awaited > 0) this.meetReaction(packet, (flags & TCP_RST) !== 0)
  }

  /** Whether a packet is an answer that waits for the client's word. */
  awaits(packet: Packet): boolean {
    if (this.awaited === 0 || packet.protocol !== IPPROTO_TCP || !packet.hasTuple) return false
    if ((packet.tcpFlags & HANDSHAKE_FLAGS) !== (TCP_SYN | TCP_ACK)) return false
    const at = this.views.known((packet.acknowledgment - 1) | 0)
    return at >= 0 && this.isAsked(at) && this.views.isAmong(at, ANSWER, packet)
  }

  /**
   * Gives a packet of a joined connection the tuple that it had in front of the first hook; whether it was one. What
   * cannot be told of one goes into `sightings.meeting`.
   */
  restore(packet: Packet, sightings: Sightings): boolean {
    if (packet.protocol !== IPPROTO_TCP || !packet.hasTuple) return false
    const flags = packet.tcpFlags & HANDSHAKE_FLAGS
    if (flags === (TCP_SYN | TCP_ACK)) this.leaveAnswer(packet, sightings)
    else if ((flags & (TCP_RST | TCP_ACK)) === TCP_RST) this.leaveReset(packet, sightings)
    else if (flags === TCP_ACK) this.leaveAcknowledgment(packet, sightings)
    const isRestored =
      this.connections.count > 0 && sightings.meeting === MET && this.rejoin(packet, sightings)
    if (flags === TCP_SYN && !isRestored) this.leaveSyn(packet, sightings)
    return isRestored
  }

  private rejoin(packet: Packet, sightings: Sightings): boolean {
    const { connections, view } = this
    let first = -1
    let isOne = true
    for (let i = 0; i < sightings.count; i++) {
      sightings.readTuple(i, view)
      const found = connections.find(view, placeOf(view, sightings.point(i), sightings.packetType(i)))
      if (found >= 0) connections.noteBare(found, packet)
      if (found < 0 || (first >= 0 && !connections.isSameWay(first, found))) isOne = false
      if (first < 0) first = found
    }
    if (!isOne) return false
    switch (connections.restore(first, packet, sightings.behind)) {
      case NOT_JOINED:
        return false
      case ONE_SIDED_PACKET:
        sightings.meeting = ONE_SIDED
        return false
      default:
        sightings.translated =
          (connections.changes(first, false) ? TRANSLATED_SOURCE : 0) |
          (connections.changes(first, true) ? TRANSLATED_DESTINATION : 0)
        sightings.isJoined = sightings.translated !== 0
        // the entry is not translated: what was seen of the packet is, as far as that goes
        if (!sightings.isJoined) sightings.translated = this.changesTo(packet, sightings)
        return true
    }
  }

  /** What of a packet with the tuple that it had is different in its last sighting. */
  private changesTo(packet: Packet, sightings: Sightings): number {
    const { seen, inverse, view } = this
    sightings.readTuple(sightings.after, view)
    writeTuple(seen, 0, packet)
    writeTuple(inverse, 0, view)
    return (
      (isSameEnd(seen, 0, false, inverse, 0, false) ? 0 : TRANSLATED_SOURCE) |
      (isSameEnd(seen, 0, true, inverse, 0, true) ? 0 : TRANSLATED_DESTINATION)
    )
  }

  private meetSyn(packet: Packet, intake: Intake, capture: number, isTracked: boolean): void {
    const { words } = this.views
    const at = find(packet.sequence)
    this.views.look(packet, intake)
    const relation = this.views.relate(at, packet, intake)
    if (relation === SYN_CLASHES) {
      this.giveUp(at)
      return
    }
    if (relation === SYN_OTHER) this.begin(at, packet)
    if (isTracked) this.noteTracked(at, packet)
    this.views.addView(at, REQUEST, packet, intake, capture)
    if (words[at + ANSWERS] > 0) this.judge(at)
  }

  private meetAnswer(packet: Packet, intake: Intake, capture: number): void {
    const { words } = this.views
    const at = this.views.known((packet.acknowledgment - 1) | 0)
    if (at < 0 || ((words[at + FLAGS] & IPV6) !== 0) !== (packet.family === 6)) return
    this.views.look(packet, intake)
    if (!this.views.answers(at)) return
    if (words[at + ANSWERS] > 0 && words[at + ANSWER_SEQUENCE] !== packet.sequence) {
      // each SYN that is sent again may have an answer of its own
      if ((words[at + FLAGS] & DECIDED) !== 0) return
      words[at + ANSWERS] = 0
    }
    words[at + ANSWER_SEQUENCE] = packet.sequence
    if (this.views.clashes(at, ANSWER, packet, intake)) {
      this.giveUp(at)
      return
    }
    this.views.addView(at, ANSWER, packet, intake, capture)
    this.judge(at)
  }

  /** What the client has to say to the answer: nothing but its acknowledgment joins the two. */
  private meetReaction(packet: Packet, isReset: boolean): void {
    const { words } = this.views
    const at = this.views.known((packet.sequence - 1) | 0)
    if (at < 0 || !this.isAsked(at)) return
    if (isReset) {
      if (this.views.isFromClient(at, packet)) this.decide(at)
      return
    }
    if ((packet.tcpFlags & TCP_ACK) === 0) return
    if (packet.acknowledgment !== ((words[at + ANSWER_SEQUENCE] + 1) | 0)) return
    if (!this.views.isAmong(at, REQUEST, packet)) return
    this.decide(at)
    this.join(at, false)
  }

  /** A SYN is tracked as it was seen: its entry has that name from now on. */
  private leaveSyn(packet: Packet, sightings: Sightings): void {
    const { words } = this.views
    const { view, seen } = this
    const at = this.views.known(packet.sequence)
    if (at < 0 || (words[at + FLAGS] & TRACKED) !== 0) return
    if (!this.views.isAmong(at, REQUEST, packet)) return
    this.noteTracked(at, packet)
    sightings.readTuple(sightings.after, view)
    writeTuple(seen, 0, view)
    writeInverse(words, at + REPLY, seen, 0)
  }

  /** An answer is tracked before the client has had its say: whatever that is, it comes too late for the entry. */
  private leaveAnswer(packet: Packet, sightings: Sightings): void {
    const { words } = this.views
    const at = this.views.known((packet.acknowledgment - 1) | 0)
    if (at < 0 || !this.views.isAmong(at, ANSWER, packet)) return
    if (words[at + STATUS] === STATUS_STRANGE) {
      if (sightings.meeting === MET) sightings.meeting = ONE_SIDED
      return
    }
    if (words[at + ANSWER_SEQUENCE] !== packet.sequence) return
    if (!this.isAsked(at)) return
    this.decide(at)
    this.join(at, true)
  }

  /** A client acknowledges an answer that its point cannot show: it is not INVALID for want of that. */
  private leaveAcknowledgment(packet: Packet, sightings: Sightings): void {
    const { words } = this.views
    const at = this.views.known((packet.sequence - 1) | 0)
    if (at < 0 || words[at + ANSWERS] > 0 || (words[at + FLAGS] & TRACKED) === 0) return
    if (sightings.count > 1 || !this.senders.hidesAnswers(packet, sightings.point(0))) return
    if (words[at + RECORD] >= 0 || !this.views.isAmong(at, REQUEST, packet)) return
    this.decide(at)
    this.join(at, true)
  }

  /** A client resets the answer of a station that it had not written to. */
  private leaveReset(packet: Packet, sightings: Sightings): void {
    const { words } = this.views
    const at = this.views.known((packet.sequence - 1) | 0)
    if (at < 0 || words[at + STATUS] !== STATUS_STRANGE || sightings.meeting !== MET) return
    if (this.views.isInverseAmong(at, packet)) sightings.meeting = ONE_SIDED
  }

  private noteTracked(at: number, packet: Packet): void {
    const { words } = this.views
    if ((words[at + FLAGS] & TRACKED) !== 0) return
    words[at + FLAGS] |= TRACKED
    writeTuple(words, at + ORIGINAL, packet)
    writeInverse(words, at + REPLY, words, at + ORIGINAL)
  }

  /** Two connections have the same numbers: nothing is concluded of either. */
  private giveUp(at: number): void {
    this.decide(at)
    this.views.words[at + STATUS] = STATUS_TWO
    this.views.words[at + RECORD] = -1
  }

  private begin(at: number, packet: Packet): void {
    const { words } = this.views
    this.decide(at)
    words[at + FLAGS] = KNOWN | (packet.family === 6 ? IPV6 : 0)
    words[at + SEQUENCE] = packet.sequence
    words[at + RECORD] = -1
    words[at + STATUS] = STATUS_PLAIN
    words[at + REQUESTS] = 0
    words[at + ANSWERS] = 0
  }

  private decide(at: number): void {
    const { words } = this.views
    if ((words[at + FLAGS] & KNOWN) !== 0 && this.isAsked(at)) this.awaited--
    words[at + FLAGS] |= DECIDED
  }

  /** Whether a handshake that is known waits for the client's word. */
  private isAsked(at: number): boolean {
    const { words } = this.views
    return (words[at + FLAGS] & DECIDED) === 0 && words[at + STATUS] === STATUS_ASKED
  }

  /** Looks at all views: what they say together, and what is missing. */
  private judge(at: number): void {
    const { words } = this.views
    if ((words[at + FLAGS] & DECIDED) !== 0) {
      // a view of what was joined that came late
      if (words[at + RECORD] >= 0 && this.connections.holds(words[at + RECORD], words[at + SEQUENCE]))
        this.join(at, false)
      return
    }
    if ((words[at + FLAGS] & MIXED) === 0) return
    const before = words[at + STATUS]
    const status = this.ends.statusOf(at)
    if (status === before) return
    if (before === STATUS_ASKED) this.awaited--
    if (status === STATUS_ASKED) this.awaited++
    words[at + STATUS] = status
    if (status !== STATUS_SURE) return
    this.decide(at)
    this.join(at, false)
  }

  /** Puts a connection whose handshake is one among the joined, with all views of it. */
  private join(at: number, isOneSided: boolean): void {
    const { words } = this.views
    const { connections } = this
    if ((words[at + FLAGS] & TRACKED) === 0 && !this.ends.conclude(at)) return
    const record = connections.put(
      words[at + RECORD],
      words,
      at + ORIGINAL,
      at + REPLY,
      words[at + SEQUENCE],
      isOneSided,
    )
    words[at + RECORD] = record
    for (let i = 0; i < words[at + REQUESTS]; i++) {
      const view = viewOf(at, REQUEST, i)
      connections.addView(record, REQUEST, words[view + PLACE], words, view)
    }
    for (let i = 0; i < words[at + ANSWERS]; i++) {
      const view = viewOf(at, ANSWER, i)
      if (!isSameTuple(words, view, words, at + REPLY)) connections.addBareAnswer(record, words[view + PLACE])
    }
    for (let i = 0; i < words[at + ANSWERS]; i++) {
      const view = viewOf(at, ANSWER, i)
      connections.addView(record, ANSWER, words[view + PLACE], words, view)
    }
  }
}
