// Rules that leave one direction of a connection untracked: told only where it is certain that the other one is tracked.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'

const fixture = (name: string): string => join('fixtures/flow-findings', name)
const text = (name: string): string => readFileSync(fixture(name), 'utf8')

async function report(run: string, rules = text(`${run}.rules.txt`), topology = true): Promise<Report> {
  using folder = new Folder()
  const files = topology ? ['addr', 'route'].flatMap(of => ['--topology', fixture(`${run}.${of}.json`)]) : []
  const args = [fixture(`${run}.any.pcap`), '--json', '--rules', folder.write('rules.txt', rules), ...files]
  return JSON.parse((await runCli(args)).stdout)
}

async function found(...args: Parameters<typeof report>): Promise<string[]> {
  return (await report(...args)).findings.map(
    ({ severity, id, confidence }) => `${severity} ${id} ${confidence}`,
  )
}

describe('one direction untracked', () => {
  it('is an error where rules drop the other, INVALID without the request', async () => {
    const { findings } = await report('partial-notrack')
    expect(findings).toHaveLength(1)
    expect(findings[0]).toMatchObject({ id: 'partial-notrack', severity: 'error', confidence: 'certain' })
    expect(findings[0]?.reason).toContain('rules.txt:4 leaves them untracked')
    expect(findings[0]?.cause).toContain('--ctstate INVALID -j DROP')
    expect(findings[0]?.fix[0]?.commands).toEqual([
      'iptables -t raw -A PREROUTING -p tcp --sport 8080 -j CT --notrack',
    ])
  })

  it('is a warning where the answers pass, each with an entry of its own; the host itself sends them', async () => {
    const { findings } = await report('partial-notrack.local')
    expect(findings).toHaveLength(1)
    expect(findings[0]).toMatchObject({ id: 'partial-notrack', severity: 'warning', flowCount: 4 })
    expect(findings[0]?.fix[0]?.commands).toEqual([
      'iptables -t raw -A OUTPUT -p udp --sport 5353 -j CT --notrack',
    ])
  })

  it('may be that of the answers', async () => {
    const answers = text('partial-notrack.rules.txt').replace(
      '-i lan0 -p tcp -m tcp --dport',
      '-p tcp -m tcp --sport',
    )
    const { findings } = await report('partial-notrack', answers)
    expect(findings.map(({ id }) => id)).toContain('partial-notrack')
    expect(findings.find(({ id }) => id === 'partial-notrack')?.title).toContain('matches answers of')
  })
})

describe('nothing is told', () => {
  it('where both directions are untracked', async () => {
    expect(await found('both-untracked')).toEqual([])
  })

  it('where a rule may match the other direction, too', async () => {
    const unknown = text('partial-notrack.rules.txt').replace(
      'COMMIT',
      '-A PREROUTING -m bpf --bytecode "1,6 0 0 1" -p tcp -m tcp --sport 8080 -j NOTRACK\nCOMMIT',
    )
    // what is left is that nobody took the answers
    expect(await found('partial-notrack', unknown)).toEqual(['info unfinished-handshake likely'])
  })

  it('without rules', async () => {
    const { stdout } = await runCli([fixture('partial-notrack.local.any.pcap'), '--json'])
    expect((JSON.parse(stdout) as Report).findings).toEqual([])
  })
})
