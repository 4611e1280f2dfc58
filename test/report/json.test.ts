// The JSON document: its layout, and that every field of it is documented.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import { renderJson } from '../../src/report/json.ts'
import { runCli } from '../support/cli.ts'

const DOCUMENT = readFileSync(new URL('../../docs/report-schema.md', import.meta.url), 'utf8')

describe('the report as JSON', () => {
  it('is what JSON.stringify() makes of it, but for the layout', async () => {
    const { stdout } = await runCli(['fixtures/report/home-gateway.pcap', '--json'])
    const report: Report = JSON.parse(stdout)
    expect(JSON.parse(renderJson(report))).toEqual(report)
    expect(renderJson(report)).toBe(stdout)
  })

  it('has short objects on one line, and ends with a line feed', () => {
    const short = { time: 0, peak: 1 }
    const report = { timeline: new Array(20).fill(short), title: 'x' } as unknown as Report
    const lines = renderJson(report).split('\n')
    expect(lines).toContain('    {"time":0,"peak":1},')
    expect(lines.at(-1)).toBe('')
  })

  it('has no field that docs/report-schema.md does not name', async () => {
    const captures = [
      'home-gateway',
      'segment-out-of-window',
      'picked-up-mid-stream',
      'traceroute-icmp-errors',
    ]
    for (const name of captures) {
      const args = [`fixtures/report/${name}.pcap`, '--json', '--set', 'nf_conntrack_max=1']
      const report = JSON.parse((await runCli(args)).stdout)
      const undocumented = fieldNames(report).filter(
        field => !DOCUMENT.includes(`\`${field}\``) && !DOCUMENT.includes(`\`${field}[]\``),
      )
      expect(undocumented).toEqual([])
    }
  })
})

const DATA = ['byProtocol', 'byState', 'settings', 'values']

/** All keys in it, but those that are data: protocols, states, sysctls, what belongs into a sentence. */
function fieldNames(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap(fieldNames)
  return Object.entries(value).flatMap(([key, inner]) =>
    DATA.includes(key) ? [key] : [key, ...fieldNames(inner)],
  )
}
