// The pieces of one datagram, and which of them may join (net/ipv4/inet_fragment.c, inet_frag_queue_insert()).

import type { Packet } from '../packet.ts'

export const INSERT_OK = 0
/** Wholly inside what is there already. */
export const INSERT_DUPLICATE = 1
export const INSERT_OVERLAP = 2

/** ECN code point of not ECN-capable transport, as a bit among the four that a queue collects. */
const ECN_NOT_CAPABLE = 1

interface Piece {
  offset: number
  /** Bytes by the IP header; fewer may have been captured. */
  length: number
  data: Uint8Array
}

interface Run {
  start: number
  end: number
}

/** What waits under one key for the rest of its datagram; fields are named as in struct inet_frag_queue. */
export class FragmentQueue {
  readonly family: number
  readonly identification: number
  readonly protocol: number
  readonly source0: number
  readonly source1: number
  readonly source2: number
  readonly source3: number
  readonly destination0: number
  readonly destination1: number
  readonly destination2: number
  readonly destination3: number
  /** Hash of the key, and the next queue with the same one. */
  readonly hash: number
  next: FragmentQueue | null = null
  /** The jiffy from which its timeout counts. */
  armed = 0
  /** Number of the last fragment of its source that came here (IPv4: ipq.rid). */
  rid = 0

  firstIn = false
  lastIn = false
  /** Length of the datagram's payload as far as known, and how much of it is here. */
  length = 0
  meat = 0
  /** Memory the kernel would hold for the pieces. */
  memory = 0
  /** A bit for each ECN code point seen. */
  ecn = 0
  /** Everything before the payload, from the first fragment (IPv6: without the fragment header). */
  header: Uint8Array = new Uint8Array(0)

  private pieces: Piece[] = []
  /**
   * Disjoint stretches in ascending order. As in the kernel, a piece joins a stretch only behind the last one;
   * pieces that come out of order stay stretches of their own, which decides what is a duplicate.
   */
  private runs: Run[] = []

  constructor(packet: Packet, hash: number) {
    this.family = packet.family
    this.identification = packet.identification
    this.protocol = packet.family === 4 ? packet.protocol : 0
    this.source0 = packet.source0
    this.source1 = packet.source1
    this.source2 = packet.source2
    this.source3 = packet.source3
    this.destination0 = packet.destination0
    this.destination1 = packet.destination1
    this.destination2 = packet.destination2
    this.destination3 = packet.destination3
    this.hash = hash
  }

  /** Whether a fragment belongs here. */
  matches(packet: Packet): boolean {
    if (this.identification !== packet.identification) return false
    if (this.source0 !== packet.source0 || this.destination0 !== packet.destination0) return false
    if (this.family === 4) return this.protocol === packet.protocol
    return (
      this.source1 === packet.source1 &&
      this.source2 === packet.source2 &&
      this.source3 === packet.source3 &&
      this.destination1 === packet.destination1 &&
      this.destination2 === packet.destination2 &&
      this.destination3 === packet.destination3
    )
  }

  get isEmpty(): boolean {
    return this.pieces.length === 0
  }

  get isComplete(): boolean {
    return this.firstIn && this.lastIn && this.meat === this.length
  }

  /** Whether fragments with and without ECN were mixed, for which the kernel discards the datagram. */
  get mixesEcn(): boolean {
    return (this.ecn & ECN_NOT_CAPABLE) !== 0 && this.ecn !== ECN_NOT_CAPABLE
  }

  /** Forgets every piece. kernel: inet_frag_queue_flush(), ip_frag_reinit() */
  flush(): void {
    this.firstIn = false
    this.lastIn = false
    this.length = 0
    this.meat = 0
    this.memory = 0
    this.ecn = 0
    this.pieces = []
    this.runs = []
  }

  /** Adds the piece [offset, end) of the datagram, whose captured bytes start at `at` of the packet. */
  insert(packet: Packet, at: number, offset: number, end: number): number {
    const verdict = this.place(offset, end)
    if (verdict !== INSERT_OK) return verdict
    const captured = Math.max(at, Math.min(at + end - offset, packet.capturedEnd))
    this.pieces.push({ offset, length: end - offset, data: packet.bytes.slice(at, captured) })
    this.meat += end - offset
    return INSERT_OK
  }

  private place(offset: number, end: number): number {
    const runs = this.runs
    const last = runs.length > 0 ? runs[runs.length - 1] : null
    if (last === null || last.end < end) {
      if (last !== null && offset < last.end) return INSERT_OVERLAP
      if (last !== null && offset === last.end) last.end = end
      else runs.push({ start: offset, end })
      return INSERT_OK
    }
    // the first run that ends behind our start
    let low = 0
    let high = runs.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (runs[middle].end > offset) high = middle
      else low = middle + 1
    }
    const run = runs[low]
    if (run.start < end) return run.start <= offset && end <= run.end ? INSERT_DUPLICATE : INSERT_OVERLAP
    runs.splice(low, 0, { start: offset, end })
    return INSERT_OK
  }

  /** Writes header and payload to the start of `bytes`; returns where the first byte is missing, or the whole length. */
  writeTo(bytes: Uint8Array): number {
    const headerLength = this.header.length
    let known = headerLength + this.length
    bytes.set(this.header)
    for (const piece of this.pieces) {
      const start = headerLength + piece.offset
      bytes.set(piece.data, start)
      if (piece.data.length < piece.length) known = Math.min(known, start + piece.data.length)
    }
    return known
  }
}
