// The whole program on mutated captures in files, with spoilt files and filters beside them: every command and output, nothing but exit codes and lines.
import { writeFileSync } from 'node:fs'
import type { Random } from '../kernel/generate/random.ts'
import { runCli } from '../support/cli.ts'
import { Violation } from './batch.ts'
import { sideOptions } from './side-files.ts'

const COMMANDS = [
  ['analyze', '--json'],
  ['analyze', '--top', '3'],
  ['analyze', '--set', 'max=20', '--fail-on', 'warning'],
  ['packets'],
  ['packets', '--format', 'tsv', '--set', 'acct=1'],
  ['packets', '--format', 'ndjson', '--set', 'checksum=1'],
  ['events'],
  ['events', '--format', 'tsv', '--set', 'acct=1', '--set', 'timestamp=1'],
  ['events', '--format', 'ndjson', '--set', 'max=10'],
  ['list'],
  ['list', '--at', 'peak', '--format', 'extended'],
  ['list', '--at', '+1.5', '--format', 'proc'],
  ['list', '--format', 'xml', '--set', 'acct=1'],
  ['list', '--format', 'save'],
  ['list', '--format', 'ndjson', '--set', 'timestamp=1'],
  ['size', '--json'],
  ['size', '--presets', 'ovs', '--set', 'max=20'],
  ['info', '--json'],
  ['info'],
]

/** Longest line on stderr: a word of a file may be quoted, but not at any length. */
const LONGEST_LINE = 3000

/** Runs one command on one or two captures, written to `folder`. */
export async function runProgram(
  captures: readonly Uint8Array[],
  folder: string,
  random: Random,
  begin: (command: string) => void,
): Promise<void> {
  const paths = captures.map((bytes, index) => {
    const path = `${folder}/input-${index}`
    writeFileSync(path, bytes)
    return path
  })
  const [command, ...fixed] = random.pick(COMMANDS)
  const options = [...fixed, ...sideOptions(command, folder, random)]
  const shown = `${command} ${options.map(option => JSON.stringify(option)).join(' ')} ${paths.join(' ')}`
  begin(shown)
  const { code, stdout, stderr } = await runCli([command, ...options, ...paths])
  if (code !== 0 && code !== 1 && code !== 2) throw new Violation(`${shown}: exit code ${code}\n${stderr}`)
  if (stderr.split('\n').some(line => line.length > LONGEST_LINE))
    throw new Violation(`${shown}: a line without end\n${stderr.slice(0, 5000)}`)
  if (code === 2 && stdout !== '') throw new Violation(`${shown}: refused after output`)
  // errors quote what they were given
  if (/\bNaN\b|\bundefined\b|\bInfinity\b|\[object/.test(code === 2 ? '' : stdout))
    throw new Violation(`${shown}: no number\n${stdout}${stderr}`)
  checkJson(command, options, stdout)
}

function checkJson(command: string, options: readonly string[], stdout: string): void {
  const documents = options.includes('--json')
    ? [stdout]
    : options.includes('ndjson')
      ? stdout.split('\n')
      : []
  for (const text of documents) {
    try {
      if (text !== '') JSON.parse(text)
    } catch (error) {
      throw new Violation(
        `${command} ${options.join(' ')}: no JSON: ${(error as Error).message}\n${text.slice(0, 2000)}`,
      )
    }
  }
}
