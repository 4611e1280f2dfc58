// `nft -j list ruleset` into chains of rules.
import { isHelperName } from '../../conntrack/helper-assignment.ts'
import { FileFault, type Remarks } from '../files/file-fault.ts'
import { asList, asObject, asText, type JsonDocument, type JsonObject } from '../files/json-documents.ts'
import { type Family, parseAddress } from '../files/network.ts'
import { type NftHelpers, stepsOf } from './nft-statement.ts'
import type { Action, Hook, Rule, RuleSource, Ruleset, Step } from './ruleset.ts'
import { parseProtocol } from './subject.ts'
import { remarkOnHelper } from './unmodelled-helper.ts'

/** Longest text of a rule that is kept for reports. */
const LONGEST_TEXT = 2000

/** Families whose hooks see IP packets; those of bridge, netdev and arp are others. */
const FAMILIES = new Map<string, readonly Family[]>([
  ['ip', [4]],
  ['ip6', [6]],
  ['inet', [4, 6]],
])
/** What else nft has. */
const OTHER_FAMILIES = new Set(['arp', 'bridge', 'netdev'])

const HOOKS: readonly Hook[] = ['prerouting', 'input', 'forward', 'output', 'postrouting']

/** Whether a document is a listing of nft. */
export function isNft({ value }: JsonDocument): boolean {
  return Array.isArray(asObject(value)?.nftables)
}

/**
 * Reads one listing into `ruleset`.
 * @returns how many chains and rules were understood
 */
export function readNft(path: string, document: JsonDocument, ruleset: Ruleset, remarks: Remarks): number {
  return readItems(path, asList(asObject(document.value)?.nftables), document.line, ruleset, remarks)
}

/**
 * Reads the items of a listing, whether JSON or text had them.
 * @param line where the listing begins
 */
export function readItems(
  path: string,
  items: readonly unknown[],
  line: number,
  ruleset: Ruleset,
  remarks: Remarks,
): number {
  const sets = setsOf(items)
  const helpers = helpersOf(items, line, remarks)
  let understood = 0
  for (const item of items) {
    const chain = asObject(asObject(item)?.chain)
    const rule = asObject(asObject(item)?.rule)
    if (chain !== null && openChain(chain, ruleset, line)) understood++
    if (rule === null) continue
    const families = familiesOf(rule, line)
    if (families === null) continue
    const space = spaceOf(rule)
    const target = ruleset.open(space, asText(rule.chain), families)
    target.rules.push(
      readRule(path, line, rule, sets.get(space) ?? new Map(), helpers.get(space) ?? new Map(), remarks, () =>
        ruleset.newWheel(),
      ),
    )
    understood++
    if (asList(rule.expr).some(statement => asObject(asObject(statement)?.xt) !== null)) {
      ruleset.foreign.set(space, (ruleset.foreign.get(space) ?? 0) + 1)
    }
  }
  return understood
}

function spaceOf({ family, table }: JsonObject): string {
  return `nft ${asText(family)} ${asText(table)}`
}

/** The elements of named sets and maps, by table, then name. */
function setsOf(items: readonly unknown[]): Map<string, Map<string, readonly unknown[]>> {
  const sets = new Map<string, Map<string, readonly unknown[]>>()
  for (const item of items) {
    const set = asObject(asObject(item)?.set) ?? asObject(asObject(item)?.map)
    if (set === null) continue
    const space = spaceOf(set)
    const own = sets.get(space) ?? new Map<string, readonly unknown[]>()
    own.set(asText(set.name), asList(set.elem))
    sets.set(space, own)
  }
  return sets
}

/** `ct helper` objects of helpers that are modelled, by table, then name; of others a remark. */
function helpersOf(
  items: readonly unknown[],
  line: number,
  remarks: Remarks,
): Map<string, Map<string, Action>> {
  const found = new Map<string, Map<string, Action>>()
  for (const item of items) {
    const object = asObject(asObject(item)?.['ct helper'])
    if (object === null) continue
    const helper = asText(object.type)
    const protocol = parseProtocol(asText(object.protocol))
    const unmodelled = remarkOnHelper(helper)
    if (unmodelled !== null) remarks.add(line, unmodelled)
    if (!isHelperName(helper) || protocol === null) continue
    const families = FAMILIES.get(asText(object.l3proto)) ?? FAMILIES.get(asText(object.family)) ?? []
    const own = found.get(spaceOf(object)) ?? new Map<string, Action>()
    own.set(asText(object.name), { kind: 'helper', helper, protocol, families })
    found.set(spaceOf(object), own)
  }
  return found
}

/** The families whose packets a chain or rule sees, null for none. @throws FileFault for a family nobody knows */
function familiesOf({ family }: JsonObject, line: number): readonly Family[] | null {
  const known = FAMILIES.get(asText(family))
  if (known !== undefined) return known
  if (OTHER_FAMILIES.has(asText(family))) return null
  const names = [...FAMILIES.keys(), ...OTHER_FAMILIES].join(', ')
  throw new FileFault(
    line,
    `unknown family ${JSON.stringify(asText(family).slice(0, 40))} in the listing that begins here, expected one of ${names}`,
  )
}

function openChain(chain: JsonObject, ruleset: Ruleset, line: number): boolean {
  const families = familiesOf(chain, line)
  if (families === null) return false
  const opened = ruleset.open(spaceOf(chain), asText(chain.name), families)
  const hook = HOOKS.find(known => known === chain.hook)
  if (hook !== undefined) {
    opened.base = {
      type: asText(chain.type),
      hook,
      priority: typeof chain.prio === 'number' ? chain.prio : 0,
      policy: chain.policy === 'drop' ? 'drop' : 'accept',
    }
  }
  return true
}

function readRule(
  path: string,
  line: number,
  rule: JsonObject,
  sets: ReadonlyMap<string, readonly unknown[]>,
  helpers: NftHelpers,
  remarks: Remarks,
  wheel: () => number,
): Rule {
  const chain = asText(rule.chain)
  const steps: Step[] = []
  for (const statement of asList(rule.expr)) {
    const read = stepsOf(statement, sets, wheel, helpers)
    if (typeof read === 'string') {
      remarks.add(line, `rule ${handleOf(rule)} of chain ${chain}: ${read}; what it does is not known`)
      steps.push({ action: { kind: 'unknown' } })
    } else steps.push(...read)
  }
  return {
    source: {
      tool: 'nft',
      ...placeOf(path, rule),
      table: `${asText(rule.family)} ${asText(rule.table)}`,
      chain,
      text: textOf(rule, chain),
      comment: asText(rule.comment),
    },
    steps,
    destination: destinationOf(rule),
    counter: steps.some(step => 'action' in step && step.action.kind === 'count') ? 'own' : null,
  }
}

/** Text has lines, JSON has handles. */
function placeOf(path: string, rule: JsonObject): Pick<RuleSource, 'place' | 'file' | 'line' | 'handle'> {
  const own = handleOf(rule)
  const handle = own === 0 ? -1 : own
  if (typeof rule.line !== 'number') return { place: `${path} handle ${own}`, file: path, line: -1, handle }
  return { place: `${path}:${rule.line}`, file: path, line: rule.line, handle }
}

function textOf(rule: JsonObject, chain: string): string {
  const own = asText(rule.text)
  if (own !== '') return own.length > LONGEST_TEXT ? `${own.slice(0, LONGEST_TEXT)} …` : own
  return `rule ${asText(rule.family)} ${asText(rule.table)} ${chain} handle ${handleOf(rule)}`
}

function handleOf({ handle }: JsonObject): number {
  return typeof handle === 'number' ? handle : 0
}

function destinationOf(rule: JsonObject): Int32Array | null {
  for (const statement of asList(rule.expr)) {
    const match = asObject(asObject(statement)?.match)
    // what stands behind an action is not asked for before it
    if (match === null) return null
    const payload = asObject(asObject(match.left)?.payload)
    if (match.op !== '==' || payload?.field !== 'daddr' || typeof match.right !== 'string') continue
    return parseAddress(match.right)?.words ?? null
  }
  return null
}
