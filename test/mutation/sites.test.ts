// Faults that can be planted: where they are found, what they make of a line, and that the sources stay TypeScript with them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'rolldown/utils'
import { describe, expect, it } from 'vitest'
import { ROOT, readSourceFiles } from '../support/source-files.ts'
import { withFault, withMarks } from './plant.ts'
import { drawSample, faultsIn, nameOf, PARTS, partOf } from './sample.ts'
import { findSites } from './sites.ts'

const planted = (source: string): string[] =>
  faultsIn('a.ts', source).map(({ kind, from, to }) => `${kind}: ${from} → ${to}`)

const sourceOf = (file: string): string => readFileSync(join(ROOT, 'src', file), 'utf8')
const errorsOf = (file: string, source: string): string[] =>
  parseSync(file, source).errors.map(({ message }) => `${file}: ${message}`)

describe('faults', () => {
  it.each([
    ['a < b', ['a <= b']],
    ['a !== b', ['a === b']],
    ['a + 7', ['a + 8', 'a - 7']],
    ["a + 'b'", []],
    ['a | 0', []],
    ['a >>> 0', ['a >> 0']],
    ['!a', ['a']],
    ['a++', ['a--']],
    ['a && b', ['a', 'a || b', 'b']],
    ['a ?? b', ['a', 'b']],
    ['a ? b : c', ['a ? c : b']],
    ['f(a, b)', ['f(b, a)']],
    ['Math.min(a, b)', ['Math.max(a, b)']],
    ['0x1f', ['0x20']],
    ['5n', ['6n']],
    ['true', ['false']],
    ['{ 5: a }', []],
    ['a as 5', []],
  ])('of %s', (expression, expected) => {
    const found = faultsIn('a.ts', `x = (${expression})`).map(({ to }) => /^x = \((.*)\)$/.exec(to)?.[1])
    expect(found.filter(text => text !== undefined).sort()).toEqual(expected.sort())
  })

  it('leave a statement out', () => {
    expect(planted('x = y\nfor (;;)\n  if (x) break')).toEqual([
      'left out: x = y → void 0',
      'left out: if (x) break → ;',
      'left out: if (x) break → if (x) ;',
    ])
    expect(planted('if (x) {\n}')).toEqual(['left out: if (x) { → if (false) {'])
  })

  it('are told apart where they are alike', () => {
    expect(faultsIn('a.ts', 'f(1)\nf(1)').map(({ nth, line }) => [nth, line])).toEqual([
      [1, 1],
      [1, 1],
      [2, 2],
      [2, 2],
    ])
  })

  it('know what runs when a module is loaded', () => {
    const source = 'const a = 1\nfunction f() { return 2 }\nclass C {\n  b = 3\n}'
    expect(findSites('a.ts', source).map(({ atLoad }) => atLoad)).toEqual([true, false, false])
  })
})

describe('the sample', () => {
  const sample = drawSample('1')

  it('has at least 300 faults, of every part and kind, no two alike, and is the same again', () => {
    expect(sample.length).toBeGreaterThanOrEqual(300)
    for (const { name, quota } of PARTS)
      expect(sample.filter(({ file }) => partOf(file) === name)).toHaveLength(quota)
    for (const kind of ['comparison', 'constant', 'arithmetic', 'logic', 'order', 'left out'])
      expect(sample.filter(fault => fault.kind === kind).length).toBeGreaterThan(20)
    expect(new Set(sample.map(nameOf)).size).toBe(sample.length)
    expect(drawSample('1').map(nameOf)).toEqual(sample.map(nameOf))
  })

  it('is of sources that can still be parsed with each of the faults', () => {
    expect(sample.flatMap(fault => errorsOf(fault.file, withFault(sourceOf(fault.file), fault)))).toEqual([])
  })
})

describe('marks', () => {
  it('stand around what tells that a fault was run through', () => {
    const source = 'a\nx += b < c ? 1 : 2\nfor (;;) break'
    expect(withMarks(source, findSites('a.ts', source), () => 7)).toContain('globalThis.noteHit?.(7)')
    const run = new Function(
      'b',
      'c',
      'x',
      'a',
      `${withMarks(source, findSites('a.ts', source), ({ start }) => start)}\nreturn x`,
    )
    const hits: number[] = []
    globalThis.noteHit = hit => hits.push(hit)
    expect(run(1, 2, 10)).toBe(11)
    const texts = new Set(hits.map(start => source.slice(start).split(/[ \n]/)[0]))
    expect(texts).toEqual(new Set(['a', 'x', '+=', '<', '1', 'break']))
  })

  it('leave every source one that can be parsed', () => {
    const files = readSourceFiles('src').map(({ path }) => path)
    const errors = files.flatMap(file => {
      const source = sourceOf(file)
      return errorsOf(
        file,
        withMarks(source, findSites(file, source), () => 0),
      )
    })
    expect(errors).toEqual([])
  })
})
