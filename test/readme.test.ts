// Holds README.md to the truth: what it shows is what the program prints, and the files it names are there.
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
})
