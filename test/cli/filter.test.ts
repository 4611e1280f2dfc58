// --filter on every command: only what it selects is replayed, and the report says so.
import { describe, expect, it } from 'vitest'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'

/** Two TCP connections of six frames each, and four UDP flows of one. */
function writeCapture(folder: Folder): string {
  const capture = new CaptureBuilder().connection(40_001).wait(1).connection(40_002)
  for (let port = 1; port <= 4; port++) capture.wait(1).udp({ sourcePort: port, destinationPort: 53 })
  return folder.write('capture.pcap', capture.bytes())
}

describe('--filter', () => {
  it('replays the selected frames alone, and analyze says that the peak is theirs', async () => {
    using folder = new Folder()
    const path = writeCapture(folder)
    const { stdout } = await runCli(['analyze', '--json', '--filter', 'tcp port 40001', path])
    const report = JSON.parse(stdout)
    expect(report.filter).toEqual({ expression: 'tcp port 40001', selected: 6, passedOver: 10 })
    expect(report.flows.total).toBe(1)
    expect(report.packets.total).toBe(6)
    // the file is still what it is
    expect(report.captures[0].frames).toBe(16)
    expect(report.limits.map(({ id }: { id: string }) => id)).toContain('replay-filter')
    const text = (await runCli(['--filter', 'tcp port 40001', path])).stdout
    expect(text).toContain('filtered, 6 of 16 frames: tcp port 40001; the peak is that of this traffic alone')
  })

  it('holds for packets, events, list and size', async () => {
    using folder = new Folder()
    const path = writeCapture(folder)
    const run = async (...args: string[]) => (await runCli([...args, '--filter', 'udp', path])).stdout
    expect((await run('packets', '--format', 'tsv')).trimEnd().split('\n').length).toBe(1 + 4)
    expect((await run('events')).trimEnd().split('\n').length).toBe(4)
    expect((await run('list')).trimEnd().split('\n').length).toBe(4)
    expect((await run('list', '--at', 'peak')).trimEnd().split('\n').length).toBe(4)
    const { filter, scenarios } = JSON.parse(await run('size', '--json'))
    expect(filter).toEqual({ expression: 'udp', selected: 4, passedOver: 12 })
    expect(scenarios[0].table.peak.entries).toBe(4)
    expect(await run('size')).toContain('filtered, 4 of 16 frames: udp')
  })

  it('keeps time 0 at the first frame of the capture', async () => {
    using folder = new Folder()
    const path = writeCapture(folder)
    const { stdout } = await runCli(['packets', '--format', 'ndjson', '--filter', 'udp', path])
    const [first] = stdout.split('\n')
    expect(JSON.parse(first).frame).toBe(13)
  })

  it('is, empty, none: tcpdump selects every frame by it', async () => {
    using folder = new Folder()
    const path = writeCapture(folder)
    for (const command of ['analyze', 'packets', 'events', 'list', 'size', 'info']) {
      const plain = await runCli([command, path])
      expect(await runCli([command, '--filter', '', path])).toEqual(plain)
      expect(await runCli([command, '--filter', '  ', path])).toEqual(plain)
    }
  })

  it('may select nothing', async () => {
    using folder = new Folder()
    const path = writeCapture(folder)
    const { code, stdout } = await runCli(['analyze', '--json', '--filter', 'vlan', path])
    expect(code).toBe(0)
    expect(JSON.parse(stdout).packets.total).toBe(0)
  })

  it('is refused at the column where it is wrong, before anything is read', async () => {
    for (const command of ['analyze', 'packets', 'events', 'list', 'size']) {
      const { code, stdout, stderr } = await runCli([
        command,
        '--filter',
        'tcp port www',
        'no-such-file.pcap',
      ])
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toBe(
        'ctpcap: --filter tcp port www: column 10: expected a port number; names of services are not looked up\n',
      )
    }
  })
})
