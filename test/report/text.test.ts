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
  it('has the verdict first, then its sections in order', async () => {
    const text = render(await reportOf(new CaptureBuilder().connection(1000).udp()))
    const titles = text.match(/^[A-Z][A-Za-z]+/gm)
    expect(titles).toEqual(['NOTE', 'OK', 'Flows', 'Table', 'Capture', 'Limits'])
  })

  it('has them for a capture without frames too', async () => {
    const text = render(await reportOf(new CaptureBuilder()))
    expect(text).toMatch(/^Capture .*no frames/m)
    expect(text).toMatch(/^NOTE {6}Empty: 0 frames$/m)
    expect(text).toMatch(/^Flows {5}none$/m)
    expect(text).toMatch(/^Table {5}no entry was made$/m)
  })

  it('says what was checked when nothing is wrong', async () => {
    const text = render(await reportOf(new CaptureBuilder().connection(1000)))
    expect(text).toMatch(
      /^OK {8}Nothing wrong found: 0 of 6 packets INVALID; 1 of 1 flow answered; table peaked at 1 of 262,144 entries\n/,
    )
  })

  it('says which flows nobody has to answer, of as many as there are', async () => {
    const toMany = { destination: '224.0.0.251', destinationPort: 5353 }
    const text = render(await reportOf(new CaptureBuilder().connection(1000).udp(toMany)), 200)
    expect(text).toContain('; 1 of 2 flows answered, 1 needs no reply (multicast or broadcast); ')
    expect(text).toMatch(/^Flows {5}2, [\s\S]*? 1 UNREPLIED$/m)
  })

  it('calls no handshake answered that its client did not finish', async () => {
    const client = { sourcePort: 1000, destinationPort: 80 }
    const server = { source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 80, destinationPort: 1000 }
    const capture = new CaptureBuilder()
      .tcp({ ...client, flags: 0x02, sequence: 0 })
      .tcp({ ...server, flags: 0x12, sequence: 0, acknowledgment: 1 })
    const text = render(await reportOf(capture))
    expect(text).toContain('1 TCP handshake unfinished: SYN-ACK seen, no ACK after it')
    expect(text).not.toContain('Nothing wrong found')
    expect(text).not.toContain('answered')
  })

  it('counts a finding inside of a tunnel as one', async () => {
    const { stdout } = await runCli(['fixtures/flow-findings/vxlan-ladder.pcap', '--no-color'])
    expect(stdout).toMatch(/^WARNING {3}Connection through the tunnel .* inside of vxlan\)$/m)
    expect(stdout).not.toContain('Nothing wrong found:')
  })

  it('says of the answers that rules leave untracked that they are', async () => {
    using folder = new Folder()
    const rules = folder.write('rules.txt', '*raw\n-A PREROUTING -s 10.0.0.2/32 -j CT --notrack\nCOMMIT\n')
    const capture = new CaptureBuilder()
      .udp()
      .udp({ source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 53, destinationPort: 1000 })
    const text = render(await reportOf(capture, '--rules', rules))
    expect(text).toContain('UNREPLIED: no reply that the rules leave tracked matches it')
  })

  it('writes both tuples as conntrack does, the marks where conntrack has them', async () => {
    const text = render(await reportOf(new CaptureBuilder().connection(1000).udp()))
    expect(text).toMatch(/ src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80\n/)
    expect(text).toMatch(/ src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1000 \[ASSURED\]\n/)
    expect(text).toMatch(/ src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=53 \[UNREPLIED\]\n/)
  })

  it('fits the width, but for a word that is longer', async () => {
    const capture = new CaptureBuilder().udp()
    for (let i = 0; i < 30; i++) capture.tcp({ sourcePort: 1000 + i, flags: 0 })
    for (let i = 0; i < 30; i++) capture.udp({ sourcePort: 2000 + i })
    const report = await reportOf(capture)
    for (const width of [60, 80, 120, 160]) {
      for (const line of render(report, width).split('\n')) expect(columns(line)).toBeLessThanOrEqual(width)
    }
  })

  it('has the directions of a flow on lines of their own where they do not fit', async () => {
    const report = await reportOf(new CaptureBuilder().connection(1000))
    expect(render(report, 80)).toMatch(
      /^ {10}tcp .* open\n {12}\d+ +\S+ B {2}src=\S+ dst=\S+ sport=1000 dport=80\n/m,
    )
  })

  it('repeats the verdict at the end where that is wanted', async () => {
    const report = await reportOf(new CaptureBuilder().connection(1000))
    const text = renderText(report, { ...PLAIN, width: 80, repeatsVerdict: true })
    expect(text.trimEnd().split('\n').at(-1)).toBe('Verdict   Nothing wrong found')
  })

  it('is the verdict alone where it is to be brief', async () => {
    const report = await reportOf(new CaptureBuilder().connection(1000))
    expect(
      renderText(report, { ...PLAIN, width: 120, extent: 'brief' })
        .trim()
        .split('\n'),
    ).toHaveLength(1)
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
    expect(render(report)).toMatch(/ctpcap packets --only invalid x.pcap b.pcap/)
  })
})
