// Scenarios side by side come to what each comes to alone; what a scenario loses is what the first one still had.
import { afterAll, describe, expect, it } from 'vitest'
import { openCaptures } from '../../src/capture/open/open.ts'
import { defaultSettings, type Settings } from '../../src/conntrack/settings.ts'
import { Defragmenter, FRAGMENT_DEFAULTS } from '../../src/packet/defrag/fragments.ts'
import type { Packet } from '../../src/packet/packet.ts'
import { replay } from '../../src/replay.ts'
import { Scenario, type ScenarioSpec } from '../../src/sizing/scenarios/scenario.ts'
import { WhatIf } from '../../src/sizing/scenarios/what-if.ts'
import { Folder } from '../support/capture-builder.ts'
import { writeSyntheticCapture } from '../support/synthetic-capture.ts'

function spec(changes: Partial<Settings>, more: Partial<ScenarioSpec> = {}): ScenarioSpec {
  const settings = { ...defaultSettings(), ...changes }
  return { name: '', settings, enforced: changes.nf_conntrack_max !== undefined, notrack: null, ...more }
}

const SPECS = [
  spec({}),
  spec({ nf_conntrack_tcp_timeout_time_wait: 1, nf_conntrack_udp_timeout: 1 }),
  spec({ nf_conntrack_tcp_timeout_established: 1, nf_conntrack_tcp_timeout_syn_sent: 1 }),
  spec({ nf_conntrack_max: 20 }),
  spec({ nf_conntrack_tcp_loose: 0, nf_conntrack_icmp_timeout: 1 }),
]

/** What a scenario has come to, in numbers. */
function outcome({ sizing, engine }: Scenario): unknown {
  const { occupancy, refusals } = sizing
  return {
    peak: [occupancy.peak, occupancy.peakTime, occupancy.countPeak, occupancy.live, occupancy.count],
    classes: [...occupancy.classes],
    steps: occupancy.timeline.steps(engine.context.time),
    refused: refusals === null ? null : [refusals.packets, refusals.connections, refusals.firstFrame],
  }
}

async function together(path: string, specs: readonly ScenarioSpec[]): Promise<WhatIf> {
  const whatIf = new WhatIf(specs.map(each => new Scenario(each, { owners: false })))
  const source = await openCaptures([path])
  await replay(source, [whatIf], new Defragmenter(FRAGMENT_DEFAULTS), { seen: () => {} })
  await source.close()
  whatIf.finish(source.captures.length === 0 ? 0 : endOf(source.captures[0], source.epoch))
  return whatIf
}

async function alone(path: string, each: ScenarioSpec): Promise<Scenario> {
  const scenario = new Scenario(each, { owners: false })
  const source = await openCaptures([path])
  await replay(source, [scenario.engine], new Defragmenter(FRAGMENT_DEFAULTS), { seen: () => {} })
  await source.close()
  scenario.finish(endOf(source.captures[0], source.epoch))
  return scenario
}

function endOf({ lastTime }: { lastTime: bigint | null }, epoch: bigint): number {
  return lastTime === null ? 0 : Number(lastTime - epoch)
}

const folder = new Folder()
const synthetic = folder.at('synthetic.pcap')
writeSyntheticCapture(synthetic, { conns: 400, concurrent: 40, pps: 500, udp: 0.3 })

afterAll(() => folder[Symbol.dispose]())

describe('scenarios in one pass', () => {
  it.each([
    synthetic,
    'fixtures/report/home-gateway.pcap',
    'fixtures/report/ipv4-fragments.pcap',
    'fixtures/conntrack-output/every-protocol.pcap',
  ])('come to what each comes to alone: %s', async path => {
    const { scenarios } = await together(path, SPECS)
    for (const [i, each] of SPECS.entries()) {
      expect(outcome(scenarios[i])).toEqual(outcome(await alone(path, each)))
    }
  })

  it('lose nothing where nothing is different', async () => {
    const { losses } = await together(synthetic, [spec({}), spec({}), spec({ nf_conntrack_udp_timeout: 60 })])
    for (const { cut, examples } of losses) expect({ cut, examples }).toEqual({ cut: 0, examples: [] })
  })

  it('name the flows that a timeout cuts, with the pause that was too long', async () => {
    const path = 'fixtures/report/home-gateway.pcap'
    const { losses } = await together(path, [spec({}), spec({ nf_conntrack_udp_timeout: 1 })])
    expect(losses[1].cut).toBe(1)
    const [{ flow, idle }] = losses[1].examples
    expect(flow).toMatchObject({ protocol: 'udp', orig: { src: '192.168.1.100', dport: 161 } })
    expect(idle / 1e9).toBeCloseTo(6, 1)
  })

  it('leave untracked what a rule says', async () => {
    const notrack = ({ protocol }: Packet): boolean => protocol === 17
    const { scenarios } = await together(synthetic, [spec({}), spec({}, { notrack })])
    const count = (scenario: Scenario): number => scenario.sizing.occupancy.total
    const udp = scenarios[0].sizing.occupancy.total - count(scenarios[1])
    expect(udp).toBeGreaterThan(50)
    expect(count(scenarios[1])).toBeGreaterThan(200)
  })
})
