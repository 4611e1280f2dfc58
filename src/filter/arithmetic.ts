// Arithmetic of filters: `tcp[tcpflags] & (tcp-syn|tcp-fin) != 0`, `ip[2:2] > 576`, `len >= 100` (grammar.y, arth).

import { readNumber } from './address.ts'
import { CONSTANTS } from './names.ts'
import type { Arithmetic, Base, Expression, Operator, Relation } from './syntax.ts'
import type { TokenStream } from './tokens.ts'

/** Operators by how they bind, the weakest first. */
const LEVELS: readonly (readonly Operator[])[] = [
  ['|', '^'],
  ['&'],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
]

const RELATIONS: ReadonlyMap<string, Relation> = new Map([
  ['=', '='],
  ['==', '='],
  ['!=', '!='],
  ['<', '<'],
  ['>', '>'],
  ['<=', '<='],
  ['>=', '>='],
])

const BASES: readonly string[] = [
  'ether',
  'ip',
  'ip6',
  'arp',
  'rarp',
  'tcp',
  'udp',
  'sctp',
  'icmp',
  'igmp',
  'icmp6',
]

/** The relation that comes, or null where something else does. @throws FilterError */
export function parseRelation(tokens: TokenStream): Expression | null {
  return tokens.attempt(() => {
    const left = parseLevel(tokens, 0)
    if (left === null) return null
    const { kind, text } = tokens.peek()
    const relation = kind === 'operator' ? RELATIONS.get(text) : undefined
    if (relation === undefined) return null
    tokens.next()
    const right = parseLevel(tokens, 0)
    if (right === null) throw tokens.error('expected a number or bytes such as tcp[13]')
    return { kind: 'relation', relation, left, right }
  })
}

function parseLevel(tokens: TokenStream, level: number): Arithmetic | null {
  const operators = LEVELS[level]
  if (operators === undefined) return parseOperand(tokens)
  let left = parseLevel(tokens, level + 1)
  while (left !== null) {
    const operator = operators.find(known => tokens.take(known))
    if (operator === undefined) return left
    const where = tokens.peek()
    const right = parseLevel(tokens, level + 1)
    if (right === null) throw tokens.error(`expected a number behind "${operator}"`)
    const divides = operator === '/' || operator === '%'
    if (divides && right.kind === 'number' && right.value === 0)
      throw tokens.error(`division by zero at ${where.text}`)
    left = { kind: 'operation', operator, left, right }
  }
  return null
}

function parseOperand(tokens: TokenStream): Arithmetic | null {
  if (tokens.take('(')) {
    const inner = tokens.nested(() => parseLevel(tokens, 0))
    return inner !== null && tokens.take(')') ? inner : null
  }
  if (tokens.take('-')) {
    const operand = tokens.nested(() => parseOperand(tokens))
    return operand === null ? null : { kind: 'negative', operand }
  }
  const { kind, text } = tokens.peek()
  if (kind === 'number') return { kind: 'number', value: readNumber(tokens.next()) }
  if (kind !== 'word') return null
  if (Object.hasOwn(CONSTANTS, text)) {
    tokens.next()
    return { kind: 'number', value: CONSTANTS[text] }
  }
  if (tokens.takeWord('len')) return { kind: 'length' }
  if (!isBase(text) || tokens.peek(1).text !== '[') return null
  tokens.next()
  return parseLoad(tokens, text)
}

/** `[at]` or `[at:size]` */
function parseLoad(tokens: TokenStream, base: Base): Arithmetic {
  tokens.expect('[')
  const at = tokens.nested(() => parseLevel(tokens, 0))
  if (at === null) throw tokens.error('expected the number of a byte')
  let size = 1
  if (tokens.take(':')) {
    const token = tokens.peek()
    size = readNumber(tokens.expectNumber())
    if (size !== 1 && size !== 2 && size !== 4)
      throw tokens.error(`${token.text} bytes are no number, expected 1, 2 or 4`)
  }
  tokens.expect(']')
  return { kind: 'load', base, at, size: size as 1 | 2 | 4 }
}

function isBase(word: string): word is Base {
  return BASES.includes(word)
}
