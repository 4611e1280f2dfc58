// docs/findings.md, whose marked parts are written from what `ctpcap explain` prints.
import { SYSCTL_NAMES } from '../../src/conntrack/settings.ts'
import { FINDING_IDS, type FindingId } from '../../src/findings/facts/facts.ts'
import { reportUrl } from '../../src/report/explain/explain-text.ts'
import type { Explanation, Line } from '../../src/report/explain/explanation.ts'
import { FINDING_EXPLANATIONS } from '../../src/report/explain/finding-explanations.ts'
import { wrap } from '../../src/report/text/wrap.ts'

/** Columns of the page's prose. */
const WIDTH = 120

/** Findings that need no translation to be seen; they have a table of their own. */
const OF_FLOWS: readonly FindingId[] = [
  'dns-race',
  'port-reuse',
  'idle-gap',
  'stale-mapping',
  'recycled-address',
  'snat-port-pressure',
  'vxlan-checksum',
  'one-way-flow',
  'multicast-answer',
  'offload-checksum',
  'mid-stream-pickup',
]

/** What contradicts a table has a section of its own, by kinds. */
const BY_KINDS: FindingId = 'table-file-contradicted'

const PARTS: Readonly<Record<string, () => string>> = {
  'table translations': () => table(FINDING_IDS.filter(id => !OF_FLOWS.includes(id) && id !== BY_KINDS)),
  'table flows': () => table(OF_FLOWS),
  explanations: () => FINDING_IDS.map(id => section(id, FINDING_EXPLANATIONS[id])).join('\n'),
}

/** The page with its marked parts as the explanations have them. @throws for a part that nobody knows */
export function findingsPage(page: string): string {
  return page.replace(/<!-- ([a-z ]+) -->\n[\s\S]*?<!-- end -->/g, (_, name: string) => {
    const part = PARTS[name]
    if (part === undefined) throw new Error(`docs/findings.md has a part "${name}"`)
    return `<!-- ${name} -->\n${part()}\n<!-- end -->`
  })
}

function table(ids: readonly FindingId[]): string {
  const rows = ids.map(id => {
    const { severity, evidence, certain, alike } = FINDING_EXPLANATIONS[id]
    return [`[\`${id}\`](#${id})`, severity, ...[evidence, certain, alike].map(marked)]
  })
  const head = ['id', 'severity', 'what is seen', 'certain when', 'what looks like it, and is sound']
  return [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

function section(id: FindingId, of: Explanation): string {
  const paragraphs = [`**${capital(of.title)}.**`, of.kernel, `Where it shows. ${of.points}`].map(text =>
    wrap([marked(text)], WIDTH).join('\n'),
  )
  const lists = [
    ['On the node:', of.confirm.map(item)],
    ['What helps:', of.fix.map(each => item({ ...each, text: `${each.text}. It costs: ${each.cost}` }))],
  ] as const
  return [
    `### ${id}`,
    ...paragraphs,
    ...lists.map(([title, items]) => `${title}\n\n${items.join('\n')}`),
    `In the kernel: ${of.source.map(marked).join(', ')}.`,
    ...(of.reports.length === 0
      ? []
      : [`Met by: ${of.reports.map(each => `[${each}](${reportUrl(each)})`).join(', ')}.`]),
  ]
    .map(text => `${text}\n`)
    .join('\n')
}

function item({ text, commands }: Line): string {
  const lines = wrap([`- ${marked(text)}`], WIDTH)
  const block = commands.length === 0 ? [] : ['', ...commands.map(command => `      ${command}`), '']
  return [...lines, ...block].join('\n')
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}

/** Ids, functions, sysctls and options as code. */
function marked(text: string): string {
  const words = [...FINDING_IDS, ...SYSCTL_NAMES].sort((a, b) => b.length - a.length)
  const pattern = new RegExp(
    String.raw`(?<![\w.-])(?:net\.[\w.-]*\w|(?:${words.join('|')})(?:=\d+)?|\w+\(\)|bridge-nf-call-iptables(?:=\d)?|--[a-z][a-z-]*\w)(?![\w-])`,
    'g',
  )
  return text.replace(pattern, match => `\`${match}\``)
}
