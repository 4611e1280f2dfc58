// What was tried, and what happened, as a page of the documentation.
import type { Outcome } from './experiment.ts'

/** @param kernel the release that it was tried on */
export function table(outcomes: readonly Outcome[], kernel: string): string {
  const lines = outcomes.map(({ scenario, finding, tries, before, after, objections }) => {
    const commands = tries.map(({ command, role, address }) => {
      const place = role === 'host' ? '' : ` (${role}${address === null ? '' : ` ${address}`})`
      return `\`${command.replaceAll('|', '\\|')}\`${place}`
    })
    const result = objections.length === 0 ? 'cured' : objections.join('; ')
    return `| ${[scenario, `\`${finding}\``, commands.join('<br>'), before, after, result].join(' | ')} |`
  })
  return `# Fixes that were tried

\`npm run lab:fix\` builds each of these faults in network namespaces, records it, runs the commands that the report
prints where the report says they belong, and records the same traffic once more. "cured": every command succeeded, every
client got what it wanted, the finding is gone, and the report says nothing that it had not said before. On Linux ${kernel}.

| scenario | finding | commands | clients before | after | result |
|---|---|---|---|---|---|
${lines.join('\n')}
`
}
