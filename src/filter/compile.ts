// A filter's tree into one condition over the bytes of a frame, as libpcap generates code for it (gencode.c).

import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_QINQ,
  ETHERTYPE_QINQ_OLD,
  ETHERTYPE_VLAN,
  IPPROTO_FRAGMENT,
} from '../net/numbers.ts'
import {
  all,
  any,
  BEYOND,
  both,
  byteIs,
  type Condition,
  either,
  joined,
  NO,
  negate,
  never,
  shortIs,
  wordIs,
  YES,
} from './cursor.ts'
import { behindVlan, type Link } from './link.ts'
import { compileRelation } from './load.ts'
import { ETHER_TYPES } from './names.ts'
import type { Direction, Expression, LinkProtocol } from './syntax.ts'

const IPV4_PROTOCOL = 9
const IPV4_FRAGMENT = 6
const IPV4_OFFSET_MASK = 0x1fff
const IPV4_SOURCE = 12
const IPV4_DESTINATION = 16
const IPV6_NEXT_HEADER = 6
const IPV6_SOURCE = 8
const IPV6_DESTINATION = 24
const IPV6_HEADER_LENGTH = 40
const ARP_SENDER = 14
const ARP_TARGET = 24

/** Compiles an expression for frames of one kind of link header. */
export function compileExpression(expression: Expression, link: Link): Condition {
  return new Compiler(link).compile(expression)
}

/** Goes through the tree in the order of the text, since a `vlan` moves what comes after it. */
class Compiler {
  private link: Link

  constructor(link: Link) {
    this.link = link
  }

  compile(expression: Expression): Condition {
    const { link } = this
    switch (expression.kind) {
      case 'and':
      case 'or':
        return this.join(expression)
      case 'not':
        return negate(this.compile(expression.operand))
      case 'link':
        return isLinkProtocol(expression.protocol, link)
      case 'ethertype':
        return link.isType(expression.type)
      case 'protocol':
        return isProtocol(expression.protocol, expression.family, link)
      case 'ipv4': {
        const { inside, direction, address, mask } = expression
        return any(inside.map(protocol => hasIpv4(protocol, direction, address, mask, link)))
      }
      case 'ipv6':
        return hasIpv6(expression.direction, expression.address, expression.mask, link)
      case 'ports':
        return hasPorts(expression, link)
      case 'group':
        return isGroup(expression.of, link)
      case 'vlan':
        this.link = behindVlan(link)
        return hasVlan(expression.id, link)
      case 'relation':
        return compileRelation(expression.relation, expression.left, expression.right, link)
    }
  }

  private join(expression: Conjunction): Condition {
    const { first, others } = linksOf(expression)
    const start = this.compile(first)
    const rest = others.map(({ right }) => this.compile(right))
    return joined(
      start,
      rest,
      others.map(({ kind }) => (kind === 'and' ? YES : NO)),
    )
  }
}

type Conjunction = Extract<Expression, { kind: 'and' | 'or' }>

/** The conditions of a chain such as `a or b and c`, whose tree is as deep as it is long: the first, and the others by how they are joined. */
function linksOf(expression: Conjunction): { first: Expression; others: Conjunction[] } {
  const others: Conjunction[] = []
  let first: Expression = expression
  while (first.kind === 'and' || first.kind === 'or') {
    others.push(first)
    first = first.left
  }
  return { first, others: others.reverse() }
}

function isLinkProtocol(protocol: LinkProtocol, link: Link): Condition {
  return link.isType(ETHER_TYPES[protocol])
}

/** In IPv6 the protocol of the first header, or of the fragment header that is the first; not behind other headers. */
function isProtocol(protocol: number, family: 4 | 6 | 0, link: Link): Condition {
  const inIpv4 = both(link.isType(ETHERTYPE_IPV4), byteIs(link.payload + IPV4_PROTOCOL, protocol))
  if (family === 4) return inIpv4
  const next = link.payload + IPV6_NEXT_HEADER
  const fragmented = both(byteIs(next, IPPROTO_FRAGMENT), byteIs(link.payload + IPV6_HEADER_LENGTH, protocol))
  const inIpv6 = both(link.isType(ETHERTYPE_IPV6), either(byteIs(next, protocol), fragmented))
  return family === 6 ? inIpv6 : either(inIpv4, inIpv6)
}

function hasIpv4(
  protocol: LinkProtocol,
  direction: Direction,
  address: number,
  mask: number,
  link: Link,
): Condition {
  const isArp = protocol !== 'ip'
  const source = link.payload + (isArp ? ARP_SENDER : IPV4_SOURCE)
  const destination = link.payload + (isArp ? ARP_TARGET : IPV4_DESTINATION)
  const at = (offset: number) => wordIs(offset, address, mask)
  return both(isLinkProtocol(protocol, link), directed(direction, at(source), at(destination)))
}

function hasIpv6(direction: Direction, address: number[], mask: number[], link: Link): Condition {
  const at = (offset: number) =>
    all(address.map((word, index) => wordIs(link.payload + offset + 4 * index, word, mask[index])))
  return both(link.isType(ETHERTYPE_IPV6), directed(direction, at(IPV6_SOURCE), at(IPV6_DESTINATION)))
}

function directed(direction: Direction, source: Condition, destination: Condition): Condition {
  switch (direction) {
    case 'source':
      return source
    case 'destination':
      return destination
    case 'either':
      return either(source, destination)
    case 'both':
      return both(source, destination)
  }
}

type Ports = Extract<Expression, { kind: 'ports' }>

/** Ports right behind an IPv4 header with the datagram's beginning, or right behind an IPv6 header. */
function hasPorts({ direction, low, high, protocols }: Ports, link: Link): Condition {
  const { payload } = link
  const inIpv4 = all([
    link.isType(ETHERTYPE_IPV4),
    any(protocols.map(protocol => byteIs(payload + IPV4_PROTOCOL, protocol))),
    shortIs(payload + IPV4_FRAGMENT, 0, IPV4_OFFSET_MASK),
    directed(direction, ipv4Port(payload, 0, low, high), ipv4Port(payload, 2, low, high)),
  ])
  const ipv6Port = (offset: number) => portWithin(payload + IPV6_HEADER_LENGTH + offset, low, high)
  const inIpv6 = all([
    link.isType(ETHERTYPE_IPV6),
    any(protocols.map(protocol => byteIs(payload + IPV6_NEXT_HEADER, protocol))),
    directed(direction, ipv6Port(0), ipv6Port(2)),
  ])
  return either(inIpv6, inIpv4)
}

function portWithin(offset: number, low: number, high: number): Condition {
  return ({ view, start, end }) => {
    const at = start + offset
    if (at + 2 > end) return BEYOND
    const port = view.getUint16(at)
    return port >= low && port <= high ? YES : NO
  }
}

function ipv4Port(payload: number, offset: number, low: number, high: number): Condition {
  return ({ view, start, end }) => {
    const header = start + payload
    if (header >= end) return BEYOND
    const at = header + ((view.getUint8(header) & 0x0f) << 2) + offset
    if (at + 2 > end) return BEYOND
    const port = view.getUint16(at)
    return port >= low && port <= high ? YES : NO
  }
}

function hasVlan(id: number, link: Link): Condition {
  if (!link.hasVlans) return never
  const tagged = any([ETHERTYPE_VLAN, ETHERTYPE_QINQ, ETHERTYPE_QINQ_OLD].map(type => link.isType(type)))
  return id < 0 ? tagged : both(tagged, shortIs(link.payload, id, 0x0fff))
}

function isGroup(of: 'broadcast' | 'multicast' | 'ip' | 'ip6', link: Link): Condition {
  switch (of) {
    case 'broadcast':
      return link.hasStations ? both(wordIs(2, -1), shortIs(0, 0xffff)) : never
    case 'multicast':
      return link.hasStations ? byteIs(0, 1, 1) : never
    case 'ip':
      // from 224.0.0.0 on, broadcast included
      return both(link.isType(ETHERTYPE_IPV4), byteIs(link.payload + IPV4_DESTINATION, 0xe0, 0xe0))
    case 'ip6':
      return both(link.isType(ETHERTYPE_IPV6), byteIs(link.payload + IPV6_DESTINATION, 0xff))
  }
}
