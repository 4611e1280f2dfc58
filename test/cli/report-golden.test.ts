// Real captures against their goldens, as text and as JSON.
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'

const FOLDER = 'fixtures/report'
const GOLDENS = new URL(`../../${FOLDER}/`, import.meta.url).pathname
const names = readdirSync(GOLDENS)
  .filter(name => name.endsWith('.pcap'))
  .map(name => name.slice(0, -'.pcap'.length))

describe('the report of a real capture', () => {
  it.each(names)('%s as text', async name => {
    const { code, stdout, stderr } = await runCli([`${FOLDER}/${name}.pcap`, '--details'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    await expect(stdout).toMatchFileSnapshot(`${GOLDENS}${name}.txt`)
  })

  it.each(names)('%s as JSON', async name => {
    const { code, stdout, stderr } = await runCli(['analyze', '--json', `${FOLDER}/${name}.pcap`])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    await expect(stdout).toMatchFileSnapshot(`${GOLDENS}${name}.json`)
  })

  it.each(names)('%s adds up', async name => {
    const report = JSON.parse((await runCli(['--json', `${FOLDER}/${name}.pcap`])).stdout)
    const { total, ...parts } = report.packets
    expect(total).toBe(report.captures[0].frames)
    expect(sum(parts)).toBe(total)
    expect(sum(report.flows.byProtocol)).toBe(report.flows.total)
    expect(sum(report.table.peak.byProtocol)).toBe(report.table.peak.entries)
    const steps: { peak: number; live: number; count: number }[] = report.table.timeline
    expect(Math.max(...steps.map(step => step.peak))).toBe(report.table.peak.entries)
    expect(steps.at(-1)?.live).toBe(report.table.end)
    const counted = report.invalid.reduce((all: number, group: { count: number }) => all + group.count, 0)
    expect(counted).toBe(report.packets.invalid)
  })
})

function sum(parts: Record<string, number>): number {
  return Object.values(parts).reduce((all, part) => all + part, 0)
}
