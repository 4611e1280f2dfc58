// Chains and rules as a packet meets them: base chains by priority and family, long chains by destination, calls to their end.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Family } from '../../src/host/files/network.ts'
import { type Action, type Chain, type Hook, type Rule, Ruleset } from '../../src/host/rules/ruleset.ts'
import { PERHAPS } from '../../src/host/rules/subject.ts'
import { walk } from '../../src/host/rules/walk.ts'
import { packetOf } from '../support/knowledge.ts'

const packet = packetOf('tcp', '10.0.0.1:1000', '10.0.0.2:80')

function ruleOf(destination: Int32Array | null, ...actions: Action[]): Rule {
  const source = {
    tool: 'iptables' as const,
    place: '',
    file: '',
    line: 0,
    handle: 0,
    table: '',
    chain: '',
    text: '',
    comment: '',
  }
  return { source, steps: actions.map(action => ({ action })), destination, counter: null }
}

function baseOf(ruleset: Ruleset, name: string, hook: Hook, priority: number): Chain {
  const chain = ruleset.open('t', name, [4])
  chain.base = { type: 'filter', hook, priority, policy: 'accept' }
  return chain
}

describe('base chains', () => {
  it('of a hook and family are met in the order of their priorities, of equal ones the last one first', () => {
    const base = fc.record({
      hook: fc.constantFrom('prerouting', 'forward'),
      priority: fc.integer({ min: -3, max: 3 }),
      families: fc.subarray<Family>([4, 6]),
    })
    fc.assert(
      fc.property(fc.array(base, { maxLength: 12 }), bases => {
        const ruleset = new Ruleset()
        for (const [index, { hook, priority, families }] of bases.entries()) {
          const chain = ruleset.open('t', String(index), families)
          chain.base = { type: 'filter', hook: hook as Hook, priority, policy: 'accept' }
        }
        ruleset.open('t', 'none', [4, 6])
        const wanted = ({ priority }: { priority: number }) => priority !== 0
        const expected: string[] = []
        for (let priority = -3; priority <= 3; priority++)
          for (const [index, own] of [...bases.entries()].reverse())
            if (
              own.hook === 'forward' &&
              own.priority === priority &&
              priority !== 0 &&
              own.families.includes(6)
            )
              expected.push(String(index))
        expect(ruleset.at('forward', 6, wanted).map(({ name }) => name)).toEqual(expected)
      }),
    )
  })
})

describe('the rules of a chain', () => {
  it('for a destination are those that name it or none, in their order, however long the chain is', () => {
    const address = (last: number) => Int32Array.of(0x0a000000 | last, 0, 0, 0)
    const destinations = fc.array(fc.option(fc.nat(4)), { maxLength: 40, size: 'max' })
    fc.assert(
      fc.property(destinations, fc.nat(5), (lasts, asked) => {
        const ruleset = new Ruleset()
        const chain = ruleset.open('t', 'c', [4])
        chain.rules = lasts.map(last => ruleOf(last === null ? null : address(last)))
        const mayMatch = chain.rules.filter((_, at) => lasts[at] === null || lasts[at] === asked)
        const found = ruleset.rulesFor(chain, { destination: address(asked), isDestinationKnown: true })
        expect(found.filter(rule => mayMatch.includes(rule))).toEqual(mayMatch)
        // a short chain is walked as it is
        if (lasts.length > 16) expect(found).toHaveLength(mayMatch.length)
      }),
    )
  })
})

describe('chains that call each other', () => {
  /** What becomes of a packet that is called from chain to chain, and dropped in the last. */
  function behind(calls: number): (string | undefined)[] {
    const ruleset = new Ruleset()
    const base = baseOf(ruleset, 'base', 'forward', 0)
    base.rules = [ruleOf(null, { kind: 'jump', chain: 'c1' })]
    for (let depth = 1; depth <= calls; depth++) {
      const next: Action = depth === calls ? { kind: 'drop' } : { kind: 'jump', chain: `c${depth + 1}` }
      ruleset.open('t', `c${depth}`, [4]).rules = [ruleOf(null, next)]
    }
    return walk(ruleset, base, packet, [null]).map(({ action }) => action?.kind)
  }

  it('are followed as deep as the kernel loads them: it refuses 16 with "Too many links"', () => {
    expect(behind(15)).toEqual(['drop'])
    expect(behind(16)).toEqual([undefined, 'unknown'])
  })
})

describe('a walk with very many outcomes', () => {
  it('is given up, and says that anything may come of it', () => {
    const ruleset = new Ruleset()
    const base = baseOf(ruleset, 'base', 'forward', 0)
    const perhaps = (action: Action): Rule => ({
      ...ruleOf(null),
      steps: [{ test: () => PERHAPS }, { action }],
    })
    base.rules = Array.from({ length: 5000 }, () => perhaps({ kind: 'drop' }))
    const outcomes = walk(ruleset, base, packet, [null])
    expect(outcomes.length).toBeLessThan(4200)
    expect(outcomes.at(-1)).toEqual({ action: { kind: 'unknown' }, way: [], mark: null })
  })
})

describe('marks', () => {
  it('are told apart up to eight; of more none is known', () => {
    for (const count of [8, 9]) {
      const ruleset = new Ruleset()
      const base = baseOf(ruleset, 'base', 'forward', 0)
      const marks = Array.from({ length: count }, (_, mark) => mark)
      base.rules = [ruleOf(null)]
      const left = walk(ruleset, base, packet, marks).map(({ mark }) => mark)
      expect(left).toEqual(count === 8 ? marks : [null])
    }
  })

  it('are not known behind a rule that sets what nobody can tell', () => {
    const ruleset = new Ruleset()
    const base = baseOf(ruleset, 'base', 'forward', 0)
    base.rules = [ruleOf(null, { kind: 'mark', clear: 0, flip: null })]
    expect(walk(ruleset, base, packet, [5, 6]).map(({ mark }) => mark)).toEqual([null])
  })

  it('are those that rules have set when the packet falls out of the chain', () => {
    const ruleset = new Ruleset()
    const base = baseOf(ruleset, 'base', 'forward', 0)
    base.rules = [
      ruleOf(null, { kind: 'mark', clear: 0xff, flip: 0x3 }),
      ruleOf(null, { kind: 'jump', chain: 'own' }),
    ]
    ruleset.open('t', 'own', [4]).rules = [
      ruleOf(null, { kind: 'mark', clear: 0, flip: -0x80000000 }),
      ruleOf(null, { kind: 'return' }),
      ruleOf(null, { kind: 'drop' }),
    ]
    expect(walk(ruleset, base, packet, [0x1234])).toEqual([{ action: null, way: [], mark: 0x80001203 }])
  })
})

describe('a jump and a goto', () => {
  /** Kinds of what may become of a packet behind a call of a chain that does nothing. */
  function behindCall(kind: 'jump' | 'goto'): (string | undefined)[] {
    const ruleset = new Ruleset()
    const base = baseOf(ruleset, 'base', 'forward', 0)
    base.rules = [ruleOf(null, { kind, chain: 'empty' }), ruleOf(null, { kind: 'drop' })]
    ruleset.open('t', 'empty', [4])
    return walk(ruleset, base, packet, [null]).map(({ action }) => action?.kind)
  }

  it('come back to the next rule, or to the end of the chain', () => {
    expect(behindCall('jump')).toEqual(['drop'])
    expect(behindCall('goto')).toEqual([undefined])
  })
})
