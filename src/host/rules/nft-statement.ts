// Statements of a rule of nft: conditions, verdicts, NAT, marks.

import { asList, asObject, asText, type JsonObject } from '../files/json-documents.ts'
import { parseAddress } from '../files/network.ts'
import { iptablesTarget } from './iptables-target.ts'
import {
  compare,
  fieldsOf,
  Lookup,
  type NftField,
  type NftSets,
  networkFrom,
  portsFrom,
} from './nft-field.ts'
import type { Action, NatTarget, Step } from './ruleset.ts'
import { answer, perhaps } from './subject.ts'

/** Statements that change nothing of the packet's way. */
const PASSING = new Set([
  'counter',
  'log',
  'set',
  'map',
  'meter',
  'dup',
  'last',
  'continue',
  'secmark',
  'ct helper',
  'ct timeout',
])
/** Extensions of iptables that match whatever they are given. */
const XT_SILENT = new Set(['comment', 'tcp', 'udp'])

/** The steps of one statement, or what is wrong with it. */
export function stepsOf(statement: unknown, sets: NftSets): Step[] | string {
  const object = asObject(statement)
  const kind = object === null ? undefined : Object.keys(object)[0]
  if (object === null || kind === undefined) return 'expected a statement'
  const value = object[kind]
  const own = asObject(value)
  switch (kind) {
    case 'match':
      return own === null ? 'a match without its sides' : matchSteps(own, sets)
    case 'vmap':
      return own === null ? 'a verdict map without its key' : vmapSteps(own, sets)
    case 'accept':
    case 'drop':
    case 'return':
    case 'notrack':
      return [{ action: { kind } }]
    case 'reject':
      return [{ action: { kind: 'drop' } }]
    case 'jump':
    case 'goto':
      return [{ action: { kind, chain: asText(own?.target) } }]
    case 'dnat':
    case 'snat':
      return own === null ? `${kind} without an address or a port` : natSteps(kind, own, sets)
    case 'redirect': {
      const ports = own?.port === undefined ? null : portsFrom(own.port)
      if (own?.port !== undefined && ports === null) return [{ action: { kind: 'unknown' } }]
      return [{ action: { kind: 'redirect', ports } }]
    }
    case 'masquerade':
      return [{ action: { kind: 'masquerade', isRandom: isRandom(own) } }]
    case 'mangle':
      return own === null ? [] : markSteps(own)
    case 'limit':
    case 'quota':
    case 'ct count':
    case 'connlimit':
      return [{ test: perhaps }]
    case 'xt':
      return xtSteps(own)
  }
  return PASSING.has(kind) ? [] : [{ action: { kind: 'unknown' } }]
}

/** The verdict of an element of a verdict map, or null. */
function verdictOf(value: unknown): Action | null {
  const steps = stepsOf(value, new Map())
  if (typeof steps === 'string' || steps.length !== 1) return null
  const [step] = steps
  return step !== undefined && 'action' in step ? step.action : null
}

function needsOf(fields: readonly NftField[]): Step[] {
  return fields.flatMap(field => field.needs.map(test => ({ test })))
}

function matchSteps({ op, left, right }: JsonObject, sets: NftSets): Step[] {
  const fields = fieldsOf(left)
  return [...needsOf(fields), { test: compare(asText(op), fields, right, sets) }]
}

function pairsOf(data: unknown, sets: NftSets): readonly unknown[] | null {
  if (typeof data === 'string') return sets.get(data.replace(/^@/, '')) ?? null
  const set = asObject(data)?.set
  return Array.isArray(set) ? set : null
}

/** Maps of a key to what `read` makes of their data. */
function lookupOf<T>(
  { key, data }: JsonObject,
  sets: NftSets,
  read: (data: unknown) => T | null,
): { fields: NftField[]; lookup: Lookup<T>; isComplete: boolean } | null {
  const fields = fieldsOf(key)
  const pairs = pairsOf(data, sets)
  if (pairs === null) return null
  const elements = pairs.flatMap(pair => {
    const [value, datum] = asList(pair)
    const found = read(datum)
    return found === null ? [] : [{ value, data: found }]
  })
  const numgen = asObject(asObject(key)?.numgen) ?? asObject(asObject(key)?.jhash)
  const isComplete = typeof numgen?.mod === 'number' && elements.length >= numgen.mod
  return { fields, lookup: new Lookup(fields, elements), isComplete }
}

function vmapSteps(own: JsonObject, sets: NftSets): Step[] {
  const found = lookupOf(own, sets, verdictOf)
  return found === null ? [{ action: { kind: 'unknown' } }] : dispatchSteps(found)
}

function dispatchSteps({
  fields,
  lookup,
  isComplete,
}: {
  fields: NftField[]
  lookup: Lookup<Action>
  isComplete: boolean
}): Step[] {
  return [
    ...needsOf(fields),
    {
      action: {
        kind: 'dispatch',
        choose: (subject, mark) => {
          const { found, possible } = lookup.find(subject, mark)
          if (found !== null) return { actions: [found.data], isSure: true }
          return { actions: possible.map(element => element.data), isSure: isComplete && possible.length > 0 }
        },
      },
    },
  ]
}

function natSteps(kind: 'dnat' | 'snat', own: JsonObject, sets: NftSets): Step[] {
  const isChance = isRandom(own)
  const map = asObject(asObject(own.addr)?.map)
  if (map !== null) {
    const port = own.port === undefined ? null : portsFrom(own.port)
    const found = lookupOf(map, sets, (data): Action | null => {
      const target = targetOf(data, port)
      return target === null ? null : { kind, target, isRandom: isChance }
    })
    return found === null ? [{ action: { kind: 'unknown' } }] : dispatchSteps(found)
  }
  const addresses = own.addr === undefined ? null : networkFrom(own.addr)
  const ports = own.port === undefined ? null : portsFrom(own.port)
  const isUnread =
    (own.addr !== undefined && addresses === null) || (own.port !== undefined && ports === null)
  if (isUnread || (addresses === null && ports === null)) return [{ action: { kind: 'unknown' } }]
  const family = addresses?.family
  const steps: Step[] = [{ action: { kind, target: { addresses, ports }, isRandom: isChance } }]
  // in a table of both families a rule with an address is about one
  return family === undefined ? steps : [{ test: subject => answer(subject.family === family) }, ...steps]
}

/** An address, or an address and a port: `{"concat":["10.0.0.1",80]}`. */
function targetOf(data: unknown, port: NatTarget['ports']): NatTarget | null {
  const [address, ownPort] = asObject(data) === null ? [data] : asList(asObject(data)?.concat)
  const addresses = networkFrom(address)
  if (addresses === null || parseAddress(asText(address)) === null) return null
  return { addresses, ports: ownPort === undefined ? port : portsFrom(ownPort) }
}

/** Whether ports are chosen by chance; the kernel makes no difference between the two flags. */
function isRandom(own: JsonObject | null): boolean {
  const flags = Array.isArray(own?.flags) ? own.flags : [own?.flags]
  return flags.includes('random') || flags.includes('fully-random')
}

/** `meta mark set …`; what else is set of a packet is of no account. */
function markSteps({ key, value }: JsonObject): Step[] {
  if (asObject(asObject(key)?.meta)?.key !== 'mark') return []
  const mark = (clear: number, flip: number | null): Step[] => [{ action: { kind: 'mark', clear, flip } }]
  if (typeof value === 'number') return mark(0xffffffff, value)
  for (const [operator, operands] of Object.entries(asObject(value) ?? {})) {
    const [left, bits] = asList(operands)
    if (asObject(asObject(left)?.meta)?.key !== 'mark' || typeof bits !== 'number') break
    if (operator === '|') return mark(bits, bits)
    if (operator === '^') return mark(0, bits)
    if (operator === '&') return mark(~bits, 0)
  }
  return mark(0, null)
}

/** What iptables-nft wrote and nft cannot tell: iptables-save can. */
function xtSteps(own: JsonObject | null): Step[] {
  const name = asText(own?.name)
  if (own?.type === 'match') return XT_SILENT.has(name) ? [] : [{ test: perhaps }]
  if (own?.type === 'target' && !['CT', 'DNAT', 'SNAT', 'MARK', 'CONNMARK'].includes(name)) {
    const action = iptablesTarget(name, [], false, 4)
    if (action === null) return []
    if (typeof action !== 'string' && (action.kind === 'notrack' || action.kind === 'drop'))
      return [{ action }]
  }
  return [{ action: { kind: 'unknown' } }]
}
