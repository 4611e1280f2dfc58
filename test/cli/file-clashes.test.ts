// Files that are in each other's way, also where they are not there yet, and under names that only the file system takes for one.
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/cli/io/usage-error.ts'
import { refuseClashes } from '../../src/cli/options/file-clashes.ts'
import type { NamedFile } from '../../src/cli/options/named-files.ts'
import { Folder } from '../support/capture-builder.ts'

const written = (option: string, path: string): NamedFile => ({ role: 'written', option, path, host: '' })
const read = (option: string, path: string): NamedFile => ({ role: 'read', option, path, host: '' })

describe('two outputs that are not there yet', () => {
  it.each([
    ['by one name', (folder: Folder) => folder.at('o.csv')],
    ['by a longer name', (folder: Folder) => folder.at('sub/../o.csv')],
    [
      'through a linked directory',
      (folder: Folder) => {
        symlinkSync('.', folder.at('here'))
        return folder.at('here/o.csv')
      },
    ],
  ])('are refused where they are one file, %s', (_what, alias) => {
    using folder = new Folder()
    mkdirSync(folder.at('sub'))
    const first = folder.at('o.csv')
    const second = alias(folder)
    const refusing = (): void => refuseClashes([written('--one', first), written('--two', second)], null)
    expect(refusing).toThrow(UsageError)
    expect(refusing).toThrow(`--two ${second}: the same file as --one ${first}, expected one for each output`)
    expect(existsSync(first)).toBe(false)
  })

  // the file systems of most Linux machines tell them apart, those of most others do not
  it.each([
    ['case', 'Flows.csv', 'flows.csv'],
    ['normal form', 'caf\u00e9.csv', 'cafe\u0301.csv'],
  ])(
    'are refused where the file system takes names for one that differ in %s, and there alone',
    (_what, a, b) => {
      using folder = new Folder()
      using trial = new Folder()
      trial.write(a, '')
      const isOne = existsSync(trial.at(b))
      const refusing = (): void =>
        refuseClashes([written('--one', folder.at(a)), written('--two', folder.at(b))], null)
      if (isOne) expect(refusing).toThrow(UsageError)
      else expect(refusing).not.toThrow()
      expect(readdirSync(folder.path)).toEqual([])
    },
  )

  it('are no fault in two directories, or where one is there', () => {
    using folder = new Folder()
    mkdirSync(folder.at('sub'))
    refuseClashes([written('--one', folder.at('o.csv')), written('--two', folder.at('sub/o.csv'))], null)
    folder.write('o.csv', '')
    refuseClashes([written('--one', folder.at('o.csv')), written('--two', folder.at('p.csv'))], null)
  })
})

describe('an input given twice', () => {
  it('is refused behind one option, and none of the business of another', () => {
    using folder = new Folder()
    const path = folder.write('r', '')
    symlinkSync('r', folder.at('link'))
    refuseClashes([read('--rules', path), read('--topology', path), read('', path)], null)
    expect(() => refuseClashes([read('--rules', path), read('--rules', folder.at('link'))], null)).toThrow(
      `--rules ${folder.at('link')}: the same file as ${path}, expected each file once`,
    )
  })

  it('that is not there is left to who opens it', () => {
    using folder = new Folder()
    symlinkSync('loop', folder.at('loop'))
    for (const name of ['missing', 'missing/x', 'loop'])
      refuseClashes([read('', folder.at(name)), read('', folder.at(name))], null)
  })
})
