// An entry as any form of listing has it, in texts and numbers; checked, and made into the KnownEntry that it means.
import type { KnownEntry } from '../../conntrack/known-entry.ts'
import { SCTP_STATE_NAMES } from '../../conntrack/proto/sctp-table.ts'
import { TCP_STATE_NAMES } from '../../conntrack/proto/tcp-table.ts'
import { IPS_ASSURED, IPS_DST_NAT, IPS_SEEN_REPLY, IPS_SRC_NAT } from '../../conntrack/status.ts'
import { invertTuple, KIND_IPV6, Tuple, ZONE_SHIFT } from '../../conntrack/tuple.ts'
import { foldAddress } from '../../net/address.ts'
import {
  IPPROTO_DCCP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../net/numbers.ts'
import { parseIpv4, parseIpv6 } from '../../net/parse-address.ts'

/** Fields of one direction by the names that conntrack prints: `src`, `dst`, `sport`, …, `zone`, `packets`, `bytes`. */
export type ListedTuple = Record<string, string>

export interface ListedEntry {
  protocol: number
  /** Seconds it has left, as text; null where none are listed. */
  timeout: string | null
  state: string | null
  original: ListedTuple
  reply: ListedTuple
  isReplied: boolean
  isAssured: boolean
  isOffloaded: boolean
  /** Of both directions. */
  zone: string
  /** Seconds since it was made. */
  age: string | null
  /** Verification tags of both directions, as numbers of the host's byte order. */
  tags: readonly [string, string]
}

/** What is wrong with a line; the reader of the file adds which it is. */
export class ListingError extends Error {
  override name = 'ListingError'
}

/** An entry with nothing in it yet. */
export function emptyEntry(): ListedEntry {
  return {
    protocol: -1,
    timeout: null,
    state: null,
    original: {},
    reply: {},
    isReplied: true,
    isAssured: false,
    isOffloaded: false,
    zone: '0',
    age: null,
    tags: ['0', '0'],
  }
}

/** A flow table keeps the entries of its flows for a day at a time, and the kernel lists no timeout for them. kernel: NF_CT_DAY */
const OFFLOADED_SECONDS = '86400'
/** Names that other kernels have for states. */
const STATE_ALIASES = new Map([
  ['LISTEN', 'SYN_SENT2'],
  ['HEARTBEAT_ACKED', 'ESTABLISHED'],
])
const MOST_ZONE = 0xffff
const MOST_SECONDS = 0xffffffff

/** @throws ListingError */
export function knownEntry(listed: ListedEntry): KnownEntry {
  const { protocol, original: listedOriginal, reply: listedReply } = listed
  if (!(protocol >= 0 && protocol <= 255)) throw new ListingError('expected a protocol number from 0 to 255')
  const original = addressed(listedOriginal, protocol)
  const reply = addressed(listedReply, protocol)
  if (original.kind !== reply.kind) throw new ListingError('expected addresses of one family')
  const isPartial = setPorts(original, listedOriginal, reply, listedReply, protocol)
  original.kind |= numberOf(listedOriginal.zone ?? listed.zone, MOST_ZONE, 'a zone') << ZONE_SHIFT
  reply.kind |= numberOf(listedReply.zone ?? listed.zone, MOST_ZONE, 'a zone') << ZONE_SHIFT
  const isAssured = listed.isAssured || listed.isOffloaded
  return {
    original,
    reply,
    status:
      (listed.isReplied ? IPS_SEEN_REPLY : 0) |
      (isAssured ? IPS_ASSURED : 0) |
      translationOf(original, reply),
    state: stateOf(protocol, listed.state),
    seconds: numberOf(listed.timeout ?? OFFLOADED_SECONDS, MOST_SECONDS, 'seconds'),
    age: listed.age === null ? null : numberOf(listed.age, MOST_SECONDS, 'seconds'),
    packets: [countOf(listedOriginal.packets), countOf(listedReply.packets)],
    bytes: [countOf(listedOriginal.bytes), countOf(listedReply.bytes)],
    tags: [tagOf(listed.tags[0]), tagOf(listed.tags[1])],
    isPartial,
    isOffloaded: listed.isOffloaded || listed.timeout === null,
  }
}

/** A tuple with its addresses and its kind. */
function addressed({ src, dst }: ListedTuple, protocol: number): Tuple {
  if (src === undefined || dst === undefined) {
    throw new ListingError('expected two tuples, src=… dst=… and the same once more for the reply')
  }
  const tuple = new Tuple()
  const isIpv6 = src.includes(':')
  tuple.kind = protocol | (isIpv6 ? KIND_IPV6 : 0)
  if (!isIpv6) {
    tuple.source = ipv4Of(src)
    tuple.destination = ipv4Of(dst)
    return tuple
  }
  const [source, destination] = [ipv6Of(src), ipv6Of(dst)]
  ;[tuple.source0, tuple.source1, tuple.source2, tuple.source3] = source
  ;[tuple.destination0, tuple.destination1, tuple.destination2, tuple.destination3] = destination
  tuple.source = foldAddress(...source)
  tuple.destination = foldAddress(...destination)
  return tuple
}

function ipv4Of(text: string): number {
  const word = parseIpv4(text)
  if (word === null) throw new ListingError(`${text} is no IPv4 address`)
  return word
}

function ipv6Of(text: string): [number, number, number, number] {
  const words = parseIpv6(text)
  if (words === null) throw new ListingError(`${text} is no IPv6 address`)
  return words
}

/** Sets what tuples have beside their addresses; true where the listing leaves it out. */
function setPorts(
  original: Tuple,
  listedOriginal: ListedTuple,
  reply: Tuple,
  listedReply: ListedTuple,
  protocol: number,
): boolean {
  switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_SCTP:
      original.ports = pairOf(listedOriginal, 'sport', 'dport')
      reply.ports = pairOf(listedReply, 'sport', 'dport')
      return false
    case IPPROTO_DCCP:
      // of kernels that still track it; where they do not, conntrack prints none or zeros
      if (listedOriginal.sport === undefined || listedReply.sport === undefined) return false
      original.ports = pairOf(listedOriginal, 'sport', 'dport')
      reply.ports = pairOf(listedReply, 'sport', 'dport')
      return false
    case IPPROTO_GRE:
      original.ports = pairOf(listedOriginal, 'srckey', 'dstkey')
      reply.ports = pairOf(listedReply, 'srckey', 'dstkey')
      return false
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return setIds(original, listedOriginal, reply, listedReply, protocol === IPPROTO_ICMP ? 8 : 128)
    default:
      return false
  }
}

/** Of ICMP some forms have the types and ids of one direction, or of none. */
function setIds(
  original: Tuple,
  listedOriginal: ListedTuple,
  reply: Tuple,
  listedReply: ListedTuple,
  request: number,
): boolean {
  const isPartial = listedOriginal.type === undefined
  original.ports = isPartial ? request << 8 : idOf(listedOriginal)
  if (listedReply.type !== undefined) {
    reply.ports = idOf(listedReply)
    return isPartial
  }
  const inverse = new Tuple()
  if (!invertTuple(original, inverse)) throw new ListingError(`no ICMP type answers ${listedOriginal.type}`)
  reply.ports = inverse.ports
  return isPartial
}

function idOf({ type, code, id }: ListedTuple): number {
  const what = (name: string) => `${name} of the ICMP tuple`
  return (
    (numberOf(id, 0xffff, what('id')) << 16) |
    (numberOf(type, 0xff, what('type')) << 8) |
    numberOf(code, 0xff, what('code'))
  )
}

function pairOf(tuple: ListedTuple, source: string, destination: string): number {
  return (
    (numberOf(tuple[source], 0xffff, `${source} of both tuples`) << 16) |
    numberOf(tuple[destination], 0xffff, `${destination} of both tuples`)
  )
}

/** IPS_*_NAT: the reply does not come from where the original goes, or does not go where that comes from. */
function translationOf(original: Tuple, reply: Tuple): number {
  const inverse = new Tuple()
  if (!invertTuple(original, inverse)) return 0
  const protocol = original.kind & 0xff
  const isIcmp = protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6
  const isFromElsewhere =
    inverse.source !== reply.source || (!isIcmp && inverse.ports >>> 16 !== reply.ports >>> 16)
  // an ICMP id is the sender's
  const own = isIcmp ? 16 : 0
  const isToElsewhere =
    inverse.destination !== reply.destination ||
    ((inverse.ports >>> own) & 0xffff) !== ((reply.ports >>> own) & 0xffff)
  return (isFromElsewhere ? IPS_DST_NAT : 0) | (isToElsewhere ? IPS_SRC_NAT : 0)
}

function stateOf(protocol: number, name: string | null): number {
  const names: readonly string[] | null =
    protocol === IPPROTO_TCP ? TCP_STATE_NAMES : protocol === IPPROTO_SCTP ? SCTP_STATE_NAMES : null
  if (names === null) return 0
  // the kernel lists no state of an offloaded connection
  const known = name ?? 'ESTABLISHED'
  const state = names.indexOf(STATE_ALIASES.get(known) ?? known)
  if (state < 0) throw new ListingError(`unknown state ${known}, expected one of ${names.join(', ')}`)
  return state
}

function countOf(text: string | undefined): number {
  if (text === undefined) return 0
  return numberOf(text, Number.MAX_SAFE_INTEGER, 'a count')
}

/** Tags are listed as a little-endian host reads them from the wire. */
function tagOf(text: string): number {
  const tag = numberOf(text, 0xffffffff, 'a verification tag')
  return (tag << 24) | ((tag & 0xff00) << 8) | ((tag >>> 8) & 0xff00) | (tag >>> 24)
}

function numberOf(text: string | undefined, most: number, what: string): number {
  if (text === undefined) throw new ListingError(`expected ${what}`)
  const value = /^(\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : Number.NaN
  if (!(value <= most)) throw new ListingError(`${what} ${text}: expected a number from 0 to ${most}`)
  return value
}
