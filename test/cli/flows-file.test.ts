// `--flows FILE`: a line for every flow as it ends, in a file that is whole or not there.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { FlowReport } from '../../src/report/analyze/model.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'

/** Two connections, one of which expires before the third flow, which is open at the end. */
const capture = (): Uint8Array =>
  new CaptureBuilder()
    .connection(1001, 100)
    .wait(1)
    .connection(1002, 50)
    .wait(500)
    .udp({ sourcePort: 5000, destinationPort: 53 })
    .bytes()

describe('--flows', () => {
  it('writes every flow as a line of NDJSON, as it ends', async () => {
    using folder = new Folder()
    const flows = folder.at('flows.ndjson')
    const { code } = await runCli([folder.write('a.pcap', capture()), '--flows', flows, '--quiet'])
    expect(code).toBe(0)
    const lines: FlowReport[] = readFileSync(flows, 'utf8')
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    const seen = lines.map(flow => [flow.protocol, flow.orig.sport, flow.state, flow.ended, flow.status])
    expect(seen).toEqual([
      ['tcp', 1001, 'TIME_WAIT', 'timeout', ['ASSURED']],
      ['tcp', 1002, 'TIME_WAIT', 'timeout', ['ASSURED']],
      ['udp', 5000, '', 'open', ['UNREPLIED']],
    ])
  })

  it('knows when each flow began and ended', async () => {
    using folder = new Folder()
    const flows = folder.at('flows.ndjson')
    await runCli([folder.write('a.pcap', capture()), '--flows', flows, '--quiet'])
    const second: FlowReport = JSON.parse(readFileSync(flows, 'utf8').split('\n')[1])
    expect(second).toMatchObject({
      firstFrame: 7,
      start: 1,
      duration: 0,
      startTime: '2023-11-14T22:13:21.000000Z',
    })
    // TIME_WAIT lasts 120 s; jiffies of 4 ms
    expect(second.entrySeconds).toBeCloseTo(120, 1)
    expect(second.orig).toEqual({
      src: '10.0.0.1',
      dst: '10.0.0.2',
      sport: 1002,
      dport: 80,
      packets: 3,
      bytes: 40 + 90 + 40,
    })
  })

  it('writes CSV with a header and as many fields in every line', async () => {
    using folder = new Folder()
    const flows = folder.at('flows.csv')
    await runCli([folder.write('a.pcap', capture()), '--flows', flows, '--quiet'])
    const rows = readFileSync(flows, 'utf8')
      .trimEnd()
      .split('\n')
      .map(line => line.split(','))
    const [header, ...flowRows] = rows
    expect(new Set(rows.map(row => row.length))).toEqual(new Set([header.length]))
    const column = (name: string): string[] => flowRows.map(row => row[header.indexOf(name)])
    expect(column('orig_sport')).toEqual(['1001', '1002', '5000'])
    expect(column('reply_dport')).toEqual(['1001', '1002', '5000'])
    expect(column('status')).toEqual(['ASSURED', 'ASSURED', 'UNREPLIED'])
    expect(column('ended')).toEqual(['timeout', 'timeout', 'open'])
  })

  it('has the file under its own name only when it is whole', async () => {
    using folder = new Folder()
    const flows = folder.write('flows.csv', 'before')
    const { code } = await runCli([folder.at('missing.pcap'), '--flows', flows])
    expect(code).toBe(2)
    expect(readFileSync(flows, 'utf8')).toBe('before')
    await runCli([folder.write('a.pcap', capture()), '--flows', flows, '--quiet'])
    expect(readFileSync(flows, 'utf8')).toMatch(/^protocol,/)
    expect(readdirSync(folder.path).sort()).toEqual(['a.pcap', 'flows.csv'])
  })

  it('agrees with the totals of the report, and its largest flows', async () => {
    using folder = new Folder()
    const flows = folder.at('flows.ndjson')
    const { stdout } = await runCli([
      folder.write('a.pcap', capture()),
      '--flows',
      flows,
      '--json',
      '--top',
      '9',
    ])
    const lines: FlowReport[] = readFileSync(flows, 'utf8')
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    const report = JSON.parse(stdout)
    expect(report.flows.total).toBe(lines.length)
    expect(report.flows.top).toEqual(lines)
  })

  it.each([
    [
      'a name without a format',
      'flows.txt',
      /--flows .*flows.txt: expected a name that ends in .ndjson or .csv/,
    ],
    ['a folder that is not there', 'no/flows.csv', /flows.csv: cannot be written: no such directory/],
  ])('refuses %s', async (_what, name, message) => {
    using folder = new Folder()
    const { code, stderr, stdout } = await runCli([
      folder.write('a.pcap', capture()),
      '--flows',
      folder.at(name),
    ])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(existsSync(folder.at(name))).toBe(false)
  })
})
