// Reassembly before conntrack, as nf_defrag_ipv4 and nf_defrag_ipv6 do it (net/ipv4/ip_fragment.c, net/ipv6/netfilter/nf_conntrack_reasm.c).

import { IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../../net/numbers.ts'
import { FAULT_NONE } from '../fault.ts'
import { ICMP_HEADER_LENGTH } from '../icmp.ts'
import { decodeIpv6Chain, IPV6_HEADER_LENGTH, isExtension } from '../ipv6.ts'
import type { Packet } from '../packet.ts'
import { TCP_MIN_LENGTH } from '../tcp.ts'
import { decodeTransport } from '../transport.ts'
import { UDP_HEADER_LENGTH } from '../udp.ts'
import { FragmentDirectory } from './fragment-directory.ts'
import { socketBufferMemory } from './fragment-memory.ts'
import { type FragmentQueue, INSERT_DUPLICATE, INSERT_OK } from './fragment-queue.ts'

/** Not a fragment, or one that the kernel shows to conntrack as it is. */
export const FRAGMENT_NONE = 0
/** Waits for the rest of its datagram. */
export const FRAGMENT_QUEUED = 1
/** Thrown away: a duplicate, an overlap, a contradiction, out of memory. */
export const FRAGMENT_DROPPED = 2
/** The packet is now the whole datagram, in the reassembler's own buffer until the next one is complete. */
export const FRAGMENT_COMPLETED = 3
/** The datagram is complete, but the capture has cut off what conntrack read: `packet.fault` says what. */
export const FRAGMENT_UNREADABLE = 4

/** The sysctls of reassembly; seconds and bytes. */
export interface FragmentSettings {
  /** net.ipv4.ipfrag_time */
  ipfrag_time: number
  /** net.ipv4.ipfrag_high_thresh */
  ipfrag_high_thresh: number
  /** net.ipv4.ipfrag_max_dist */
  ipfrag_max_dist: number
  /** net.netfilter.nf_conntrack_frag6_timeout */
  nf_conntrack_frag6_timeout: number
  /** net.netfilter.nf_conntrack_frag6_high_thresh */
  nf_conntrack_frag6_high_thresh: number
}

export const FRAGMENT_DEFAULTS: FragmentSettings = {
  ipfrag_time: 30,
  ipfrag_high_thresh: 4194304,
  ipfrag_max_dist: 64,
  nf_conntrack_frag6_timeout: 60,
  nf_conntrack_frag6_high_thresh: 4194304,
}

const MAX_LENGTH = 0xffff
const IPV4_TOS = 1
const IPV4_TOTAL_LENGTH = 2
const IPV4_FRAGMENT = 6
const IPV4_TTL = 8
const IPV6_PAYLOAD_LENGTH = 4
const FRAGMENT_HEADER_LENGTH = 8
const NOT_LAST_MASK = ~7

export class Defragmenter {
  private readonly ipv4: FragmentDirectory
  private readonly ipv6: FragmentDirectory
  private readonly bytes = new Uint8Array(2 * MAX_LENGTH)
  private readonly view = new DataView(this.bytes.buffer)

  constructor(settings: Partial<FragmentSettings> = {}) {
    const all = { ...FRAGMENT_DEFAULTS, ...settings }
    this.ipv4 = new FragmentDirectory(all.ipfrag_time, all.ipfrag_high_thresh, all.ipfrag_max_dist)
    this.ipv6 = new FragmentDirectory(all.nf_conntrack_frag6_timeout, all.nf_conntrack_frag6_high_thresh, 0)
  }

  /** Datagrams that wait for pieces. */
  get waiting(): number {
    return this.ipv4.size + this.ipv6.size
  }

  /**
   * Takes a decoded packet in, in order of time, and says what becomes of it: FRAGMENT_*. After FRAGMENT_COMPLETED the
   * packet is the datagram, with time, frame and interface of the fragment that completed it.
   */
  defragment(packet: Packet): number {
    if (packet.family === 6) return packet.fragmentHeader ? this.gatherIpv6(packet) : FRAGMENT_NONE
    return packet.fragmentOffset !== 0 || packet.moreFragments ? this.gatherIpv4(packet) : FRAGMENT_NONE
  }

  /** kernel: ip_frag_queue() */
  private gatherIpv4(packet: Packet): number {
    const directory = this.ipv4
    const queue = directory.find(packet)
    if (queue === null) return FRAGMENT_DROPPED
    if (directory.isTooFar(queue)) directory.restart(queue, packet.time)
    const offset = packet.fragmentOffset
    let end = offset + packet.transportLength
    if (!packet.moreFragments) {
      if (end < queue.length || (queue.lastIn && end !== queue.length)) return discard(directory, queue)
      queue.lastIn = true
      queue.length = end
    } else {
      end &= NOT_LAST_MASK
      if (end > queue.length) {
        if (queue.lastIn) return discard(directory, queue)
        queue.length = end
      }
    }
    if (end === offset) return discard(directory, queue)
    const inserted = queue.insert(packet, packet.transportOffset, offset, end)
    if (inserted === INSERT_DUPLICATE) return FRAGMENT_DROPPED
    if (inserted !== INSERT_OK) return discard(directory, queue)
    directory.charge(queue, socketBufferMemory(packet.networkLength))
    queue.ecn |= 1 << (packet.view.getUint8(packet.networkOffset + IPV4_TOS) & 3)
    if (offset === 0) {
      queue.firstIn = true
      queue.header = packet.bytes.slice(packet.networkOffset, packet.transportOffset)
    }
    if (!queue.isComplete) return FRAGMENT_QUEUED
    directory.kill(queue)
    const length = queue.header.length + queue.length
    if (queue.mixesEcn || length > MAX_LENGTH) return FRAGMENT_DROPPED
    this.replace(packet, queue, length)
    this.view.setUint16(IPV4_TOTAL_LENGTH, length)
    this.view.setUint16(IPV4_FRAGMENT, 0)
    packet.ttl = this.view.getUint8(IPV4_TTL)
    packet.fragmentOffset = 0
    packet.moreFragments = false
    return decodeTransport(this.view, queue.header.length, packet) ? FRAGMENT_COMPLETED : FRAGMENT_UNREADABLE
  }

  /** kernel: nf_ct_frag6_gather(), nf_ct_frag6_queue() */
  private gatherIpv6(packet: Packet): number {
    const networkEnd = packet.networkOffset + packet.networkLength
    const at = packet.fragmentHeaderOffset + FRAGMENT_HEADER_LENGTH
    if (packet.view.getUint16(packet.networkOffset + IPV6_PAYLOAD_LENGTH) === 0) return FRAGMENT_NONE
    if (packet.fragmentOffset === 0 && lacksHeaders(packet)) return FRAGMENT_NONE
    if (at > networkEnd) return FRAGMENT_DROPPED
    const directory = this.ipv6
    const queue = directory.find(packet)
    if (queue === null) return FRAGMENT_DROPPED
    const offset = packet.fragmentOffset
    const end = offset + networkEnd - at
    if (end > MAX_LENGTH) return FRAGMENT_DROPPED
    if (!packet.moreFragments) {
      if (end < queue.length || (queue.lastIn && end !== queue.length)) return FRAGMENT_DROPPED
      queue.lastIn = true
      queue.length = end
    } else {
      if ((end & NOT_LAST_MASK) !== end) {
        directory.kill(queue)
        return FRAGMENT_NONE
      }
      if (end > queue.length) {
        if (queue.lastIn) return FRAGMENT_DROPPED
        queue.length = end
      }
    }
    if (end === offset) return FRAGMENT_DROPPED
    const inserted = queue.insert(packet, at, offset, end)
    if (inserted === INSERT_DUPLICATE) return FRAGMENT_DROPPED
    if (inserted !== INSERT_OK) return discard(directory, queue)
    directory.charge(queue, socketBufferMemory(packet.networkLength))
    queue.ecn |= 1 << ((packet.view.getUint16(packet.networkOffset) >> 4) & 3)
    if (offset === 0) {
      queue.firstIn = true
      queue.header = headerWithoutFragment(packet)
    }
    if (!queue.isComplete) return FRAGMENT_QUEUED
    directory.kill(queue)
    const length = queue.header.length + queue.length
    if (queue.mixesEcn || length - IPV6_HEADER_LENGTH > MAX_LENGTH) return FRAGMENT_DROPPED
    this.replace(packet, queue, length)
    this.view.setUint16(IPV6_PAYLOAD_LENGTH, length - IPV6_HEADER_LENGTH)
    return decodeIpv6Chain(this.view, 0, packet.capturedEnd, packet)
      ? FRAGMENT_COMPLETED
      : FRAGMENT_UNREADABLE
  }

  /** Lets the packet be the datagram of `queue`, of `length` bytes, from the start of our own buffer. */
  private replace(packet: Packet, queue: FragmentQueue, length: number): void {
    packet.capturedEnd = queue.writeTo(this.bytes)
    packet.bytes = this.bytes
    packet.view = this.view
    packet.fault = FAULT_NONE
    packet.wireEnd = length
    packet.linkOffset = 0
    packet.networkOffset = 0
    packet.networkLength = length
  }
}

function discard(directory: FragmentDirectory, queue: FragmentQueue): number {
  directory.kill(queue)
  return FRAGMENT_DROPPED
}

/** Whether a first fragment ends before its upper-layer header does. kernel: ipv6frag_thdr_truncated() */
function lacksHeaders(packet: Packet): boolean {
  switch (packet.protocol) {
    case IPPROTO_TCP:
      return packet.transportLength < TCP_MIN_LENGTH
    case IPPROTO_UDP:
      return packet.transportLength < UDP_HEADER_LENGTH
    case IPPROTO_ICMPV6:
      return packet.transportLength < ICMP_HEADER_LENGTH
    default:
      // a chain that cannot be followed to its end is not called truncated
      return !isExtension(packet.protocol) && packet.transportLength < 1
  }
}

/**
 * Copies everything before the fragment header, and names what follows it in its stead. The kernel keeps the place of
 * that name in eight bits, so that behind 256 bytes of extension headers it hits the wrong byte.
 */
function headerWithoutFragment(packet: Packet): Uint8Array {
  const header = packet.bytes.slice(packet.networkOffset, packet.fragmentHeaderOffset)
  const nextHeaderAt = (packet.fragmentNextHeaderOffset - packet.networkOffset) & 0xff
  header[nextHeaderAt] = packet.bytes[packet.fragmentHeaderOffset]
  return header
}
