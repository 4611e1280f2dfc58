// Flows that rules would refuse in a scenario: by which rule, and the rule that would let untracked packets of them through.
import { placeOf, type RuleNumbers } from '../../host/walk/rule-numbers.ts'
import { protocolName } from '../../net/numbers.ts'
import { shellWord } from '../../net/shell-word.ts'
import type { Refusal } from '../../sizing/scenarios/what-if.ts'
import type { RefusalReport } from './size-model.ts'

/**
 * @param isUntracked whether they are refused because they are no longer tracked
 * @returns those of most flows first
 */
export function refusalReports(
  refusals: readonly Refusal[],
  numbers: RuleNumbers | null,
  isUntracked: boolean,
): RefusalReport[] {
  return refusals
    .toSorted((a, b) => b.flows - a.flows)
    .map(refusal => {
      const { protocol, isAnswer, port, flows } = refusal
      const place = numbers === null ? null : placeOf(numbers, refusal.decided)
      return {
        rule: place === null ? null : `${place.place} ${place.text}`,
        protocol: protocolName(protocol),
        port: port < 0 ? null : port,
        isAnswer,
        flows,
        accept: place !== null && isUntracked ? acceptCommand(place, refusal) : null,
      }
    })
}

/** At the head of the chain that refuses, in the words of the tool that its table is of. */
function acceptCommand(
  { table, chain }: { table: string; chain: string },
  { protocol, isIpv6, isAnswer, port }: Refusal,
): string {
  const name = protocolName(protocol)
  const words = table.split(' ')
  if (words[0] === 'nft') {
    const side = isAnswer ? 'sport' : 'dport'
    const match = port < 0 ? `meta l4proto ${name}` : `${name} ${side} ${port}`
    const [, family = '', own = ''] = words
    return `nft insert rule ${family} ${shellWord(own)} ${shellWord(chain)} ct state untracked ${match} accept`
  }
  const ports = port < 0 ? '' : ` --${isAnswer ? 'sport' : 'dport'} ${port}`
  const tool = isIpv6 ? 'ip6tables' : 'iptables'
  return `${tool} -t ${words[1] ?? 'filter'} -I ${shellWord(chain)} -p ${name}${ports} -m conntrack --ctstate UNTRACKED -j ACCEPT`
}
