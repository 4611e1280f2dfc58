// TCP connections that the host's SYNPROXY opens for their clients, as both of its sides show them: nf_synproxy_core.c.
import { IPPROTO_TCP, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../net/numbers.ts'
import { type Packet, PROXY_ANSWERED, PROXY_CARRIED, PROXY_STOLEN, PROXY_TAKEN } from '../../packet/packet.ts'
import type { Proxies } from '../record/fingerprint.ts'
import { hashOfTuple, isSameTuple, TUPLE_WORDS, writeInverse, writeTuple } from '../record/seen-tuple.ts'
import { MET, ONE_SIDED, type Sightings } from '../record/sighting.ts'

const OPENING_FLAGS = TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN
const SYN_ACK = TCP_SYN | TCP_ACK

/** Connections that are remembered, each in one of a few neighbouring records; a newer one takes the place of an older. */
const MOST = 1 << 12
const ROOM = 4
const SHIFT = 5
/** The tuple of what the client sends. */
const ORIGINAL = 0
/** How far the opening has come: 0, or one of the steps below; whether the addresses are IPv6. */
const STEP = TUPLE_WORDS
const IPV6 = 10
/** The client's initial sequence number, the one that the host answered with, and the server's. */
const CLIENT = 11
const COOKIE = 12
const SERVER = 13
/** How far the server has come, by its own numbers: what is sent or acknowledged of it on either side is near to it. */
const NEAR = 14
/** The frame by which the client took the answer, and its capture; 0: none yet. */
const FRAME = 15
const CAPTURE = 16
/** With which TTL the host sends. */
const TTL = 17
/** 1: another connection of the same ends has begun. */
const IS_OVER = 18
/** Counts the connections that had this record. */
const GENERATION = 19

/** Services that SYNPROXY stands before, a power of two; a newer one takes the place of an older. */
const MOST_SERVICES = 1 << 8
/** Where a tuple has the destination's address; a service is that and its port. */
const DESTINATION = 4
const SERVICE_WORDS = 5

/** Bits of a mark: on which side a frame was seen, who made it, and the connection's record, counted from 1. */
const MARK_AHEAD = 1
const MARK_CARRIED = 2
const MARK_SIDES = 3
const MARK_RECORD = 2
const MARK_RECORDS = 0x1fff
const MARK_GENERATION = 15
const MARK_GENERATIONS = 3

/** The host, or whoever it was, answered a SYN with a window of 0. */
const STEP_COOKIE = 1
/** The host asked the server, with that answer's number in a SYN that acknowledges nothing. */
const STEP_ASKED = 2
/** The server answered: how far the numbers of both sides are apart is known. */
const STEP_ANSWERED = 3

/**
 * SYNPROXY answers a SYN itself, with a window of 0, and takes the client's acknowledgment: neither makes an entry. The SYN
 * that it then sends to the server has the client's numbers, and the number of its own answer where a SYN has none, which
 * no other host does: by that it is known, and others that ask for the same service and are answered with a window of 0. It takes the server's answer, and acknowledges it to the server, and to the
 * client as a packet that brings its entry along. From then on the server's numbers are shifted on their way, and its
 * timestamps; conntrack keeps to those of the server. What a side shows is told by which of both its number is near to.
 */
export class SynProxies implements Proxies {
  isActive = false
  mark = 0
  shift = 0
  isReply = false
  isCarried = false

  /** Made when there is a connection to remember. */
  private records = new Int32Array(0)
  private services = new Int32Array(0)
  /** Connections of which nobody knows yet whether they are proxied. */
  private undecided = 0
  private oldestOf = 0
  /** The packet that is asked about. */
  private isIpv6 = 0
  private readonly seen = new Int32Array(TUPLE_WORDS)
  private readonly inverse = new Int32Array(TUPLE_WORDS)

  take(packet: Packet): boolean {
    this.mark = 0
    if (packet.protocol !== IPPROTO_TCP || !packet.hasTuple) return false
    const flags = packet.tcpFlags & OPENING_FLAGS
    if (flags === SYN_ACK && packet.window === 0) this.meetCookie(packet)
    if (!this.isActive) return false
    this.look(packet)
    if (flags === TCP_SYN) {
      this.meetSyn(packet)
      return false
    }
    const at = flags === SYN_ACK ? this.opened((packet.acknowledgment - 1) | 0) : this.current()
    if (at < 0) return false
    this.mark = this.markOf(at)
    if (flags === SYN_ACK) this.meetAnswer(at, packet.sequence)
    // a server that refuses has no number of its own: its RST stands where that would have been counted
    else if ((flags & TCP_RST) !== 0 && !this.isOriginal(at)) this.meetAnswer(at, (packet.sequence - 1) | 0)
    else if (this.records[at + STEP] === STEP_COOKIE && flags === TCP_ACK) this.meetAcknowledgment(at, packet)
    return flags !== SYN_ACK && this.records[at + STEP] === STEP_ANSWERED && this.compare(at, packet)
  }

  /** Whether there is any packet for which `awaits` may say yes. */
  get isAwaiting(): boolean {
    return this.undecided > 0
  }

  /** Whether a packet is a SYN that was answered as SYNPROXY does: what becomes of that tells whether it makes an entry. */
  awaits(packet: Packet): boolean {
    if (packet.protocol !== IPPROTO_TCP || (packet.tcpFlags & OPENING_FLAGS) !== TCP_SYN) return false
    this.look(packet)
    const at = this.opened(packet.sequence)
    return at >= 0 && this.records[at + STEP] === STEP_COOKIE && !this.knowsService(at)
  }

  /** Says of a packet that is to be tracked what SYNPROXY did with it, and gives it the shift of its acknowledgment. */
  judge(packet: Packet, sightings: Sightings): void {
    if (packet.protocol !== IPPROTO_TCP || !packet.hasTuple) return
    const flags = packet.tcpFlags & OPENING_FLAGS
    if (flags === TCP_SYN) {
      if (this.isAnswered(packet)) packet.synproxy = PROXY_ANSWERED
      return
    }
    const mark = sightings.proxied(sightings.before)
    const at = (((mark >> MARK_RECORD) & MARK_RECORDS) - 1) << SHIFT
    if (at < 0 || this.markOf(at) !== (mark & ~MARK_SIDES)) return
    if (this.isKept(at, flags, packet, sightings))
      packet.synproxy = this.records[at + STEP] === STEP_COOKIE ? PROXY_TAKEN : PROXY_STOLEN
    else if ((mark & MARK_CARRIED) !== 0) packet.synproxy = PROXY_CARRIED
    else if ((mark & MARK_AHEAD) !== 0) this.shiftBack(at, packet, sightings)
  }

  /** What the server sent and only the client's side shows has numbers that conntrack never met. */
  private shiftBack(at: number, packet: Packet, sightings: Sightings): void {
    this.look(packet)
    if (this.isOriginal(at)) packet.acknowledgmentShift = this.offset(at)
    else if (sightings.meeting === MET) sightings.meeting = ONE_SIDED
  }

  /** Whether SYNPROXY answered a SYN: it went on with the client, or does with others that ask for the same. */
  private isAnswered(packet: Packet): boolean {
    const { records } = this
    this.look(packet)
    const at = this.opened(packet.sequence)
    if (at < 0 || packet.acknowledgment === records[at + COOKIE]) return false
    return records[at + STEP] >= STEP_ASKED || this.knowsService(at)
  }

  /** Whether SYNPROXY kept a packet: what the client took its answer by, or the server's answer. */
  private isKept(at: number, flags: number, packet: Packet, sightings: Sightings): boolean {
    const { records } = this
    if (flags === SYN_ACK)
      return records[at + STEP] === STEP_ANSWERED && packet.sequence === records[at + SERVER]
    if (flags !== TCP_ACK) return false
    return sightings.frame(0) === records[at + FRAME] && sightings.capture(0) === records[at + CAPTURE]
  }

  private meetCookie(packet: Packet): void {
    if (!this.isActive) {
      this.isActive = true
      this.records = new Int32Array(MOST << SHIFT)
      this.services = new Int32Array(MOST_SERVICES * SERVICE_WORDS)
    }
    const { records, inverse } = this
    this.look(packet)
    const client = (packet.acknowledgment - 1) | 0
    const known = this.opened(client)
    // one that is sent again may have another number, as long as the client has not taken it
    if (known >= 0 && (records[known + STEP] !== STEP_COOKIE || records[known + FRAME] !== 0)) return
    const at = known >= 0 ? known : this.room()
    if (records[at + STEP] !== STEP_COOKIE) this.undecided++
    if (known < 0) records[at + GENERATION] = (records[at + GENERATION] + 1) & MARK_GENERATIONS
    records.set(inverse, at + ORIGINAL)
    records[at + STEP] = STEP_COOKIE
    records[at + IPV6] = packet.family === 6 ? 1 : 0
    records[at + CLIENT] = client
    records[at + COOKIE] = packet.sequence
    records[at + FRAME] = 0
    records[at + TTL] = packet.ttl
  }

  /** Takes in a SYN: that of the host, by its number, or one after which nothing of connections before it comes any more. */
  private meetSyn(packet: Packet): void {
    const { records } = this
    const first = this.firstOf()
    for (let at = first; at < first + (ROOM << SHIFT); at += 1 << SHIFT) {
      if (records[at + STEP] === 0 || !this.isOriginal(at)) continue
      records[at + IS_OVER] = packet.sequence === records[at + CLIENT] ? 0 : 1
      if (packet.sequence !== records[at + CLIENT] || packet.acknowledgment !== records[at + COOKIE]) continue
      if (records[at + STEP] !== STEP_COOKIE) continue
      records[at + STEP] = STEP_ASKED
      this.undecided--
      this.noteService(at)
    }
  }

  private meetAnswer(at: number, sequence: number): void {
    const { records } = this
    if (records[at + STEP] !== STEP_ASKED || sequence === records[at + COOKIE]) return
    records[at + SERVER] = sequence
    records[at + NEAR] = sequence
    records[at + STEP] = STEP_ANSWERED
  }

  private meetAcknowledgment(at: number, packet: Packet): void {
    const { records } = this
    if (!this.isOriginal(at) || records[at + FRAME] !== 0) return
    if (packet.sequence !== ((records[at + CLIENT] + 1) | 0)) return
    if (packet.acknowledgment !== ((records[at + COOKIE] + 1) | 0)) return
    records[at + FRAME] = packet.frame
    records[at + CAPTURE] = packet.capture
  }

  /** Finds out on which side a segment was seen; false: it says nothing of the server's numbers. */
  private compare(at: number, packet: Packet): boolean {
    const { records } = this
    this.isReply = !this.isOriginal(at)
    if (!this.isReply && (packet.tcpFlags & TCP_ACK) === 0) return false
    const offset = this.offset(at)
    const number = this.isReply ? packet.sequence : packet.acknowledgment
    const here = (number - records[at + NEAR]) | 0
    const there = (here - offset) | 0
    const isAhead = Math.abs(there) < Math.abs(here)
    const beyond = isAhead ? there : here
    if (beyond > 0) records[at + NEAR] = (records[at + NEAR] + beyond) | 0
    this.shift = isAhead ? offset : 0
    this.isCarried = this.isReply && this.isOfHost(at, packet)
    this.mark |= (isAhead ? MARK_AHEAD : 0) | (this.isCarried ? MARK_CARRIED : 0)
    return true
  }

  /** Whether the host itself tells the client to go on: bare, with nothing that a host counts, and as young as its answer. */
  private isOfHost(at: number, packet: Packet): boolean {
    const { records } = this
    return (
      packet.sequence === ((records[at + COOKIE] + 1) | 0) &&
      packet.acknowledgment === ((records[at + CLIENT] + 1) | 0) &&
      packet.ttl === records[at + TTL] &&
      packet.identification === 0 &&
      packet.transportLength === packet.tcpHeaderLength &&
      (packet.tcpFlags & OPENING_FLAGS) === TCP_ACK
    )
  }

  /** How far the numbers of the client's side are ahead of the server's. kernel: nf_ct_seqadj_init() */
  private offset(at: number): number {
    return (this.records[at + COOKIE] - this.records[at + SERVER]) | 0
  }

  private markOf(at: number): number {
    return (this.records[at + GENERATION] << MARK_GENERATION) | (((at >> SHIFT) + 1) << MARK_RECORD)
  }

  /** Makes a packet the one that is asked about. */
  private look(packet: Packet): void {
    writeTuple(this.seen, 0, packet)
    writeInverse(this.inverse, 0, this.seen, 0)
    this.isIpv6 = packet.family === 6 ? 1 : 0
  }

  /** The connection of its ends that began with this number of the client, or -1. */
  private opened(client: number): number {
    const { records } = this
    const first = this.firstOf()
    for (let at = first; at < first + (ROOM << SHIFT); at += 1 << SHIFT) {
      if (records[at + STEP] !== 0 && records[at + CLIENT] === client && this.isOf(at)) return at
    }
    return -1
  }

  /** The connection of its ends that goes on, or -1. */
  private current(): number {
    const { records } = this
    const first = this.firstOf()
    for (let at = first; at < first + (ROOM << SHIFT); at += 1 << SHIFT) {
      if (records[at + STEP] !== 0 && records[at + IS_OVER] === 0 && this.isOf(at)) return at
    }
    return -1
  }

  private isOf(at: number): boolean {
    if (this.records[at + IPV6] !== this.isIpv6) return false
    return this.isOriginal(at) || isSameTuple(this.records, at + ORIGINAL, this.inverse, 0)
  }

  /** Whether it goes the way of the client's packets. */
  private isOriginal(at: number): boolean {
    return isSameTuple(this.records, at + ORIGINAL, this.seen, 0)
  }

  /** A record for it: a flood of what came to nothing must not take those that did. */
  private room(): number {
    const { records } = this
    const first = this.firstOf()
    let free = -1
    for (let at = first; at < first + (ROOM << SHIFT); at += 1 << SHIFT) {
      if (records[at + STEP] === 0) return at
      if (records[at + STEP] === STEP_COOKIE) free = at
    }
    if (free >= 0) return free
    this.oldestOf = (this.oldestOf + 1) & (ROOM - 1)
    return first + (this.oldestOf << SHIFT)
  }

  /** Both directions of a connection have their records in one place. */
  private firstOf(): number {
    const hash = hashOfTuple(this.seen, 0, 0) + hashOfTuple(this.inverse, 0, 0)
    return (hash & (MOST / ROOM - 1)) * (ROOM << SHIFT)
  }

  private noteService(at: number): void {
    const to = this.serviceOf(at)
    for (let word = 0; word < SERVICE_WORDS; word++) this.services[to + word] = this.serviceWord(at, word)
  }

  /** Whether SYNPROXY stands before the service that a connection is to. */
  private knowsService(at: number): boolean {
    const to = this.serviceOf(at)
    for (let word = 0; word < SERVICE_WORDS; word++)
      if (this.services[to + word] !== this.serviceWord(at, word)) return false
    return true
  }

  /** Its address, and its port, which is not 0. */
  private serviceWord(at: number, word: number): number {
    const ports = this.records[at + ORIGINAL + TUPLE_WORDS - 1]
    return word < SERVICE_WORDS - 1 ? this.records[at + ORIGINAL + DESTINATION + word] : ports & 0xffff
  }

  private serviceOf(at: number): number {
    let hash = 0
    for (let word = 0; word < SERVICE_WORDS; word++)
      hash = Math.imul(hash ^ this.serviceWord(at, word), 0x9e3779b1) ^ (hash >>> 15)
    return ((hash ^ (hash >>> 16)) & (MOST_SERVICES - 1)) * SERVICE_WORDS
  }
}
