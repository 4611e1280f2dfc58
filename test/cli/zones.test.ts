// Zones that rules set, of both directions or one: events and entries as the kernel had them of two networks with the same addresses.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'

const FOLDER = 'fixtures/zones'
const CASES = readdirSync(FOLDER)

async function told(command: string, name: string): Promise<string[]> {
  const file = (base: string): string => join(FOLDER, name, base)
  const given = ['--rules', file('rules.txt'), '--topology', file('topology.txt')]
  const { code, stdout } = await runCli([
    command,
    file('any.pcap'),
    ...given,
    '--sysctl',
    file('sysctl.txt'),
    ...(command === 'list' ? ['--at', 'end'] : []),
  ])
  expect(code).toBe(0)
  return withoutTimes(stdout)
}

/** Lines without what no capture shows (ids, uses) and what depends on the moment (stamps, seconds left). */
function withoutTimes(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map(line =>
      line
        .replace(/^\[[\d.]+\]\s*/, '')
        .replace(/^(\[\w+\] )?(\w+ +\d+) \d+ /, '$1$2 ')
        .replace(/ (mark|use|delta-time)=\d+| id=\d{6,}/g, '')
        .trimEnd(),
    )
}

function recorded(name: string, base: string): string[] {
  return withoutTimes(readFileSync(join(FOLDER, name, base), 'utf8'))
}

describe('zones', () => {
  it('are of one direction, of the other and of both among the recorded cases', () => {
    const all = CASES.flatMap(name => recorded(name, 'final.txt')).join('\n')
    expect(all).toContain(' zone-orig=11 ')
    expect(all).toContain(' zone-reply=11')
    expect(all).toContain(' zone=11')
  })

  it.each(CASES)("%s: the events are the kernel's, in their order", async name => {
    expect(await told('events', name)).toEqual(recorded(name, 'events.txt'))
  })

  it.each(CASES)("%s: the entries at the end are the kernel's", async name => {
    expect((await told('list', name)).sort()).toEqual(recorded(name, 'final.txt').sort())
  })
})
