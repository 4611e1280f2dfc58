// Zones that rules set, by interface or VRF: events and entries as the kernel had them of networks with the same addresses.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { pcapRecords } from '../support/pcap-records.ts'

const FOLDERS = ['fixtures/zones', 'fixtures/vrfs']
/** In a record: the interface's index in the cooked header; and that of lan0 in topology.txt. */
const INTERFACE_AT = 20
const LAN0 = 2
const CASES = FOLDERS.flatMap(folder => readdirSync(folder).map(name => join(folder, name)))

async function told(command: string, folder: string): Promise<string[]> {
  const file = (base: string): string => join(folder, base)
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
        .replace(/^\[[\d.]+\]\s*|^ipv[46] +\d+ /, '')
        .replace(/^(\[\w+\] )?(\w+ +\d+) \d+ /, '$1$2 ')
        .replace(/ (mark|use|delta-time)=\d+| id=\d{6,}/g, '')
        .trimEnd(),
    )
}

function recorded(folder: string, base: string): string[] {
  return withoutTimes(readFileSync(join(folder, base), 'utf8'))
}

describe('zones', () => {
  it('are of one direction, of the other and of both among the recorded cases', () => {
    const all = CASES.flatMap(folder => recorded(folder, 'final.txt')).join('\n')
    expect(all).toContain(' zone-orig=11 ')
    expect(all).toContain(' zone-reply=11')
    expect(all).toContain(' zone=11')
  })

  it.each(CASES)("%s: the events are the kernel's, in their order", async folder => {
    expect(await told('events', folder)).toEqual(recorded(folder, 'events.txt'))
  })

  it.each(CASES)("%s: the entries at the end are the kernel's", async folder => {
    expect((await told('list', folder)).sort()).toEqual(recorded(folder, 'final.txt').sort())
  })

  it('tell equal tuples apart in a file of all flows', async () => {
    using scratch = new Folder()
    const [folder] = CASES.filter(name => name.endsWith('iptables-both'))
    const flows = scratch.at('flows.csv')
    const file = (base: string): string => join(folder, base)
    const given = ['--rules', file('rules.txt'), '--topology', file('topology.txt'), '--flows', flows]
    await runCli(['analyze', file('any.pcap'), ...given, '--quiet'])
    const [header = '', ...lines] = readFileSync(flows, 'utf8').trimEnd().split('\n')
    const at = (name: string): number => header.split(',').indexOf(name)
    const rows = lines.map(line => line.split(','))
    expect(new Set(rows.map(row => row[at('orig_zone')]))).toEqual(new Set(['', '11', '12']))
    expect(rows.map(row => row[at('reply_zone')])).toEqual(rows.map(row => row[at('orig_zone')]))
  })

  it.each(['iptables-orig', 'nft-orig-map'])(
    '%s: answers that one network alone shows find the entry of --table, in the zone of each direction',
    async name => {
      using scratch = new Folder()
      const folder = join('fixtures/zones', name)
      const file = (base: string): string => join(folder, base)
      const { header, records } = pcapRecords(readFileSync(file('any.pcap')))
      const own = records.filter(one => Buffer.from(one).readUInt32BE(INTERFACE_AT) === LAN0)
      const capture = scratch.write('lan0.pcap', Buffer.concat([header, ...own]))
      const given = ['--rules', file('rules.txt'), '--topology', file('topology.txt')]
      const known = ['--table', file('final.txt'), '--format', 'tsv']
      const { stdout } = await runCli(['packets', capture, ...given, ...known])
      const states = stdout.trimEnd().split('\n')
      expect(states.length).toBeGreaterThan(10)
      expect(states.filter(line => /\t(invalid|new)\t/.test(line))).toEqual([])
    },
  )
})
