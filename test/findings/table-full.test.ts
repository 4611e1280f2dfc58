// A full table, told by the packets alone and by the model: what was recorded on a kernel whose table was full.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import { runCli } from '../support/cli.ts'
import { labPath, labRuns } from '../support/lab.ts'

const hasLab = labRuns().includes('table-full')
if (!hasLab)
  console.warn('table-full.test.ts: skipped, CTPCAP_CORPUS names no folder with recorded scenarios in `lab`')

interface Truth {
  proofs: { by_capture: Record<string, { frames: number[] }> }[]
  conntrack_stats_delta: { drop: number }
  first_dropped_syn: { frame: number }
  table: { nf_conntrack_max: number; filler_entries: number }
}

const truthOf = (run: string): Truth => JSON.parse(readFileSync(labPath(run, 'truth.json'), 'utf8'))

async function findingOf(run: string, files: string[], truth?: Truth) {
  const paths = files.map(file => labPath(run, 'captures', file))
  const table = truth?.table
  const args = table
    ? [
        '--set',
        `nf_conntrack_max=${table.nf_conntrack_max}`,
        '--set',
        `nf_conntrack_count=${table.filler_entries}`,
      ]
    : []
  const { stdout } = await runCli([...paths, '--json', ...args])
  const report: Report = JSON.parse(stdout)
  return report.findings.find(finding => finding.id === 'conntrack-table-full')
}

describe.skipIf(!hasLab)('a table that was full', () => {
  const BOTH = ['eth0.pcap', 'veth3a1f09c2.pcap']

  it.each([
    ['table-full', 'possible', 225],
    ['table-full-held', 'likely', 224],
  ])('%s shows at two points together, %s', async (run, confidence, lost) => {
    const truth = truthOf(run)
    const finding = await findingOf(run, BOTH)
    expect(finding).toMatchObject({
      confidence,
      flowCount: lost,
      occurrences: truth.conntrack_stats_delta.drop,
    })
    expect(finding?.reason?.includes('open ones went on')).toBe(confidence === 'likely')
    const frames = finding?.frames.filter(({ capture }) => capture === 1).map(({ frame }) => frame)
    // of the proofs the SYNs that were sent again are of lost connections; the others begin with SYNs that got through,
    // and in `any` with copies that are taken for repetitions
    const repeated = truth.proofs[2].by_capture['captures/veth3a1f09c2.pcap'].frames
    expect(frames).toEqual(expect.arrayContaining([truth.first_dropped_syn.frame, ...repeated]))
  })

  it('is certain by the model where the capture bears it out, and has all that others have', async () => {
    const truth = truthOf('table-full')
    const finding = await findingOf('table-full', BOTH, truth)
    expect(finding).toMatchObject({
      confidence: 'certain',
      flowCount: 225,
      occurrences: truth.conntrack_stats_delta.drop,
      points: ['veth3a1f09c2'],
      steps: [
        { frames: [{ capture: 1, frame: truth.first_dropped_syn.frame }] },
        { frames: [{ capture: 1 }] },
      ],
    })
    expect(finding?.flows).toHaveLength(20)
    expect(finding?.fix[0].commands.map(command => command.replace(/\d+$/, 'N'))).toEqual([
      'sysctl -w net.netfilter.nf_conntrack_max=N',
      'sysctl -w net.netfilter.nf_conntrack_buckets=N',
    ])
  })

  it('is possible where the capture shows connections go on that the model refused', async () => {
    const finding = await findingOf('table-full-gc', ['eth0.pcap'], truthOf('table-full-gc'))
    expect(finding).toMatchObject({ confidence: 'possible' })
    expect(finding?.reason).toContain('540 further packets of refused connections')
  })
})

it('speaks of one refused packet as of one', async () => {
  const args = ['fixtures/report/syn-flood.pcap', '--set', 'nf_conntrack_max=199']
  const { stdout } = await runCli(args)
  expect(stdout).toContain('Conntrack table full: 1 packet of 1 connection refused from')
  expect(stdout).not.toMatch(/\b1 (packets|connections|entries|flows)\b/)
})
