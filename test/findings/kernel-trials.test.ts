// What other kernels make of the connections of a finding: told from a replay as those do, held against runs under them.
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { FindingReport } from '../../src/report/analyze/finding-model.ts'
import type { LimitReport } from '../../src/report/analyze/model.ts'
import { BuiltProgram, MAIN } from '../support/built-program.ts'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'

/** A reply that NAT left alone, far beyond the window, is frame 10; its bytes in the file. */
const LEAK = readFileSync('fixtures/findings/invalid-leak.cni0.pcap')
const FRAME = 10
const SEQUENCE = 14 + 20 + 4
/** Where the bytes end that the client's window lets the server send. */
const WINDOW_END = 243778446

/** The capture with that reply only 100 bytes beyond the window. */
function littleBeyond(): Uint8Array {
  const bytes = Uint8Array.from(LEAK)
  const view = new DataView(bytes.buffer)
  let at = 24
  for (let frame = 1; frame < FRAME; frame++) at += 16 + view.getUint32(at + 8, true)
  view.setUint32(at + 16 + SEQUENCE, WINDOW_END + 100)
  return bytes
}

async function leakIn(
  bytes: Uint8Array,
  ...options: string[]
): Promise<{ finding: FindingReport; text: string }> {
  using folder = new Folder()
  const path = folder.write('leak.pcap', bytes)
  const { findings } = JSON.parse((await runCli(['analyze', '--json', path, ...options])).stdout)
  const finding = (findings as FindingReport[]).find(({ id }) => id === 'invalid-leak')
  if (finding === undefined) throw new Error('no invalid-leak')
  return { finding, text: (await runCli([path, ...options])).stdout.replaceAll(/\s+/g, ' ') }
}

/** Frames that `packets` calls INVALID. */
async function invalidUnder(bytes: Uint8Array, ...options: string[]): Promise<number[]> {
  using folder = new Folder()
  const path = folder.write('leak.pcap', bytes)
  const { stdout } = await runCli(['packets', '--only', 'invalid', '--format', 'tsv', path, ...options])
  return stdout
    .split('\n')
    .slice(1, -1)
    .map(line => Number(line.split('\t')[0]))
}

describe('a finding whose connection met what kernels differ on', () => {
  it.each([
    [
      '6.18',
      'kernels on Linux 5.10.262 and older 1 packet of these connections is INVALID; on 6.18, as replayed, it passes (frame 10)',
      'kernels on Linux 5.15 2 packets of these connections are INVALID; on 6.18, as replayed, they pass (frames 10, 13)',
    ],
    [
      '5.15',
      'kernels on Linux 6.1 and newer 2 packets of these connections pass; on 5.15, as replayed, they are INVALID (frames 10, 13)',
    ],
    [
      '5.10',
      'kernels on Linux 6.1 and newer 1 packet of these connections passes; on 5.10.262, as replayed, it is INVALID (frame 10)',
    ],
  ])('says under %s which packets they judge otherwise', async (release, ...lines) => {
    const { finding, text } = await leakIn(littleBeyond(), '--kernel', release)
    for (const line of lines) expect(text).toContain(line)
    expect(finding.kernels).toHaveLength(lines.length)
    const here = await invalidUnder(littleBeyond(), '--kernel', release)
    for (const { text: said, frames } of finding.kernels ?? []) {
      const other = /^on Linux (\S+)/.exec(said)?.[1] ?? ''
      const there = await invalidUnder(littleBeyond(), '--kernel', other)
      const [more, fewer] = release === '6.18' ? [there, here] : [here, there]
      expect(frames.map(({ frame }) => frame)).toEqual(more.filter(frame => !fewer.includes(frame)))
    }
  })

  it('says nothing where they all judge alike', async () => {
    expect((await leakIn(LEAK, '--kernel', '6.18')).finding.kernels).toBeUndefined()
    const liberal = ['--set', 'nf_conntrack_tcp_be_liberal=1']
    expect((await leakIn(littleBeyond(), ...liberal)).finding.kernels).toBeUndefined()
  })

  it.skipIf(!existsSync(MAIN))(
    'says it of the rule alone where the captures can be read only once',
    async () => {
      using program = new BuiltProgram(['analyze', '--json', '-'])
      program.process.stdin.end(littleBeyond())
      expect(await program.ended).toBe(0)
      const [{ kernels }] = JSON.parse(program.stdout).findings
      expect(kernels).toEqual([
        {
          text: 'a segment a little beyond the window, or below it: Linux 6.18, as replayed, lets it pass, up to 5.15 it is INVALID',
          frames: [],
        },
      ])
    },
  )
})

describe('what of all connections other kernels judge otherwise', () => {
  const said = async (...options: string[]): Promise<string | undefined> => {
    using folder = new Folder()
    const path = folder.write('leak.pcap', littleBeyond())
    const { limits } = JSON.parse((await runCli(['analyze', '--json', path, ...options])).stdout)
    return (limits as LimitReport[]).find(({ id }) => id === 'other-kernels')?.text
  }

  it('is told where nothing says which kernel the node runs', async () => {
    expect(await said()).toBe(
      '1 connection has a segment a little beyond the window, or below it, which passes here and is INVALID on Linux up to 5.15: --kernel VERSION replays as the node does.',
    )
    expect(await said('--kernel', '6.18')).toBeUndefined()
    expect(await said('--set', 'nf_conntrack_tcp_be_liberal=1')).toBeUndefined()
  })
})
