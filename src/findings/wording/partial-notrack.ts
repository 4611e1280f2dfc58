// The words of partial-notrack.
import type { Endpoint } from '../../host/knowledge.ts'
import type { Facts } from '../facts/facts.ts'
import { ruleThatDrops } from './given.ts'
import { advice, firstFlow, iptables, protocolArgument, protocolText, type Wording } from './wording.ts'

export const partialNotrack: Wording = {
  title: facts => {
    const flow = firstFlow(facts)
    const whose = flow === null ? 'a connection' : `${protocolText(flow.protocol)}${portText(flow.server)}`
    return ofRequests(facts)
      ? `NOTRACK matches requests of ${whose}, but not the answers`
      : `NOTRACK matches answers of ${whose}, but not the requests`
  },
  cause: facts => {
    const drops = facts.reasons
      .filter(({ code }) => code === 'rule-drops')
      .map(({ values }) => ruleThatDrops(values))
    const what = ofRequests(facts)
      ? 'conntrack has not seen the request: an answer is the first packet of a connection to it, NEW, or INVALID where TCP cannot begin so; no rule for ESTABLISHED lets it in, and each makes an entry of its own'
      : 'conntrack sees requests alone: their entry stays [UNREPLIED], and TCP that goes on without an answer is INVALID'
    return drops.length === 0 ? what : `${what}. It is dropped here: by ${drops.join(', ')}`
  },
  fix: facts => {
    const flow = firstFlow(facts)
    if (flow === null) return []
    const { hook, chain } = facts.values
    const options = `-p ${protocolArgument(flow.protocol)} ${ofRequests(facts) ? '--sport' : '--dport'} ${flow.server.port}`
    return [
      advice(
        'leave both directions untracked',
        `${iptables(facts)} -t raw -A ${typeof hook === 'string' ? hook : 'PREROUTING'} ${options} -j CT --notrack`,
      ),
      ...(typeof chain === 'string'
        ? [
            advice(
              'and accept what is untracked then',
              `${iptables(facts)} -t filter -I ${chain} ${options} -m conntrack --ctstate UNTRACKED -j ACCEPT`,
            ),
          ]
        : []),
      advice('or take the rule of NOTRACK away'),
    ]
  },
  check: facts => [
    advice('both directions must be there', `${iptables(facts)}-save -t raw`, 'nft list ruleset'),
  ],
  reasons: {
    requests: () => 'the rules given leave requests untracked, and what answers them is tracked',
    answers: () => 'the rules given leave answers untracked, and what they answer is tracked',
  },
  steps: {
    untracked: () => 'a packet that is not tracked',
    new: () => 'its answer is NEW to conntrack',
    invalid: () => 'its answer is INVALID to conntrack',
  },
}

function ofRequests({ reasons }: Facts): boolean {
  return reasons[0]?.code === 'requests'
}

function portText({ port }: Endpoint): string {
  return port < 0 ? '' : ` port ${port}`
}
