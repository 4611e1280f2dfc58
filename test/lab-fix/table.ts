// What was tried, and what happened, as a page of the documentation.
import type { Outcome } from './experiment.ts'

/** @param kernel the release that it was tried on */
export function table(rows: readonly string[], kernel: string): string {
  return `# Fixes that were tried

\`npm run lab:fix\` builds each of these faults in network namespaces, records it, runs the commands that the report
prints where the report says they belong, and records the same traffic once more. "cured": every command succeeded, every
client got what it wanted, the finding is gone, and the report says nothing that it had not said before. A flood goes on,
and is told still: there the clients count. On Linux ${kernel}.

| scenario | finding | commands | clients before | after | result |
|---|---|---|---|---|---|
${rows.join('\n')}
`
}

export function rowOf({ scenario, finding, tries, before, after, objections }: Outcome): string {
  const commands = tries.map(({ command, role, address }) => {
    const place = role === 'host' ? '' : ` (${role}${address === null ? '' : ` ${address}`})`
    return `\`${command.replaceAll('|', '\\|')}\`${place}`
  })
  const result = objections.length === 0 ? 'cured' : objections.join('; ')
  return `| ${[scenario, `\`${finding}\``, commands.join('<br>'), before, after, result].join(' | ')} |`
}

/** The rows of a page, each a line. */
export function rowsOf(page: string): string[] {
  return page.split('\n').filter(line => /^\| [a-z]/.test(line) && !line.startsWith('| scenario '))
}

/** Whose row it is. */
export function scenarioOf(row: string): string {
  return row.split(' | ')[0].replace('| ', '')
}
