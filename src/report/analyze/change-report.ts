// What other rules would change into the ChangeReport, and that for people.
import { formatAddress, formatEndpoint } from '../../host/files/network.ts'
import type { Names } from '../../host/names/names.ts'
import type { ChangedFates, Decision } from '../../host/walk/changed-fates.ts'
import type { PacketGroup } from '../../host/walk/grouped-packets.ts'
import { STATES } from '../../host/walk/packet-end.ts'
import { placeOf, type RuleNumbers } from '../../host/walk/rule-numbers.ts'
import { protocolName } from '../../net/numbers.ts'
import { formatCount, plural, printable } from '../text/format.ts'
import { labelled, wrap } from '../text/wrap.ts'
import type { ChangeReport, DecisionReport, PacketGroupReport } from './model.ts'

/** Groups of packets that are named to people. */
const NAMED_GROUPS = 20

export function changeReport(changes: ChangedFates, names: Names): ChangeReport {
  const { groups, pairs, connections, changed, untold, broken, opened, numbers } = changes
  return {
    packets: changed,
    untold,
    broken,
    opened,
    groups: groups.groups
      .map((group, i) => ({ group, connections: connections[i] ?? 0 }))
      .sort((a, b) => b.connections - a.connections || b.group.packets - a.group.packets)
      .flatMap(({ group, connections: own }) => {
        const pair = pairs[group.decided]
        if (pair === undefined) return []
        return [
          {
            before: decision(pair.before, numbers.before),
            after: decision(pair.after, numbers.after),
            connections: own,
            isAnswer: group.isAnswer,
            ...packetGroup(group, names),
          },
        ]
      }),
    others: groups.others,
  }
}

function decision({ fate, decided }: Decision, numbers: RuleNumbers): DecisionReport {
  const place = placeOf(numbers, decided)
  return { fate, rule: place === null ? null : `${place.place} ${place.text}` }
}

/** The flow of a group, and how much of it there was. */
export function packetGroup(group: PacketGroup, names: Names): PacketGroupReport {
  const family = group.family === 6 ? 6 : 4
  const source = formatAddress(family, group.source)
  const destination = formatAddress(family, group.destination)
  const sourceName = names.nameAt(group.protocol, source, -1)
  const destinationName = names.nameAt(group.protocol, destination, group.destinationPort)
  return {
    state: STATES[group.state] ?? 'invalid',
    protocol: protocolName(group.protocol),
    source,
    ...(sourceName === '' ? {} : { sourceName }),
    destination: formatEndpoint(family, group.destination, group.destinationPort),
    ...(destinationName === '' ? {} : { destinationName }),
    packets: group.packets,
    bytes: group.bytes,
    frame: group.frame,
    capture: group.capture,
  }
}

/** `10.0.0.5 (client) > 10.96.0.10:80 (Service shop/web)`: between whom a group of packets is, by name too where one is known. */
export function endsText({ source, sourceName, destination, destinationName }: PacketGroupReport): string {
  const named = (end: string, name = ''): string => (name === '' ? end : `${end} (${printable(name)})`)
  return `${named(source, sourceName)} > ${named(destination, destinationName)}`
}

/** What other rules would change: the flows of which most connections do first. @param width columns that no line exceeds */
export function changeLines(change: ChangeReport, width: number): string[] {
  const { packets, untold, broken, opened, groups, others } = change
  const lines = [
    `${plural(packets, 'packet')} would meet another fate${untold === 0 ? '' : `; of ${formatCount(untold)} nothing tells`}`,
  ]
  if (broken > 0)
    lines.push(`${plural(broken, 'connection')} would break: packets that got through would not`)
  if (opened > 0)
    lines.push(
      `${plural(opened, 'connection')} would come about that ${opened === 1 ? 'was' : 'were'} refused`,
    )
  const rows: string[] = []
  for (const group of groups.slice(0, NAMED_GROUPS)) {
    const { protocol, isAnswer, before, after, connections } = group
    const state = isAnswer ? `answers, ${group.state}` : group.state
    const many = connections === 0 ? '' : ` (${plural(connections, 'connection')})`
    const by = after.rule === null ? '' : ` by ${printable(after.rule)}`
    const line = `${protocol} ${endsText(group)} ${state}${many}: ${before.fate}, then ${after.fate}${by}`
    rows.push(...labelled(`${formatCount(group.packets).padStart(9)}  `, line, width))
  }
  const rest = groups.slice(NAMED_GROUPS).reduce((sum, group) => sum + group.packets, 0) + others
  if (rest > 0) rows.push(`and ${plural(rest, 'packet')} of other flows`)
  return [...wrap(lines, width), ...rows]
}
