// What rules, topology and sysctls of the host add to a finding: the rule, more confidence, or that it is not to be told.

import {
  contains,
  formatAddress,
  formatNetwork,
  isSingle,
  type Network,
  sameAddress,
} from '../host/files/network.ts'
import type { Endpoint, Knowledge } from '../host/knowledge.ts'
import { type Cluster, nameOf as objectName, portText } from '../host/kubernetes/cluster.ts'
import { hasKubeProxyNftables } from '../host/rules/kube-proxy.ts'
import { firstHook, leadsTo, type NatAnswer, nameOf, onlyTarget, type Rules } from '../host/rules/rules.ts'
import type { Action, Rule } from '../host/rules/ruleset.ts'
import type { Subject } from '../host/rules/subject.ts'
import { BY_HOST } from '../host/walk/grouped-packets.ts'
import type { ReplayedRules } from '../host/walk/replayed-rules.ts'
import { placeOf } from '../host/walk/rule-numbers.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../net/numbers.ts'
import { isOneEnd } from './evidence/flow-forms.ts'
import { isSamePhrase } from './facts/collector.ts'
import {
  type Facts,
  type FindingId,
  type FlowFacts,
  type Phrase,
  phrase,
  type RuleFacts,
  type Value,
  type Values,
} from './facts/facts.ts'
import { nodeThatTranslates } from './node-evidence.ts'

/** Flows of a finding that are asked about. */
const MOST_FLOWS = 20

/** What was given of bridge-nf-call-iptables and -ip6tables; null: not told. */
export interface BridgeCalls {
  ipv4: number | null
  ipv6: number | null
}

/** Says more of a finding than the packets do; null: it is not to be told. */
export type Informant = (facts: Facts) => Facts | null

/** Who a flow is between: null where nobody saw them. */
interface Parties {
  protocol: number
  client: Endpoint
  /** Whom the client asked, where that was translated. */
  service: Endpoint | null
  /** Whom it came to. */
  backend: Endpoint | null
}

/** Where rules send what was asked for, each with the rules on the way to it, the last of which sends it there. */
interface SentOn {
  asked: Endpoint
  targets: { sent: Endpoint; way: readonly Rule[] }[]
}

/** What is known of a finding beside its packets. */
class Given {
  readonly knowledge: Knowledge
  readonly reasons: Phrase[] = []
  readonly rules: RuleFacts[] = []
  readonly values: Record<string, Value> = {}
  /** Whether it makes the finding certain. */
  isConfirmed = false
  /** Whether it makes the finding likely at least. */
  isSurer = false
  /** Whether it says the opposite of what the packets show: another time, or another host. */
  isContradicted = false
  /** Whether it says that no bridge of this host switched an answer past its translation; that one did. */
  isElsewhere = false
  isHere = false
  /** Networks that have both ends of a flow, by their interfaces; of a flow without one `''`. */
  readonly segments = new Map<string, string>()

  constructor(knowledge: Knowledge) {
    this.knowledge = knowledge
  }

  /** What is the same of several flows is told once. */
  tell(code: string, values: Values = {}): void {
    const told = phrase(code, values)
    if (!this.reasons.some(known => isSamePhrase(known, told))) this.reasons.push(told)
  }

  /** @param way rules that were passed on the way to it, the rule itself last */
  tellRule(code: string, way: readonly Rule[], values: Values = {}): void {
    const { source } = way[way.length - 1]
    const rule = { place: source.place, name: nameOf(way) }
    this.rules.push(rule)
    this.tell(code, { ...values, ...rule })
  }
}

const PAST_TRANSLATION: readonly FindingId[] = ['asymmetric-same-bridge-return', 'dsr-untranslated-reply']

/**
 * An informant that knows rules, topology and sysctls: null for what they contradict and the packets do not prove.
 * @param replayed the rules that the packets went through, or null
 */
export function informedBy(
  knowledge: Knowledge | null,
  bridgeCalls: BridgeCalls | null = null,
  replayed: ReplayedRules | null = null,
): Informant {
  return seen => {
    const facts = knowledge === null ? seen : behindBridge(seen, knowledge, bridgeCalls)
    const given = knowledge === null ? null : new Given(knowledge)
    if (given !== null) {
      const flows = facts.flows.slice(0, MOST_FLOWS)
      // what dropped the packets is said first
      const isOfRule = facts.reasons.some(({ code }) => code.endsWith('-by-rule') || code === 'not-allowed')
      if (isOfRule) return facts
      if (replayed !== null && (facts.id === 'lost-in-host' || facts.id === 'multicast-answer'))
        for (const flow of flows) droppedBy(isOfAnswers(facts) ? answersOf(flow) : flow, replayed, given)
      if (facts.id === 'partial-notrack') halfUntracked(facts, replayed, given)
      if (replayed !== null && facts.id === 'pmtu-blackhole') errorDroppedBy(facts, replayed, given)
      for (const flow of isOfAnswers(facts) ? [] : flows) {
        const parties = partiesOf(flow)
        if (parties !== null) gather(facts.id, parties, given)
      }
    }
    // answers that no rule drops are let in
    if (facts.id === 'multicast-answer' && replayed?.untold === 0 && given?.reasons.length === 0) return null
    const placed = PAST_TRANSLATION.includes(facts.id) ? placedBy(facts, given, bridgeCalls) : facts
    return given === null ? decided(placed) : decided(withGiven(placed, given))
  }
}

/** Whether a finding is about the answers of its flows. */
function isOfAnswers({ reasons }: Facts): boolean {
  return reasons[0]?.code === 'answers-stay'
}

/** Answers as they come in, as a flow of their own. */
function answersOf(flow: FlowFacts): FlowFacts {
  const { client, server, translated } = flow
  return { ...flow, client: translated?.server ?? server, server: translated?.client ?? client ?? server }
}

/**
 * Requests that left by the interface they came in by: where the topology says that this is a bridge of the host, with
 * client and server behind it, it is that bridge that switched the answers.
 */
function behindBridge(facts: Facts, knowledge: Knowledge, bridgeCalls: BridgeCalls | null): Facts {
  if (!facts.reasons.some(({ code }) => code === 'sent-back')) return facts
  const isSwitched = facts.flows.every(({ client, translated }) => {
    const server = translated?.server
    if (client === null || server === undefined) return false
    const calls = bridgeCalls?.[client.family === 6 ? 'ipv6' : 'ipv4']
    const shared = knowledge.sharedBridge(client.family, client.words, server.words)
    return calls !== 1 && shared !== null && shared !== false
  })
  return isSwitched ? { ...facts, id: 'asymmetric-same-bridge-return' } : facts
}

/** What stays open is not told. */
function decided(facts: Facts | null): Facts | null {
  return facts?.isOpen === true && facts.confidence !== 'certain' ? null : facts
}

function withGiven(facts: Facts, given: Given): Facts | null {
  const { reasons, rules, values, isConfirmed, isSurer, isContradicted, segments } = given
  // one rule for a network is right where all flows are of it
  const [[device, network] = ['', '']] = segments
  if (segments.size === 1 && device !== '') Object.assign(values, { device, network })
  if (isContradicted && facts.confidence !== 'certain') return null
  return {
    ...facts,
    confidence:
      isConfirmed && !isContradicted
        ? 'certain'
        : isSurer && facts.confidence === 'possible'
          ? 'likely'
          : facts.confidence,
    reasons: [...facts.reasons, ...reasons],
    rules: [...facts.rules, ...rules],
    values: { ...facts.values, ...values },
  }
}

/** Whether it was a bridge of this host that switched an answer past its translation, as far as that was given. */
function placedBy(facts: Facts, given: Given | null, bridgeCalls: BridgeCalls | null): Facts {
  const isIpv6 = facts.flows.every(({ server }) => server.family === 6)
  const sysctl = `bridge-nf-call-${isIpv6 ? 'ip6tables' : 'iptables'}`
  const seesAll = bridgeCalls?.[isIpv6 ? 'ipv6' : 'ipv4'] === 1
  const isHere = facts.id === 'asymmetric-same-bridge-return' || given?.isHere === true
  if (!isHere) return facts
  if (seesAll || given?.isElsewhere === true) {
    const reasons = seesAll ? [...facts.reasons, phrase('bridge-calls', { sysctl })] : facts.reasons
    return { ...facts, id: 'dsr-untranslated-reply', reasons }
  }
  return { ...facts, id: 'asymmetric-same-bridge-return' }
}

function partiesOf({ protocol, client, server, translated, untranslated }: FlowFacts): Parties | null {
  if (client === null) return null
  if (untranslated === undefined) {
    const backend = translated?.server ?? server
    return { protocol, client, service: isOneEnd(backend, server) ? null : server, backend }
  }
  const seenClient = translated?.client ?? client
  const seenServer = translated?.server ?? server
  const { source, destination } = untranslated
  // the server is where it was: what is translated is the client
  if (isOneEnd(source, seenServer) || isOneEnd(destination, seenServer))
    return { protocol, client, service: null, backend: seenServer }
  if (isOneEnd(source, seenClient)) return { protocol, client, service: seenServer, backend: destination }
  if (isOneEnd(destination, seenClient)) return { protocol, client, service: seenServer, backend: source }
  return { protocol, client, service: seenServer, backend: null }
}

function gather(id: FindingId, parties: Parties, given: Given): void {
  switch (id) {
    case 'asymmetric-same-bridge-return':
      sameBridge(parties, given)
      break
    case 'dsr-untranslated-reply':
      untranslatedReply(parties, given)
      break
    case 'lan-reflection':
      ofDestination(parties, given)
      inOneSegment(parties, given)
      break
    case 'hairpin-no-masquerade':
      noMasquerade(parties, given)
      break
    case 'hairpin-mode-off':
      modeOff(parties, given)
      break
    case 'invalid-leak':
      ofDestination(parties, given)
      if (parties.backend !== null) leaked(parties.protocol, parties.backend, parties.client, given)
      break
    case 'invalid-leak-private-source':
      ofSource(parties, given)
      if (parties.backend !== null) leaked(parties.protocol, parties.client, parties.backend, given)
      break
    case 'dsr-invalid-drop':
      invalidDrop(parties, given)
      break
    case 'lost-in-host':
      lost(parties, given)
      break
    case 'invalid-reset':
      resetHere(parties, given)
      break
    case 'stale-mapping':
      stale(parties, given)
      break
    case 'snat-insert-race':
      race(parties, given)
      break
    case 'idle-timeout-untranslated-reply':
      // behind the host what is untranslated has the service's address
      if (!ofDestination(parties, given)) ofDestination(turned(parties), given)
      break
    case 'idle-timeout-inbound':
    case 'idle-timeout-remapped':
      ofSource(parties, given)
  }
}

/**
 * Says what dropped the packets of a flow, which came in and did not leave: of several rules the one that dropped most.
 * @returns whether anything is known to have
 */
function droppedBy(
  { protocol, client, server }: FlowFacts,
  { dropped, numbers }: ReplayedRules,
  given: Given,
): boolean {
  if (client === null) return false
  const [most] = dropped.groups
    .filter(
      group =>
        group.protocol === protocol &&
        group.destinationPort === server.port &&
        sameAddress(group.source, client.words) &&
        sameAddress(group.destination, server.words),
    )
    .sort((a, b) => b.packets - a.packets)
  if (most === undefined) return false
  const place = placeOf(numbers, most.decided)
  if (place !== null) given.tell('rule-drops', { ...place })
  else if (most.decided === BY_HOST) given.tell('host-drops', { why: most.why })
  return place !== null || most.decided === BY_HOST
}

/** Says what dropped the ICMP errors of a finding. */
function errorDroppedBy({ steps, flows: [flow] }: Facts, replayed: ReplayedRules, given: Given): void {
  const { router, target } = steps.find(({ code }) => code === 'error')?.values ?? {}
  if (typeof router !== 'object' || typeof target !== 'object' || flow === undefined) return
  const protocol = router.family === 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP
  given.isConfirmed = droppedBy({ ...flow, protocol, client: router, server: target }, replayed, given)
}

/**
 * Says which rule leaves one direction untracked, and what drops the other; certain where no rule may untrack that, too.
 */
function halfUntracked(
  { flows: [flow], reasons: [reason] }: Facts,
  replayed: ReplayedRules | null,
  given: Given,
): void {
  const { knowledge } = given
  if (flow === undefined || flow.client === null || knowledge.rules === null) return
  const { protocol, client, server } = flow
  const request = [client, flow.translated?.server ?? server] as const
  const answer = [request[1], flow.translated?.client ?? client] as const
  const isOfRequests = reason?.code === 'requests'
  const [untracked, tracked] = isOfRequests ? [request, answer] : [answer, request]
  const untracking = untrackedOnWay(protocol, untracked, knowledge, knowledge.rules)
  if (untracking.way !== null) given.tellRule('rule-untracks', untracking.way)
  if (untrackedOnWay(protocol, tracked, knowledge, knowledge.rules).way !== null) given.isContradicted = true
  else given.isConfirmed = untracking.isSure
  const isLocal = ({ family, words }: Endpoint): boolean => knowledge.host?.isLocal(family, words) === true
  given.values.hook = isLocal(tracked[0]) ? 'OUTPUT' : 'PREROUTING'
  if (replayed === null) return
  const way: FlowFacts = { ...flow, client: tracked[0], server: tracked[1], translated: null }
  if (droppedBy(way, replayed, given))
    given.values.chain = isLocal(tracked[0]) ? 'OUTPUT' : isLocal(tracked[1]) ? 'INPUT' : 'FORWARD'
}

/** Where the sender may be the host or not, both hooks are asked. */
function untrackedOnWay(
  protocol: number,
  [source, destination]: readonly [Endpoint, Endpoint],
  knowledge: Knowledge,
  rules: Rules,
): ReturnType<Rules['untracking']> {
  const subject = knowledge.subject(protocol, source, destination)
  if (subject.isLocal !== null) return rules.untracking(subject, firstHook(subject))
  const forwarded = rules.untracking(subject, 'prerouting')
  return forwarded.way === null ? rules.untracking(subject, 'output') : forwarded
}

function turned({ protocol, client, service, backend }: Parties): Parties {
  return { protocol, client, service: backend, backend: service }
}

/** Says which rule translates the destination. @returns whether it leads where the packets went */
function ofDestination({ protocol, client, service, backend }: Parties, given: Given): boolean {
  const { rules } = given.knowledge
  if (rules === null || backend === null) return false
  const came = given.knowledge.subject(protocol, client, backend)
  if (!rules.hasNat(came.family)) return false
  if (service === null) {
    for (const rule of rules.leadingTo(came.family, came.destination, came.destinationPort))
      given.tellRule('rule-leads', [rule], { backend })
    return false
  }
  const asked = given.knowledge.subject(protocol, client, service)
  const answer = rules.destinations(asked)
  const rule = ruleTo(answer, came, asked)
  if (rule !== null) {
    given.tellRule('rule-sends', [rule], { service, backend })
    return true
  }
  if (answer.choices.length > 0 && !answer.mayPass && !answer.isUnknown) {
    given.isContradicted = true
    given.tellRule('sent-elsewhere', answer.choices[0].way, { service })
  }
  return false
}

function ruleTo(answer: NatAnswer, came: Subject, asked: Subject): Rule | null {
  for (const { action, way } of answer.choices) {
    if (action.kind !== 'dnat') continue
    if (leadsTo(action.target, came.destination, came.destinationPort, asked.destinationPort))
      return way[way.length - 1]
  }
  return null
}

/** Says which rule gives it another source. */
function ofSource({ protocol, client, backend }: Parties, given: Given): NatAnswer | null {
  const { rules } = given.knowledge
  if (backend === null || rules === null) return null
  const subject = given.knowledge.subject(protocol, client, backend)
  if (!rules.hasNat(subject.family)) return null
  // behind DNAT it has another destination
  const target = onlyTarget(rules.destinations(subject), subject)
  const after =
    target === null
      ? subject
      : given.knowledge.subject(protocol, client, {
          family: subject.family,
          words: target.address,
          port: target.port,
        })
  const answer = rules.sources(subject, after)
  for (const { action, way } of answer.choices) {
    const code = action.kind === 'masquerade' ? 'rule-masquerades' : 'rule-translates'
    given.tellRule(code, way, { source: addressOf(client) })
  }
  return answer
}

/** Where one end was captured: rules and topology tell whether the host translated, and whether its bridge switched. */
function untranslatedReply(parties: Parties, given: Given): void {
  byNode(parties, given)
  const shared = bridgeOf(parties, given)
  if (isSentThere(parties, given) && shared !== null && shared !== false) {
    given.isHere = true
    given.isConfirmed = true
    sameBridge(parties, given)
  } else if (ofDestination(parties, given)) given.isConfirmed = true
  inOneSegment(parties, given)
}

/** Says which node translates, by the objects; another one than the captures are of is where to look. */
function byNode({ protocol, client, service }: Parties, given: Given): void {
  const node = service === null ? null : nodeThatTranslates(given.knowledge, protocol, client, service)
  if (node === null) return
  const { name, address, isHere } = node
  given.tell(isHere === false ? 'other-node-translates' : 'node-translates', { node: name, address })
  given.values.translator = address
  if (isHere === false) given.isElsewhere = true
}

/** Notes the interface of the host whose network both ends are in. */
function inOneSegment({ client, backend }: Parties, given: Given): void {
  if (backend === null || given.values.bridge !== undefined) return
  for (const { name, addresses } of given.knowledge.host?.interfaces.values() ?? []) {
    const own = addresses.find(
      ({ network }) =>
        network.family === client.family &&
        contains(network, client.words) &&
        contains(network, backend.words),
    )
    if (own !== undefined) {
      given.segments.set(name, formatNetwork(own.network))
      return
    }
  }
  given.segments.set('', '')
}

/** Whether the rules send what the client asked for to who answered. */
function isSentThere({ protocol, client, service, backend }: Parties, { knowledge }: Given): boolean {
  const { rules } = knowledge
  if (rules === null || backend === null) return false
  const came = knowledge.subject(protocol, client, backend)
  if (service === null) return rules.leadingTo(came.family, came.destination, came.destinationPort).length > 0
  const asked = knowledge.subject(protocol, client, service)
  return ruleTo(rules.destinations(asked), came, asked) !== null
}

function bridgeOf({ client, backend }: Parties, { knowledge }: Given): ReturnType<Knowledge['sharedBridge']> {
  return backend === null ? null : knowledge.sharedBridge(client.family, client.words, backend.words)
}

function sameBridge(parties: Parties, given: Given): void {
  const { knowledge } = given
  byNode(parties, given)
  const isTranslated = ofDestination(parties, given)
  const { client, backend } = parties
  const shared = bridgeOf(parties, given)
  if (shared === false) {
    given.isElsewhere = true
    given.tell('other-bridges')
    return
  }
  if (isTranslated) given.isConfirmed = true
  if (shared === null || backend === null) return
  const ports = [client, backend].flatMap(
    ({ family, words }) => knowledge.portOf(family, words)?.port?.name ?? [],
  )
  const { bridge } = shared
  given.tell('same-bridge', { bridge, ...(ports.length === 2 ? { ports: ports.join(' and ') } : {}) })
  const network = knowledge.host?.interfaces
    .get(bridge)
    ?.addresses.find(({ address }) => address.family === client.family)?.network
  if (network !== undefined) Object.assign(given.values, { bridge, network: formatNetwork(network) })
}

function noMasquerade(parties: Parties, given: Given): void {
  ofDestination(parties, given)
  const { rules } = given.knowledge
  const { protocol, client, service, backend } = parties
  if (rules === null || backend === null || service === null) return
  const came = given.knowledge.subject(protocol, client, backend)
  // a mark that a rule of the service sets may decide: without the service nothing is told
  if (!rules.hasNat(came.family)) return
  const answer = rules.sources(given.knowledge.subject(protocol, client, service), came)
  if (answer.choices.length === 0 && !answer.isUnknown) {
    given.isConfirmed = !given.isContradicted
    given.tell('not-masqueraded', { source: addressOf(client) })
  } else if (!answer.mayPass && !answer.isUnknown) {
    given.isContradicted = true
    given.tellRule('would-masquerade', answer.choices[0].way)
  }
}

function modeOff(parties: Parties, given: Given): void {
  ofDestination(parties, given)
  const { client } = parties
  const port = given.knowledge.portOf(client.family, client.words)?.port ?? null
  if (port === null) return
  given.values.port = port.name
  if (port.hairpin === null) return
  if (port.hairpin) {
    given.isContradicted = true
    given.tell('hairpin-on', { port: port.name })
  } else {
    given.isConfirmed = true
    given.tell('hairpin-off', { port: port.name, bridge: port.master ?? '' })
  }
}

/** A packet that conntrack found INVALID went on its way: what do the rules say of that? */
function leaked(protocol: number, source: Endpoint, destination: Endpoint, given: Given): void {
  const { rules } = given.knowledge
  if (rules === null) return
  const subject = given.knowledge.subject(protocol, source, destination)
  const { verdict, rule } = rules.invalid(subject, ['prerouting', 'forward'])
  if (verdict === 'passes') {
    given.tell('invalid-passes')
    if (hasKubeProxyNftables(rules.ruleset)) given.values.isKubeProxyNftables = true
  }
  if (verdict !== 'drops') return
  given.isContradicted = true
  if (rule === null) given.tell('invalid-dropped')
  else given.tellRule('invalid-dropped', [rule])
}

/** A segment that the host itself reset: rules that drop INVALID packets on their way through do not see it. */
function resetHere({ protocol, client, backend }: Parties, given: Given): void {
  const { rules } = given.knowledge
  if (rules === null || backend === null) return
  const subject = given.knowledge.subject(protocol, backend, client)
  const here = rules.invalid(subject, ['prerouting', 'input'])
  const through = rules.invalid(subject, ['forward'])
  if (here.verdict !== 'passes' || through.rule === null) return
  given.tellRule('drops-forwarded-alone', [through.rule])
}

function invalidDrop(parties: Parties, given: Given): void {
  ofDestination(parties, given)
  const { rules } = given.knowledge
  const { protocol, client, backend } = parties
  if (rules === null || backend === null) return
  const subject = given.knowledge.subject(protocol, client, backend)
  const { verdict, rule } = rules.invalid(subject, ['prerouting', 'forward'])
  if (verdict === 'passes') {
    given.isContradicted = true
    given.tell('no-invalid-rule')
    return
  }
  if (rule === null) return
  given.isConfirmed = verdict === 'drops'
  given.tellRule(given.isConfirmed ? 'drops-invalid' : 'may-drop-invalid', [rule])
  const { tool, table, chain, place } = rule.source
  Object.assign(given.values, { tool, table, chain, place })
}

/** Whether rules send a flow to another host, and none of them drops it on its way there. */
export function isSentOn(knowledge: Knowledge | null, flow: FlowFacts): boolean {
  const parties = partiesOf(flow)
  return knowledge !== null && parties !== null && sentOn(parties, knowledge) !== null
}

function sentOn({ protocol, client, service, backend }: Parties, knowledge: Knowledge): SentOn | null {
  const { rules } = knowledge
  const asked = service ?? backend
  if (rules === null || asked === null) return null
  const before = knowledge.subject(protocol, client, asked)
  const answer = rules.destinations(before)
  if (answer.choices.length === 0) return null
  const targets: SentOn['targets'] = []
  for (const choice of answer.choices) {
    const target = onlyTarget({ ...answer, choices: [choice] }, before)
    if (target === null || before.isLocal?.(before.family, target.address) === true) return null
    const sent: Endpoint = { family: before.family, words: target.address, port: target.port }
    const { verdict } = rules.forwarded(knowledge.subject(protocol, client, sent), answer.marks)
    if (verdict !== 'passes') return null
    targets.push({ sent, way: target.way })
  }
  return { asked, targets }
}

function lost(parties: Parties, given: Given): void {
  const found = sentOn(parties, given.knowledge)
  if (found === null) return
  // the first packet of a flow may pass where later ones do not
  if (!given.reasons.some(({ code }) => code === 'rule-drops')) given.tell('none-drops')
  for (const { sent, way } of found.targets)
    given.tellRule('rule-sends', way, { service: found.asked, backend: sent })
}

/** Whether the rules still hold the backend, and whether the objects do. */
function stale(parties: Parties, given: Given): void {
  const { protocol, client, service, backend } = parties
  if (service === null || backend === null) return
  const { rules, cluster } = given.knowledge
  const came = given.knowledge.subject(protocol, client, backend)
  let isStillSent = false
  if (rules?.hasNat(came.family) === true) {
    const asked = given.knowledge.subject(protocol, client, service)
    const answer = rules.destinations(asked)
    const rule = ruleTo(answer, came, asked)
    if (rule !== null) {
      isStillSent = true
      given.values.isStillSent = true
      given.tellRule('rule-sends', [rule], { service, backend })
    } else if (answer.choices.length > 0 && !answer.mayPass && !answer.isUnknown) {
      given.isConfirmed = true
      given.values.isLeft = true
      given.tellRule('no-longer-sent', answer.choices[0].way, { service, backend })
    }
  }
  const told = cluster === null ? null : endpointState(cluster, protocol, service, backend)
  if (told === null) return
  given.tell(told.code, { backend, object: told.name })
  if (told.code === 'endpoint-gone') {
    given.values.isNoEndpoint = true
    // rules and objects together; objects alone are of one moment
    if (isStillSent) given.isConfirmed = true
    else given.isSurer = true
  }
}

/** What the objects say of a backend of a Service; null: they do not know the Service. */
function endpointState(
  cluster: Cluster,
  protocol: number,
  service: Endpoint,
  backend: Endpoint,
): { code: string; name: string } | null {
  const found = cluster.servicePort(protocol, addressText(service), service.port)
  if (found === null) return null
  const name = portText(found.service, found.port)
  const own = cluster
    .endpointsAt(protocol, addressText(backend), backend.port)
    .find(each => objectName(each.service) === objectName(found.service))
  if (own === undefined) return { code: 'endpoint-gone', name }
  return { code: own.isReady ? 'endpoint-ready' : 'endpoint-not-ready', name }
}

function addressText({ family, words }: Endpoint): string {
  return formatAddress(family, words)
}

function race(parties: Parties, given: Given): void {
  const answer = ofSource(parties, given)
  if (answer === null || answer.isUnknown || answer.choices.length === 0) return
  const random = answer.choices.filter(
    ({ action }) => (action.kind === 'masquerade' || action.kind === 'snat') && action.isRandom,
  )
  if (random.length === answer.choices.length) {
    // one of both was seen translated: these are the rules that it met
    given.isContradicted = true
    given.tell('random-ports')
    return
  }
  if (random.length > 0) return
  given.isConfirmed = true
  const { way, action } = answer.choices[0]
  const rule = way[way.length - 1]
  const { tool, text, place } = rule.source
  given.values.place = place
  if (tool === 'nft') {
    given.tell('keeps-ports', { flag: 'fully-random' })
    given.values.statement = statementOf(action)
    return
  }
  given.tell('keeps-ports', { flag: '--random-fully' })
  const chain = given.knowledge.rules?.ruleset.chains.find(({ rules }) => rules.includes(rule))
  // one that is too long to be told whole is no command
  if (chain === undefined || text.endsWith('…')) return
  given.values.position = chain.rules.indexOf(rule) + 1
  given.values.rule = `${parties.client.family === 6 ? 'ip6tables' : 'iptables'} -t nat ${text}`
}

/** What nft calls what a rule does to the source: the flag that is missing goes behind it. */
function statementOf(action: Action): string {
  if (action.kind !== 'snat') return 'masquerade'
  const { addresses, ports } = action.target
  const range = addresses === null ? '' : rangeOf(addresses)
  const port = ports === null ? '' : `:${ports[0] === ports[1] ? ports[0] : ports.join('-')}`
  const isBracketed = port !== '' && addresses?.family === 6
  return `snat to ${isBracketed ? `[${range}]` : range}${port}`
}

function rangeOf(addresses: Network): string {
  const first = formatAddress(addresses.family, addresses.first)
  return isSingle(addresses) ? first : `${first}-${formatAddress(addresses.family, addresses.last)}`
}

function addressOf(end: Endpoint): Endpoint {
  return { ...end, port: -1 }
}
