// What a finding on one host comes of on another: told only of the host that does it, and of what the packets make likely.
import { describe, expect, it } from 'vitest'
import { type Cause, causesOf, causesOfFindings, type FoundHop } from '../../src/report/analyze/causes.ts'
import type { FindingReport } from '../../src/report/analyze/finding-model.ts'

const SENT_ON = { client: {}, server: {} }

function finding(id: string, more: Partial<FindingReport> = {}): FindingReport {
  return { id, severity: 'error', confidence: 'certain', flowCount: 1, ...more } as FindingReport
}

function hop(host: string, translated: object | null, ...found: FindingReport[]): FoundHop {
  return { host, translated, found }
}

const told = (...hops: FoundHop[]): string[] =>
  causesOf(hops).map(
    ({ host, id, consequences }: Cause) =>
      `${id} on ${host}: ${consequences.map(shown => `${shown.id} on ${shown.host}`).join(', ')}`,
  )

describe('the cause of what a host shows of a connection', () => {
  const leak = finding('invalid-leak')
  const reset = finding('invalid-reset')

  it('is what another does to it, wherever its requests come first', () => {
    const expected = ['invalid-leak on gateway: invalid-reset on server']
    expect(told(hop('gateway', SENT_ON, leak), hop('server', null, reset))).toEqual(expected)
    expect(told(hop('server', null, reset), hop('gateway', SENT_ON, leak))).toEqual(expected)
  })

  it('is of equals the one of the host that translates', () => {
    const [a, b] = [finding('dsr-untranslated-reply'), finding('dsr-untranslated-reply')]
    expect(told(hop('a', null, a), hop('b', SENT_ON, b), hop('a', null))).toEqual([
      'dsr-untranslated-reply on b: dsr-untranslated-reply on a',
    ])
    expect(told(hop('a', null, a), hop('b', null, b))).toEqual([])
    expect(told(hop('a', SENT_ON, a), hop('b', SENT_ON, b))).toEqual([])
  })

  it('is none that is about a translation, of a host without one', () => {
    expect(told(hop('gateway', null, leak), hop('server', null, reset))).toEqual([])
  })

  it('is none on the same host, none that is only possible, none of another kind', () => {
    expect(told(hop('gateway', SENT_ON, leak, reset), hop('server', null))).toEqual([])
    const guess = finding('invalid-leak', { confidence: 'possible' })
    expect(told(hop('gateway', SENT_ON, guess), hop('server', null, reset))).toEqual([])
    expect(told(hop('gateway', SENT_ON, leak), hop('server', null, finding('offload-checksum')))).toEqual([])
  })

  it('is the first of several that come of each other', () => {
    const hops = [
      hop('far', null, finding('one-way-flow')),
      hop('near', null, finding('dsr-untranslated-reply')),
      hop('gateway', SENT_ON, finding('asymmetric-same-bridge-return')),
    ]
    expect(told(...hops)).toEqual([
      'asymmetric-same-bridge-return on gateway: one-way-flow on far, dsr-untranslated-reply on near',
    ])
  })
})

describe('a finding comes of another host', () => {
  const leak = finding('invalid-leak', { flowCount: 2 })
  const reset = finding('invalid-reset', { flowCount: 2 })
  const spoiled = [hop('gateway', SENT_ON, leak), hop('server', null, reset)]

  it('where each of its flows does', () => {
    expect(causesOfFindings([spoiled]).size).toBe(0)
    expect(causesOfFindings([spoiled, spoiled]).get(reset)).toEqual({ host: 'gateway', id: 'invalid-leak' })
    expect(causesOfFindings([spoiled, spoiled]).get(leak)).toBeUndefined()
  })

  it('where it is one host that does it', () => {
    const other = [hop('router', SENT_ON, leak), hop('server', null, reset)]
    expect(causesOfFindings([spoiled, other]).size).toBe(0)
  })
})
