// `ctpcap events`: when each event comes, what it shows, and in which form; its lines in full: conntrack-output.test.ts.
import { describe, expect, it } from 'vitest'
import { TCP_ACK, TCP_RST, TCP_SYN } from '../../src/net/numbers.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'

const SERVER = { source: '10.0.0.2', destination: '10.0.0.1' }

async function events(capture: CaptureBuilder, ...args: string[]): Promise<string[]> {
  using folder = new Folder()
  const { code, stdout, stderr } = await runCli(['events', folder.write('x.pcap', capture.bytes()), ...args])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.trimEnd().split('\n')
}

const refused = new CaptureBuilder()
  .wait(0.000123)
  .tcp({ sourcePort: 1000, destinationPort: 80, flags: TCP_SYN, sequence: 100 })
  .wait(0.01)
  .tcp({ ...SERVER, sourcePort: 80, destinationPort: 1000, flags: TCP_RST | TCP_ACK, acknowledgment: 101 })

describe('events', () => {
  it('of a refused connection end with its RST, at the time of that frame', async () => {
    expect(await events(refused)).toEqual([
      '[1700000000.000123]\t    [NEW] tcp      6 120 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1000',
      '[1700000000.010123]\t[DESTROY] tcp      6 119 CLOSE src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1000',
    ])
  })

  it('have counters and an age at the end of an entry, when those are kept', async () => {
    const [opened, ended] = await events(refused, '--set', 'acct=1', '--set', 'timestamp=1')
    expect(opened).not.toContain('packets=')
    expect(ended).toMatch(
      /dport=80 packets=1 bytes=40 \[UNREPLIED\] .* dport=1000 packets=1 bytes=40 delta-time=0$/,
    )
  })

  it('of an expired entry have no timeout; a lookup or the collector finds it', async () => {
    const question = { sourcePort: 1000 }
    const [opened, ended, again] = await events(new CaptureBuilder().udp(question).wait(30).udp(question))
    expect(opened).toContain('[NEW] udp      17 30 src=')
    expect(ended).toMatch(/^\[1700000030\.000000\]\t\[DESTROY\] udp {6}17 src=/)
    expect(again).toMatch(/^\[1700000030\.000000\]\t {4}\[NEW\] /)
  })

  it('tell as TSV by which frame, and as JSON why', async () => {
    const capture = new CaptureBuilder().udp({ sourcePort: 1 }).wait(100).udp({ sourcePort: 2 })
    const rows = (await events(capture, '--format', 'tsv')).map(row => row.split('\t'))
    expect(rows[0]).toEqual(
      'capture_time frame event id proto orig reply state status timeout orig_packets orig_bytes reply_packets reply_bytes'.split(
        ' ',
      ),
    )
    expect(rows.slice(1).map(row => [row[1], row[2], row[3], row[9]])).toEqual([
      ['1', 'NEW', '1', '30'],
      ['timer', 'DESTROY', '1', '-'],
      ['2', 'NEW', '2', '30'],
    ])
    expect(rows[1].slice(4, 9)).toEqual([
      '17',
      '10.0.0.1,1,10.0.0.2,53',
      '10.0.0.2,53,10.0.0.1,1',
      '-',
      'CONFIRMED',
    ])
    expect(rows[2][8]).toBe('CONFIRMED,DYING')
    const lines = (await events(capture, '--format', 'ndjson')).map(line => JSON.parse(line))
    expect(lines[0]).toEqual({
      event: 'NEW',
      event_timestamp: 1700000000,
      frame: 1,
      id: 1,
      family: 'ipv4',
      family_number: 2,
      proto: 'udp',
      proto_number: 17,
      timeout: 30,
      state: null,
      orig_src: '10.0.0.1',
      orig_dst: '10.0.0.2',
      orig_sport: 1,
      orig_dport: 53,
      reply_src: '10.0.0.2',
      reply_dst: '10.0.0.1',
      reply_sport: 53,
      reply_dport: 1,
      status: ['UNREPLIED'],
    })
    expect(lines[1]).toMatchObject({ event: 'DESTROY', frame: null, cause: 'timeout', timeout: null })
  })

  it('are fewer when the table is full, if its maximum is given', async () => {
    const capture = new CaptureBuilder().udp({ sourcePort: 1 }).udp({ sourcePort: 2 })
    expect(await events(capture)).toHaveLength(2)
    expect(await events(capture, '--set', 'nf_conntrack_max=2')).toHaveLength(2)
    expect(await events(capture, '--set', 'nf_conntrack_max=1')).toHaveLength(1)
  })
})
