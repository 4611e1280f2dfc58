// Lines of a side file: with their numbers, without their ends, and no more than a bound.
import { expect, it } from 'vitest'
import { linesOf, MOST_LINES } from '../../src/host/files/text-lines.ts'

it('have numbers from 1 on, and may be empty', () => {
  expect([...linesOf('one\n\nthree\n')].map(({ number, text }) => [number, text])).toEqual([
    [1, 'one'],
    [2, ''],
    [3, 'three'],
    [4, ''],
  ])
  expect([...linesOf('')]).toEqual([{ number: 1, text: '' }])
})

it('are two million at most', () => {
  const count = (text: string): number => {
    let last = 0
    for (const { number } of linesOf(text)) last = number
    return last
  }
  const most = '\n'.repeat(MOST_LINES - 1)
  expect(count(most)).toBe(MOST_LINES)
  expect(() => count(`${most}\n`)).toThrow(`more than ${MOST_LINES} lines`)
})
