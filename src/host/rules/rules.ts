// What rules say of packets: where DNAT leads, what source they leave with, whether they are tracked, what drops INVALID.
import { contains, formatEndpoint, isSingle } from '../files/network.ts'
import { HookOrder } from './hook-order.ts'
import type { Action, Chain, Hook, NatTarget, Rule, Ruleset } from './ruleset.ts'
import type { Subject } from './subject.ts'
import { type Outcome, walk } from './walk.ts'

/** One way that NAT may take. */
export interface NatChoice {
  action: Extract<Action, { kind: 'dnat' | 'snat' | 'redirect' | 'masquerade' }>
  /** The rules that led there, the one that translates last. */
  way: readonly Rule[]
}

export interface NatAnswer {
  choices: NatChoice[]
  /** Whether it may stay as it is. */
  mayPass: boolean
  /** Whether there is something on the way that nobody understands. */
  isUnknown: boolean
  /** Marks that the packet may have behind it. */
  marks: (number | null)[]
}

export interface DropAnswer {
  /** `drops` and `passes` for certain; else nobody knows. */
  verdict: 'drops' | 'passes' | 'unknown'
  /** The rule that drops it, or may; null: the policy of a chain. */
  rule: Rule | null
}

/** Where packets come by first: from outside, or from the host itself. */
export type FirstHook = 'prerouting' | 'output'

export function firstHook({ family, source, isLocal }: Subject): FirstHook {
  return isLocal?.(family, source) === true ? 'output' : 'prerouting'
}

export class Rules {
  /** Whether any rule is one of NOTRACK. */
  readonly hasNotrack: boolean
  readonly ruleset: Ruleset
  private readonly firstMark: number | null
  private readonly order: HookOrder

  constructor(ruleset: Ruleset) {
    this.ruleset = ruleset
    this.order = new HookOrder(ruleset)
    this.hasNotrack = ruleset.chains.some(({ rules }) => rules.some(rule => hasAction(rule, 'notrack')))
    this.firstMark = isMarkedElsewhere(ruleset) ? null : 0
  }

  /** Whether there are rules of NAT for a family at all. */
  hasNat(family: 4 | 6): boolean {
    return this.natChains('prerouting', family).length + this.natChains('postrouting', family).length > 0
  }

  /** Whether any were given that nft lists, which are of both families. */
  get hasNft(): boolean {
    return this.ruleset.chains.some(({ table }) => table.startsWith('nft '))
  }

  /** Whether any were given that iptables, or ip6tables, lists. */
  hasIptables(family: 4 | 6): boolean {
    const prefix = family === 6 ? 'ip6 ' : 'ip '
    return this.ruleset.chains.some(({ table }) => table.startsWith(prefix))
  }

  /** Rules that translate: destinations and sources. */
  get natRules(): { destinations: number; sources: number } {
    const all = this.ruleset.chains.flatMap(({ rules }) => rules)
    return {
      destinations: all.filter(rule => hasAction(rule, 'dnat') || hasAction(rule, 'redirect')).length,
      sources: all.filter(rule => hasAction(rule, 'snat') || hasAction(rule, 'masquerade')).length,
    }
  }

  /** Rules of DNAT whose one target is this endpoint. */
  leadingTo(family: 4 | 6, address: Int32Array, port: number): Rule[] {
    const found: Rule[] = []
    for (const { families, rules } of this.ruleset.chains) {
      if (!families.includes(family)) continue
      for (const rule of rules) {
        const isIts = rule.steps.some(
          step =>
            'action' in step &&
            step.action.kind === 'dnat' &&
            step.action.target.addresses !== null &&
            step.action.target.addresses.family === family &&
            isSingle(step.action.target.addresses) &&
            step.action.target.ports !== null &&
            leadsTo(step.action.target, address, port, -1),
        )
        if (isIts) found.push(rule)
      }
    }
    return found
  }

  /** Where the first packet of a flow is sent instead; what is known to be of the host itself passes OUTPUT. */
  destinations(subject: Subject, hook: FirstHook = firstHook(subject)): NatAnswer {
    return this.translate(this.natChains(hook, subject.family), { ...subject, state: 'new' }, [
      this.firstMark,
    ])
  }

  /** What source the first packet of a flow leaves with. @param before the packet as it came; `after` as it is routed */
  sources(before: Subject, after: Subject): NatAnswer {
    const { marks } = this.destinations(before)
    const chains = this.natChains('postrouting', after.family)
    return this.translate(chains, { ...after, state: 'new' }, marks.length === 0 ? [null] : marks)
  }

  /** What becomes of an INVALID packet at hooks behind conntrack; of a file without a chain at the last of them nobody knows. */
  invalid(subject: Subject, hooks: readonly Hook[]): DropAnswer {
    return this.dropped({ ...subject, state: 'invalid' }, hooks, [null])
  }

  /**
   * What becomes of the first packet of a flow behind its translation, where it is forwarded.
   * @param marks that it may have, as destinations() tells them
   */
  forwarded(after: Subject, marks: NatAnswer['marks']): DropAnswer {
    return this.dropped({ ...after, state: 'new' }, ['forward'], marks.length === 0 ? [null] : marks)
  }

  private dropped(subject: Subject, hooks: readonly Hook[], marks: NatAnswer['marks']): DropAnswer {
    const last = hooks.at(-1)
    let isSure = last !== undefined && this.filterChains(last, subject.family).length > 0
    let mayBe: Rule | null = null
    for (const hook of hooks) {
      for (const chain of this.filterChains(hook, subject.family)) {
        const outcomes = walk(this.ruleset, chain, subject, marks)
        const drops = outcomes.filter(({ action }) => action?.kind === 'drop' || action?.kind === 'reject')
        const rule = drops[0]?.way.at(-1) ?? null
        if (drops.length === outcomes.length) return { verdict: isSure ? 'drops' : 'unknown', rule }
        if (drops.length > 0 || outcomes.some(({ action }) => action?.kind === 'unknown')) isSure = false
        mayBe ??= rule
      }
    }
    return { verdict: isSure ? 'passes' : 'unknown', rule: mayBe }
  }

  /** Whether a packet is certainly not tracked, by the rules in front of conntrack. */
  isUntracked(subject: Subject, hook: FirstHook): boolean {
    return this.untracking(subject, hook).isSure
  }

  /** The rules on the way to that which leaves a packet untracked, or may; null: none does. `isSure`: it does. */
  untracking(subject: Subject, hook: FirstHook): { way: readonly Rule[] | null; isSure: boolean } {
    let way: readonly Rule[] | null = null
    for (const chain of this.order.at(hook, subject.family, 'front')) {
      const outcomes = walk(this.ruleset, chain, subject, [this.firstMark])
      const untracked = outcomes.filter(({ action }) => action?.kind === 'notrack')
      way ??= untracked[0]?.way ?? null
      if (untracked.length > 0 && untracked.length === outcomes.length) return { way, isSure: true }
    }
    return { way, isSure: false }
  }

  /** Follows a packet through NAT: the first chain that translates decides. */
  private translate(
    chains: readonly Chain[],
    subject: Subject,
    first: readonly (number | null)[],
  ): NatAnswer {
    const choices: NatChoice[] = []
    let marks = [...first]
    let isUnknown = false
    const taken = new Set<Action>()
    const ended = new Set<number | null>()
    for (const chain of chains) {
      const passing = new Set<number | null>()
      for (const outcome of walk(this.ruleset, chain, subject, marks)) {
        const choice = choiceOf(outcome)
        if (choice !== null) {
          if (!taken.has(choice.action)) choices.push(choice)
          taken.add(choice.action)
          ended.add(outcome.mark)
        } else if (outcome.action?.kind === 'unknown') isUnknown = true
        else passing.add(outcome.mark)
      }
      marks = [...passing]
      if (marks.length === 0) break
    }
    const mayPass = marks.length > 0
    return { choices, mayPass, isUnknown, marks: [...new Set([...ended, ...marks])] }
  }

  private natChains(hook: Hook, family: 4 | 6): Chain[] {
    return this.order.at(hook, family, 'behind').filter(({ base }) => base?.type === 'nat')
  }

  /** Chains behind conntrack that look at every packet. */
  private filterChains(hook: Hook, family: 4 | 6): Chain[] {
    return this.order.at(hook, family, 'behind').filter(({ base }) => base?.type !== 'nat')
  }
}

function choiceOf({ action, way }: Outcome): NatChoice | null {
  switch (action?.kind) {
    case 'dnat':
    case 'snat':
    case 'redirect':
    case 'masquerade':
      return { action, way }
    default:
      return null
  }
}

function hasAction(rule: Rule, kind: Action['kind']): boolean {
  return rule.steps.some(step => 'action' in step && step.action.kind === kind)
}

/** Whether rules outside of the tables of NAT set marks: then a packet comes to NAT with one that is not known. */
function isMarkedElsewhere({ chains }: Ruleset): boolean {
  const own = new Set(chains.filter(({ base }) => base?.type === 'nat').map(({ table }) => table))
  return chains.some(
    ({ table, rules }) =>
      !own.has(table) && rules.some(rule => hasAction(rule, 'mark') || hasAction(rule, 'restore-mark')),
  )
}

/** Whether DNAT or SNAT may have led to this endpoint; `port` is that of the packet before, where it may stay. */
export function leadsTo(target: NatTarget, address: Int32Array, port: number, before: number): boolean {
  const { addresses, ports } = target
  if (addresses !== null && !contains(addresses, address)) return false
  if (port < 0) return true
  return ports === null ? port === before : ports[0] <= port && port <= ports[1]
}

/** The one endpoint that an answer leads to, or null: several, chance, or perhaps none. */
export function onlyTarget(
  { choices, mayPass, isUnknown }: NatAnswer,
  { family, destinationPort }: Subject,
): { address: Int32Array; port: number; text: string; way: readonly Rule[] } | null {
  const [choice] = choices
  if (choice === undefined || choices.length > 1 || mayPass || isUnknown) return null
  if (choice.action.kind !== 'dnat') return null
  const { addresses, ports } = choice.action.target
  if (addresses === null || !isSingle(addresses) || (ports !== null && ports[0] !== ports[1])) return null
  const port = ports === null ? destinationPort : ports[0]
  return {
    address: addresses.first,
    port,
    text: formatEndpoint(family, addresses.first, port),
    way: choice.way,
  }
}

/**
 * What the rules call what they do: a comment (`default/web:http`), or of kube-proxy's nftables mode the Service in the
 * name of its chains, in the same form; of CNI plugins their network, without the hash of a container; `''` where there is
 * none.
 */
export function nameOf(way: readonly Rule[]): string {
  for (const { source } of way.toReversed()) {
    const service = KUBE_PROXY_CHAIN.exec(source.chain)
    if (service !== null) {
      const [, namespace = '', name = '', port = ''] = service
      return port === '' ? `${namespace}/${name}` : `${namespace}/${name}:${port}`
    }
    const network = CNI_COMMENT.exec(source.comment)
    if (network !== null) return `${network[1] ?? ''}CNI network ${network[2]}`
    // behind a Service's name kube-proxy says what the rule is for
    if (source.comment !== '') return SERVICE_COMMENT.exec(source.comment)?.[1] ?? source.comment
  }
  return ''
}

/** `service-ULMVA6XW-shop/web/tcp/http`, `endpoint-6CAI2D4K-shop/web/tcp/http__10.244.1.2/8080` */
const KUBE_PROXY_CHAIN =
  /^(?:endpoint|service|local|external|firewall)-[A-Z0-9]{8}-([^/_]+)\/([^/_]+)\/[a-z]+\/([^_]*?)(?:__.*)?$/
/** `name: "cbr0" id: "05d8…"`, `dnat name: "cbr0" id: "…"` */
const CNI_COMMENT = /^(\w+ )?name: "([^"]*)" id: "[0-9a-f]+"$/
const SERVICE_COMMENT =
  /^([a-z0-9.-]+\/[a-z0-9.-]+(?::[a-z0-9.-]+)?) (?:->|cluster IP|has no|external|traffic|loadbalancer|route|masquerade|pod|Redirect)/
