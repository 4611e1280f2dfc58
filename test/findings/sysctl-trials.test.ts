// What a sysctl would change is told beforehand, by a replay of the connections of a finding: held against runs with it.
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { SysctlTrial } from '../../src/findings/facts/sysctl-trial.ts'
import { cures, improves } from '../../src/findings/facts/sysctl-trial.ts'
import { LONGER_TIMEOUT, triedAdvice } from '../../src/findings/wording/tried-sysctls.ts'
import { advice } from '../../src/findings/wording/wording.ts'
import type { FindingReport } from '../../src/report/analyze/finding-model.ts'
import { BuiltProgram, MAIN } from '../support/built-program.ts'
import { runCli } from '../support/cli.ts'

const NONE = { before: 0, after: 0 }
const IDLE = [
  '--set',
  'nf_conntrack_tcp_timeout_established=3',
  '--set',
  'nf_conntrack_tcp_timeout_unacknowledged=3',
]

async function found(id: string, capture: string, ...options: string[]): Promise<FindingReport> {
  const { stdout } = await runCli(['analyze', `fixtures/findings/${capture}`, '--json', ...options])
  const finding = (JSON.parse(stdout).findings as FindingReport[]).find(one => one.id === id)
  if (finding === undefined) throw new Error(`no ${id} in ${capture}`)
  return finding
}

const texts = ({ fix }: FindingReport): string[] => fix.map(({ text }) => text)
const commands = ({ fix }: FindingReport): string[] => fix.flatMap(one => one.commands)

function trial(set: SysctlTrial['set'], more: Partial<SysctlTrial>): SysctlTrial {
  return { set, invalid: NONE, unknown: NONE, resets: NONE, refused: NONE, ...more }
}

describe('nf_conntrack_tcp_be_liberal', () => {
  it('is advised as it was where the capture does not show that a packet is INVALID', async () => {
    const finding = await found('invalid-leak', 'invalid-leak.veth3a1f09c2.pcap')
    expect(finding.sysctls).toBeUndefined()
    expect(texts(finding)).toContain('or take them for valid')
  })

  it('is tried on the segment and the RST that it caused', async () => {
    const finding = await found('invalid-leak', 'invalid-leak.cni0.pcap')
    expect(finding.sysctls).toEqual([
      {
        set: { nf_conntrack_tcp_be_liberal: 1 },
        invalid: { before: 2, after: 0 },
        unknown: NONE,
        resets: { before: 1, after: 0 },
        refused: NONE,
        text: 'with nf_conntrack_tcp_be_liberal=1: 0 of 2 INVALID left, no reset',
        commands: ['sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1'],
      },
    ])
    expect(texts(finding)).toContain(
      'or take them for valid; with nf_conntrack_tcp_be_liberal=1: 0 of 2 INVALID left, no reset',
    )
  })

  it('is not tried where it is set: the fault is of other sysctls then', async () => {
    const finding = await found(
      'invalid-leak',
      'invalid-leak.cni0.pcap',
      '--set',
      'nf_conntrack_tcp_be_liberal=1',
    )
    expect(finding.sysctls).toBeUndefined()
  })

  it('is not advised where it changes nothing', () => {
    const liberal = advice('or take them for valid', 'sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1')
    const drop = advice('drop them', 'iptables -I FORWARD -m conntrack --ctstate INVALID -j DROP')
    const useless = trial({ nf_conntrack_tcp_be_liberal: 1 }, { invalid: { before: 3, after: 3 } })
    expect(triedAdvice([drop, liberal], [useless])).toEqual([drop])
    expect(triedAdvice([drop, liberal], [])).toEqual([drop, liberal])
  })
})

describe('a timeout that was too short', () => {
  it('is set to a length beyond the pause, where the one in force was given', async () => {
    const finding = await found('idle-timeout-inbound', 'idle-timeout.eth0.pcap', ...IDLE)
    expect(commands(finding)).toEqual(['sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=60'])
    expect(texts(finding).at(-1)).toMatch(
      /^or a longer timeout .*; with nf_conntrack_tcp_timeout_established=60: 0 of 1 packets without an entry left, .*no reset$/,
    )
    expect(finding.fix).not.toContainEqual(LONGER_TIMEOUT)
    expect(finding.sysctls?.map(({ set }) => set)).toEqual([{ nf_conntrack_tcp_timeout_established: 60 }])
  })

  it('is not named where nobody gave it: the one that is replayed is long enough', async () => {
    const finding = await found('idle-timeout-inbound', 'idle-timeout.eth0.pcap')
    expect(finding.sysctls).toBeUndefined()
    expect(commands(finding)).toEqual([])
    expect(finding.fix).toContainEqual(LONGER_TIMEOUT)
  })

  it('is tried by a packet that went on with another translation, too', async () => {
    const finding = await found('idle-timeout-remapped', 'idle-timeout-remapped.eth0.pcap', ...IDLE)
    const [first] = finding.sysctls ?? []
    expect(first?.unknown.before).toBeGreaterThan(0)
  })
})

describe('a timeout of datagrams', () => {
  const capture = 'fixtures/flow-findings/idle-timeout-inbound.udp.outside.pcap'
  const inForce = ['--set', 'nf_conntrack_udp_timeout=3', '--set', 'nf_conntrack_udp_timeout_stream=4']

  it('is tried by what comes in for a flow that was forgotten: the one that was too short is named', async () => {
    const { stdout } = await runCli(['analyze', capture, '--json', ...inForce])
    const finding = (JSON.parse(stdout).findings as FindingReport[]).find(
      ({ id }) => id === 'idle-timeout-inbound',
    )
    expect(finding?.sysctls?.map(({ set, unknown }) => ({ set, unknown }))).toEqual([
      { set: { nf_conntrack_udp_timeout_stream: 60 }, unknown: { before: 1, after: 0 } },
    ])
    expect(finding?.fix.flatMap(({ commands }) => commands)).toEqual([
      'sysctl -w net.netfilter.nf_conntrack_udp_timeout_stream=60',
    ])
  })
})

describe('nf_conntrack_max', () => {
  it('is tried on all packets', async () => {
    const capture = 'syn-flood-unanswered.eth0.pcap'
    const finding = await found('conntrack-table-full', capture, '--set', 'nf_conntrack_max=64')
    const [{ set, refused, text }] = finding.sysctls ?? []
    expect(refused).toEqual({ before: finding.occurrences, after: 0 })
    expect(text).toBe(`with nf_conntrack_max=${set.nf_conntrack_max}: 0 of ${refused.before} refused left`)
    const again = await runCli([
      'analyze',
      `fixtures/findings/${capture}`,
      '--json',
      '--set',
      `nf_conntrack_max=${set.nf_conntrack_max}`,
    ])
    expect(JSON.parse(again.stdout).findings.map(({ id }: FindingReport) => id)).not.toContain(finding.id)
  })
})

describe('what can be read only once', () => {
  it.skipIf(!existsSync(MAIN))('is not read again', async () => {
    using program = new BuiltProgram(['analyze', '-', '--json'])
    program.process.stdin.end(readFileSync('fixtures/findings/invalid-leak.cni0.pcap'))
    expect(await program.ended).toBe(0)
    const [finding] = JSON.parse(program.stdout).findings as FindingReport[]
    expect(finding.id).toBe('invalid-leak')
    expect(finding.sysctls).toBeUndefined()
    expect(texts(finding)).toContain('or take them for valid')
  })
})

describe('a trial', () => {
  it('cures where nothing of the kind is left', () => {
    const some = trial({}, { invalid: { before: 3, after: 1 } })
    expect([improves(some), cures(some)]).toEqual([true, false])
    expect(cures(trial({}, { invalid: { before: 3, after: 0 } }))).toBe(true)
    // what follows a packet that found its entry was sent for another reason
    expect(cures(trial({}, { unknown: { before: 1, after: 0 }, invalid: { before: 3, after: 2 } }))).toBe(
      true,
    )
    expect(cures(trial({}, { unknown: { before: 1, after: 0 }, resets: { before: 1, after: 1 } }))).toBe(
      false,
    )
  })
})
