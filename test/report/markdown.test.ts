// `analyze --format markdown`: what a ticket shows, with diagrams that mermaid itself reads and draws.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { markdownBlock, markdownCode, markdownText } from '../../src/report/analyze/markdown-text.ts'
import { mermaidName, mermaidText } from '../../src/report/analyze/mermaid-text.ts'
import { printable } from '../../src/report/text/format.ts'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { BROWSER, drawnBy, mermaidBlocks, mermaidParser } from '../support/mermaid.ts'
import { withInterfaceNames } from '../support/pcapng-names.ts'

const SAME_BRIDGE = 'fixtures/findings/same-bridge-dnat.multi.pcapng'
const CAPTURES = ['fixtures/findings', 'fixtures/flow-findings'].flatMap(folder =>
  readdirSync(folder)
    .filter(name => /\.(pcap|pcapng)(\.gz)?$/.test(name))
    .map(name => join(folder, name)),
)

/** What names in captures may hold: ends of statements, comments, directives, HTML, formulas, fences, control characters. */
const HOSTILE = [
  'end',
  '```\n\n# heading <script>alert(1)</script>',
  '%%{init: {"theme":"dark"}}%% ; Note over ct: forged #35;',
  '| cell | \u001b[31m \u202e @everyone $$x^2$$ <br/> {a} ~~b~~ [c](http://d)',
]

let parse: Awaited<ReturnType<typeof mermaidParser>>

beforeAll(async () => {
  parse = await mermaidParser()
})

/** What was printed already. */
const printed = new Map<string, string>()

async function markdownOf(...args: string[]): Promise<string> {
  const known = printed.get(args.join(' '))
  if (known !== undefined) return known
  const { code, stdout, stderr } = await runCli(['analyze', ...args, '--format', 'markdown'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  printed.set(args.join(' '), stdout)
  return stdout
}

/** Points of a diagram in their order, by their names. */
function columnsOf(diagram: string): string[] {
  return [...diagram.matchAll(/participant \w+ as (.*)$/gm)].map(([, name = '']) => name)
}

describe('the parser', () => {
  it('refuses what is no diagram', async () => {
    await expect(parse('sequenceDiagram\n  this is none')).rejects.toThrow()
  })
})

describe('a report as Markdown', () => {
  it.each(CAPTURES)('of %s has a diagram for each finding, which mermaid reads', async capture => {
    const [markdown, json] = [await markdownOf(capture), (await runCli([capture, '--json'])).stdout]
    const report = JSON.parse(json)
    const findings = [report, ...report.tunnels].flatMap(({ findings }) => findings)
    const diagrams = mermaidBlocks(markdown)
    expect(diagrams.length).toBe(findings.length)
    for (const diagram of diagrams) {
      expect((await parse(diagram)).diagramType).toBe('sequence')
      expect(columnsOf(diagram)).toContain('conntrack')
    }
    for (const { id, severity } of findings) {
      if (severity !== 'info') expect(markdown).toContain(`### ${severity.toUpperCase()} ${id}`)
    }
  })

  it('shows the answer that goes past conntrack, from point to point, and the verdict first', async () => {
    const markdown = await markdownOf(SAME_BRIDGE)
    expect(markdown.split('\n')[0]).toBe('## 1 error')
    const [diagram = ''] = mermaidBlocks(markdown)
    expect(columnsOf(diagram)).toEqual(['veth3a1f09c2', 'cni0', 'conntrack', 'vethd94c6e10'])
    expect(
      diagram
        .split('\n')
        .slice(5, 17)
        .map(line => line.trim()),
    ).toEqual([
      'p0->>p1: +0.000 s SYN 10.244.0.5:40001 → 10.96.45.12:80, frame 21',
      'p1->>ct: frame 3',
      'Note over ct: NEW, entry SYN_SENT',
      'ct->>p1: SYN 10.244.0.5:40001 → 10.244.0.7:8080, frame 6',
      'p1->>p3: frame 14',
      'p3-->>p1: +0.000 s SYN-ACK 10.244.0.7:8080 → 10.244.0.5:40001, frame 17',
      'p1-->>p0: frames 9, 25',
      'Note over ct: not met: switched inside a bridge',
      'p0-->>p1: +0.000 s RST 10.244.0.5:40001 → 10.244.0.7:8080, frame 26',
      'p1-->>p3: frames 10, 18',
      'Note over ct: not met: switched inside a bridge',
      'p0->>p1: +1.007 s SYN 10.244.0.5:40001 → 10.96.45.12:80, frame 34',
    ])
    expect(markdown).toContain('sysctl -w net.bridge.bridge-nf-call-iptables=1')
    expect(markdown).toContain('| tcp | SYN_SENT | +0.000 s |')
    expect(markdown).toContain('`ctpcap explain asymmetric-same-bridge-return`')
  })

  it('of a sound capture says so', async () => {
    const markdown = await markdownOf('fixtures/findings/same-bridge-dnat-control.cni0.pcap')
    expect(markdown.split('\n')[0]).toBe('## nothing wrong found')
    expect(markdown).toContain('Checked and in order: no INVALID')
  })

  it('of several hosts has each under its name', async () => {
    const folder = 'fixtures/two-hosts/nodeport-elsewhere-masqueraded'
    const markdown = await markdownOf(...['nodeA', 'nodeB'].map(node => `${node}=${folder}/${node}.any.pcap`))
    expect(markdown.match(/^# .*$/gm)).toEqual(['# nodeA', '# nodeB'])
  })

  it('is the same as text about INVALID packets', async () => {
    const markdown = await markdownOf('fixtures/report/handshake-reordered.pcap')
    expect(markdown).toContain('- 8 packets INVALID\n')
    expect(markdown).toContain('7 × packet invalid in this state: frames 3, 4, 10, 11, 12, …')
  })

  it.each([
    [['--json', '--format', 'markdown'], '--json and --format markdown: expected one of them'],
    [['--format', 'html'], '--format html: expected text, json, markdown'],
  ])('%j is an error', async (args, message) => {
    const { code, stderr } = await runCli([SAME_BRIDGE, ...args])
    expect(code).toBe(2)
    expect(stderr).toContain(message)
  })

  it('as JSON is what --json prints', async () => {
    const [a, b] = [await runCli([SAME_BRIDGE, '--json']), await runCli([SAME_BRIDGE, '--format', 'json'])]
    expect(a.stdout).toBe(b.stdout)
  })
})

describe('names out of a capture', () => {
  it('change neither the diagram nor the page', async () => {
    using folder = new Folder()
    const path = folder.write('hostile.pcapng', withInterfaceNames(readFileSync(SAME_BRIDGE), HOSTILE))
    const [plain, hostile] = [await markdownOf(SAME_BRIDGE), await markdownOf(path)]
    // the same headings, blocks and rows
    const skeleton = (text: string) =>
      text.replace(/^(#+ |```\w*|\|.*|- |[0-9]+\. )?.*$/gm, (_, mark: string) => mark?.slice(0, 4) ?? '')
    expect(skeleton(hostile)).toBe(skeleton(plain))
    for (const diagram of mermaidBlocks(hostile)) {
      expect((await parse(diagram)).diagramType).toBe('sequence')
      expect(columnsOf(diagram).length).toBe(4)
      expect(diagram.replace(/#\d+;|-+>>/g, '')).not.toMatch(/[<>%{}`$|;]/)
    }
    expect(hostile).not.toContain('<script')
    expect(hostile).toBe(printable(hostile).replaceAll('\\x0a', '\n'))
  })

  it.each(HOSTILE)('are shown as they are by mermaid: %j', async name => {
    const text = `sequenceDiagram\n  participant a as ${mermaidName(name)}\n  a->>a: ${mermaidText(name)}\n  Note over a: ${mermaidText(name)}`
    expect((await parse(text)).diagramType).toBe('sequence')
  })

  it('of any length have a length in a diagram', () => {
    expect(mermaidText('x'.repeat(1 << 20)).length).toBe(160)
  })

  it('are no markup', () => {
    expect(markdownText('<b>*x*</b> [a](b) `c` # @me #12')).toBe(
      '&lt;b&gt;\\*x\\*&lt;/b&gt; \\[a\\](b) \\`c\\` # @\u2060me #\u206012',
    )
    expect(markdownText('- item')).toBe('\\- item')
    expect(markdownText('1. item')).toBe('\\1. item')
    expect(markdownCode('a`b``c')).toBe('```a`b``c```')
    expect(markdownCode('`a`')).toBe('`` `a` ``')
    expect(markdownBlock('sh', ['echo ```', 'x'])).toEqual(['````sh', 'echo ```', 'x', '````'])
  })
})

describe.skipIf(BROWSER === null)('a browser', () => {
  it('draws the diagrams of every kind of finding', async () => {
    const kinds = new Map<string, string>()
    for (const capture of CAPTURES) {
      const markdown = await markdownOf(capture)
      const ids = [...markdown.matchAll(/^## ([a-z-]+)( inside of .*)?, in order$/gm)].map(
        ([, id = '']) => id,
      )
      for (const [i, diagram] of mermaidBlocks(markdown).entries()) kinds.set(ids[i] ?? '', diagram)
    }
    expect(kinds.size).toBeGreaterThan(20)
    const hostile = `sequenceDiagram\n${HOSTILE.map((name, i) => `  participant h${i} as ${mermaidName(name)}\n  Note over h${i}: ${mermaidText(name)}`).join('\n')}`
    const page = drawnBy(BROWSER ?? '', [...kinds.values(), hostile])
    expect(/data-drawn="([^"]*)"/.exec(page)?.[1]).toBe('all')
    const drawn = page.slice(0, page.indexOf('<script'))
    expect(drawn.match(/aria-roledescription="sequence"/g)?.length).toBe(kinds.size + 1)
    expect(drawn).not.toContain('Syntax error')
    expect(drawn).toContain('alert(1)')
    expect(drawn).toContain('conntrack')
  })
})

if (BROWSER === null) console.warn('markdown.test.ts: drawing of diagrams: skipped, there is no chromium')
