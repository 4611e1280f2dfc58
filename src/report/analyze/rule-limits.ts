// What a replay through the rules of a host cannot tell, as limits.
import type { ReplayedRules } from '../../host/walk/replayed-rules.ts'
import { plural } from '../text/format.ts'
import type { LimitReport } from './model.ts'

/** The limits that apply. */
export function ruleLimits({
  untold,
  untoldGroups,
  hasUnknownRoutes,
  unplaced,
  contradicted,
  numbers,
  counts,
}: ReplayedRules): LimitReport[] {
  const limits: LimitReport[] = []
  if (unplaced > 0) {
    limits.push({
      id: 'rules-unplaced',
      text: `Of ${plural(unplaced, 'packet')} the captures do not say whether the host sent or received them: they went through no rules, and their entries count as confirmed. --topology with the host's addresses tells.`,
    })
  }
  if (untoldGroups > 0) {
    limits.push({
      id: 'rules-untold-groups',
      text: `What became of ${plural(untoldGroups, 'packet')} to multicast groups cannot be told: a bridge floods them, and which groups the host is in is not known.`,
    })
  }
  const others = untold - unplaced - untoldGroups
  if (others > 0) {
    const asked = numbers.all.filter(({ rule }, number) => rule !== null && (counts.untold[number] ?? 0) > 0)
    const first = asked[0]?.rule?.source.place
    const why =
      first === undefined
        ? whyOpen(hasUnknownRoutes)
        : `what ${plural(asked.length, 'rule')} ${asked.length === 1 ? 'asks' : 'ask'} no capture shows, ${first} the first of them`
    limits.push({
      id: 'rules-untold',
      text: `Nothing tells what became of ${plural(others, 'packet')}: ${why}. Where one may have left, its entry counts as confirmed.`,
    })
  }
  if (contradicted > 0) {
    limits.push({
      id: 'rules-contradicted',
      text: `${plural(contradicted, 'packet')} that the rules given drop went on all the same: they are of another time or another host. Such a rule is not believed any more from there on.`,
    })
  }
  return limits
}

/** What is missing to tell it, and the command whose output has it. */
function whyOpen(hasUnknownRoutes: Readonly<Record<4 | 6, boolean>>): string {
  const commands = [
    ...(hasUnknownRoutes[4] ? ['`ip -j route`'] : []),
    ...(hasUnknownRoutes[6] ? ['`ip -6 -j route`'] : []),
  ]
  if (commands.length === 0) return 'where they go on the captures do not show'
  return `routes are not known (--topology with ${commands.join(' and ')} tells)`
}
