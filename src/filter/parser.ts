// A filter expression into its tree, by the grammar of libpcap (grammar.y): `and` and `or` bind alike, from the left.

import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from '../net/numbers.ts'
import { numberedIpv4, readIpv4, readIpv6, readNumber, readPorts, withMask, withPrefix } from './address.ts'
import { parseRelation } from './arithmetic.ts'
import { tokenize } from './lexer.ts'
import { ETHER_TYPES, IP_PROTOCOLS, isProtocol, type ProtocolName, UNSUPPORTED } from './names.ts'
import { type Direction, type Expression, FilterError, type LinkProtocol } from './syntax.ts'
import { TokenStream } from './tokens.ts'

/** What stands in front of an address, a port, a number; an id without any takes those of the one before it. */
interface Qualifiers {
  protocol: ProtocolName | ''
  direction: Direction
  type: 'host' | 'net' | 'port' | 'portrange' | 'proto'
  /** Whether `type` was written out, and not left to be a host. */
  isTyped: boolean
}

interface Parsed {
  expression: Expression
  /** Those that an id behind it takes over; null where there are none to take. */
  qualifiers: Qualifiers | null
}

const MOST_VLAN = 4095
const PORT_PROTOCOLS: Record<string, number[]> = {
  '': [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP],
  tcp: [IPPROTO_TCP],
  udp: [IPPROTO_UDP],
  sctp: [IPPROTO_SCTP],
}
const TYPES = ['host', 'net', 'port', 'portrange', 'proto'] as const

/** The tree of an expression; null for one of blanks alone, which every frame matches. @throws FilterError */
export function parseFilter(text: string): Expression | null {
  const tokens = new TokenStream(tokenize(text))
  if (tokens.peek().kind === 'end') return null
  const { expression } = parseExpression(tokens, null)
  tokens.expectEnd()
  return expression
}

/** expr: term { and|or term-or-id } */
function parseExpression(tokens: TokenStream, inherited: Qualifiers | null): Parsed {
  let left = parseTerm(tokens, inherited)
  for (;;) {
    const kind = tokens.takeConjunction()
    if (kind === null) return left
    const right = startsId(tokens) ? parseId(tokens, left.qualifiers) : parseTerm(tokens, left.qualifiers)
    left = {
      expression: { kind, left: left.expression, right: right.expression },
      qualifiers: right.qualifiers,
    }
  }
}

/** term: not term | '(' expr ')' | primitive */
function parseTerm(tokens: TokenStream, inherited: Qualifiers | null): Parsed {
  if (tokens.takeNot()) {
    const { expression, qualifiers } = tokens.nested(() => parseTerm(tokens, inherited))
    return { expression: { kind: 'not', operand: expression }, qualifiers }
  }
  const relation = parseRelation(tokens)
  if (relation !== null) return { expression: relation, qualifiers: null }
  if (tokens.take('(')) {
    const { expression } = tokens.nested(() => parseExpression(tokens, inherited))
    tokens.expect(')')
    return { expression, qualifiers: inherited }
  }
  return parsePrimitive(tokens)
}

/** Whether what comes is an id, and not a term: behind any `not` and `(` no keyword, and no arithmetic. */
function startsId(tokens: TokenStream): boolean {
  let ahead = 0
  while (tokens.isNot(ahead) || tokens.peek(ahead).text === '(') ahead++
  const { kind, text } = tokens.peek(ahead)
  if (kind === 'number') return !tokens.isArithmetic(ahead + 1)
  if (kind === 'word') return !tokens.isKeyword(text)
  return kind === 'ipv4' || kind === 'ipv6' || kind === 'mac' || kind === 'escaped'
}

/** id: not id | '(' id { and|or id } ')' | address, port or number */
function parseId(tokens: TokenStream, qualifiers: Qualifiers | null): Parsed {
  if (tokens.takeNot()) {
    const { expression } = tokens.nested(() => parseId(tokens, qualifiers))
    return { expression: { kind: 'not', operand: expression }, qualifiers }
  }
  if (tokens.take('(')) {
    let { expression } = tokens.nested(() => parseId(tokens, qualifiers))
    for (let kind = tokens.takeConjunction(); kind !== null; kind = tokens.takeConjunction()) {
      const right = tokens.nested(() => parseId(tokens, qualifiers))
      expression = { kind, left: expression, right: right.expression }
    }
    tokens.expect(')')
    return { expression, qualifiers }
  }
  if (qualifiers === null) {
    const { text } = tokens.peek()
    throw tokens.error(`expected host, net, port or another word that says what ${JSON.stringify(text)} is`)
  }
  return { expression: readId(tokens, qualifiers), qualifiers }
}

function parsePrimitive(tokens: TokenStream): Parsed {
  const token = tokens.peek()
  const { text } = token
  if (UNSUPPORTED.has(text)) throw tokens.error(`"${text}" is not supported`)
  const other = parseOther(tokens)
  if (other !== null) return { expression: other, qualifiers: null }
  const protocol = isProtocol(text) ? text : ''
  if (protocol !== '') tokens.next()
  if (tokens.takeWord('broadcast'))
    return { expression: groupOf(tokens, protocol, 'broadcast'), qualifiers: null }
  if (tokens.takeWord('multicast'))
    return { expression: groupOf(tokens, protocol, 'multicast'), qualifiers: null }
  const direction = takeDirection(tokens)
  const type = TYPES.find(known => known === tokens.peek().text) ?? null
  if (type !== null) tokens.next()
  if (direction === null && type === null) {
    if (protocol === '') throw tokens.error(explain(token.kind, text))
    return { expression: abbreviation(protocol, token.column), qualifiers: null }
  }
  const qualifiers: Qualifiers = {
    protocol,
    direction: direction ?? 'either',
    type: type ?? 'host',
    isTyped: type !== null,
  }
  if (type === 'proto' && direction !== null)
    throw new FilterError(token.column, 'a protocol has no direction')
  return parseId(tokens, qualifiers)
}

function explain(kind: string, text: string): string {
  if (kind === 'end') return 'expected a condition, the expression ends'
  const isAddress = kind === 'ipv4' || kind === 'ipv6' || kind === 'number'
  if (isAddress) return `expected host, net or port in front of ${text}`
  return `${JSON.stringify(text)} is not a word of tcpdump's filters`
}

/** less, greater, vlan */
function parseOther(tokens: TokenStream): Expression | null {
  for (const [word, relation] of [
    ['less', '<='],
    ['greater', '>='],
  ] as const) {
    if (!tokens.takeWord(word)) continue
    const value = readNumber(tokens.expectNumber())
    return { kind: 'relation', relation, left: { kind: 'length' }, right: { kind: 'number', value } }
  }
  if (!tokens.takeWord('vlan')) return null
  if (tokens.peek().kind !== 'number') return { kind: 'vlan', id: -1 }
  const token = tokens.next()
  const id = readNumber(token)
  if (id > MOST_VLAN) throw new FilterError(token.column, `VLAN ids end at ${MOST_VLAN}`)
  return { kind: 'vlan', id }
}

function groupOf(
  tokens: TokenStream,
  protocol: ProtocolName | '',
  of: 'broadcast' | 'multicast',
): Expression {
  if (protocol === '' || protocol === 'ether') return { kind: 'group', of }
  if (of === 'multicast' && (protocol === 'ip' || protocol === 'ip6')) return { kind: 'group', of: protocol }
  throw tokens.error(`"${protocol} ${of}" is not supported`)
}

/** src, dst, src or dst, src and dst */
function takeDirection(tokens: TokenStream): Direction | null {
  const first = tokens.peek().text
  if (first !== 'src' && first !== 'dst') return null
  tokens.next()
  const other = first === 'src' ? 'dst' : 'src'
  const joint = tokens.peek(1).text === other ? tokens.takeConjunction() : null
  if (joint === null) return first === 'src' ? 'source' : 'destination'
  tokens.next()
  return joint === 'or' ? 'either' : 'both'
}

/** A protocol's name alone. */
function abbreviation(name: ProtocolName, column: number): Expression {
  switch (name) {
    case 'ether':
      throw new FilterError(column, '"ether" alone says nothing, expected ether proto')
    case 'ip':
    case 'ip6':
    case 'arp':
    case 'rarp':
      return { kind: 'link', protocol: name }
    case 'icmp':
    case 'igmp':
    case 'vrrp':
      return { kind: 'protocol', protocol: IP_PROTOCOLS[name], family: 4 }
    case 'icmp6':
      return { kind: 'protocol', protocol: IP_PROTOCOLS[name], family: 6 }
    default:
      return { kind: 'protocol', protocol: IP_PROTOCOLS[name], family: 0 }
  }
}

/** The address, port or number that comes, as its qualifiers want it. */
function readId(tokens: TokenStream, qualifiers: Qualifiers): Expression {
  switch (qualifiers.type) {
    case 'port':
    case 'portrange':
      return readPortId(tokens, qualifiers)
    case 'proto':
      return readProtocolId(tokens, qualifiers)
    default:
      return readAddressId(tokens, qualifiers)
  }
}

function readPortId(tokens: TokenStream, { protocol, direction, type }: Qualifiers): Expression {
  const protocols = PORT_PROTOCOLS[protocol]
  if (protocols === undefined)
    throw tokens.error(`"${protocol} ${type}" means nothing: ${protocol} has no ports`)
  return { kind: 'ports', direction, ...readPorts(tokens.next(), type === 'portrange'), protocols }
}

function readProtocolId(tokens: TokenStream, { protocol }: Qualifiers): Expression {
  const token = tokens.next()
  const name = token.text.replace('\\', '')
  const known = protocol === 'ether' ? ETHER_TYPES : IP_PROTOCOLS
  const named = Object.hasOwn(known, name) ? known[name] : undefined
  const value = token.kind === 'number' ? readNumber(token) : named
  if (value === undefined)
    throw new FilterError(
      token.column,
      `expected a protocol: a number, or one of ${Object.keys(known).join(', ')}`,
    )
  if (protocol === 'ether') {
    if (value < 0x600 || value > 0xffff)
      throw new FilterError(token.column, 'only EtherTypes from 0x600 to 0xffff are supported')
    return { kind: 'ethertype', type: value }
  }
  if (protocol !== '' && protocol !== 'ip' && protocol !== 'ip6')
    throw new FilterError(
      token.column,
      `"${protocol} proto" means nothing, expected ip proto, ip6 proto or proto`,
    )
  if (value > 0xff) throw new FilterError(token.column, 'IP protocols end at 255')
  return { kind: 'protocol', protocol: value, family: protocol === '' ? 0 : protocol === 'ip' ? 4 : 6 }
}

function readAddressId(tokens: TokenStream, qualifiers: Qualifiers): Expression {
  const { protocol, direction, type, isTyped } = qualifiers
  const isNetwork = type === 'net'
  const token = tokens.next()
  if (token.kind === 'ipv6') {
    if (protocol !== '' && protocol !== 'ip6')
      throw new FilterError(token.column, `"${protocol}" goes with no IPv6 address`)
    const prefix = tokens.take('/') ? tokens.expectNumber() : null
    if (prefix !== null && isTyped && !isNetwork)
      throw new FilterError(prefix.column, 'expected net in front of a network')
    return { kind: 'ipv6', direction, ...readIpv6(token, prefix) }
  }
  if (token.kind !== 'ipv4' && token.kind !== 'number')
    throw notAnAddress(token.kind, token.text, token.column)
  const inside = linkProtocols(protocol)
  if (inside === null) throw new FilterError(token.column, `"${protocol}" goes with no IPv4 address`)
  let network = token.kind === 'ipv4' ? readIpv4(token) : numberedIpv4(readNumber(token), isNetwork)
  if (token.kind === 'ipv4' && (tokens.peek().text === '/' || tokens.peek().text === 'mask')) {
    if (!isNetwork) throw tokens.error('expected net in front of a network')
    if (tokens.take('/')) network = withPrefix(network, tokens.expectNumber())
    else {
      tokens.next()
      const mask = tokens.expectIpv4()
      network = withMask(network, readIpv4(mask).address, mask)
    }
  }
  return { kind: 'ipv4', direction, ...network, inside }
}

function notAnAddress(kind: string, text: string, column: number): FilterError {
  if (kind === 'end') return new FilterError(column, 'expected an address, the expression ends')
  if (kind === 'mac') return new FilterError(column, 'hardware addresses are not supported')
  return new FilterError(
    column,
    `expected an address, found ${JSON.stringify(text)}; names of hosts are not looked up`,
  )
}

/** Whose headers hold the address: of ARP, too, unless it is of IP. Null where none does. */
function linkProtocols(protocol: ProtocolName | ''): LinkProtocol[] | null {
  switch (protocol) {
    case '':
      return ['ip', 'arp', 'rarp']
    case 'ip':
    case 'arp':
    case 'rarp':
      return [protocol]
    default:
      return null
  }
}
