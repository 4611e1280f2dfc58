// The options of one rule of iptables: matches as conditions, its target as an action; what is not known is "perhaps".

import { IPS_DST_NAT, IPS_SRC_NAT } from '../../conntrack/status.ts'
import { type Family, isSingle, parseNetwork } from '../files/network.ts'
import { ASKS_STATUS } from './asks.ts'
import { matchWithoutOption, packetMatch } from './iptables-packet-matches.ts'
import { iptablesTarget } from './iptables-target.ts'
import type { Step } from './ruleset.ts'
import {
  always,
  anyOf,
  asking,
  negatedIf,
  ofDestination,
  ofInterface,
  ofMark,
  ofPort,
  ofProtocol,
  ofSource,
  ofState,
  PERHAPS,
  parsePorts,
  parseProtocol,
  perhaps,
  type Test,
  YES,
} from './subject.ts'

/** Options that end what the rule looks at. */
const TARGET = new Set(['-j', '--jump', '-g', '--goto'])
/** Addresses that one option may have; iptables-save writes a rule for each. */
const MOST_VALUES = 256
/** kernel: XT_MULTI_PORTS */
const MOST_PORTS = 15
/** Options of matches that say nothing about the packet. */
const SILENT = new Set(['--comment', '-m', '--match', '-c', '--set-counters'])

/** Options about the packet's header, which the kernel looks at before it asks any match. kernel: ip_packet_match() */
const HEADER = new Set([
  '-s',
  '--source',
  '-d',
  '--destination',
  '-i',
  '--in-interface',
  '-o',
  '--out-interface',
  '-p',
  '--protocol',
  '-f',
  '--fragment',
])

export class IptablesOptions {
  /** In the order in which the kernel takes them: what it looks at of the header stands in front of matches. */
  readonly steps: Step[] = []
  private headers = 0
  comment = ''
  destination: Int32Array | null = null
  private at = 0
  private match = ''
  private readonly words: readonly string[]
  private readonly family: Family
  private readonly wheel: () => number

  /** @param words those behind `-A CHAIN`; `wheel` numbers the wheels of `-m statistic` */
  constructor(words: readonly string[], family: Family, wheel: () => number) {
    this.words = words
    this.family = family
    this.wheel = wheel
  }

  /** @returns what is wrong with the rule, or null */
  read(): string | null {
    while (this.at < this.words.length) {
      const isNegated = this.words[this.at] === '!'
      if (isNegated) this.at++
      const option = this.words[this.at++]
      if (option === undefined || !option.startsWith('-'))
        return `expected an option of a match, found ${option ?? 'nothing'}`
      if (TARGET.has(option)) return this.readTarget(option)
      const problem = this.readMatch(option, isNegated)
      if (problem !== null) return problem
    }
    return null
  }

  private readTarget(option: string): string | null {
    const name = this.words[this.at++]
    if (name === undefined) return `${option} without a target`
    const isGoto = option === '-g' || option === '--goto'
    const action = iptablesTarget(name, this.words.slice(this.at), isGoto, this.family)
    if (typeof action === 'string') return action
    if (action !== null) this.steps.push({ action })
    return null
  }

  private readMatch(option: string, isNegated: boolean): string | null {
    const values = this.valuesOf()
    const value = values[0]
    if (SILENT.has(option)) {
      if (value === undefined) return `${option} without a value`
      if (option === '--comment') this.comment = value
      else this.useMatch(value)
      return null
    }
    const { match, words, family, wheel } = this
    const asked = packetMatch({ match, option, values, isNegated, family, words, wheel })
    const test = asked ?? this.testOf(option, values)
    if (typeof test === 'string') return test
    const at = HEADER.has(option) ? this.headers++ : this.steps.length
    this.steps.splice(at, 0, { test: asked ?? negatedIf(isNegated, test) })
    if (!isNegated && (option === '-d' || option === '--destination')) {
      const network = parseNetwork(value ?? '')
      if (network !== null && isSingle(network)) this.destination = network.first
    }
    return null
  }

  private useMatch(match: string): void {
    this.match = match
    const test = matchWithoutOption({ match, words: this.words })
    if (test !== null) this.steps.push({ test })
  }

  /** The words up to the next option. */
  private valuesOf(): string[] {
    const values: string[] = []
    for (let word = this.words[this.at]; word !== undefined; word = this.words[this.at]) {
      const isComment = this.words[this.at - 1] === '--comment'
      if (!isComment && (word === '!' || /^-[a-z-]/i.test(word))) break
      values.push(word)
      this.at++
    }
    return values
  }

  /** The condition, or what is wrong with it; conditions that nobody can tell from addresses are perhaps true. */
  private testOf(option: string, values: readonly string[]): Test | string {
    const value = values[0] ?? ''
    switch (option) {
      case '-s':
      case '--source':
      case '-d':
      case '--destination':
      case '--src-range':
      case '--dst-range':
        return networkTest(/^(-s|--s)/.test(option) ? ofSource : ofDestination, option, value)
      case '-p':
      case '--protocol':
        return protocolTest(value)
      case '-i':
      case '--in-interface':
        return interfaceTest('input', value)
      case '-o':
      case '--out-interface':
        return interfaceTest('output', value)
      case '--sport':
      case '--sports':
      case '--source-port':
      case '--source-ports':
        return portTest(['sourcePort'], option, value)
      case '--dport':
      case '--dports':
      case '--destination-port':
      case '--destination-ports':
        return portTest(['destinationPort'], option, value)
      case '--ports':
        return portTest(['sourcePort', 'destinationPort'], option, value)
      case '--ctstate':
      case '--state':
        return stateTest(value)
      case '--mark':
        return this.match === 'mark' ? markTest(value) : perhaps
      default:
        return perhaps
    }
  }
}

function networkTest(make: typeof ofSource, option: string, value: string): Test | string {
  const networks = value.split(',', MOST_VALUES + 1).map(parseNetwork)
  if (networks.length > MOST_VALUES) return `${option}: more than ${MOST_VALUES} addresses`
  if (networks.some(network => network === null))
    return `${option} ${value}: expected an address or a network`
  return anyOf(networks.flatMap(network => (network === null ? [] : [make(network)])))
}

function protocolTest(value: string): Test | string {
  if (value === 'all' || value === '0') return always
  const protocol = parseProtocol(value)
  return protocol === null ? perhaps : ofProtocol(protocol)
}

function interfaceTest(which: 'input' | 'output', value: string): Test | string {
  if (value === '') return 'an interface without a name'
  return value.endsWith('+') ? ofInterface(which, value.slice(0, -1), true) : ofInterface(which, value, false)
}

function portTest(which: ('sourcePort' | 'destinationPort')[], option: string, value: string): Test | string {
  const ranges = value.split(',', MOST_PORTS + 1).map(parsePorts)
  if (ranges.length > MOST_PORTS) return `${option}: more than ${MOST_PORTS} ports`
  if (ranges.some(range => range === null)) return `${option} ${value}: expected port numbers`
  const known = ranges.flatMap(range => (range === null ? [] : [range]))
  return anyOf(which.map(port => ofPort(port, known)))
}

/** SNAT and DNAT are no states that a packet has by itself, but bits of its entry. */
function stateTest(value: string): Test {
  const states = value.toLowerCase().split(',')
  const test = ofState(states)
  const bits = (states.includes('dnat') ? IPS_DST_NAT : 0) | (states.includes('snat') ? IPS_SRC_NAT : 0)
  if (bits === 0) return test
  return asking(ASKS_STATUS, (subject, mark) => {
    const found = test(subject, mark)
    if (found === YES) return YES
    if (subject.packet === null) return PERHAPS
    return subject.packet.hasEntry && (subject.packet.status & bits) !== 0 ? YES : found
  })
}

function markTest(value: string): Test {
  const match = /^(0x[0-9a-f]+|\d+)(?:\/(0x[0-9a-f]+|\d+))?$/i.exec(value)
  if (match === null) return perhaps
  return ofMark(Number(match[1]), match[2] === undefined ? 0xffffffff : Number(match[2]))
}
