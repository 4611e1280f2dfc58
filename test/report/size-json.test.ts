// The JSON of `ctpcap size`: every field of it is documented.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'

const DOCUMENTS = ['size-schema.md', 'report-schema.md']
  .map(name => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8'))
  .join('\n')

/** All keys in it, but those that are data: protocols, states, sysctls. */
function fieldNames(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap(fieldNames)
  return Object.entries(value).flatMap(([key, inner]) =>
    ['byProtocol', 'byState', 'settings'].includes(key) ? [key] : [key, ...fieldNames(inner)],
  )
}

it.each(['home-gateway', 'syn-flood', 'port-reused'])(
  '%s has no field that is not documented',
  async name => {
    const args = ['--json', '--set', 'nf_conntrack_max=2', '--scenario', 'short: udp_timeout=1']
    const { stdout } = await runCli(['size', `fixtures/report/${name}.pcap`, ...args])
    const undocumented = fieldNames(JSON.parse(stdout)).filter(
      field => !DOCUMENTS.includes(`\`${field}\``) && !DOCUMENTS.includes(`\`${field}[]\``),
    )
    expect(undocumented).toEqual([])
  },
)
