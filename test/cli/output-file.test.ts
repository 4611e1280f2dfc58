// Output files under a temporary name until they are whole.
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { OutputError, OutputFile } from '../../src/cli/output-file.ts'
import { Folder } from '../support/capture-builder.ts'

describe('OutputFile', () => {
  it('has its name only once it is whole', () => {
    using folder = new Folder()
    const file = new OutputFile(folder.at('a.csv'))
    file.write('one\n')
    file.write('two\n')
    expect(existsSync(folder.at('a.csv'))).toBe(false)
    file.commit()
    expect(readFileSync(folder.at('a.csv'), 'utf8')).toBe('one\ntwo\n')
    file.discard()
    expect(readdirSync(folder.path)).toEqual(['a.csv'])
  })

  it('leaves nothing behind when discarded, and what was there before as it was', () => {
    using folder = new Folder()
    folder.write('a.csv', 'before')
    const file = new OutputFile(folder.at('a.csv'))
    file.write('x'.repeat(200_000))
    file.discard()
    expect(readdirSync(folder.path)).toEqual(['a.csv'])
    expect(readFileSync(folder.at('a.csv'), 'utf8')).toBe('before')
  })

  it('keeps text beyond ASCII and larger than its chunks whole', () => {
    using folder = new Folder()
    const file = new OutputFile(folder.at('a.csv'))
    const text = 'é→\u{1f600}'.repeat(50_000)
    for (let at = 0; at < text.length; at += 1000) file.write(text.slice(at, at + 1000))
    file.commit()
    expect(readFileSync(folder.at('a.csv'), 'utf8') === text).toBe(true)
  })

  it.each([
    ['a folder that is not there', 'no/a.csv', 'no such directory'],
    ['a name that is a folder', 'folder', 'is a directory'],
  ])('refuses %s', (_what, name, message) => {
    using folder = new Folder()
    mkdirSync(folder.at('folder'))
    const write = (): void => {
      const file = new OutputFile(folder.at(name))
      try {
        file.commit()
      } finally {
        file.discard()
      }
    }
    expect(write).toThrow(OutputError)
    expect(write).toThrow(message)
    expect(readdirSync(folder.path)).toEqual(['folder'])
  })
})
