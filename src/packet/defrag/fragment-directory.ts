// All unfinished datagrams of one IP version: lookup, memory limit, expiry (net/ipv4/inet_fragment.c, struct fqdir).

import { maskedWord, seededFold, seededHash } from '../../net/seeded-hash.ts'
import type { Packet } from '../packet.ts'
import { FragmentQueue } from './fragment-queue.ts'

/** Grain of the kernel's clock at HZ=250, in nanoseconds. */
const JIFFY = 4_000_000
const JIFFIES_PER_SECOND = 250

/** What a queue itself costs the kernel, in bytes: struct ipq, struct frag_queue. */
const QUEUE_MEMORY_IPV4 = 200
const QUEUE_MEMORY_IPV6 = 184

/** How many fragments an IPv4 source has sent, while any of its datagrams is unfinished (struct inet_peer). */
interface Peer {
  rid: number
  queues: number
}

export class FragmentDirectory {
  private readonly timeout: number
  private readonly highThreshold: number
  private readonly maxDistance: number
  /** By maskedWord() of their addresses. */
  private readonly peers = new Map<number, Peer>()
  private readonly chains = new Map<number, FragmentQueue>()
  /** In the order in which they expire. */
  private readonly armed = new Set<FragmentQueue>()
  private memory = 0

  /**
   * `timeout` in seconds; `highThreshold` in bytes, beyond which no fragment is taken; `maxDistance` as
   * net.ipv4.ipfrag_max_dist, 0 for no limit.
   */
  constructor(timeout: number, highThreshold: number, maxDistance: number) {
    this.timeout = timeout * JIFFIES_PER_SECOND
    this.highThreshold = highThreshold
    this.maxDistance = maxDistance
  }

  /** Unfinished datagrams at present. */
  get size(): number {
    return this.armed.size
  }

  /** The queue a fragment belongs to, made if need be; null when memory is used up. kernel: inet_frag_find() */
  find(packet: Packet): FragmentQueue | null {
    if (this.armed.size > 0) this.expire(packet.time)
    if (this.memory > this.highThreshold) return null
    const hash = hashKey(packet)
    const chain = this.chains.get(hash) ?? null
    for (let queue = chain; queue !== null; queue = queue.next) if (queue.matches(packet)) return queue
    const queue = new FragmentQueue(packet, hash)
    queue.next = chain
    this.chains.set(hash, queue)
    this.memory += queueMemory(queue)
    this.meet(queue.source0)
    this.arm(queue, packet.time)
    return queue
  }

  /**
   * Counts a fragment of a queue's source, and tells whether too many others of that source came since the queue's
   * last one for this to be the same datagram. kernel: ip_frag_too_far()
   */
  isTooFar(queue: FragmentQueue): boolean {
    const peer = this.peers.get(maskedWord(queue.source0))
    if (!peer) return false
    const start = queue.rid
    queue.rid = ++peer.rid
    return !queue.isEmpty && queue.rid - start > this.maxDistance
  }

  /** Books a piece's memory to its queue. */
  charge(queue: FragmentQueue, bytes: number): void {
    queue.memory += bytes
    this.memory += bytes
  }

  /** Starts a queue anew, timeout included. kernel: ip_frag_reinit() */
  restart(queue: FragmentQueue, time: number): void {
    this.memory -= queue.memory
    queue.flush()
    this.armed.delete(queue)
    this.arm(queue, time)
  }

  /** Removes a queue. kernel: inet_frag_kill() */
  kill(queue: FragmentQueue): void {
    this.armed.delete(queue)
    this.memory -= queue.memory + queueMemory(queue)
    this.part(queue.source0)
    const first = this.chains.get(queue.hash)
    if (first === queue) {
      if (queue.next === null) this.chains.delete(queue.hash)
      else this.chains.set(queue.hash, queue.next)
      return
    }
    for (let before = first; before; before = before.next ?? undefined) {
      if (before.next === queue) {
        before.next = queue.next
        return
      }
    }
  }

  private arm(queue: FragmentQueue, time: number): void {
    queue.armed = Math.floor(time / JIFFY)
    this.armed.add(queue)
  }

  /**
   * The kernel's timer goes off when its wheel comes round, at 30 or 60 s up to 2 s late; which moment that is depends on
   * when the machine was started, so we take the earliest.
   */
  private expire(time: number): void {
    const now = Math.floor(time / JIFFY)
    for (const queue of this.armed) {
      if (now - queue.armed < this.timeout) return
      this.kill(queue)
    }
  }

  private meet(source: number): void {
    if (this.maxDistance === 0) return
    const peer = this.peers.get(maskedWord(source))
    if (peer) peer.queues++
    else this.peers.set(maskedWord(source), { rid: 0, queues: 1 })
  }

  private part(source: number): void {
    const peer = this.peers.get(maskedWord(source))
    if (peer && --peer.queues === 0) this.peers.delete(maskedWord(source))
  }
}

function queueMemory(queue: FragmentQueue): number {
  return queue.family === 4 ? QUEUE_MEMORY_IPV4 : QUEUE_MEMORY_IPV6
}

function hashKey(packet: Packet): number {
  const { family, identification, source0, destination0 } = packet
  if (family === 4) return seededHash(source0, destination0, identification, family)
  return seededHash(
    seededFold(source0, packet.source1, packet.source2, packet.source3),
    seededFold(destination0, packet.destination1, packet.destination2, packet.destination3),
    identification,
    family,
  )
}
