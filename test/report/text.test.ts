// The report for people: its sections, its alignment, its width.
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import { renderText } from '../../src/report/analyze/text.ts'
import { columns } from '../../src/report/text/wrap.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'

async function reportOf(capture: CaptureBuilder, ...args: string[]): Promise<Report> {
  using folder = new Folder()
  const { stdout } = await runCli([folder.write('x.pcap', capture.bytes()), '--json', ...args])
  const report: Report = JSON.parse(stdout)
  // where lines break is not to depend on how long the path of temporary files is
  report.captures[0].path = 'x.pcap'
  return report
}

const PLAIN = { color: false, zone: 'UTC', extent: 'full', showsFlows: false, repeatsVerdict: false } as const
const render = (report: Report, width = 120): string => renderText(report, { ...PLAIN, width })

describe('the report as text', () => {
  it('has its five sections in order', async () => {
    const text = render(await reportOf(new CaptureBuilder().connection(1000).udp()))
    const titles = text.match(/^[A-Z][a-z]+/gm)
    expect(titles).toEqual(['Capture', 'Verdict', 'Flows', 'Table', 'Limits'])
  })

  it('has them for a capture without frames too', async () => {
    const text = render(await reportOf(new CaptureBuilder()))
    expect(text).toMatch(/^Capture .*no frames/m)
    expect(text).toMatch(/^Verdict {3}no packet that conntrack would see$/m)
    expect(text).toMatch(/^Flows {5}none$/m)
    expect(text).toMatch(/^Table {5}no entry was made$/m)
  })

  it('says what was checked when nothing is wrong', async () => {
    const text = render(await reportOf(new CaptureBuilder().connection(1000)))
    expect(text).toContain('Verdict   nothing wrong found\n')
    expect(text).toContain(
      'checked and in order: no INVALID among 6 packets; 1 flow answered; peak below nf_conntrack_max 262144',
    )
  })

  it('calls no handshake answered that its client did not finish', async () => {
    const client = { sourcePort: 1000, destinationPort: 80 }
    const server = { source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 80, destinationPort: 1000 }
    const capture = new CaptureBuilder()
      .tcp({ ...client, flags: 0x02, sequence: 0 })
      .tcp({ ...server, flags: 0x12, sequence: 0, acknowledgment: 1 })
    const text = render(await reportOf(capture))
    expect(text).toContain('1 handshake unfinished: a SYN-ACK, and no ACK of it')
    expect(text).not.toContain('nothing wrong found')
    expect(text).not.toContain('answered')
  })

  it('counts a finding inside of a tunnel as one', async () => {
    const { stdout } = await runCli(['fixtures/flow-findings/vxlan-ladder.pcap', '--no-color'])
    expect(stdout).toMatch(/^Verdict {3}inside of vxlan: warning vxlan-checksum$/m)
    expect(stdout.split('inside of vxlan')).toHaveLength(2)
  })

  it('says of the answers that rules leave untracked that they are', async () => {
    using folder = new Folder()
    const rules = folder.write('rules.txt', '*raw\n-A PREROUTING -s 10.0.0.2/32 -j CT --notrack\nCOMMIT\n')
    const capture = new CaptureBuilder()
      .udp()
      .udp({ source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 53, destinationPort: 1000 })
    const text = render(await reportOf(capture, '--rules', rules))
    expect(text).toContain('UNREPLIED: nothing came back that the rules leave tracked')
  })

  it('writes both tuples as conntrack does, the marks where conntrack has them', async () => {
    const text = render(await reportOf(new CaptureBuilder().connection(1000).udp()))
    expect(text).toMatch(/ src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80\n/)
    expect(text).toMatch(/ src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1000 \[ASSURED\]\n/)
    expect(text).toMatch(/ src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=53 \[UNREPLIED\]\n/)
  })

  it('breaks prose at the width, and no tuple or command', async () => {
    const capture = new CaptureBuilder().udp()
    for (let i = 0; i < 30; i++) capture.tcp({ sourcePort: 1000 + i, flags: 0 })
    const lines = render(await reportOf(capture), 60).split('\n')
    const long = lines.filter(line => columns(line) > 60)
    for (const line of long) expect(line).toMatch(/src=|tshark|proto {2}state|^ +size |x\.pcap/)
    expect(lines.filter(line => line.includes('tshark'))).toHaveLength(1)
  })

  it('ends no line with blanks', async () => {
    for (const line of render(await reportOf(new CaptureBuilder().connection(1))).split('\n')) {
      expect(line).toBe(line.trimEnd())
    }
  })

  it('aligns the table of flows, over more rows than one page of the layout', async () => {
    const capture = new CaptureBuilder()
    for (let i = 0; i < 250; i++) capture.udp({ sourcePort: 1000 + i }, i * 7).wait(0.1)
    const lines = render(await reportOf(capture, '--top', '250')).split('\n')
    const tuples = lines.filter(line => line.includes('src='))
    expect(tuples).toHaveLength(500)
    expect(new Set(tuples.map(line => line.indexOf('src='))).size).toBe(1)
  })

  it('shows no control characters out of a file name', async () => {
    const report = await reportOf(new CaptureBuilder().udp())
    report.captures[0].path = 'evil\u001b]0;title\u0007.pcap'
    report.captures[0].damage = [{ offset: 1, message: 'bad \u001b[2J', stopped: true }]
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(render(report)).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/)
  })

  it('names the capture of a frame when there are several', async () => {
    const report = await reportOf(new CaptureBuilder().tcp({ flags: 0 }))
    report.captures.push({ ...report.captures[0], path: 'b.pcap' })
    report.invalid[0].frames = [
      { capture: 0, frame: 1 },
      { capture: 1, frame: 7 },
    ]
    expect(render(report)).toMatch(/frame 1 of \S*x.pcap; frame 7 of b.pcap/)
    expect(render(report)).toMatch(/tshark -r \S*x.pcap .*\{1\}'; tshark -r b.pcap .*\{7\}'/)
  })
})
