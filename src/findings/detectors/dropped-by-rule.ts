// lost-in-host by the rules given: first packets of flows that one of them dropped or refused on purpose, and nobody answered.

import { STATE_NEW } from '../../conntrack/status.ts'
import { portsOf } from '../../conntrack/tuple.ts'
import { formatAddress } from '../../host/files/network.ts'
import type { Endpoint } from '../../host/knowledge.ts'
import { type Cluster, portText } from '../../host/kubernetes/cluster.ts'
import { type ServicePurpose, servicePurpose } from '../../host/rules/kube-proxy.ts'
import { nameOf } from '../../host/rules/rules.ts'
import type { ReplayedRules } from '../../host/walk/replayed-rules.ts'
import { placeOf } from '../../host/walk/rule-numbers.ts'
import { hasPorts } from '../../net/numbers.ts'
import { isGroup } from '../../net/special-ranges.ts'
import { destinationWord, type Packet, sourceWord } from '../../packet/packet.ts'
import type { Sightings } from '../../vantage/record/sighting.ts'
import { endKey } from '../evidence/end-key.ts'
import { endOfPacket } from '../evidence/flow-facts.ts'
import { Collector, keyOf } from '../facts/collector.ts'
import {
  type Confidence,
  type Facts,
  type FlowFacts,
  phrase,
  type RuleFacts,
  type Severity,
  step,
  type Values,
} from '../facts/facts.ts'

/** Flows that are told apart, 0.5 kB each. */
const MOST_FLOWS = 1024
/** Tries of one flow: one packet may have been answered at a point that was not captured. */
const REPEATED = 2

interface DroppedFlow {
  flow: FlowFacts & { client: Endpoint }
  rule: number
  isRejected: boolean
  packets: number
  point: number
  time: number
  capture: number
  first: number
  last: number
}

export class DroppedByRule {
  private readonly rules: ReplayedRules
  private readonly cluster: Cluster | null
  /** By whom they were for, then by who sent them. */
  private readonly flows = new Map<number, Map<number, DroppedFlow>>()
  private size = 0

  /** @param cluster names the Service where its rule does not: maps of nftables mode have addresses alone */
  constructor(rules: ReplayedRules, cluster: Cluster | null) {
    this.rules = rules
    this.cluster = cluster
  }

  /** Is shown each tracked packet that the rules refused. */
  packet(packet: Packet, sightings: Sightings | null): void {
    const { rules } = this
    if (rules.stateNumber !== STATE_NEW || rules.decided < 0 || rules.why !== '' || !packet.hasTuple) return
    if (!hasPorts(packet.protocol) || isGroup(packet.family, packet.destination0)) return
    const ports = portsOf(packet)
    const { protocol } = packet
    const to = endKey(destinationWord(packet), ports & 0xffff, protocol)
    const from = endKey(sourceWord(packet), ports >>> 16, protocol)
    const frame = sightings?.frame(0) ?? packet.frame
    const known = this.flows.get(to)?.get(from)
    if (known !== undefined) {
      known.packets++
      known.last = frame
      return
    }
    if (this.size === MOST_FLOWS) return
    this.size++
    const clients = this.flows.get(to) ?? new Map<number, DroppedFlow>()
    this.flows.set(to, clients)
    clients.set(from, {
      flow: {
        protocol,
        client: endOfPacket(packet, true),
        server: endOfPacket(packet, false),
        translated: null,
      },
      rule: rules.decided,
      isRejected: rules.fate === 'rejected',
      packets: 1,
      point: sightings?.point(0) ?? 0,
      time: packet.time,
      capture: sightings?.capture(0) ?? packet.capture,
      first: frame,
      last: frame,
    })
  }

  /** @param explained clients of whose flows something else was found out, as the collector has them */
  conclude(explained: ReadonlySet<string>): Facts[] {
    const collectors = new Map<string, { rule: RuleFacts; collector: Collector }>()
    for (const clients of this.flows.values()) {
      for (const dropped of clients.values()) {
        const { flow, rule } = dropped
        // what the traffic contradicts is not believed
        if (this.rules.isDistrusted(rule) || explained.has(keyOf(flow.client))) continue
        const name = this.nameOf(dropped)
        const place = placeOf(this.rules.numbers, rule)?.place ?? ''
        const key = `${rule} ${name}`
        const known = collectors.get(key) ?? { rule: { place, name }, collector: new Collector() }
        collectors.set(key, known)
        this.addTo(known.collector, dropped, name)
      }
    }
    return [...collectors.values()].flatMap(({ rule, collector }) =>
      collector.conclude().map(facts => ({ ...facts, rules: [rule] })),
    )
  }

  private nameOf({ rule: number, flow: { protocol, server } }: DroppedFlow): string {
    const { chain, rule } = this.rules.numbers.all[number]
    if (rule === null) return ''
    const name = nameOf([rule])
    if (name !== '' || servicePurpose(chain.table, chain.name, rule) === null) return name
    const address = formatAddress(server.family, server.words)
    const known = this.cluster?.servicePort(protocol, address, server.port) ?? null
    return known === null ? '' : portText(known.service, known.port)
  }

  private addTo(collector: Collector, dropped: DroppedFlow, name: string): void {
    const { flow, rule, isRejected, packets, point, time, capture, first, last } = dropped
    const purpose = this.purposeOf(rule)
    const [severity, confidence] = weightOf(purpose, isRejected, packets)
    collector.add({
      id: 'lost-in-host',
      severity,
      confidence,
      reason: phrase(isRejected ? 'refused-by-rule' : 'dropped-by-rule', this.valuesOf(rule, purpose, name)),
      client: flow.client,
      flow,
      point,
      time,
      tries: packets,
      steps: [
        step('stays', [
          { capture, frame: first },
          { capture, frame: last },
        ]),
      ],
    })
  }

  private purposeOf(number: number): ServicePurpose | null {
    const { chain, rule } = this.rules.numbers.all[number]
    return rule === null ? null : servicePurpose(chain.table, chain.name, rule)
  }

  private valuesOf(number: number, purpose: ServicePurpose | null, name: string): Values {
    const { rule } = this.rules.numbers.all[number]
    const place = placeOf(this.rules.numbers, number)
    return {
      ...place,
      ...(rule === null ? {} : { name, comment: rule.source.comment }),
      ...(purpose === null ? {} : { purpose }),
    }
  }
}

/** What a rule of kube-proxy drops without a word its client waits for; what is refused it is told; other rules are told of. */
function weightOf(
  purpose: ServicePurpose | null,
  isRejected: boolean,
  packets: number,
): [Severity, Confidence] {
  if (purpose === null || isRejected) return ['info', 'certain']
  return ['warning', packets >= REPEATED ? 'certain' : 'likely']
}
