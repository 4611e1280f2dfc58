// Fields of nft that only a packet under way has: ct, tcp flags, icmp types, lengths, fib, numgen; nft_ct.c, nft_fib.c and their like.
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_DYING,
  IPS_EXPECTED,
  IPS_SEEN_REPLY,
  IPS_SRC_NAT,
  MASTER_HELPER_MASK,
} from '../../conntrack/status.ts'
import { asList, asObject, asText, type JsonObject } from '../files/json-documents.ts'
import { contains, type Network } from '../files/network.ts'
import { ASKS_PACKET } from './asks.ts'
import { ICMP_CODES, ICMP_TYPES, ICMPV6_CODES, ICMPV6_TYPES } from './icmp-names.ts'
import { fieldThat, type NftField, OPAQUE } from './nft-opaque.ts'
import type { PacketFacts, TupleEnd } from './packet-facts.ts'
import {
  connMarkAsk,
  hasEntry,
  masterHelperAsk,
  ofAddressKind,
  ofEntry,
  ofFrameKind,
  ofIcmpCodes,
  ofIcmpTypes,
  ofLength,
  ofReversePath,
  ofSomeTcpFlag,
  ofTcpFlags,
  ofTtl,
  shownBy,
  statusAsk,
  turning,
} from './packet-tests.ts'
import { answer, asking, negatedIf, PERHAPS, perhaps, type Test } from './subject.ts'

type ReadNetwork = (value: unknown) => Network | null

const TCP_FLAGS = new Map([
  ['fin', 1],
  ['syn', 2],
  ['rst', 4],
  ['psh', 8],
  ['ack', 16],
  ['urg', 32],
  ['ecn', 64],
  ['cwr', 128],
])

const STATUSES = new Map([
  ['expected', IPS_EXPECTED],
  ['seen-reply', IPS_SEEN_REPLY],
  ['assured', IPS_ASSURED],
  ['confirmed', IPS_CONFIRMED],
  ['snat', IPS_SRC_NAT],
  ['dnat', IPS_DST_NAT],
  ['dying', IPS_DYING],
])

/** Bits of names, of numbers, of lists and of `{"|": …}`; null for what is neither. */
function bitsOf(value: unknown, names: ReadonlyMap<string, number>): number | null {
  if (typeof value === 'number') return value
  if (typeof value === 'string') return names.get(value) ?? null
  let bits = 0
  for (const each of Array.isArray(value) ? value : asList(asObject(value)?.['|'])) {
    const own = bitsOf(each, names)
    if (own === null) return null
    bits |= own
  }
  return bits
}

/** `1` or `{"range": [0, 60]}` as a range; numbers by their names, too. */
function rangeOf(value: unknown, names: ReadonlyMap<string, number> = new Map()): [number, number] | null {
  const [first, last] = asObject(value)?.range === undefined ? [value, value] : asList(asObject(value)?.range)
  const low = bitsOf(first, names)
  const high = bitsOf(last, names)
  return low === null || high === null ? null : [low, high]
}

function ranged(make: (first: number, last: number) => Test, names?: ReadonlyMap<string, number>): NftField {
  return fieldThat(value => {
    const range = rangeOf(value, names)
    return range === null ? perhaps : make(...range)
  })
}

/** A field of a header; null for one that is nothing of these. @param needs the header's protocol */
export function packetPayload(protocol: string, field: string, needs: Test[]): NftField | null {
  switch (`${protocol} ${field}`) {
    case 'tcp flags':
      return { ...tcpFlags(0xff), needs }
    case 'icmp type':
      return { ...ranged(ofIcmpTypes, ICMP_TYPES), needs }
    case 'icmpv6 type':
      return { ...ranged(ofIcmpTypes, ICMPV6_TYPES), needs }
    case 'icmp code':
      return { ...ranged(ofIcmpCodes, ICMP_CODES), needs }
    case 'icmpv6 code':
      return { ...ranged(ofIcmpCodes, ICMPV6_CODES), needs }
    case 'ip length':
      return { ...ranged(ofLength), needs }
    case 'ip ttl':
    case 'ip6 hoplimit':
      return { ...ranged(ofTtl), needs }
    default:
      return null
  }
}

function tcpFlags(mask: number): NftField {
  return {
    ...fieldThat(value => {
      const bits = bitsOf(value, TCP_FLAGS)
      return bits === null ? perhaps : ofTcpFlags(mask, bits)
    }),
    hasSome: value => {
      const bits = bitsOf(value, TCP_FLAGS)
      return bits === null ? perhaps : ofSomeTcpFlag(bits & mask)
    },
  }
}

/** `tcp flags & (syn | ack)`, `ct mark & 3`; null for another expression. */
export function maskedPacketField(left: JsonObject, mask: unknown, needsOfTcp: Test[]): NftField | null {
  if (asObject(left.ct)?.key === 'mark' && typeof mask === 'number') return connectionMark(mask)
  const payload = asObject(left.payload)
  if (payload?.protocol !== 'tcp' || payload.field !== 'flags') return null
  const bits = bitsOf(mask, TCP_FLAGS)
  return bits === null ? null : { ...tcpFlags(bits), needs: needsOfTcp }
}

function connectionMark(mask: number): NftField {
  return fieldThat(
    value => (typeof value === 'number' ? ofEntry(false, false, connMarkAsk(value, mask)) : perhaps),
    [hasEntry],
  )
}

const STATUS: NftField = {
  ...fieldThat(
    value => {
      const bits = bitsOf(value, STATUSES)
      return bits === null
        ? perhaps
        : ofEntry(false, false, ({ status }) => answer((status & ~MASTER_HELPER_MASK) === bits))
    },
    [hasEntry],
  ),
  hasSome: value => {
    const bits = bitsOf(value, STATUSES)
    return bits === null ? perhaps : ofEntry(false, false, statusAsk(bits))
  },
}

const DIRECTION = fieldThat(
  value => ofEntry(false, false, ({ direction }) => answer((direction === 0) === (value === 'original'))),
  [hasEntry],
)

/** `ct KEY`, beside the state; null for a key that is not understood. @param networkFrom reads addresses */
export function entryField(ct: JsonObject, networkFrom: ReadNetwork): NftField | null {
  switch (ct.key) {
    case 'status':
      return STATUS
    case 'direction':
      return DIRECTION
    case 'mark':
      return connectionMark(0xffffffff)
    case 'helper':
      return fieldThat(
        value => (typeof value === 'string' ? ofEntry(false, false, masterHelperAsk(value)) : perhaps),
        [ofEntry(false, false, ({ status }) => answer((status & MASTER_HELPER_MASK) !== 0))],
      )
  }
  const end = endOf(asText(ct.dir), asText(ct.key))
  if (end === null) return null
  if (asText(ct.key).startsWith('proto-')) {
    return fieldThat(
      value => {
        const range = rangeOf(value)
        if (range === null) return perhaps
        return ofEntry(false, false, facts => {
          const { port } = end(facts)
          return port < 0 ? PERHAPS : answer(range[0] <= port && port <= range[1])
        })
      },
      [hasEntry],
    )
  }
  return fieldThat(
    value => {
      const network = networkFrom(value)
      if (network === null) return perhaps
      return ofEntry(false, false, (facts, { family }) => {
        const { isKnown, words } = end(facts)
        if (!isKnown) return PERHAPS
        return answer(family === network.family && contains(network, words))
      })
    },
    [hasEntry],
  )
}

/** `ip saddr` of `original`: which end of which tuple. */
function endOf(direction: string, key: string): ((facts: PacketFacts) => TupleEnd) | null {
  const isSource = /^((ip6? )?saddr|proto-src)$/.test(key)
  if (!isSource && !/^((ip6? )?daddr|proto-dst)$/.test(key)) return null
  if (direction !== 'original' && direction !== 'reply') return null
  return facts => (isSource ? facts[direction].source : facts[direction].destination)
}

/** `meta length`, `meta pkttype`; null for another key. */
export function packetMeta(key: string): NftField | null {
  switch (key) {
    case 'length':
      return ranged(ofLength)
    case 'pkttype':
      return fieldThat(value => (typeof value === 'string' ? ofFrameKind(value) : perhaps))
    default:
      return null
  }
}

/** `fib saddr . iif oif`, `fib daddr type`. */
export function fibField({ flags: given, result }: JsonObject): NftField {
  const flags = Array.isArray(given) ? given.map(asText) : [asText(given)]
  const which = flags.includes('daddr') ? 'destination' : 'source'
  if (result === 'type') {
    return flags.length === 1 ? fieldThat(value => ofAddressKind(which, [asText(value)])) : OPAQUE
  }
  if (which === 'destination') return OPAQUE
  // `exists` is true; a mark chooses among tables of routes, of which one is known
  return fieldThat(value =>
    typeof value === 'boolean' ? negatedIf(!value, ofReversePath(!flags.includes('iif'))) : perhaps,
  )
}

/** `numgen inc mod 3`; perhaps for one by chance. @param wheel a number that no other rule's wheel has. kernel: nft_ng_inc_gen() */
export function numgenField({ mode, mod, offset }: JsonObject, wheel: () => number): NftField {
  if (mode !== 'inc' || typeof mod !== 'number' || mod < 1) return OPAQUE
  const first = typeof offset === 'number' ? offset : 0
  const id = wheel()
  return {
    // the expression is worked out once, whatever it is compared with
    needs: [turning(id, mod)],
    asks: ASKS_PACKET,
    equals: value => {
      const range = rangeOf(value)
      if (range === null) return perhaps
      return asking(ASKS_PACKET, subject => {
        const at = shownBy(id, subject)
        return at < 0 ? PERHAPS : answer(range[0] <= at + first && at + first <= range[1])
      })
    },
    key: subject => {
      const at = shownBy(id, subject)
      return at < 0 ? null : String(at + first)
    },
    keyOf: value => (typeof value === 'number' ? String(value) : null),
  }
}
