// The word that was most likely meant.
import { describe, expect, it } from 'vitest'
import { nearest } from '../../src/cli/options/nearest.ts'

describe('nearest', () => {
  it('takes the word with the fewest edits, the first of equals', () => {
    expect(nearest('invlid', ['new', 'invalid', 'related'])).toBe('invalid')
    expect(nearest('bat', ['cat', 'rat'])).toBe('cat')
  })

  it('takes nothing that is far', () => {
    expect(nearest('', ['ab', 'c'])).toBe('')
    expect(nearest('eks', ['aws', 'ipvs'])).toBe('')
    expect(nearest('foo', ['nf_conntrack_max'])).toBe('')
    expect(nearest('capture.pcap', ['analyze', 'packets'])).toBe('')
  })

  it('takes the beginning of a word for the word', () => {
    expect(nearest('inv', ['new', 'invalid'])).toBe('invalid')
  })

  it('prefers a word that has all parts of a compound', () => {
    expect(nearest('tcp_established', ['tcp_be_liberal', 'tcp_timeout_established'])).toBe(
      'tcp_timeout_established',
    )
  })

  it('compares what is left of both', () => {
    expect(nearest('x', ['long_prefix_x', 'y'], word => word.replace('long_prefix_', ''))).toBe(
      'long_prefix_x',
    )
  })
})
