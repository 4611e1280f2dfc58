// What floods of datagrams and of SYNs are said with alike.
import type { Facts } from '../facts/facts.ts'
import { conntrack } from './conntrack-command.ts'
import {
  type Advice,
  addressText,
  advice,
  counted,
  firstFlow,
  grouped,
  iptables,
  number,
  protocolArgument,
  type Wording,
} from './wording.ts'

export const BURST_REASONS: Wording['reasons'] = {
  'burst-service': values => burst(values, 'come from'),
  'burst-address': values => burst(values, 'come from'),
  'burst-source': values => burst(values, 'go to'),
}

/** Whether one source sends to many. */
export function isOfSource({ reasons }: Facts): boolean {
  return reasons[0]?.code === 'burst-source'
}

/** @param what `SYN flood` */
export function floodOfSource(facts: Facts, what: string): string {
  const flow = firstFlow(facts)
  const others = facts.reasons[0]?.values.others
  const from = flow?.client == null ? '' : ` from ${addressText(flow.client)}`
  const to = typeof others === 'number' ? ` to ${counted(others, 'address', 'addresses')}` : ''
  return `${what}${from}${to}: ${grouped(flow?.counts?.answered ?? 0)} of ${counted(flow?.counts?.flows ?? 0, 'entry', 'entries')} answered`
}

export function stopSource(facts: Facts): Advice[] {
  const flow = firstFlow(facts)
  if (flow?.client == null) return []
  const protocol = protocolArgument(flow.protocol)
  return [
    advice(
      'stop what sends them; until then drop what that source sends, before it makes an entry',
      `${iptables(facts)} -t raw -I PREROUTING -s ${addressText(flow.client)} -p ${protocol} -j DROP`,
    ),
  ]
}

export function listSource(facts: Facts): Advice[] {
  const flow = firstFlow(facts)
  if (flow?.client == null) return []
  return [
    advice(
      'entries of that source',
      conntrack('-L', { protocol: flow.protocol, source: { ...flow.client, port: -1 } }),
    ),
  ]
}

function burst(values: Parameters<Wording['reasons'][string]>[0], way: string): string {
  return `${number(values, 'busiest')} new entries within a second that nobody answers; they ${way} ${counted(number(values, 'others'), 'address', 'addresses')}`
}
