// `--table FILE`: what every command makes of a table that was there when the capture began.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../src/net/numbers.ts'
import type { Report } from '../../src/report/analyze/model.ts'
import { CaptureBuilder, Folder, quoted } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { ipv4, udp } from '../support/frames.ts'

const CLIENT = '10.0.0.1'
const SERVER = '10.0.0.2'
const NODE = '192.0.2.1'

const forward = { source: CLIENT, destination: SERVER, sourcePort: 1000, destinationPort: 80 }
const backward = { source: SERVER, destination: CLIENT, sourcePort: 80, destinationPort: 1000 }

const tcpLine = (state: string, seconds = 100, flags = ['', ' [ASSURED]'], counters = ['', '']) =>
  `tcp      6 ${seconds} ${state} src=${CLIENT} dst=${SERVER} sport=1000 dport=80${counters[0]}${flags[0]} src=${SERVER} dst=${CLIENT} sport=80 dport=1000${counters[1]}${flags[1]} mark=0 use=1`
const ESTABLISHED = tcpLine('ESTABLISHED')
/** Masqueraded: the server knows the node alone. */
const MASQUERADED = `tcp      6 100 ESTABLISHED src=${CLIENT} dst=${SERVER} sport=1000 dport=80 src=${SERVER} dst=${NODE} sport=80 dport=61000 [ASSURED] mark=0 use=1`
const UDP_MASQUERADED = `udp      17 20 src=${CLIENT} dst=${SERVER} sport=1000 dport=53 [UNREPLIED] src=${SERVER} dst=${NODE} sport=53 dport=61000 mark=0 use=1`
const outside = { source: NODE, destination: SERVER, sourcePort: 61000, destinationPort: 80 }

async function run(command: string, capture: CaptureBuilder, table: string | string[], ...args: string[]) {
  using folder = new Folder()
  const lines = typeof table === 'string' ? [table] : table
  const file = folder.write('table.txt', `${lines.join('\n')}\n`)
  const path = folder.write('x.pcap', capture.bytes())
  const { code, stdout, stderr } = await runCli([command, path, '--table', file, ...args])
  expect(stderr.replace(/^ctpcap [\d.]+: \d+ flow entries have been shown.*\n/m, '')).toBe('')
  expect(code).toBe(0)
  return stdout.split('\n').slice(0, -1)
}

async function analyze(
  capture: CaptureBuilder,
  table: string | string[],
  ...args: string[]
): Promise<Report> {
  return JSON.parse((await run('analyze', capture, table, '--json', ...args)).join('\n'))
}

const states = async (capture: CaptureBuilder, table: string | string[], ...args: string[]) =>
  (await run('packets', capture, table, '--format', 'tsv', ...args)).slice(1).map(line => {
    const [, , state, direction] = line.split('\t')
    return `${state} ${direction}`.trim()
  })

/** A packet that has nothing to do with the table. */
const stranger = () => new CaptureBuilder().udp({ source: '10.9.9.9', sourcePort: 9 })

describe('the table that Linux 6.18 had been given', () => {
  const FOLDER = 'fixtures/known-table'
  const recorded = (name: string) => readFileSync(`${FOLDER}/kernel.${name}`, 'utf8').trimEnd().split('\n')
  const replay = async (...args: string[]) => {
    const { code, stdout } = await runCli([
      args[0],
      `${FOLDER}/kernel.pcap`,
      '--table',
      `${FOLDER}/kernel.table.txt`,
      '--set',
      'nf_conntrack_acct=1',
      ...args.slice(1),
    ])
    expect(code).toBe(0)
    return stdout.trimEnd().split('\n')
  }
  const columns = (line: string, ...which: number[]) => which.map(i => line.split('\t')[i]).join(' ')

  it('gives every packet the verdict, direction, bits and reason that it had there', async () => {
    const actual = await replay('packets', '--format', 'tsv')
    const verdict = (line: string) => columns(line, 0, 2, 3, 4, 5, 6)
    expect(actual.map(verdict)).toEqual(recorded('verdicts.tsv').map(verdict))
  })

  it('gives the events of each packet, and none for the entries themselves', async () => {
    const event = (line: string) => columns(line, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)
    const expected = recorded('events.tsv').filter(line => line.split('\t')[1] !== 'timer')
    const actual = (await replay('events', '--format', 'tsv')).filter(line => line.split('\t')[1] !== 'timer')
    expect(expected.length).toBeGreaterThan(30)
    expect(actual.map(event)).toEqual(expected.map(event))
  })

  it('is in the end what conntrack -L listed there', async () => {
    const entry = (line: string) => line.replace(/ mark=.*/, '')
    expect((await replay('list')).map(entry).sort()).toEqual(recorded('final.txt').map(entry).sort())
  })
})

describe('list --table', () => {
  it('shows the entries at the start, and lets them age', async () => {
    const udpLine = `udp      17 20 src=${CLIENT} dst=${SERVER} sport=5 dport=53 [UNREPLIED] src=${SERVER} dst=${CLIENT} sport=53 dport=5 mark=0 zone=3 use=1`
    const at = async (instant: string) =>
      await run('list', stranger().wait(200).udp(), [ESTABLISHED, udpLine], '--at', instant)
    const own = (lines: string[]) => lines.filter(line => !line.includes('10.9.9.9'))
    expect(own(await at('+0'))).toEqual([ESTABLISHED, udpLine])
    expect(own(await at('+10'))).toEqual([
      ESTABLISHED.replace(' 100 ', ' 90 '),
      udpLine.replace(' 20 ', ' 10 '),
    ])
    expect(own(await at('+20'))).toHaveLength(2)
    expect(own(await at('+21'))).toEqual([ESTABLISHED.replace(' 100 ', ' 79 ')])
    expect(own(await at('+101'))).toEqual([])
  })

  it('shows them without any frame, and at the peak', async () => {
    expect(await run('list', new CaptureBuilder(), ESTABLISHED)).toEqual([ESTABLISHED])
    expect(await run('list', stranger(), ESTABLISHED, '--at', '1600000000')).toEqual([ESTABLISHED])
    expect(await run('list', stranger(), ESTABLISHED, '--at', 'peak')).toHaveLength(2)
    const closing = new CaptureBuilder().tcp({ ...forward, flags: TCP_RST, sequence: 5 }).wait(100)
    expect(await run('list', closing, ESTABLISHED, '--at', 'peak')).toHaveLength(1)
  })

  it('goes on counting where the file has counters', async () => {
    const line = tcpLine(
      'ESTABLISHED',
      100,
      ['', ' [ASSURED]'],
      [' packets=7 bytes=700', ' packets=5 bytes=500'],
    )
    const capture = new CaptureBuilder().tcp({ ...forward, sequence: 1, acknowledgment: 1 }, 10)
    const [listed] = await run('list', capture, line, '--set', 'acct=1')
    expect(listed).toContain('packets=8 bytes=750')
    expect(listed).toContain('packets=5 bytes=500')
  })

  it.each(['conntrack', 'extended', 'proc', 'xml', 'save', 'ndjson'])(
    'prints %s as it reads it',
    async format => {
      const table = [ESTABLISHED, MASQUERADED.replaceAll('1000', '1001'), UDP_MASQUERADED]
      const nothing = new CaptureBuilder()
      const listed = await run('list', nothing, table, '--format', format)
      expect(await run('list', nothing, listed, '--format', format)).toEqual(listed)
      expect((await run('list', nothing, listed)).sort()).toEqual(table.sort())
    },
  )

  it('leaves out what is listed twice', async () => {
    expect(await run('list', stranger(), [ESTABLISHED, ESTABLISHED], '--at', '+0')).toHaveLength(2)
  })
})

describe('events --table', () => {
  it('has no NEW for the entries, but all that happens to them', async () => {
    const capture = new CaptureBuilder()
      .udp({ source: SERVER, destination: CLIENT, sourcePort: 53, destinationPort: 7 })
      .wait(90)
      .udp({ source: '10.9.9.9', sourcePort: 9 })
    const table = `udp      17 20 src=${CLIENT} dst=${SERVER} sport=7 dport=53 [UNREPLIED] src=${SERVER} dst=${CLIENT} sport=53 dport=7 mark=0 use=1`
    const tags = (await run('events', capture, [ESTABLISHED, table])).map(line =>
      /\[(\w+)\] +(\w+).*? sport=(\d+)/.exec(line)?.slice(1).join(' '),
    )
    expect(tags).toEqual(['UPDATE udp 7', 'DESTROY udp 7', 'NEW udp 9'])
    const ids = (await run('events', capture, [ESTABLISHED, table], '--format', 'ndjson')).map(
      line => JSON.parse(line).id,
    )
    expect(ids).toEqual([0, 0, 2])
  })
})

describe('packets --table', () => {
  it('are of the connection that is listed', async () => {
    const capture = new CaptureBuilder()
      .tcp({ ...backward, flags: TCP_ACK, sequence: 5, acknowledgment: 9 }, 20)
      .tcp({ ...forward, flags: TCP_ACK, sequence: 9, acknowledgment: 25 })
    expect(await states(capture, '')).toEqual(['new original', 'established reply'])
    expect(await states(capture, ESTABLISHED)).toEqual(['established reply', 'established original'])
  })

  it('are of no entry whose time has passed', async () => {
    const capture = stranger()
      .wait(101)
      .tcp({ ...forward, sequence: 1, acknowledgment: 1 })
    expect((await states(capture, ESTABLISHED))[1]).toBe('new original')
  })

  it('find a translated connection by the tuple behind the translation', async () => {
    const capture = new CaptureBuilder()
      .tcp({ ...outside, flags: TCP_ACK, sequence: 1, acknowledgment: 1 }, 10)
      .tcp({
        source: SERVER,
        destination: NODE,
        sourcePort: 80,
        destinationPort: 61000,
        flags: TCP_ACK,
        sequence: 1,
        acknowledgment: 11,
      })
      .tcp({ ...outside, flags: TCP_FIN | TCP_ACK, sequence: 11, acknowledgment: 1 })
    expect(await states(capture, MASQUERADED)).toEqual([
      'established original',
      'established reply',
      'established original',
    ])
    for (const replay of ['auto', 'frames']) {
      expect(await run('list', capture, MASQUERADED, '--replay', replay)).toEqual([
        MASQUERADED.replace('100 ESTABLISHED', '120 FIN_WAIT'),
      ])
    }
  })

  it('find it by the reply that the client gets', async () => {
    const capture = new CaptureBuilder()
      .tcp({ ...backward, flags: TCP_ACK, sequence: 5, acknowledgment: 9 }, 20)
      .tcp({ ...forward, flags: TCP_ACK, sequence: 9, acknowledgment: 25 })
    expect(await states(capture, MASQUERADED)).toEqual(['established reply', 'established original'])
    expect(await run('list', capture, MASQUERADED)).toHaveLength(1)
  })

  it('do not find it where the capture shows that direction in front of the translation', async () => {
    const service = `tcp      6 100 SYN_RECV src=${CLIENT} dst=10.96.0.1 sport=1000 dport=443 src=${SERVER} dst=${CLIENT} sport=80 dport=1000 mark=0 use=1`
    const reset = { ...forward, flags: TCP_RST, sequence: 6 }
    const request = {
      ...forward,
      destination: '10.96.0.1',
      destinationPort: 443,
      flags: TCP_ACK,
      sequence: 6,
      acknowledgment: 51,
    }
    // the client resets whom an untranslated answer came from
    expect(await states(new CaptureBuilder().tcp(request).tcp(reset), service)).toEqual([
      'established original',
      'invalid',
    ])
    expect(await states(new CaptureBuilder().tcp(reset), service)).toEqual(['invalid'])
  })

  it('relate an ICMP error to it on either side', async () => {
    const error = (source: string, sourcePort: number, to: string) =>
      new CaptureBuilder().icmp(
        3,
        3,
        quoted(ipv4({ protocol: 17, source, destination: SERVER }, udp({ sourcePort, destinationPort: 53 }))),
        SERVER,
        to,
      )
    expect(await states(error(NODE, 61000, NODE), UDP_MASQUERADED)).toEqual(['related reply'])
    expect(await states(error(CLIENT, 1000, CLIENT), UDP_MASQUERADED)).toEqual(['related reply'])
    expect(await states(error(CLIENT, 1001, CLIENT), UDP_MASQUERADED)).toEqual(['invalid'])
  })

  it('pass whatever window they are in', async () => {
    const capture = new CaptureBuilder()
      .tcp({ ...forward, sequence: 1, acknowledgment: 1 })
      .tcp({ ...backward, sequence: 1, acknowledgment: 1 })
      .tcp({ ...forward, sequence: 1e9, acknowledgment: 1 }, 10)
    expect(await states(capture, ESTABLISHED)).not.toContain('invalid')
  })

  it('are no answer to a SYN that was ignored before the capture', async () => {
    const answer = { ...backward, flags: TCP_SYN | TCP_ACK, sequence: 5000, acknowledgment: 0 }
    const [line] = await run('list', new CaptureBuilder().tcp(answer), ESTABLISHED)
    expect(line).toContain('ESTABLISHED')
  })

  describe('teach the verification tags of an association', () => {
    const table = `sctp     132 200 ESTABLISHED src=${CLIENT} dst=${SERVER} sport=5 dport=6 src=${SERVER} dst=${CLIENT} sport=6 dport=5 [ASSURED] mark=0 use=1`
    const [DATA, INIT, ABORT, SHUTDOWN_COMPLETE] = [0, 1, 6, 14]
    const chunk = (tag: number, type = DATA) =>
      Uint8Array.of(0, 5, 0, 6, 0, 0, 0, tag, 0, 0, 0, 0, type, 3, 0, 20, ...new Array(16).fill(0))
    const verdicts = (...packets: Uint8Array[]) => {
      const capture = new CaptureBuilder()
      for (const packet of packets)
        capture.packet({ source: CLIENT, destination: SERVER, protocol: 132 }, packet)
      return states(capture, table)
    }
    const established = 'established original'

    it('by the first packet of a direction', async () => {
      expect(await verdicts(chunk(7), chunk(7), chunk(8))).toEqual([established, established, 'invalid'])
    })

    it.each([
      ['INIT', INIT, 0],
      ['ABORT', ABORT, 9],
      ['SHUTDOWN COMPLETE', SHUTDOWN_COMPLETE, 9],
    ])('not by that of an %s, which may be none or the peer’s', async (_, type, tag) => {
      const [, ...later] = await verdicts(chunk(tag, type), chunk(7), chunk(7), chunk(8))
      expect(later).toEqual([established, established, 'invalid'])
    })
  })
})

describe('UDP flows of --table', () => {
  const flow = (seconds: number, rest = '') =>
    `udp      17 ${seconds} src=${CLIENT} dst=${SERVER} sport=7 dport=53 src=${SERVER} dst=${CLIENT} sport=53 dport=7 mark=0${rest} use=1`
  const query = () => new CaptureBuilder().udp({ sourcePort: 7 })
  const list = async (line: string) => (await run('list', query(), line))[0]

  it('are streams from two seconds after their first packet on', async () => {
    expect(await list(flow(29))).not.toContain('ASSURED')
    expect(await list(flow(27))).toContain('udp      17 120 ')
    expect(await list(flow(27))).toContain('ASSURED')
    expect(await list(flow(29, ' delta-time=60'))).toContain('ASSURED')
    expect(await list(flow(27, ' delta-time=1'))).not.toContain('ASSURED')
  })
})

describe('analyze --table', () => {
  it('counts entries in the table, and as flows where the capture shows them', async () => {
    const unused = `udp      17 20 src=${CLIENT} dst=${SERVER} sport=7 dport=53 [UNREPLIED] src=${SERVER} dst=${CLIENT} sport=53 dport=7 mark=0 use=1`
    const listed = tcpLine(
      'ESTABLISHED',
      300,
      ['', ' [ASSURED]'],
      [' packets=7 bytes=700', ' packets=5 bytes=500'],
    )
    const capture = new CaptureBuilder().wait(1).tcp({ ...forward, sequence: 1, acknowledgment: 1 }, 10)
    const report = await analyze(capture, [listed, unused])
    expect(report.table.peak).toMatchObject({ entries: 2, time: 0, assured: 1, unreplied: 1 })
    expect(report.table.owners?.sources).toEqual([expect.objectContaining({ name: CLIENT, atPeak: 2 })])
    expect(report.flows).toMatchObject({ total: 1, packets: 1, bytes: 50 })
    expect(report.flows.top[0]).toMatchObject({ firstFrame: 0, start: 0, orig: { packets: 1, bytes: 50 } })
    expect(report.unreplied.silent).toBe(0)
    expect(report.findings).toEqual([])
    expect(report.knownTable).toMatchObject({
      entries: 2,
      used: 1,
      usedTcp: 1,
      takenLater: false,
      contradictions: [],
    })
    const ids = report.limits.map(({ id }) => id)
    expect(ids).toContain('known-windows')
    expect(ids).not.toContain('open-before')
  })

  it('says in a line what it began with', async () => {
    const lines = await run('analyze', stranger(), [ESTABLISHED, ESTABLISHED])
    // where the line breaks depends on how long the path is
    expect(lines.join(' ').replace(/\s+/g, ' ')).toMatch(
      /Table began with 1 entry of \S*table\.txt: 0 of them met by packets, 1 more listed twice/,
    )
  })

  it('names the connections in mid-stream that the file has not', async () => {
    const other = { ...forward, sourcePort: 2000 }
    const report = await analyze(
      new CaptureBuilder().tcp({ ...other, sequence: 1, acknowledgment: 1 }),
      ESTABLISHED,
    )
    const limit = report.limits.find(({ id }) => id === 'open-before')
    expect(limit?.text).toMatch(
      /1 TCP flow begins in mid-stream, without a SYN, and without an entry in .*table\.txt/,
    )
  })

  it('names an unanswered query by the frame that shows it', async () => {
    const table = `udp      17 20 src=${CLIENT} dst=${SERVER} sport=7 dport=53 [UNREPLIED] src=${SERVER} dst=${CLIENT} sport=53 dport=7 mark=0 use=1`
    const report = await analyze(stranger().wait(0.1).udp({ sourcePort: 7 }), table)
    expect(report.unreplied.destinations.map(({ dst, firstFrame }) => ({ dst, firstFrame }))).toContainEqual({
      dst: SERVER,
      firstFrame: 1,
    })
  })

  it('has it in the table of the node, and not in that of its tunnels', async () => {
    const args = ['fixtures/tunnels/vxlan-two-networks.pcap', '--json', '-q']
    using folder = new Folder()
    const table = folder.write('t', ESTABLISHED)
    const reports = ['both', 'outer', 'inner'].map(async tunnels => {
      const { stdout } = await runCli(['analyze', ...args, '--tunnels', tunnels, '--table', table])
      const without = await runCli(['analyze', ...args, '--tunnels', tunnels])
      return [JSON.parse(stdout), JSON.parse(without.stdout)] as [Report, Report]
    })
    for (const [report, without] of await Promise.all(reports)) {
      expect(report.table.created).toBe(without.table.created + 1)
      expect(report.tunnels).toEqual(without.tunnels)
    }
  })
})

describe('what contradicts --table', () => {
  const finding = async (capture: CaptureBuilder, table: string | string[]) =>
    (await analyze(capture, table)).findings.find(({ id }) => id === 'table-file-contradicted')

  it('is a SYN that opens a connection listed as open', async () => {
    const capture = stranger().wait(0.01)
    capture.tcp({ ...forward, flags: TCP_SYN, sequence: 5 })
    expect(await finding(capture, ESTABLISHED)).toMatchObject({
      severity: 'warning',
      confidence: 'certain',
      title: expect.stringContaining('was taken after the capture began'),
      flows: [`tcp ${CLIENT}:1000 -> ${SERVER}:80, listed as ESTABLISHED`],
      frames: [{ capture: 0, frame: 2 }],
      occurrences: 1,
      steps: [
        { what: 'a SYN opens a connection that is listed as open (1 ×)', frames: [{ capture: 0, frame: 2 }] },
      ],
    })
  })

  it('is data in a connection listed as closed by both sides', async () => {
    const segment = { ...forward, sequence: 5, acknowledgment: 5 }
    expect(
      (await finding(new CaptureBuilder().tcp(segment, 10), tcpLine('TIME_WAIT')))?.steps?.[0].what,
    ).toContain('data in a connection that is listed as TIME_WAIT')
    expect(await finding(new CaptureBuilder().tcp(segment), tcpLine('TIME_WAIT'))).toBeUndefined()
  })

  it('is an answer that goes on where a SYN is listed as unanswered', async () => {
    const capture = new CaptureBuilder().tcp(
      { ...backward, flags: TCP_ACK, sequence: 5, acknowledgment: 5 },
      10,
    )
    const found = await finding(capture, tcpLine('SYN_SENT', 100, [' [UNREPLIED]', '']))
    expect(found?.title).toContain('the traffic contradicts')
    expect(found?.steps?.[0].what).toContain('listed as SYN_SENT')
  })

  it('is no port that is used again, unless most are', async () => {
    const ports = [1000, 1001, 1002]
    const table = ports.map(port => tcpLine('TIME_WAIT').replaceAll('1000', String(port)))
    const capture = new CaptureBuilder()
    capture.connection(1000)
    expect(await finding(capture, table)).toBeUndefined()
    expect((await analyze(capture, table)).knownTable?.reopened.count).toBe(1)
    capture.connection(1001).connection(1002)
    expect(await finding(capture, table)).toMatchObject({
      confidence: 'likely',
      title: expect.stringContaining('was taken after the capture began'),
      occurrences: 3,
    })
  })

  it('is a translation that is seen to be another', async () => {
    const capture = 'fixtures/lab/masquerade-egress/any.pcap'
    using folder = new Folder()
    const contradictions = async (change: (line: string) => string) => {
      const { stdout } = await runCli(['list', capture])
      const udpLines = stdout
        .split('\n')
        .filter(line => line.startsWith('udp') && line.includes('192.168.56.11'))
      expect(udpLines.length).toBeGreaterThan(1)
      const table = folder.write('t', udpLines.map(change).join('\n'))
      const { stdout: json } = await runCli(['analyze', capture, '--json', '-q', '--table', table])
      return (JSON.parse(json) as Report).knownTable?.contradictions
    }
    expect(await contradictions(line => line)).toEqual([])
    const [other] = (await contradictions(line => line.replace('192.168.56.11', '192.168.56.99'))) ?? []
    expect(other).toMatchObject({ id: 'translation' })
    // the entry is made anew then, as the packet left
    expect(other.count).toBeGreaterThan(0)
    expect(other.frames[0].frame).toBeGreaterThan(0)
    const ports = await contradictions(line =>
      line.replace(/dport=\d+( \[ASSURED\])? mark/, 'dport=9$1 mark'),
    )
    expect(ports).toMatchObject([{ id: 'translation' }])
    // without its translation an entry is not what is seen either
    const plain = (line: string) => line.replace('dst=192.168.56.11', 'dst=10.244.0.5')
    expect(await contradictions(plain)).toMatchObject([{ id: 'translation' }])
  })
})

describe('size --table', () => {
  const timeWait = (port: number, seconds: number) =>
    tcpLine('TIME_WAIT', seconds).replaceAll('1000', String(port))
  const table = [timeWait(1, 110), timeWait(2, 100), timeWait(3, 10)]

  it('begins every scenario with the entries that its timeouts would have left', async () => {
    const capture = stranger().wait(5).udp({ source: '10.9.9.9', sourcePort: 9 })
    const out = await run(
      'size',
      capture,
      table,
      '--json',
      '--scenario',
      'tcp_timeout_time_wait=30',
      '--notrack',
      'udp',
    )
    const { scenarios } = JSON.parse(out.join('\n'))
    // of 120 s the first has used up 10, the second 20, the third 110
    expect(
      scenarios.map(({ table }: { table: { peak: { entries: number } } }) => table.peak.entries),
    ).toEqual([4, 3, 3])
  })

  it('looks for the timeouts worth a try with them', async () => {
    const out = await run('size', stranger(), table, '--json')
    expect(JSON.parse(out.join('\n')).scenarios[0].table.peak.byProtocol).toEqual({ tcp: 3, udp: 1 })
  })
})

describe('a table that cannot be read', () => {
  const complain = async (content: string | null, command = 'list') => {
    using folder = new Folder()
    const capture = folder.write('x.pcap', stranger().bytes())
    const path = content === null ? folder.at('none') : folder.write('t', content)
    const { code, stderr } = await runCli([command, capture, '--table', path])
    return { code, stderr: stderr.replaceAll(folder.path, '') }
  }

  it.each(['analyze', 'list', 'events', 'packets', 'size'])('ends %s with a line', async command => {
    expect(await complain(`\n${ESTABLISHED}\nnonsense\n`, command)).toEqual({
      code: 2,
      stderr: 'ctpcap: /t:3: expected a protocol and its number, as in "tcp 6"\n',
    })
  })

  it('may not be there, or be no text', async () => {
    expect((await complain(null)).stderr).toMatch(/^ctpcap: --table \/none: no such file/)
    expect((await complain('\0'.repeat(200_000))).stderr).toMatch(/^ctpcap: \/t:1: expected/)
    expect((await complain('')).code).toBe(0)
  })
})
