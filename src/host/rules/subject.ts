// What rules are asked about: a packet as far as it is known, and answers that may be "perhaps".
import type { Family, Network } from '../files/network.ts'
import { contains } from '../files/network.ts'
import {
  ASKS_ALL,
  ASKS_DESTINATION,
  ASKS_DESTINATION_PORT,
  ASKS_KIND,
  ASKS_SOURCE,
  ASKS_SOURCE_PORT,
} from './asks.ts'
import type { PacketFacts } from './packet-facts.ts'

export type CtState = 'new' | 'established' | 'related' | 'invalid' | 'untracked'

/** The first packet of a flow, or any packet; what is not known of it is null, ports -1. */
export interface Subject {
  family: Family
  protocol: number
  source: Int32Array
  destination: Int32Array
  sourcePort: number
  destinationPort: number
  /** Interfaces of the host that it comes in and leaves by. */
  input: string | null
  output: string | null
  state: CtState | null
  /** Whether an address is the host's own; null where nobody knows, of one or of any. */
  isLocal: ((family: Family, address: Int32Array) => boolean | null) | null
  /** Whether the addresses are known: behind a translation that was not seen they may not be. */
  isSourceKnown: boolean
  isDestinationKnown: boolean
  /** What only a packet that is under way has; null where rules are asked about a flow. */
  packet: PacketFacts | null
}

export const NO = 0
export const YES = 1
/** It depends on what is not known: chance, a mark, a set, an interface. */
export const PERHAPS = 2
export type Answer = typeof NO | typeof YES | typeof PERHAPS

/** A condition of a rule. */
export interface Test {
  /** @param mark the packet's mark at that place; null: not known */
  (subject: Subject, mark: number | null): Answer
  /** Bits of ASKS_*; all of them where it does not say. */
  asks?: number
}

/** A condition that asks for no more than `asks`. */
export function asking(asks: number, test: Test): Test {
  test.asks = asks
  return test
}

/** What some conditions ask for together. */
export function asksOf(tests: readonly Test[]): number {
  return tests.reduce((all, { asks = ASKS_ALL }) => all | asks, ASKS_KIND)
}

export const perhaps: Test = asking(ASKS_KIND, () => PERHAPS)
/** Always. */
export const always: Test = asking(ASKS_KIND, () => YES)

export const answer = (isSo: boolean): Answer => (isSo ? YES : NO)

export function negated(test: Test): Test {
  return asking(test.asks ?? ASKS_ALL, (subject, mark) => {
    const found = test(subject, mark)
    return found === PERHAPS ? PERHAPS : found === YES ? NO : YES
  })
}

export function negatedIf(isNegated: boolean, test: Test): Test {
  return isNegated ? negated(test) : test
}

/** YES with one of them. */
export function anyOf(tests: readonly Test[]): Test {
  const [only] = tests
  if (only !== undefined && tests.length === 1) return only
  return asking(asksOf(tests), (subject, mark) => {
    let found: Answer = NO
    for (const test of tests) {
      const own = test(subject, mark)
      if (own === YES) return YES
      if (own === PERHAPS) found = PERHAPS
    }
    return found
  })
}

export function isFamily(family: Family): Test {
  return asking(ASKS_KIND, subject => answer(subject.family === family))
}

export function ofProtocol(protocol: number): Test {
  return asking(ASKS_KIND, subject => answer(subject.protocol === protocol))
}

export function ofSource(network: Network): Test {
  return asking(ASKS_SOURCE, ({ family, source, isSourceKnown }) => {
    if (family !== network.family) return NO
    return isSourceKnown ? answer(contains(network, source)) : PERHAPS
  })
}

export function ofDestination(network: Network): Test {
  return asking(ASKS_DESTINATION, ({ family, destination, isDestinationKnown }) => {
    if (family !== network.family) return NO
    return isDestinationKnown ? answer(contains(network, destination)) : PERHAPS
  })
}

/** Port numbers from `first` to `last`. */
export type PortRange = readonly [first: number, last: number]

export function ofPort(which: 'sourcePort' | 'destinationPort', ranges: readonly PortRange[]): Test {
  return asking(which === 'sourcePort' ? ASKS_SOURCE_PORT : ASKS_DESTINATION_PORT, subject => {
    const port = subject[which]
    if (port < 0) return PERHAPS
    return answer(ranges.some(([first, last]) => first <= port && port <= last))
  })
}

/** `eth0`, or with a wildcard behind it (`cali+` of iptables) the beginning of a name. */
export function ofInterface(which: 'input' | 'output', name: string, isPrefix: boolean): Test {
  return asking(ASKS_KIND, subject => {
    const own = subject[which]
    if (own === null) return isPrefix && name === '' ? YES : PERHAPS
    return answer(isPrefix ? own.startsWith(name) : own === name)
  })
}

export function ofState(states: readonly string[]): Test {
  return asking(ASKS_KIND, ({ state }) => (state === null ? PERHAPS : answer(states.includes(state))))
}

/** Whether the bits of `mask` in the packet's mark are `value`: never, where that has others. kernel: mark_mt() */
export function ofMark(value: number, mask: number): Test {
  return asking(ASKS_KIND, (_, mark) => (mark === null ? PERHAPS : answer((mark & mask) === (value | 0))))
}

export function ofLocal(which: 'source' | 'destination'): Test {
  return asking(ASKS_KIND, subject => {
    if (!(which === 'source' ? subject.isSourceKnown : subject.isDestinationKnown)) return PERHAPS
    const address = subject[which]
    const [word = 0] = address
    if (subject.family === 4 && word >>> 24 === 127) return YES
    const isLocal = subject.isLocal?.(subject.family, address) ?? null
    return isLocal === null ? PERHAPS : answer(isLocal)
  })
}

/** What the protocol number is called in rules, or null. */
export function parseProtocol(text: string): number | null {
  if (/^\d{1,3}$/.test(text)) return Number(text) < 256 ? Number(text) : null
  return PROTOCOLS.get(text.toLowerCase()) ?? null
}

const PROTOCOLS = new Map([
  ['icmp', 1],
  ['igmp', 2],
  ['ipencap', 4],
  ['ipip', 4],
  ['tcp', 6],
  ['udp', 17],
  ['dccp', 33],
  ['ipv6', 41],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['ipv6-icmp', 58],
  ['icmpv6', 58],
  ['ospf', 89],
  ['sctp', 132],
  ['udplite', 136],
])

/** `80`, `8000:8080`, `:1023`, `1024:`; null for anything else. */
export function parsePorts(text: string): PortRange | null {
  const match = /^(\d{0,5})(?:([:-])(\d{0,5}))?$/.exec(text)
  if (match === null || text === '' || (match[1] === '' && match[2] === undefined)) return null
  const first = match[1] === '' ? 0 : Number(match[1])
  const last = match[2] === undefined ? first : match[3] === '' ? 65_535 : Number(match[3])
  return first <= last && last <= 65_535 ? [first, last] : null
}
