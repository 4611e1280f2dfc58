// Rules held against the traffic: translations that were seen and that rules say otherwise of, or nothing.
import { IPS_DST_NAT, IPS_SRC_NAT } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { formatAddress, formatEndpoint } from '../../host/files/network.ts'
import type { Endpoint, Knowledge } from '../../host/knowledge.ts'
import {
  type FirstHook,
  firstHook,
  leadsTo,
  type NatAnswer,
  type NatChoice,
  nameOf,
  type Rules,
} from '../../host/rules/rules.ts'
import type { Subject } from '../../host/rules/subject.ts'
import { IPPROTO_TCP, IPPROTO_UDP, protocolName } from '../../net/numbers.ts'

/** Services, targets and answers that are told apart. */
const MOST_GROUPS = 256
const MOST_ANSWERS = 65_536

/** Flows that were translated alike. */
export interface TranslationGroup {
  protocol: string
  /** What the flows were for: an endpoint, or of a source an address. */
  from: string
  /** What the packets show they became. */
  to: string
  /** What the rules call it, or `''`. */
  name: string
  flows: number
  firstFrame: number
}

/** What came of it. */
export interface CheckedTranslations {
  /** Flows whose translation a rule names. */
  confirmed: TranslationGroup[]
  /** Flows that went elsewhere than their rule says: it has changed since, or is another host's. */
  contradicted: TranslationGroup[]
  /** Flows that were translated, and no rule is about them. */
  unknown: TranslationGroup[]
  /** Flows of which the rules cannot tell. */
  undecided: number
  unruled: Unruled
}

/** Translated flows for which rules may be missing, by family: all of one without rules of NAT, else destinations that none is about. */
export type Unruled = Readonly<Record<4 | 6, { all: number; destinations: number }>>

type Kind = 'confirmed' | 'contradicted' | 'unknown'

/** Of what two hooks say the first of these counts; null is that the rules cannot tell. */
const KINDS: readonly (Kind | null)[] = ['confirmed', null, 'contradicted']

/** Looks at entries as they end; asks the rules once for each pair of addresses and port. */
export class TranslationCheck {
  private readonly knowledge: Knowledge
  private readonly rules: Rules
  private readonly groups = {
    confirmed: new Map<string, TranslationGroup>(),
    contradicted: new Map<string, TranslationGroup>(),
    unknown: new Map<string, TranslationGroup>(),
  }
  private readonly answers = new Map<string, NatAnswer>()
  private undecided = 0
  private readonly unruled = { 4: { all: 0, destinations: 0 }, 6: { all: 0, destinations: 0 } }

  constructor(knowledge: Knowledge, rules: Rules) {
    this.knowledge = knowledge
    this.rules = rules
  }

  /** An entry ended, or the capture did. */
  ended(table: Table, ct: number): void {
    const status = table.status(ct)
    const protocol = table.protocol(ct)
    if ((status & (IPS_DST_NAT | IPS_SRC_NAT)) === 0) return
    if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) return
    const before = this.knowledge.subject(
      protocol,
      endOf(table, ct * 2, 'source'),
      endOf(table, ct * 2, 'destination'),
    )
    if (!this.rules.hasNat(before.family)) {
      this.unruled[before.family].all++
      return
    }
    const target = endOf(table, ct * 2 + 1, 'source')
    if ((status & IPS_DST_NAT) !== 0) this.destination(before, target, table.firstFrame(ct))
    if ((status & IPS_SRC_NAT) !== 0) {
      const client = endOf(table, ct * 2, 'source')
      const after = this.knowledge.subject(protocol, client, target)
      // whom the host itself asked, no capture shows: OUTPUT translated it before it left
      const isAskedUnknown = (status & IPS_DST_NAT) === 0 && firstHook(before) === 'output'
      if (isAskedUnknown) this.undecided++
      else this.source(before, after, endOf(table, ct * 2 + 1, 'destination'), table.firstFrame(ct))
    }
  }

  conclude(): CheckedTranslations {
    const sorted = (kind: Kind) =>
      [...this.groups[kind].values()].sort((a, b) => b.flows - a.flows || a.firstFrame - b.firstFrame)
    return {
      confirmed: sorted('confirmed'),
      contradicted: sorted('contradicted'),
      unknown: sorted('unknown'),
      undecided: this.undecided,
      unruled: this.unruled,
    }
  }

  private destination(before: Subject, target: Endpoint, frame: number): void {
    // where nobody knows whose it is, it may have passed either hook
    const hooks: FirstHook[] = before.isLocal === null ? ['prerouting', 'output'] : [firstHook(before)]
    const asked = hooks.map(hook => {
      const answer = this.ask(hook, before, before, () => this.rules.destinations(before, hook))
      const choice = answer.choices.find(({ action }) => isTaken(action, target, before.destinationPort))
      return { choice, kind: choice === undefined ? refusalOf(answer) : 'confirmed', answer }
    })
    const kinds = asked.map(({ kind }) => kind)
    const first = KINDS.findIndex(one => kinds.includes(one))
    const kind = first < 0 ? 'unknown' : KINDS[first]
    const known = asked.find(one => one.kind === kind)
    if (kind === 'unknown') this.unruled[before.family].destinations++
    const way = known?.choice?.way ?? known?.answer.choices[0]?.way ?? []
    this.count(kind, before, {
      from: formatEndpoint(before.family, before.destination, before.destinationPort),
      to: formatEndpoint(before.family, target.words, target.port),
      name: nameOf(way),
      frame,
    })
  }

  private source(before: Subject, after: Subject, source: Endpoint, frame: number): void {
    const answer = this.ask('s', before, after, () => this.rules.sources(before, after))
    const isNamed = answer.choices.some(
      ({ action }) =>
        action.kind === 'masquerade' ||
        (action.kind === 'snat' &&
          (action.target.addresses === null || leadsTo(action.target, source.words, -1, -1))),
    )
    this.count(isNamed ? 'confirmed' : refusalOf(answer), before, {
      from: `${formatAddress(before.family, before.source)} (source)`,
      to: formatAddress(before.family, source.words),
      name: nameOf(answer.choices[0]?.way ?? []),
      frame,
    })
  }

  private ask(what: string, before: Subject, after: Subject, make: () => NatAnswer): NatAnswer {
    const key = `${what} ${before.protocol} ${before.source.join()} ${before.destination.join()} ${before.destinationPort} ${after.destination.join()} ${after.destinationPort}`
    let answer = this.answers.get(key)
    if (answer === undefined) {
      if (this.answers.size === MOST_ANSWERS) this.answers.clear()
      answer = make()
      this.answers.set(key, answer)
    }
    return answer
  }

  private count(
    kind: Kind | null,
    { protocol }: Subject,
    { from, to, name, frame }: { from: string; to: string; name: string; frame: number },
  ): void {
    if (kind === null) {
      this.undecided++
      return
    }
    const groups = this.groups[kind]
    const key = `${protocol} ${from} ${to}`
    const group = groups.get(key)
    if (group !== undefined) {
      group.flows++
      group.firstFrame = Math.min(group.firstFrame, frame)
    } else if (groups.size < MOST_GROUPS) {
      groups.set(key, { protocol: protocolName(protocol), from, to, name, flows: 1, firstFrame: frame })
    } else this.undecided++
  }
}

/** Whether NAT may have led to a target. @param port the one that was asked for */
function isTaken(action: NatChoice['action'], target: Endpoint, port: number): boolean {
  if (action.kind === 'dnat') return leadsTo(action.target, target.words, target.port, port)
  if (action.kind !== 'redirect') return false
  return leadsTo({ addresses: null, ports: action.ports }, target.words, target.port, port)
}

/** What it means that no choice is what was seen; null: the rules cannot tell. */
function refusalOf({ choices, mayPass, isUnknown }: NatAnswer): Kind | null {
  if (isUnknown) return null
  if (choices.length === 0) return 'unknown'
  return mayPass ? null : 'contradicted'
}

function endOf(table: Table, key: number, which: 'source' | 'destination'): Endpoint {
  const isSource = which === 'source'
  const ports = table.ports(key)
  const words = new Int32Array(4)
  const count = table.isIpv6(key >> 1) ? 4 : 1
  for (let i = 0; i < count; i++)
    words[i] = isSource ? table.sourceWord(key, i) : table.destinationWord(key, i)
  return { family: count === 4 ? 6 : 4, words, port: isSource ? ports >>> 16 : ports & 0xffff }
}
