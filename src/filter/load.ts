// Arithmetic of filters over the bytes of a frame: unsigned, of 32 bits (gencode.c, gen_load() and gen_relation()).

import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../net/numbers.ts'
import { all, BEYOND, both, byteIs, type Condition, type FilterCursor, NO, shortIs, YES } from './cursor.ts'
import type { Link } from './link.ts'
import { ETHERTYPE_ARP, ETHERTYPE_RARP, IP_PROTOCOLS } from './names.ts'
import type { Arithmetic, Base, Operator, Relation } from './syntax.ts'

/** No number of 32 bits: a byte was asked for that was not captured, or something was divided by zero. */
const NOTHING = -1

type Value = (cursor: FilterCursor) => number

/** The relation of two values, in frames that have what they are read from. */
export function compileRelation(
  relation: Relation,
  left: Arithmetic,
  right: Arithmetic,
  link: Link,
): Condition {
  const compare = comparison(relation, compileValue(left, link), compileValue(right, link))
  const bases = new Set<Base>()
  addBases(right, bases)
  addBases(left, bases)
  const guards = [...bases].flatMap(base => baseGuards(base, link))
  return guards.length === 0 ? compare : both(all(guards), compare)
}

function comparison(relation: Relation, left: Value, right: Value): Condition {
  return cursor => {
    const one = left(cursor)
    if (one === NOTHING) return BEYOND
    const other = right(cursor)
    if (other === NOTHING) return BEYOND
    return holds(relation, one, other) ? YES : NO
  }
}

function holds(relation: Relation, left: number, right: number): boolean {
  switch (relation) {
    case '=':
      return left === right
    case '!=':
      return left !== right
    case '<':
      return left < right
    case '>':
      return left > right
    case '<=':
      return left <= right
    case '>=':
      return left >= right
  }
}

function compileValue(value: Arithmetic, link: Link): Value {
  switch (value.kind) {
    case 'number': {
      const number = value.value >>> 0
      return () => number
    }
    case 'length':
      return cursor => cursor.length
    case 'negative': {
      const operand = compileValue(value.operand, link)
      return cursor => {
        const number = operand(cursor)
        return number === NOTHING ? NOTHING : -number >>> 0
      }
    }
    case 'load':
      return compileLoad(value.base, compileValue(value.at, link), value.size, link)
    case 'operation':
      return compileOperations(value, link)
  }
}

type Operation = Extract<Arithmetic, { kind: 'operation' }>

/** The operations of a chain such as `1 + 2 * 3 - 4`, whose tree is as deep as it is long, and what they begin with. */
function operationsOf(value: Operation): { first: Arithmetic; operations: Operation[] } {
  const operations: Operation[] = []
  let first: Arithmetic = value
  while (first.kind === 'operation') {
    operations.push(first)
    first = first.left
  }
  return { first, operations: operations.reverse() }
}

function compileOperations(value: Operation, link: Link): Value {
  const { first, operations } = operationsOf(value)
  const start = compileValue(first, link)
  const steps = operations.map(({ operator, right }) => ({ operator, right: compileValue(right, link) }))
  return cursor => {
    let number = start(cursor)
    for (let i = 0; i < steps.length && number !== NOTHING; i++) {
      const other = steps[i].right(cursor)
      number = other === NOTHING ? NOTHING : operate(steps[i].operator, number, other)
    }
    return number
  }
}

function operate(operator: Operator, left: number, right: number): number {
  switch (operator) {
    case '+':
      return (left + right) >>> 0
    case '-':
      return (left - right) >>> 0
    case '*':
      return Math.imul(left, right) >>> 0
    case '/':
      return right === 0 ? NOTHING : Math.floor(left / right)
    case '%':
      return right === 0 ? NOTHING : left % right
    case '&':
      return (left & right) >>> 0
    case '|':
      return (left | right) >>> 0
    case '^':
      return (left ^ right) >>> 0
    case '<<':
      return right > 31 ? 0 : (left << right) >>> 0
    case '>>':
      return right > 31 ? 0 : left >>> right
  }
}

function compileLoad(base: Base, index: Value, size: number, link: Link): Value {
  const from = baseOffset(base, link)
  const isBehindIpv4 = protocolOf(base) >= 0 && base !== 'icmp6'
  return cursor => {
    const offset = index(cursor)
    if (offset === NOTHING) return NOTHING
    const { view, start, end } = cursor
    let at = start + from
    if (isBehindIpv4) {
      const header = start + link.payload
      if (header >= end) return NOTHING
      at += (view.getUint8(header) & 0x0f) << 2
    }
    // counted on 32 bits, so that tcp[-1] is what stands in front of the header
    at = (at - start + offset) >>> 0
    if (at + size > end - start) return NOTHING
    at += start
    return size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at) : view.getUint32(at)
  }
}

/** Where byte 0 of a base stands, the length of an IPv4 header not counted. */
function baseOffset(base: Base, link: Link): number {
  if (base === 'ether') return 0
  return base === 'icmp6' ? link.payload + 40 : link.payload
}

/** The IP protocol of a base, or -1. */
function protocolOf(base: Base): number {
  switch (base) {
    case 'tcp':
      return IPPROTO_TCP
    case 'udp':
      return IPPROTO_UDP
    case 'sctp':
      return IPPROTO_SCTP
    case 'icmp':
      return IPPROTO_ICMP
    case 'igmp':
      return IP_PROTOCOLS.igmp
    case 'icmp6':
      return IPPROTO_ICMPV6
    default:
      return -1
  }
}

/** Adds the bases of the loads of a value, in the order in which they are read. */
function addBases(value: Arithmetic, bases: Set<Base>): void {
  switch (value.kind) {
    case 'load':
      addBases(value.at, bases)
      bases.add(value.base)
      return
    case 'negative':
      addBases(value.operand, bases)
      return
    case 'operation': {
      const { first, operations } = operationsOf(value)
      addBases(first, bases)
      for (const { right } of operations) addBases(right, bases)
    }
  }
}

/** What a frame has to be for loads of a base to mean anything: `tcp[13]` is of unfragmented TCP over IPv4. */
function baseGuards(base: Base, link: Link): Condition[] {
  switch (base) {
    case 'ether':
      return []
    case 'ip':
      return [link.isType(ETHERTYPE_IPV4)]
    case 'ip6':
      return [link.isType(ETHERTYPE_IPV6)]
    case 'arp':
      return [link.isType(ETHERTYPE_ARP)]
    case 'rarp':
      return [link.isType(ETHERTYPE_RARP)]
    case 'icmp6':
      return [link.isType(ETHERTYPE_IPV6), byteIs(link.payload + 6, IPPROTO_ICMPV6)]
    default:
      return [
        link.isType(ETHERTYPE_IPV4),
        byteIs(link.payload + 9, protocolOf(base)),
        shortIs(link.payload + 6, 0, 0x1fff),
      ]
  }
}
