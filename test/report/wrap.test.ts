// Lines broken at a width.
import { describe, expect, it } from 'vitest'
import { columns, labelled, wrap } from '../../src/report/text/wrap.ts'

describe('wrap', () => {
  it('leaves what fits', () => expect(wrap(['a b c', ''], 5)).toEqual(['a b c', '']))

  it('breaks between words', () => {
    expect(wrap(['one two three four'], 9)).toEqual(['one two', 'three', 'four'])
  })

  it('goes on under the first word of an item', () => {
    expect(wrap(['- one two three'], 9)).toEqual(['- one two', '  three'])
    expect(wrap(['  12  one two three'], 13)).toEqual(['  12  one two', '      three'])
    expect(wrap([' 1. one two three'], 12)).toEqual([' 1. one two', '    three'])
  })

  it('keeps a longer word whole', () =>
    expect(wrap(['aa bbbbbbbbbb cc'], 5)).toEqual(['aa', 'bbbbbbbbbb', 'cc']))

  it('counts two columns for a wide character', () => {
    expect(columns('捕获文件')).toBe(8)
    expect(wrap(['捕获 文件 ab'], 9)).toEqual(['捕获 文件', 'ab'])
  })

  it('indents a text under its label', () => {
    expect(labelled('  why  ', 'one two three', 15)).toEqual(['  why  one two', '       three'])
  })

  it('counts no columns for colours', () => {
    expect(wrap(['\u001b[31mone two\u001b[39m three'], 13)).toEqual(['\u001b[31mone two\u001b[39m three'])
  })
})
