// Words for commands that are printed: a real shell reads them as one word each.
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { shellWord } from '../../src/net/shell-word.ts'

describe('a word of a shell', () => {
  it.each([
    'veth0',
    'a;id>&2;#',
    "it's",
    '$(id)',
    '`id`',
    '!',
    '*',
    'a b',
    '~',
    '',
    '\\',
    '"',
    '$HOME',
    'é',
    '-A',
  ])('%j', word => {
    const shown = execFileSync('/bin/sh', ['-c', `printf %s ${shellWord(word)}`], { encoding: 'utf8' })
    expect(shown).toBe(word)
  })

  it('stays as it is where that is safe', () => {
    expect(shellWord('cali12345:0/24')).toBe('cali12345:0/24')
  })
})
