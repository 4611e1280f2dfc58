// What was given beside the captures, and how it agrees with them: rules compared with translations, flows by rules and names.
import type {
  CheckedTranslations,
  TranslationGroup,
  Unruled,
} from '../../findings/counts/translation-check.ts'
import type { ObjectionGroup } from '../../findings/detectors/object-check.ts'
import { parseAddress } from '../../host/files/network.ts'
import type { Knowledge } from '../../host/knowledge.ts'
import type { Cluster } from '../../host/kubernetes/cluster.ts'
import type { Names } from '../../host/names/names.ts'
import { nameOf, onlyTarget, type Rules } from '../../host/rules/rules.ts'
import { formatCount, plural, printable } from '../text/format.ts'
import type { Style } from '../text/style.ts'
import type {
  ClusterReport,
  DirectionReport,
  FlowReport,
  KnowledgeReport,
  TranslationReport,
} from './model.ts'
import { objectionLines } from './objection-lines.ts'

/** Groups of a kind that the text names, and JSON. */
const NAMED = 5
const REPORTED = 50

/** Knowledge with the files it came from. */
export interface GivenKnowledge {
  knowledge: Knowledge
  rules: readonly string[]
  topology: readonly string[]
  kubernetes: readonly string[]
}

export function knowledgeReport(
  { knowledge, rules, topology, kubernetes }: GivenKnowledge,
  checked: CheckedTranslations | null,
  objections: readonly ObjectionGroup[] | null,
): KnowledgeReport {
  return {
    rules: knowledge.rules === null ? null : rulesReport(knowledge.rules, rules, checked),
    topology:
      knowledge.topology === null
        ? null
        : {
            files: [...topology],
            host: knowledge.host?.name ?? null,
            interfaces: knowledge.host?.interfaces.size ?? 0,
            ...(knowledge.lacking.length === 0 ? {} : { lacking: [...knowledge.lacking] }),
          },
    ...(knowledge.cluster === null ? {} : { kubernetes: clusterReport(knowledge.cluster, kubernetes) }),
    ...(objections === null ? {} : { objections: objections.slice(0, REPORTED) }),
    translations: checked === null ? null : translationsReport(checked),
  }
}

function rulesReport(
  rules: Rules,
  files: readonly string[],
  checked: CheckedTranslations | null,
): NonNullable<KnowledgeReport['rules']> {
  const lacking = checked === null ? [] : lackingCommands(rules, checked.unruled)
  return { files: [...files], ...rules.natRules, ...(lacking.length === 0 ? {} : { lacking }) }
}

/** Commands whose output would have the rules of translations that none given is about; none whose output was given. */
function lackingCommands(rules: Rules, unruled: Unruled): string[] {
  const families = [4, 6] as const
  const commands = families
    .filter(family => unruled[family].all > 0 && !rules.hasIptables(family))
    .map(family => (family === 6 ? 'ip6tables-save' : 'iptables-save'))
  const isOfNft = families.some(
    family => unruled[family].destinations + (rules.hasIptables(family) ? unruled[family].all : 0) > 0,
  )
  return isOfNft && !rules.hasNft ? [...commands, 'nft -j list ruleset'] : commands
}

function clusterReport(cluster: Cluster, files: readonly string[]): ClusterReport {
  const { pods, services, endpoints, nodes } = cluster
  return {
    files: [...files],
    pods: pods.length,
    services: services.length,
    endpoints: endpoints.length,
    nodes: nodes.length,
    networkPolicies: cluster.policies.length,
  }
}

function translationsReport({
  confirmed,
  contradicted,
  unknown,
  undecided,
}: CheckedTranslations): TranslationReport {
  const sum = (groups: readonly TranslationGroup[]) => groups.reduce((total, { flows }) => total + flows, 0)
  return {
    confirmed: { flows: sum(confirmed), groups: confirmed.slice(0, REPORTED) },
    contradicted: { flows: sum(contradicted), groups: contradicted.slice(0, REPORTED) },
    unknown: { flows: sum(unknown), groups: unknown.slice(0, REPORTED) },
    undecided,
  }
}

/** A flow that was not seen translated, with the one target that the rules have for it. */
export function withTarget(flow: FlowReport, knowledge: Knowledge | null): FlowReport {
  const rules = knowledge?.rules ?? null
  const { src, dst, sport, dport } = flow.orig
  if (knowledge === null || rules === null || flow.status.includes('DST_NAT')) return flow
  if (sport === undefined || dport === undefined) return flow
  const [from, to] = [parseAddress(src), parseAddress(dst)]
  if (from === null || to === null) return flow
  const subject = knowledge.subject(flow.protocolNumber, { ...from, port: sport }, { ...to, port: dport })
  const target = onlyTarget(rules.destinations(subject), subject)
  const rule = target?.way.at(-1)
  if (target === null || rule === undefined) return flow
  return { ...flow, byRules: { to: target.text, name: nameOf(target.way), rule: rule.source.place } }
}

/** A flow with the names that its ends have. */
export function withNames(flow: FlowReport, names: Names): FlowReport {
  if (names.isEmpty) return flow
  const { protocolNumber, orig, reply } = flow
  const named = (direction: DirectionReport): DirectionReport => {
    const srcName = names.nameAt(protocolNumber, direction.src, direction.sport ?? -1)
    const dstName = names.nameAt(protocolNumber, direction.dst, direction.dport ?? -1)
    const { src, dst, ...rest } = direction
    return {
      src,
      dst,
      ...(srcName === '' ? {} : { srcName }),
      ...(dstName === '' ? {} : { dstName }),
      ...rest,
    }
  }
  return { ...flow, orig: named(orig), reply: named(reply) }
}

/** Who speaks to whom, by name where one is known; '' where nobody has one. */
export function namesText({ orig, reply }: FlowReport): string {
  if (orig.srcName === undefined && orig.dstName === undefined && reply.srcName === undefined) return ''
  const asked = `${orig.srcName ?? orig.src} to ${orig.dstName ?? orig.dst}`
  // the reply goes from whom the destination became to whom the source became
  const target = reply.src === orig.dst ? '' : `, translated to ${reply.srcName ?? reply.src}`
  const origin = reply.dst === orig.src ? '' : `, masqueraded as ${reply.dstName ?? reply.dst}`
  return printable(`${asked}${target}${origin}`)
}

/** The line under a flow that says so. */
export function targetText({ byRules }: FlowReport): string {
  if (byRules === undefined) return ''
  const name = byRules.name === '' ? '' : ` (${printable(byRules.name)})`
  return `not seen translated; by ${printable(byRules.rule)} it goes to ${byRules.to}${name}`
}

export function knowledgeLines(report: KnowledgeReport | undefined, style: Style): string[] {
  if (report === undefined) return []
  const lines: string[] = []
  const { rules, topology, translations } = report
  if (rules !== null) {
    const counts = `${plural(rules.destinations, 'rule')} for destinations, ${formatCount(rules.sources)} for sources`
    lines.push(`${rules.files.map(printable).join(', ')}: ${counts}`)
    if (rules.lacking !== undefined) {
      const commands = rules.lacking.map(command => `\`${command}\``).join(' and ')
      lines.push(
        style.yellow(
          `  translations were seen that none of them is about: give the output of ${commands}, too`,
        ),
      )
    }
  }
  if (topology !== null) {
    const name = topology.host === '' ? '' : ` of ${printable(topology.host ?? '')}`
    const what =
      topology.host === null
        ? style.yellow(
            'it does not say which of its hosts the captures are of: no observation point has one of its names',
          )
        : `${plural(topology.interfaces, 'interface')}${name}`
    lines.push(`${topology.files.map(printable).join(', ')}: ${what}`)
    if (topology.lacking !== undefined) lines.push(style.yellow(lackingText(topology.lacking)))
  }
  if (report.kubernetes !== undefined) {
    const { files, pods, services, endpoints, nodes, networkPolicies } = report.kubernetes
    const counts = [
      plural(pods, 'pod'),
      plural(services, 'Service'),
      plural(endpoints, 'endpoint'),
      plural(nodes, 'node'),
      ...(networkPolicies === 0 ? [] : [plural(networkPolicies, 'NetworkPolicy', 'NetworkPolicies')]),
    ]
    lines.push(`${files.map(printable).join(', ')}: ${counts.join(', ')}`)
  }
  lines.push(...objectionLines(report.objections ?? []).map(style.yellow))
  if (translations === null) return lines
  const { confirmed, contradicted, unknown, undecided } = translations
  if (confirmed.flows > 0) lines.push(`${plural(confirmed.flows, 'translation')} confirmed by the rules`)
  if (contradicted.flows > 0) {
    lines.push(
      style.yellow(
        `${plural(contradicted.flows, 'translation')} contradicted by the rules: they have changed since, or are of another host`,
      ),
    )
    lines.push(...groupLines(contradicted.groups))
  }
  if (unknown.flows > 0) {
    lines.push(`${plural(unknown.flows, 'translation')} without a rule about them`)
    lines.push(...groupLines(unknown.groups))
  }
  if (undecided > 0) lines.push(`${plural(undecided, 'translation')} that the rules leave open`)
  return lines
}

/** What is said of captured interfaces that a topology has not. */
function lackingText(indexes: readonly number[]): string {
  const which = `${indexes.length === 1 ? 'interface' : 'interfaces'} #${indexes.join(', #')}`
  return `  it lacks ${which} of the captures, gone or made since: nothing is known of what is behind, the rest is used`
}

function groupLines(groups: readonly TranslationGroup[]): string[] {
  const lines = groups.slice(0, NAMED).map(({ protocol, from, to, name, flows, firstFrame }) => {
    const named = name === '' ? '' : ` (${printable(name)})`
    const frame = flows === 1 ? `frame ${firstFrame}` : `from frame ${firstFrame} on`
    return `  ${formatCount(flows)}  ${protocol} ${from} became ${to}${named}, ${frame}`
  })
  if (groups.length > NAMED) lines.push(`  and ${formatCount(groups.length - NAMED)} more`)
  return lines
}
