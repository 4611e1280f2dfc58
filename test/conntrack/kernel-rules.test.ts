// The same segments under several kernels: what is outside the window, RSTs of closing connections, and who remembers it.
import { describe, expect, it } from 'vitest'
import { Engine } from '../../src/conntrack/engine.ts'
import { type Kernel, kernelOf, MET_OUT_OF_WINDOW, MET_RST } from '../../src/conntrack/kernel.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import type { Table } from '../../src/conntrack/table.ts'
import { flowOfEntry } from '../../src/findings/evidence/flow-facts.ts'
import { KernelDifferences } from '../../src/findings/evidence/kernel-differences.ts'
import type { Facts, Severity } from '../../src/findings/facts/facts.ts'
import { otherKernels } from '../../src/findings/wording/other-kernels.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { bareFacts } from '../support/bare-facts.ts'
import { frameOf } from '../support/frames.ts'
import { parseScript, playScript, SILENT, segmentFrame } from '../support/segments.ts'

function kernel(release: string): Kernel {
  const found = kernelOf(release, 'option')
  if (found === null) throw new Error(release)
  return found
}

const OPENING = `
    0    > S 0:0(0) win 1000                 | new original SYN_SENT
    +0.1 < S. 0:0(0) ack 1 win 1000          | established reply SYN_RECV
    +0   > . 1:1(0) ack 1 win 1000           | established original ESTABLISHED assured`

describe.each(['5.10.46', '5.10', '5.15', '6.1', '6.12', '6.18', '7.2'])('Linux %s', release => {
  const isNew = release.startsWith('6') || release.startsWith('7')
  const play = (script: string): void => {
    const { expected, actual } = playScript(`${OPENING}\n${script}`, 4, { kernel: kernel(release) })
    expect(actual).toEqual(expected)
  }
  const outside = (words: string, passes: string): string =>
    isNew ? `established reply ESTABLISHED assured "${passes}"` : `invalid "${words}"`

  it('judges data a little beyond the window', () => {
    const words =
      release === '5.15' ? '702 bytes more than expected' : 'SEQ is over the upper bound (over the window'
    play(`
    +0.1 < . 1:1001(1000) ack 1 win 1000     | established reply ESTABLISHED assured
    +0   < . 1002:1702(700) ack 1 win 1000   | ${outside(words, '702 bytes more than expected')}`)
  })

  it('judges data below the window', () => {
    play(`
    +0.1 < . 1:1001(1000) ack 1 win 1000     | established reply ESTABLISHED assured
    +0   > . 1:1(0) ack 1001 win 1000        | established original ESTABLISHED assured
    +0   < . 1001:2001(1000) ack 1 win 1000  | established reply ESTABLISHED assured
    +0   < . 1:11(10) ack 1 win 1000         | ${outside('SEQ is under the lower bound', 'SEQ is under lower bound')}`)
  })

  it('judges a RST behind a SYN of the same side that was let through, which it acknowledges', () => {
    const passes = release === '5.10.46'
    // numbers in scripts are relative to where their side began
    const ownEnd = (0x10000000 + 500001 - 0x50000000) >>> 0
    const ignored = release.startsWith('5.10')
      ? 'invalid packet ignored in state ESTABLISHED'
      : 'packet (index 0) in dir 0 ignored'
    play(`
    +0.1 < . 1:1001(1000) ack 1 win 1000     | established reply ESTABLISHED assured
    +0   > S 500000:500000(0) win 1000       | established original ESTABLISHED assured "${ignored}"
    +0   > R. 900000:900000(0) ack ${ownEnd} win 0 | ${passes ? 'established original ESTABLISHED assured' : 'invalid "SEQ is over"'}`)
  })

  it('judges a RST below what is acknowledged, of a connection that is closing', () => {
    const strict = release.startsWith('5.10')
    play(`
    +0.1 < . 1:1001(1000) ack 1 win 1000     | established reply ESTABLISHED assured
    +0   > F. 1:1(0) ack 1001 win 1000       | established original FIN_WAIT assured
    +0   < R 1:1(0) win 0                    | ${strict ? 'invalid "invalid rst"' : 'established reply CLOSE assured'}`)
  })
})

describe('an entry', () => {
  /** A finding about the first entry. */
  function factsOf(table: Table, severity: Severity): Facts {
    return bareFacts('invalid-leak', flowOfEntry(table, 0), { severity })
  }

  /** Plays segments, and returns the engine with the entry of the last. */
  function track(release: string, script: string): Engine {
    const engine = new Engine(defaultSettings(kernel(release)), SILENT)
    const packet = new Packet()
    parseScript(script).forEach((segment, i) => {
      decode(frameOf(segmentFrame(segment, 4), { time: segment.time, number: i + 1 }), packet)
      engine.track(packet)
    })
    return engine
  }
  const BELOW = `${OPENING}
    +0.1 < . 1:1001(1000) ack 1 win 1000     |
    +0   > . 1:1(0) ack 1001 win 1000        |
    +0   < . 1001:2001(1000) ack 1 win 1000  |
    +0   < . 1:11(10) ack 1 win 1000         |`
  const RST = `${OPENING}
    +0.1 < . 1:1001(1000) ack 1 win 1000     |
    +0   > F. 1:1(0) ack 1001 win 1000       |
    +0   < R 1:1(0) win 0                    |`

  it.each([
    ['6.18', OPENING, 0],
    ['5.10', OPENING, 0],
    ['6.18', BELOW, MET_OUT_OF_WINDOW],
    ['5.15', BELOW, MET_OUT_OF_WINDOW],
    ['6.18', RST, MET_RST],
    ['5.10', RST, MET_RST],
  ])('of %s remembers what kernels differ on', (release, script, met) => {
    expect(track(release, script).table.met(0)).toBe(met)
  })

  it('tells it with the findings that name it, and with no other', () => {
    const { table } = track('6.18', BELOW)
    const differences = new KernelDifferences(kernel('6.18'))
    differences.ended(table, 0)
    const facts = factsOf(table, 'warning')
    expect(differences.of(facts).map(({ trait }) => otherKernels(trait, kernel('6.18')).text)).toEqual([
      'a segment a little beyond the window, or below it: Linux 6.18, as replayed, lets it pass, up to 5.15 it is INVALID',
    ])
    expect(differences.of({ ...facts, flows: [] })).toEqual([])
    expect(differences.of({ ...facts, severity: 'info' })).toEqual([])
  })

  it('of an older kernel tells from when on a segment passes', () => {
    const { table } = track('5.10', RST)
    const differences = new KernelDifferences(kernel('5.10'))
    differences.ended(table, 0)
    const [difference] = differences.of(factsOf(table, 'error'))
    expect(otherKernels(difference.trait, kernel('5.10')).text).toBe(
      'a RST of a closing connection, below what is acknowledged: Linux 5.10.262, as replayed, calls it INVALID, from 5.15 on it passes',
    )
  })
})
