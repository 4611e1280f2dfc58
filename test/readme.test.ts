// Holds README.md, and the tables of docs/scenarios.md, to the truth: what the program prints, and files that are there.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli } from './support/cli.ts'
import { ROOT } from './support/source-files.ts'

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')

/** Commands of the console blocks, `ctpcap` left away, and the output shown below each. */
const examples = [...readme.matchAll(/```console\n([\s\S]*?)```/g)]
  .flatMap(([, block]) => block.split(/^\$ ctpcap /m).slice(1))
  .map(example => {
    const [command, ...output] = example.trimEnd().split('\n')
    return { command, output: output.join('\n') }
  })

function withoutTrailingSpace(text: string): string {
  return text.trimEnd().replace(/ +$/gm, '')
}

/** A row for each recorded scenario: what is found at each interface alone, on `any`, and in all interfaces merged. */
function scenarioRows(matrix: string): string[] {
  const scenarios = new Map<string, string[][]>()
  for (const line of matrix.trim().split('\n').slice(1)) {
    const fields = line.split('\t')
    if (fields[1] === '') continue
    scenarios.set(fields[0], [...(scenarios.get(fields[0]) ?? []), fields])
  }
  return [...scenarios].map(([scenario, captures]) => {
    const single = captures.filter(([, , capture]) => /^(?!any|far)[^+]*\.pcap$/.test(capture))
    const shown = single.filter(([, , , , confidence]) => confidence !== '')
    const silent = single.filter(([, , , , confidence]) => confidence === '')
    const confidenceAt = (pattern: RegExp) =>
      captures.find(([, , capture]) => pattern.test(capture))?.[4].replace(/^$/, '–') ?? ''
    const cells = [
      scenario,
      `\`${captures[0][1]}\``,
      shown.map(pointName).join(', ') || '–',
      silent.map(([, , capture]) => capture.replace('.pcap', '')).join(', ') || '–',
      confidenceAt(/^any/),
      confidenceAt(/\+/),
    ]
    return `| ${cells.join(' | ')} |`
  })
}

function pointName([, problem, capture, found, confidence]: readonly string[]): string {
  const notes = [
    ...(found === problem ? [] : [`\`${found}\``]),
    ...(confidence === 'certain' ? [] : [confidence]),
  ]
  return capture.replace('.pcap', '') + (notes.length === 0 ? '' : ` (${notes.join(', ')})`)
}

describe('README.md', () => {
  it('shows examples', () => {
    expect(examples.length).toBeGreaterThan(1)
  })

  it.each(examples)('shows what `ctpcap $command` prints', async ({ command, output }) => {
    const { stdout } = await runCli(command.split(' '))
    expect(withoutTrailingSpace(stdout)).toBe(output)
  })

  it('names files that are there', () => {
    const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(match => match[1])
    const paths = [...readme.matchAll(/(?:fixtures|test|docs)\/[\w./-]*\w/g)].map(match => match[0])
    expect([...links, ...paths].filter(path => !existsSync(join(ROOT, path)))).toEqual([])
  })

  it('tells what is found in each recorded scenario', () => {
    const matrix = readFileSync(join(ROOT, 'fixtures/lab/lab-matrix.tsv'), 'utf8')
    const scenarios = readFileSync(join(ROOT, 'docs/scenarios.md'), 'utf8')
    expect(scenarios.split('\n').filter(line => /^\| [a-z-]+ \| `/.test(line))).toEqual(scenarioRows(matrix))
  })
})
