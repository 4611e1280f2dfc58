// `ctpcap list` and `events` on captures of whole nodes: each packet once, translated; clocks of two captures set right.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { run } from '../../src/cli/run.ts'
import { Cli, runCli } from '../support/cli.ts'

const NODE = 'fixtures/lab/masquerade-egress'
const HOME = 'fixtures/report/home-gateway.pcap'
const directory = mkdtempSync(join(tmpdir(), 'ctpcap-sightings-'))

afterAll(() => rmSync(directory, { recursive: true }))

async function outputOf(...args: string[]): Promise<{ lines: string[]; errors: string }> {
  const cli = new Cli()
  expect(await run(args, cli)).toBe(0)
  return { lines: cli.stdout.text.trimEnd().split('\n'), errors: cli.stderr.text }
}

/** A line without its times, which the end of the capture and the collector decide. */
const timeless = (line: string) =>
  line.replace(/^\[[\d.]+\]/, '').replace(/^(\s*(?:\[\w+\])?\s*\w+ +\d+ )\d+ /, '$1')

describe('a capture of a node', () => {
  it('lists what conntrack -L listed', async () => {
    const { lines } = await outputOf('list', `${NODE}/any.pcap`, '--sysctl', `${NODE}/sysctl.txt`)
    const listed = readFileSync(`${NODE}/conntrack-final.txt`, 'utf8').trimEnd().split('\n')
    expect(lines.map(timeless).sort()).toEqual(listed.map(timeless).sort())
  })

  it('prints the events that conntrack -E printed', async () => {
    const { lines } = await outputOf('events', `${NODE}/any.pcap`, '--sysctl', `${NODE}/sysctl.txt`)
    const printed = readFileSync(`${NODE}/conntrack-events.txt`, 'utf8').trimEnd().split('\n')
    expect(lines.map(timeless).sort()).toEqual(printed.map(timeless).sort())
  })

  it('has an entry more for each sighting under another tuple when frames are replayed', async () => {
    const { lines } = await outputOf('list', `${NODE}/any.pcap`, '--replay', 'frames')
    expect(lines.length).toBeGreaterThan(8)
  })

  it('is replayed by sightings by events and list unless told otherwise; packets goes by frames', async () => {
    const outputs = async (command: string, ...ways: string[]) => {
      const plain = await runCli([command, `${NODE}/any.pcap`])
      expect(plain.code).toBe(0)
      const told = ways.map(way => runCli([command, `${NODE}/any.pcap`, '--replay', way]))
      return (await Promise.all(told)).map(({ stdout }) => stdout === plain.stdout)
    }
    expect(await outputs('events', 'auto', 'frames')).toEqual([true, false])
    expect(await outputs('list', 'auto', 'frames')).toEqual([true, false])
    expect(await outputs('packets', 'frames')).toEqual([true])
    expect(await outputs('packets', 'auto')).toEqual([false])
  })

  it('is listed as it was at its peak, and at an instant', async () => {
    const peak = await outputOf('list', `${NODE}/any.pcap`, '--at', 'peak')
    expect(peak.lines).toHaveLength(8)
    const early = await outputOf('list', `${NODE}/any.pcap`, '--at', '+0.4')
    expect(early.lines.map(line => /sport=(\d+)/.exec(line)?.[1])).toEqual([undefined, '40000', '40001'])
  })
})

describe('two captures whose clocks differ', () => {
  /** The capture again, `seconds` later. */
  function moved(seconds: number): string {
    const bytes = readFileSync(HOME)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const little = view.getUint32(0, true) === 0xa1b2c3d4
    for (let at = 24; at + 16 <= bytes.length; at += 16 + view.getUint32(at + 8, little)) {
      view.setUint32(at, view.getUint32(at, little) + seconds, little)
    }
    const path = join(directory, `moved-${seconds}.pcap`)
    writeFileSync(path, bytes)
    return path
  }

  it('come to the table of one', async () => {
    const alone = await outputOf('list', HOME)
    const both = await outputOf('list', HOME, moved(7))
    expect(both.lines).toEqual(alone.lines)
    expect(both.errors).toMatch(
      /is 7\.000000 s ahead of that of .*home-gateway\.pcap, by \d+ packets .*: corrected/,
    )
  })

  it('are left as they are when frames are replayed', async () => {
    const { errors } = await outputOf('list', HOME, moved(7), '--replay', 'frames')
    expect(errors).not.toContain('corrected')
  })
})
