// What `list` and `events` print, against what conntrack 1.4.7 and /proc printed on the host of the capture (Linux 6.18).
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'

const FOLDER = 'fixtures/conntrack-output'
const ACCOUNTED = ['--set', 'nf_conntrack_acct=1', '--set', 'nf_conntrack_timestamp=1']

const linesOf = (text: string) => text.trimEnd().split('\n')
/** The order of a table is that of its hash, and ids are hashes. */
const comparable = (text: string) => linesOf(text.replace(/<id>\d+<\/id>/g, '<id/>')).sort()
/** Events carry the time at which conntrack read them. */
const withoutTime = (text: string) => linesOf(text).map(line => line.replace(/^\[\d+\.\d{6}\]\t/, ''))

describe.each([
  ['every-protocol', []],
  ['every-protocol-accounted', ACCOUNTED],
])('%s', (name, settings) => {
  const recorded = (form: string) => readFileSync(`${FOLDER}/${name}.${form}`, 'utf8')
  const instants: Record<string, string> = JSON.parse(recorded('at.json'))
  const capture = `${FOLDER}/${name}.pcap`

  it.each([
    ['conntrack', 'list', 'list.txt'],
    ['extended', 'extended', 'extended.txt'],
    ['proc', 'proc', 'proc.txt'],
    ['xml', 'xml', 'xml'],
    ['save', 'save', 'save.txt'],
  ])('list --format %s', async (format, key, file) => {
    const { code, stdout } = await runCli([
      'list',
      capture,
      '--format',
      format,
      '--at',
      instants[key],
      ...settings,
    ])
    expect(code).toBe(0)
    expect(comparable(stdout)).toEqual(comparable(recorded(file)))
  })

  it('events', async () => {
    const { code, stdout } = await runCli(['events', capture, ...settings])
    expect(code).toBe(0)
    expect(withoutTime(stdout)).toEqual(withoutTime(recorded('events.txt')))
  })
})
