// Statements of a rule of nft: conditions, verdicts, NAT, marks.

import { asList, asObject, asText, type JsonObject } from '../files/json-documents.ts'
import { parseAddress } from '../files/network.ts'
import { iptablesTarget } from './iptables-target.ts'
import { compare, fieldsOf, Lookup, type NftSets, networkFrom, portsFrom } from './nft-field.ts'
import type { NftField } from './nft-opaque.ts'
import type { Action, NatTarget, Step } from './ruleset.ts'
import { isFamily, ofProtocol, perhaps } from './subject.ts'

/** Statements that change nothing of the packet's way. */
const PASSING = new Set([
  'log',
  'set',
  'map',
  'meter',
  'dup',
  'last',
  'secmark',
  'ct timeout',
  'ct expectation',
])
/** Extensions of iptables that match whatever they are given. */
const XT_SILENT = new Set(['comment', 'tcp', 'udp'])

/** Helpers of a table that are modelled, by the names of their objects. */
export type NftHelpers = ReadonlyMap<string, Action>

/** The steps of one statement, or what is wrong with it. */
export function stepsOf(
  statement: unknown,
  sets: NftSets,
  wheel: () => number,
  helpers: NftHelpers = new Map(),
): Step[] | string {
  const object = asObject(statement)
  const kind = object === null ? undefined : Object.keys(object)[0]
  if (object === null || kind === undefined) return 'expected a statement'
  const value = object[kind]
  const own = asObject(value)
  switch (kind) {
    case 'match':
      return own === null ? 'a match without its sides' : matchSteps(own, sets, wheel)
    case 'vmap':
      return own === null ? 'a verdict map without its key' : vmapSteps(own, sets, wheel)
    case 'accept':
    case 'drop':
    case 'return':
    case 'notrack':
      return [{ action: { kind } }]
    case 'continue':
      return []
    case 'counter':
      return [{ action: { kind: 'count' } }]
    case 'reject':
      return [
        ...rejectNeeds(asText(own?.type)),
        { action: { kind: 'reject', isReset: own?.type === 'tcp reset' } },
      ]
    case 'jump':
    case 'goto':
      return [{ action: { kind, chain: asText(own?.target) } }]
    case 'dnat':
    case 'snat':
      return own === null ? `${kind} without an address or a port` : natSteps(kind, own, sets, wheel)
    case 'redirect': {
      const ports = own?.port === undefined ? null : portsFrom(own.port)
      if (own?.port !== undefined && ports === null) return [{ action: { kind: 'unknown' } }]
      return [{ action: { kind: 'redirect', ports } }]
    }
    case 'masquerade':
      return [{ action: { kind: 'masquerade', isRandom: isRandom(own) } }]
    case 'mangle':
      return own === null ? [] : markSteps(own, sets, wheel)
    case 'limit':
    case 'quota':
    case 'ct count':
    case 'connlimit':
      return [{ test: perhaps }]
    case 'ct helper': {
      const action = helpers.get(asText(value))
      return action === undefined ? [] : [{ action }]
    }
    case 'xt':
      return xtSteps(own)
  }
  return PASSING.has(kind) ? [] : [{ action: { kind: 'unknown' } }]
}

/** What a refusal takes for granted, which listings leave out. */
function rejectNeeds(type: string): Step[] {
  if (type === 'tcp reset') return [{ test: ofProtocol(6) }]
  if (type === 'icmp') return [{ test: isFamily(4) }]
  return type === 'icmpv6' ? [{ test: isFamily(6) }] : []
}

/** The verdict of an element of a verdict map, or null. */
function verdictOf(value: unknown): Action | null {
  if (asObject(value)?.continue !== undefined) return { kind: 'continue' }
  const steps = stepsOf(value, new Map(), () => 0)
  if (typeof steps === 'string' || steps.length !== 1) return null
  const [step] = steps
  return step !== undefined && 'action' in step ? step.action : null
}

function needsOf(fields: readonly NftField[]): Step[] {
  return fields.flatMap(field => field.needs.map(test => ({ test })))
}

function matchSteps({ op, left, right }: JsonObject, sets: NftSets, wheel: () => number): Step[] {
  const fields = fieldsOf(left, wheel)
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
  wheel: () => number,
  read: (data: unknown) => T | null,
): { fields: NftField[]; lookup: Lookup<T>; isComplete: boolean } | null {
  const fields = fieldsOf(key, wheel)
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

function vmapSteps(own: JsonObject, sets: NftSets, wheel: () => number): Step[] {
  return mapSteps(own, sets, wheel, verdictOf)
}

/**
 * What a map of a key to actions does.
 * @param read makes an action of the data of an element
 * @param otherwise what is done where the map is not known
 */
function mapSteps(
  map: JsonObject,
  sets: NftSets,
  wheel: () => number,
  read: (data: unknown) => Action | null,
  otherwise: Action = { kind: 'unknown' },
): Step[] {
  const found = lookupOf(map, sets, wheel, read)
  if (found === null) return [{ action: otherwise }]
  const { fields, lookup, isComplete } = found
  return [
    ...needsOf(fields),
    {
      action: {
        kind: 'dispatch',
        asks: lookup.asks,
        choose: (subject, mark) => {
          const { found, possible } = lookup.find(subject, mark)
          if (found !== null) return { actions: [found.data], isSure: true }
          return { actions: possible.map(element => element.data), isSure: isComplete && possible.length > 0 }
        },
      },
    },
  ]
}

function natSteps(kind: 'dnat' | 'snat', own: JsonObject, sets: NftSets, wheel: () => number): Step[] {
  const isChance = isRandom(own)
  const map = asObject(asObject(own.addr)?.map)
  if (map !== null) {
    const port = own.port === undefined ? null : portsFrom(own.port)
    return mapSteps(map, sets, wheel, data => {
      const target = targetOf(data, port)
      return target === null ? null : { kind, target, isRandom: isChance }
    })
  }
  const addresses = own.addr === undefined ? null : networkFrom(own.addr)
  const ports = own.port === undefined ? null : portsFrom(own.port)
  const isUnread =
    (own.addr !== undefined && addresses === null) || (own.port !== undefined && ports === null)
  if (isUnread || (addresses === null && ports === null)) return [{ action: { kind: 'unknown' } }]
  const family = addresses?.family
  const steps: Step[] = [{ action: { kind, target: { addresses, ports }, isRandom: isChance } }]
  // in a table of both families a rule with an address is about one
  return family === undefined ? steps : [{ test: isFamily(family) }, ...steps]
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

/** `meta mark set …`, `ct mark set …`, `ct zone set …`; what else is set of a packet is of no account. */
function markSteps({ key, value }: JsonObject, sets: NftSets, wheel: () => number): Step[] {
  const ct = asObject(asObject(key)?.ct)
  if (ct?.key === 'zone') return zoneSteps(ct, value, sets, wheel)
  const isOfPacket = asObject(asObject(key)?.meta)?.key === 'mark'
  if (!isOfPacket && ct?.key !== 'mark') return []
  const kind = isOfPacket ? 'mark' : 'connmark'
  const map = asObject(asObject(value)?.map)
  if (map !== null) {
    const read = (data: unknown): Action | null =>
      typeof data === 'number' ? { kind, clear: 0xffffffff, flip: data } : null
    return mapSteps(map, sets, wheel, read, { kind, clear: 0, flip: null })
  }
  return [{ action: markAction(kind, value) }]
}

function zoneSteps(ct: JsonObject, value: unknown, sets: NftSets, wheel: () => number): Step[] {
  const direction = ct.dir === 'original' || ct.dir === 'reply' ? ct.dir : null
  const actionOf = (zone: unknown): Action | null =>
    typeof zone === 'number' ? { kind: 'zone', zone, direction, tracksAgain: true, helper: null } : null
  const map = asObject(asObject(value)?.map)
  if (map !== null) return mapSteps(map, sets, wheel, actionOf)
  return [{ action: actionOf(value) ?? { kind: 'unknown' } }]
}

/** What a mark is set to: a number, its own with bits set, flipped or cleared, or the other one. */
function markAction(kind: 'mark' | 'connmark', value: unknown): Action {
  if (typeof value === 'number') return { kind, clear: 0xffffffff, flip: value }
  const all = { packetMask: 0xffffffff, connectionMask: 0xffffffff }
  if (isMark(value, 'mark')) return kind === 'mark' ? MARK_KEPT : { kind: 'save-mark', ...all }
  if (isMark(value, 'connmark')) return kind === 'connmark' ? CONNMARK_KEPT : { kind: 'restore-mark', ...all }
  for (const [operator, operands] of Object.entries(asObject(value) ?? {})) {
    const [left, bits] = asList(operands)
    if (typeof bits !== 'number') break
    if (operator === '&' && isMark(left, kind === 'mark' ? 'connmark' : 'mark')) {
      // the other mark, as far as the mask goes
      return kind === 'mark'
        ? { kind: 'restore-mark', packetMask: 0xffffffff, connectionMask: bits }
        : { kind: 'save-mark', packetMask: bits, connectionMask: 0xffffffff }
    }
    if (!isMark(left, kind)) break
    if (operator === '|') return { kind, clear: bits, flip: bits }
    if (operator === '^') return { kind, clear: 0, flip: bits }
    if (operator === '&') return { kind, clear: ~bits, flip: 0 }
  }
  return { kind, clear: 0, flip: null }
}

const MARK_KEPT: Action = { kind: 'mark', clear: 0, flip: 0 }
const CONNMARK_KEPT: Action = { kind: 'connmark', clear: 0, flip: 0 }

function isMark(value: unknown, kind: 'mark' | 'connmark'): boolean {
  const object = asObject(value)
  return asObject(kind === 'mark' ? object?.meta : object?.ct)?.key === 'mark'
}

/** What iptables-nft wrote and nft cannot tell: iptables-save can. */
function xtSteps(own: JsonObject | null): Step[] {
  const name = asText(own?.name)
  if (own?.type === 'match') return XT_SILENT.has(name) ? [] : [{ test: perhaps }]
  if (own?.type === 'target' && !['CT', 'DNAT', 'SNAT', 'MARK', 'CONNMARK'].includes(name)) {
    const action = iptablesTarget(name, [], false, 4)
    if (action === null) return []
    if (
      typeof action !== 'string' &&
      (action.kind === 'notrack' || action.kind === 'drop' || action.kind === 'reject')
    )
      return [{ action }]
  }
  return [{ action: { kind: 'unknown' } }]
}
