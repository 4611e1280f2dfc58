// Options of matches that ask what only a packet under way has: conntrack, tcp flags, icmp, length, ttl, physdev, rpfilter.
import { IPS_ASSURED, IPS_CONFIRMED, IPS_EXPECTED, IPS_SEEN_REPLY } from '../../conntrack/status.ts'
import { contains, type Family, parseNetwork } from '../files/network.ts'
import { iptablesIcmp } from './icmp-names.ts'
import type { PacketFacts, TupleEnd } from './packet-facts.ts'
import {
  anyHelperAsk,
  connMarkAsk,
  isLaterFragment,
  ofAddressKind,
  ofBridging,
  ofDscp,
  ofEntry,
  ofFrameKind,
  ofIcmp,
  ofLength,
  ofPort,
  ofReversePath,
  ofTcpFlags,
  ofTos,
  ofTtl,
  ofTurn,
  statusAsk,
} from './packet-tests.ts'
import {
  type Answer,
  always,
  answer,
  negatedIf,
  PERHAPS,
  parsePorts,
  parseProtocol,
  perhaps,
  type Subject,
  type Test,
} from './subject.ts'

/** What an option is asked with. */
export interface MatchOption {
  /** The match it belongs to: `-m conntrack`. */
  match: string
  option: string
  values: readonly string[]
  isNegated: boolean
  family: Family
  /** All words of the rule: some options say how another is meant. */
  words: readonly string[]
  /** A number that no other rule's wheel has. */
  wheel: () => number
}

const TCP_FLAGS = new Map([
  ['FIN', 1],
  ['SYN', 2],
  ['RST', 4],
  ['PSH', 8],
  ['ACK', 16],
  ['URG', 32],
  ['ALL', 63],
  ['NONE', 0],
])
const SYN_MASK = 0x17
const SYN = 2

const STATUSES = new Map([
  ['NONE', 0],
  ['EXPECTED', IPS_EXPECTED],
  ['SEEN_REPLY', IPS_SEEN_REPLY],
  ['ASSURED', IPS_ASSURED],
  ['CONFIRMED', IPS_CONFIRMED],
])

/** Matches that need no option, and what they ask without one. */
export function matchWithoutOption({ match, words }: Pick<MatchOption, 'match' | 'words'>): Test | null {
  if (match !== 'rpfilter') return null
  // with accept_local a source of the host itself is routed back, too: which is another question
  if (words.includes('--accept-local')) return perhaps
  return negatedIf(words.includes('--invert'), ofReversePath(words.includes('--loose')))
}

/** The condition of an option, negated if it is; null for one that is about something else. */
export function packetMatch(asked: MatchOption): Test | null {
  const { option, values, isNegated } = asked
  const [value = '', second = ''] = values
  const own = (test: Test | null): Test | null => (test === null ? null : negatedIf(isNegated, test))
  switch (option) {
    case '--tcp-flags':
      return own(ofTcpFlags(flagsOf(value), flagsOf(second)))
    case '--syn':
      return own(ofTcpFlags(SYN_MASK, SYN))
    case '--icmp-type':
    case '--icmpv6-type':
      return own(icmpTest(asked.family, value))
    case '--length':
      return own(rangeTest(value, ofLength))
    case '--ttl-eq':
    case '--hl-eq':
    case '--ttl':
      return own(ofTtl(Number(value), Number(value)))
    case '--ttl-lt':
    case '--hl-lt':
      return own(ofTtl(0, Number(value) - 1))
    case '--ttl-gt':
    case '--hl-gt':
      return own(ofTtl(Number(value) + 1, 255))
    case '--dscp':
      return own(ofDscp(Number(value)))
    case '--tos':
      return own(tosTest(value))
    case '-f':
    case '--fragment':
      return own(isLaterFragment)
    case '--src-type':
    case '--dst-type': {
      const kinds = value.toLowerCase().split(',')
      // kernel: addr_type6(): of IPv6 an address is unicast by its form, whosever it is
      if (asked.family === 6 && kinds.includes('unicast')) kinds.push('local')
      return own(ofAddressKind(option === '--src-type' ? 'source' : 'destination', kinds))
    }
    case '--every':
      return turnTest(asked)
    case '--helper':
      return asked.match === 'helper' ? ofEntry(isNegated, isNegated, anyHelperAsk(value)) : null
    case '--mark':
      return asked.match === 'connmark' ? connMarkTest(value, isNegated) : null
    // of a match whose meaning is in another option
    case '--mode':
      return value === 'nth' ? always : null
    case '--packet':
    case '--loose':
    case '--invert':
    case '--validmark':
    case '--accept-local':
      return always
    default:
      return own(frameTest(option, value)) ?? entryTest(asked)
  }
}

/** What a bridge or a driver knows of the frame. kernel: physdev_mt(), pkttype_mt() */
function frameTest(option: string, value: string): Test | null {
  switch (option) {
    case '--pkt-type':
      return ofFrameKind(value)
    case '--physdev-in':
      return portTest('physicalInput', value)
    case '--physdev-out':
      return portTest('physicalOutput', value)
    case '--physdev-is-in':
      return ofBridging('in')
    case '--physdev-is-out':
      return ofBridging('out')
    case '--physdev-is-bridged':
      return ofBridging('bridged')
    default:
      return null
  }
}

/** `SYN,ACK`; a name nobody knows is none. */
function flagsOf(text: string): number {
  return text
    .toUpperCase()
    .split(',')
    .reduce((bits, name) => bits | (TCP_FLAGS.get(name) ?? 0), 0)
}

/** `echo-request`, `8`, `3/4`. kernel: icmp_type_code_match(), icmp6_type_code_match() */
function icmpTest(family: Family, value: string): Test | null {
  // that of ICMPv6 knows no type for any
  if (family === 4 && (value === 'any' || value === '255')) return always
  const numbers = /^(\d+)(?:\/(\d+))?$/.exec(value)
  if (numbers === null) {
    const named = iptablesIcmp(family, value)
    return named === null ? null : icmpOf(...named)
  }
  return icmpOf(Number(numbers[1]), numbers[2] === undefined ? undefined : Number(numbers[2]))
}

function icmpOf(type: number, code?: number): Test {
  return code === undefined ? ofIcmp(type) : ofIcmp(type, [code, code])
}

function rangeTest(value: string, make: typeof ofLength): Test | null {
  const range = parsePorts(value)
  return range === null ? null : make(range[0], range[1])
}

/** `--tos 0x10/0x3f`. */
function tosTest(value: string): Test | null {
  const match = /^(0x[0-9a-f]+|\d+)(?:\/(0x[0-9a-f]+|\d+))?$/i.exec(value)
  return match === null ? null : ofTos(Number(match[1]), match[2] === undefined ? 0xff : Number(match[2]))
}

function portTest(which: 'physicalInput' | 'physicalOutput', name: string): Test {
  return name.endsWith('+') ? ofPort(which, name.slice(0, -1), true) : ofPort(which, name, false)
}

/** `--every 3 --packet 1`: packets 2, 5, 8 … that get here. kernel: statistic_mt() */
function turnTest({ values, words, isNegated, wheel }: MatchOption): Test | null {
  const every = Number(values[0])
  const at = words.indexOf('--packet')
  const packet = at < 0 ? 0 : Number(words[at + 1])
  if (!Number.isInteger(every) || every < 1 || !Number.isInteger(packet)) return null
  return negatedIf(isNegated, ofTurn(wheel(), every, every - packet - 1, every - 1))
}

function connMarkTest(value: string, isNegated: boolean): Test | null {
  const match = /^(0x[0-9a-f]+|\d+)(?:\/(0x[0-9a-f]+|\d+))?$/i.exec(value)
  if (match === null) return null
  const mask = match[2] === undefined ? 0xffffffff : Number(match[2])
  return ofEntry(isNegated, false, connMarkAsk(Number(match[1]), mask))
}

/** Options of `-m conntrack` beside the state. kernel: conntrack_mt() */
function entryTest({ option, values, isNegated, words }: MatchOption): Test | null {
  const ask = entryAsk(option, values[0] ?? '')
  return ask === null ? null : ofEntry(isNegated, words.includes('--ctstate'), ask)
}

function entryAsk(option: string, value: string): ((facts: PacketFacts, subject: Subject) => Answer) | null {
  switch (option) {
    case '--ctstatus': {
      const names = value.toUpperCase().split(',')
      if (names.includes('NONE')) return facts => answer((facts.status & ANY_STATUS) === 0)
      return statusAsk(names.reduce((bits, name) => bits | (STATUSES.get(name) ?? 0), 0))
    }
    case '--ctdir':
      return ({ direction }) => answer((direction === 0) === (value.toUpperCase() === 'ORIGINAL'))
    case '--ctproto': {
      const protocol = parseProtocol(value)
      return protocol === null ? null : (_, subject) => answer(subject.protocol === protocol)
    }
    default:
      return endAsk(option, value)
  }
}

/** kernel: what IPS_* a `--ctstatus NONE` is compared with: all of them. */
const ANY_STATUS = 0x7fffffff

const ENDS = new Map<string, (facts: PacketFacts) => TupleEnd>([
  ['orig src', ({ original }) => original.source],
  ['orig dst', ({ original }) => original.destination],
  ['repl src', ({ reply }) => reply.source],
  ['repl dst', ({ reply }) => reply.destination],
])

/** `--ctorigdst 10.0.0.0/8`, `--ctreplsrcport 80`. */
function endAsk(option: string, value: string): ((facts: PacketFacts) => Answer) | null {
  if (!option.startsWith('--ct')) return null
  const match = /^--ct(orig|repl)(src|dst)(port)?$/.exec(option)
  const end = ENDS.get(`${match?.[1]} ${match?.[2]}`)
  if (match === null || end === undefined) return null
  if (match[3] !== undefined) {
    const range = parsePorts(value)
    if (range === null) return null
    return facts => {
      const { port } = end(facts)
      return port < 0 ? PERHAPS : answer(range[0] <= port && port <= range[1])
    }
  }
  const network = parseNetwork(value)
  if (network === null) return null
  return facts => {
    const { isKnown, words } = end(facts)
    return isKnown ? answer(contains(network, words)) : PERHAPS
  }
}
