// Lines broken at a width.
import { describe, expect, it } from 'vitest'
import { wrap } from '../../src/report/text/wrap.ts'

describe('wrap', () => {
  it('leaves what fits', () => expect(wrap(['a b c', ''], 5)).toEqual(['a b c', '']))

  it('breaks between words', () => {
    expect(wrap(['one two three four'], 9)).toEqual(['one two', 'three', 'four'])
  })

  it('goes on under the first word of an item', () => {
    expect(wrap(['- one two three'], 9)).toEqual(['- one two', '  three'])
    expect(wrap(['  12  one two three'], 13)).toEqual(['  12  one two', '      three'])
    expect(wrap(['  cause: one two'], 13)).toEqual(['  cause: one', '         two'])
  })

  it('keeps a longer word whole', () =>
    expect(wrap(['aa bbbbbbbbbb cc'], 5)).toEqual(['aa', 'bbbbbbbbbb', 'cc']))

  it('keeps commands whole', () => {
    const command = "  tshark -r x -Y 'frame.number in {1, 2}'"
    expect(wrap([command, `  look:  ${command.trim()}`], 10)).toEqual([command, `  look:  ${command.trim()}`])
  })

  it('counts no columns for colours', () => {
    expect(wrap(['\u001b[31mone two\u001b[39m three'], 13)).toEqual(['\u001b[31mone two\u001b[39m three'])
  })
})
