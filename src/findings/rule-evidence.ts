// What rules and topology add to a finding: the rule by its place and name, more confidence where they confirm it, an exact fix.

import { formatAddress, formatNetwork, isSingle, type Network } from '../host/files/network.ts'
import { citation, type Knowledge } from '../host/knowledge.ts'
import { leadsTo, type NatAnswer, nameOf, onlyTarget } from '../host/rules/rules.ts'
import type { Action, Rule } from '../host/rules/ruleset.ts'
import type { Subject } from '../host/rules/subject.ts'
import { shellWord } from '../net/shell-word.ts'
import type { Informant, Parties } from './facts/collector.ts'
import { NAT_FINDINGS } from './wording/catalogue.ts'
import type { Finding } from './facts/facts.ts'

/** Flows of a finding that are asked about, and sentences that are told. */
const MOST_FLOWS = 20
const MOST_FACTS = 4

/** What was given of bridge-nf-call-iptables and -ip6tables; null: not told. */
export interface BridgeCalls {
  ipv4: number | null
  ipv6: number | null
}

/** What is known of a finding beside its packets. */
interface Facts {
  /** Sentences for the reason. */
  told: string[]
  /** Whether they make it certain. */
  isConfirmed: boolean
  /** Whether they say the opposite of what the packets show: another time, or another host. */
  isContradicted: boolean
  /** Whether they say that no bridge of this host switched an answer past its translation. */
  isElsewhere: boolean
  /** Whether they say that one did. */
  isHere: boolean
  fix: string | null
}

/** An informant that knows rules and topology: null for what they contradict and the packets alone do not prove. */
export function informedBy(knowledge: Knowledge | null, bridgeCalls: BridgeCalls | null = null): Informant {
  return (finding, flows) => {
    const facts: Facts = {
      told: [],
      isConfirmed: false,
      isContradicted: false,
      isElsewhere: false,
      isHere: false,
      fix: null,
    }
    if (knowledge !== null)
      for (const parties of flows.slice(0, MOST_FLOWS)) gather(finding.id, parties, knowledge, facts)
    const isOpen = finding.id === 'dsr-untranslated-reply' && facts.isHere
    if (finding.id !== 'asymmetric-same-bridge-return' && !isOpen) return withFacts(finding, facts)
    const name = flows.every(({ client }) => client.startsWith('[')) ? 'ip6tables' : 'iptables'
    if (bridgeCalls?.[name === 'iptables' ? 'ipv4' : 'ipv6'] === 1) {
      facts.isElsewhere = true
      facts.told.push(`with bridge-nf-call-${name}=1 conntrack would see what a bridge of this host switches`)
    }
    return withFacts(
      renamed(finding, facts.isElsewhere ? 'dsr-untranslated-reply' : 'asymmetric-same-bridge-return'),
      facts,
    )
  }
}

/** The same answers, where what was given says whether it was a bridge of this host that switched them. */
function renamed(finding: Finding, id: 'asymmetric-same-bridge-return' | 'dsr-untranslated-reply'): Finding {
  if (finding.id === id) return finding
  const { title, cause, fix } = NAT_FINDINGS[id]
  const counts = finding.title.slice(finding.title.lastIndexOf(' ('))
  return { ...finding, id, title: title + counts, cause, fix }
}

function withFacts(finding: Finding, { told, isConfirmed, isContradicted, fix }: Facts): Finding | null {
  if (told.length === 0) return finding
  if (isContradicted && finding.confidence !== 'certain') return null
  const sentences = [...new Set(told)]
  const more = sentences.length > MOST_FACTS ? ', and more of the kind' : ''
  const isRaised = isConfirmed && !isContradicted
  return {
    ...finding,
    confidence: isRaised ? 'certain' : finding.confidence,
    reason: `${finding.reason}; ${sentences.slice(0, MOST_FACTS).join('; ')}${more}`,
    fix: fix ?? finding.fix,
  }
}

function gather(id: string, parties: Parties, knowledge: Knowledge, facts: Facts): void {
  switch (id) {
    case 'asymmetric-same-bridge-return':
      sameBridge(parties, knowledge, facts)
      break
    case 'dsr-untranslated-reply':
      untranslatedReply(parties, knowledge, facts)
      break
    case 'hairpin-no-masquerade':
      noMasquerade(parties, knowledge, facts)
      break
    case 'hairpin-mode-off':
      modeOff(parties, knowledge, facts)
      break
    case 'invalid-leak':
      ofDestination(parties, knowledge, facts)
      leaked(parties.backend, parties.client, parties, knowledge, facts)
      break
    case 'invalid-leak-private-source':
      ofSource(parties, knowledge, facts)
      leaked(parties.client, parties.backend, parties, knowledge, facts)
      break
    case 'dsr-invalid-drop':
      invalidDrop(parties, knowledge, facts)
      break
    case 'snat-insert-race':
      race(parties, knowledge, facts)
      break
    case 'idle-timeout-untranslated-reply':
      // behind the host what is untranslated has the service's address
      if (!ofDestination(parties, knowledge, facts)) ofDestination(turned(parties), knowledge, facts)
      break
    case 'idle-timeout-inbound':
    case 'idle-timeout-remapped':
      ofSource(parties, knowledge, facts)
  }
}

function turned({ protocol, client, service, backend }: Parties): Parties {
  return { protocol, client, service: backend, backend: service }
}

/** Says which rule translates the destination. @returns whether it leads where the packets went */
function ofDestination(
  { protocol, client, service, backend }: Parties,
  knowledge: Knowledge,
  facts: Facts,
): boolean {
  const { rules } = knowledge
  if (rules === null || backend === '') return false
  const came = knowledge.subjectOf(protocol, client, backend)
  if (came === null || !rules.hasNat(came.family)) return false
  const asked = service === '' ? null : knowledge.subjectOf(protocol, client, service)
  if (asked === null) {
    for (const rule of rules.leadingTo(came.family, came.destination, came.destinationPort)) {
      facts.told.push(`${citation(rule, nameOf([rule]))} sends what it translates to ${backend}`)
    }
    return false
  }
  const answer = rules.destinations(asked)
  const rule = ruleTo(answer, came, asked)
  if (rule !== null) {
    facts.told.push(`${citation(rule, nameOf([rule]))} sends ${service} to ${backend}`)
    return true
  }
  if (answer.choices.length > 0 && !answer.mayPass && !answer.isUnknown) {
    facts.isContradicted = true
    const [{ way }] = answer.choices
    facts.told.push(
      `the rules given send ${service} elsewhere (${citation(way[way.length - 1], nameOf(way))}): they are of another time or host`,
    )
  }
  return false
}

function ruleTo(answer: NatAnswer, came: Subject, asked: Subject): Rule | null {
  for (const { action, way } of answer.choices) {
    if (action.kind !== 'dnat') continue
    if (leadsTo(action.target, came.destination, came.destinationPort, asked.destinationPort)) {
      return way[way.length - 1]
    }
  }
  return null
}

/** Says which rule gives it another source. */
function ofSource(
  { protocol, client, backend }: Parties,
  knowledge: Knowledge,
  facts: Facts,
): NatAnswer | null {
  const subject = knowledge.subjectOf(protocol, client, backend)
  if (subject === null || knowledge.rules === null || !knowledge.rules.hasNat(subject.family)) return null
  // behind DNAT it has another destination
  const target = onlyTarget(knowledge.rules.destinations(subject), subject)
  const after = target === null ? subject : knowledge.subjectOf(protocol, client, target.text)
  const answer = knowledge.rules.sources(subject, after ?? subject)
  for (const { action, way } of answer.choices) {
    const what = action.kind === 'masquerade' ? 'masquerades' : 'translates'
    facts.told.push(
      `${citation(way[way.length - 1], nameOf(way))} ${what} ${formatAddress(subject.family, subject.source)}`,
    )
  }
  return answer
}

/** Where one end was captured: rules and topology tell whether the host translated, and whether its bridge switched. */
function untranslatedReply(parties: Parties, knowledge: Knowledge, facts: Facts): void {
  const subject = knowledge.subjectOf(parties.protocol, parties.client, parties.backend)
  const { rules } = knowledge
  const isTranslated =
    subject !== null &&
    rules !== null &&
    (parties.service === ''
      ? rules.leadingTo(subject.family, subject.destination, subject.destinationPort).length > 0
      : isSentThere(parties, subject, knowledge))
  const shared =
    subject === null ? null : knowledge.sharedBridge(subject.family, subject.source, subject.destination)
  if (isTranslated && shared) {
    facts.isHere = true
    facts.isConfirmed = true
    sameBridge(parties, knowledge, facts)
  } else if (ofDestination(parties, knowledge, facts)) facts.isConfirmed = true
}

function isSentThere({ protocol, client, service }: Parties, came: Subject, knowledge: Knowledge): boolean {
  const asked = knowledge.subjectOf(protocol, client, service)
  if (asked === null || knowledge.rules === null) return false
  return ruleTo(knowledge.rules.destinations(asked), came, asked) !== null
}

function sameBridge(parties: Parties, knowledge: Knowledge, facts: Facts): void {
  const isTranslated = ofDestination(parties, knowledge, facts)
  const subject = knowledge.subjectOf(parties.protocol, parties.client, parties.backend)
  if (subject === null) return
  const shared = knowledge.sharedBridge(subject.family, subject.source, subject.destination)
  if (shared === false) {
    facts.isElsewhere = true
    facts.told.push('the topology given has client and backend behind different bridges')
    return
  }
  if (isTranslated) facts.isConfirmed = true
  if (shared === null) return
  const ports = [subject.source, subject.destination].flatMap(
    address => knowledge.portOf(subject.family, address)?.port?.name ?? [],
  )
  const named = ports.length === 2 ? ` (ports ${ports[0]} and ${ports[1]})` : ''
  facts.told.push(`both are behind bridge ${shared.bridge}${named}`)
  const network = knowledge.host?.interfaces
    .get(shared.bridge)
    ?.addresses.find(({ address }) => address.family === subject.family)?.network
  if (network === undefined) return
  const text = formatNetwork(network)
  const tool = subject.family === 4 ? 'iptables' : 'ip6tables'
  const call = subject.family === 4 ? 'bridge-nf-call-iptables' : 'bridge-nf-call-ip6tables'
  facts.fix =
    `modprobe br_netfilter && sysctl -w net.bridge.${call}=1, or masquerade this traffic: ` +
    `${tool} -t nat -A POSTROUTING -s ${text} -d ${text} -o ${shellWord(shared.bridge)} -m conntrack --ctstate DNAT -j MASQUERADE`
}

function noMasquerade(parties: Parties, knowledge: Knowledge, facts: Facts): void {
  ofDestination(parties, knowledge, facts)
  const { rules } = knowledge
  const came = knowledge.subjectOf(parties.protocol, parties.client, parties.backend)
  if (came === null || rules === null || !rules.hasNat(came.family)) return
  const address = formatAddress(came.family, came.source)
  const asked = knowledge.subjectOf(parties.protocol, parties.client, parties.service)
  if (asked !== null) tellMasquerade(rules.sources(asked, came), address, facts)
  const tool = came.family === 4 ? 'iptables' : 'ip6tables'
  const protocol = parties.protocol === 6 ? 'tcp' : 'udp'
  facts.fix =
    `masquerade hairpin traffic: ${tool} -t nat -A POSTROUTING -s ${address} -d ${address} -p ${protocol} ` +
    `--dport ${came.destinationPort} -j MASQUERADE (kube-proxy --masquerade-all, or its --cluster-cidr)`
}

/** A mark that a rule of the service sets may decide: without the service nothing is told. */
function tellMasquerade(answer: NatAnswer, address: string, facts: Facts): void {
  if (answer.choices.length === 0 && !answer.isUnknown) {
    facts.isConfirmed = !facts.isContradicted
    facts.told.push(`no rule masquerades what ${address} sends to itself`)
  } else if (!answer.mayPass && !answer.isUnknown) {
    facts.isContradicted = true
    const [{ way }] = answer.choices
    facts.told.push(
      `by ${citation(way[way.length - 1], nameOf(way))} it would be masqueraded: the rules given are of another time or host`,
    )
  }
}

function modeOff(parties: Parties, knowledge: Knowledge, facts: Facts): void {
  ofDestination(parties, knowledge, facts)
  const subject = knowledge.subjectOf(parties.protocol, parties.client, parties.backend)
  const port = subject === null ? null : (knowledge.portOf(subject.family, subject.source)?.port ?? null)
  if (port === null) return
  facts.fix = `ip link set dev ${shellWord(port.name)} type bridge_slave hairpin on`
  if (port.hairpin === null) return
  if (port.hairpin) {
    facts.isContradicted = true
    facts.fix = null
    facts.told.push(
      `the topology given has hairpin mode on at ${port.name}: then what is missing is masquerade`,
    )
  } else {
    facts.isConfirmed = true
    facts.told.push(`hairpin mode is off at ${port.name}, the client's port of ${port.master}`)
  }
}

/** A packet that conntrack found INVALID went on its way: what do the rules say of that? */
function leaked(
  source: string,
  destination: string,
  { protocol }: Parties,
  knowledge: Knowledge,
  facts: Facts,
): void {
  const subject = knowledge.subjectOf(protocol, source, destination)
  if (subject === null || knowledge.rules === null) return
  const { verdict, rule } = knowledge.rules.invalid(subject, ['prerouting', 'forward'])
  if (verdict === 'passes') facts.told.push('no rule given drops INVALID packets that are forwarded')
  if (verdict !== 'drops') return
  facts.isContradicted = true
  const by = rule === null ? 'the policy of a chain' : citation(rule, nameOf([rule]))
  facts.told.push(`by the rules given it would have been dropped (${by}): they are of another time or host`)
}

function invalidDrop(parties: Parties, knowledge: Knowledge, facts: Facts): void {
  ofDestination(parties, knowledge, facts)
  const subject = knowledge.subjectOf(parties.protocol, parties.client, parties.backend)
  if (subject === null || knowledge.rules === null) return
  const { verdict, rule } = knowledge.rules.invalid(subject, ['prerouting', 'forward'])
  if (verdict === 'passes') {
    facts.isContradicted = true
    facts.told.push('no rule given drops INVALID packets: they are of another time or host')
    return
  }
  if (rule === null) return
  const word = verdict === 'drops' ? 'drops' : 'may drop'
  facts.told.push(`${citation(rule, nameOf([rule]))} ${word} INVALID packets`)
  facts.isConfirmed = verdict === 'drops'
  if (!rule.source.text.startsWith('-A ')) return
  const [address, other] = [subject.source, subject.destination].map(words =>
    formatAddress(subject.family, words),
  )
  const tool = subject.family === 4 ? 'iptables' : 'ip6tables'
  facts.fix =
    `let this path pass in front of ${rule.source.place}: ${tool} -I ${shellWord(rule.source.chain)} -s ${address} -d ${other} -j ACCEPT, ` +
    `or do not track it: ${tool} -t raw -A PREROUTING -s ${address} -d ${other} -j CT --notrack`
}

function race(parties: Parties, knowledge: Knowledge, facts: Facts): void {
  const answer = ofSource(parties, knowledge, facts)
  if (answer === null || answer.isUnknown || answer.choices.length === 0) return
  const random = answer.choices.filter(
    ({ action }) => (action.kind === 'masquerade' || action.kind === 'snat') && action.isRandom,
  )
  if (random.length === answer.choices.length) {
    // one of both was seen translated: these are the rules that it met
    facts.isContradicted = true
    facts.told.push('by the rules given ports are chosen at random: they are of another time or host')
    return
  }
  if (random.length > 0) return
  facts.isConfirmed = true
  const { way, action } = answer.choices[0]
  const { text, place } = way[way.length - 1].source
  if (!text.startsWith('-A ')) {
    facts.told.push('without fully-random: both keep their port')
    facts.fix = `add fully-random to ${place}: ${statementOf(action)} fully-random`
    return
  }
  facts.told.push('without --random-fully: both keep their port')
  const tool = parties.client.startsWith('[') ? 'ip6tables' : 'iptables'
  facts.fix = `add --random-fully to ${place}: ${tool} -t nat ${text} --random-fully, and delete the rule without`
}

/** What nft calls what a rule does to the source: the flag that is missing goes behind it. */
function statementOf(action: Action): string {
  if (action.kind !== 'snat') return 'masquerade'
  const { addresses, ports } = action.target
  const range = addresses === null ? '' : rangeOf(addresses)
  const port = ports === null ? '' : `:${ports[0] === ports[1] ? ports[0] : ports.join('-')}`
  return `snat to ${port !== '' && range.includes(':') ? `[${range}]` : range}${port}`
}

function rangeOf(addresses: Network): string {
  const first = formatAddress(addresses.family, addresses.first)
  return isSingle(addresses) ? first : `${first}-${formatAddress(addresses.family, addresses.last)}`
}
