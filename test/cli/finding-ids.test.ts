// --only and --without: findings are chosen by their ids, and the report says that some were left away.
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import { runCli } from '../support/cli.ts'

const CAPTURE = 'fixtures/findings/same-bridge-dnat.cni0.pcap'
const FOUND = ['asymmetric-same-bridge-return', 'offload-checksum']

async function reportOf(...args: string[]): Promise<{ code: number; ids: string[]; limits: string[] }> {
  const { code, stdout } = await runCli([CAPTURE, '--json', '--fail-on', 'error', ...args])
  const { findings, limits } = JSON.parse(stdout) as Report
  return { code, ids: findings.map(({ id }) => id), limits: limits.map(({ id }) => id) }
}

describe('findings', () => {
  it('are all told where none are chosen', async () => {
    const { code, ids, limits } = await reportOf()
    expect([code, ids]).toEqual([1, FOUND])
    expect(limits).not.toContain('findings-left-out')
  })

  it.each<[string[], number, string[]]>([
    [['--only', FOUND[0]], 1, [FOUND[0]]],
    [['--only', `syn-flood, ${FOUND[1]}`], 0, [FOUND[1]]],
    [['--without', FOUND[0]], 0, [FOUND[1]]],
    [['--only', FOUND.join(), '--without', FOUND.join()], 0, []],
  ])('are those of %s', async (args, code, ids) => {
    const chosen = await reportOf(...args)
    expect(chosen).toMatchObject({ code, ids })
    expect(chosen.limits).toContain('findings-left-out')
  })

  it('of no such id are refused, with the nearest there is', async () => {
    const { code, stderr } = await runCli([CAPTURE, '--without', 'syn-floods'])
    expect([code, stderr]).toEqual([2, expect.stringContaining('did you mean syn-flood?')])
  })
})
