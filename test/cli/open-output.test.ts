// Output files: under a name of their own until they are whole, with the mode of what they replace; links, FIFOs and devices as cp(1) has them.
import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { openOutput } from '../../src/cli/io/open-output.ts'
import { OutputError } from '../../src/cli/io/output-error.ts'
import { Folder } from '../support/capture-builder.ts'
import { MOUNTS_ONLY, ROOT_ONLY } from '../support/privileges.ts'

const never = (): AbortSignal => new AbortController().signal

async function write(path: string, text: string): Promise<void> {
  const file = await openOutput(path, never())
  file.write(text)
  await file.commit()
  file.discard()
}

describe('a regular file', () => {
  it('has its name only once it is whole', async () => {
    using folder = new Folder()
    const file = await openOutput(folder.at('a.csv'), never())
    file.write('one\n')
    file.write('two\n')
    expect(existsSync(folder.at('a.csv'))).toBe(false)
    await file.commit()
    expect(readFileSync(folder.at('a.csv'), 'utf8')).toBe('one\ntwo\n')
    file.discard()
    expect(readdirSync(folder.path)).toEqual(['a.csv'])
  })

  it('leaves nothing behind when discarded, and what was there before as it was', async () => {
    using folder = new Folder()
    folder.write('a.csv', 'before')
    const file = await openOutput(folder.at('a.csv'), never())
    file.write('x'.repeat(200_000))
    file.discard()
    expect(readdirSync(folder.path)).toEqual(['a.csv'])
    // who has not heard of it yet does no harm
    file.write('x'.repeat(200_000))
    await file.commit()
    expect(readdirSync(folder.path)).toEqual(['a.csv'])
    expect(readFileSync(folder.at('a.csv'), 'utf8')).toBe('before')
  })

  it('is discarded in the moment in which the run is ended', async () => {
    using folder = new Folder()
    const ending = new AbortController()
    const file = await openOutput(folder.at('a.csv'), ending.signal)
    file.write('x'.repeat(200_000))
    expect(readdirSync(folder.path)).toHaveLength(1)
    ending.abort()
    expect(readdirSync(folder.path)).toEqual([])
  })

  it('keeps text beyond ASCII and larger than its chunks whole', async () => {
    using folder = new Folder()
    const file = await openOutput(folder.at('a.csv'), never())
    const text = 'é→\u{1f600}'.repeat(50_000)
    for (let at = 0; at < text.length; at += 1000) file.write(text.slice(at, at + 1000))
    await file.commit()
    expect(readFileSync(folder.at('a.csv'), 'utf8') === text).toBe(true)
  })

  it('is written under a name that nobody can lay a link for', async () => {
    using folder = new Folder()
    const names = new Set<string>()
    for (let i = 0; i < 20; i++) {
      const file = await openOutput(folder.at('a.csv'), never())
      for (const name of readdirSync(folder.path)) names.add(name)
      file.discard()
    }
    expect(names.size).toBe(20)
    for (const name of names) expect(name).toMatch(/^\.ctpcap-[\da-f]{18}\.tmp$/)
  })

  it('may have the longest of names', async () => {
    using folder = new Folder()
    const name = `${'n'.repeat(251)}.csv`
    await write(folder.at(name), 'x')
    expect(readdirSync(folder.path)).toEqual([name])
  })

  it('has the mode that the umask leaves', async () => {
    using folder = new Folder()
    const umask = process.umask(0o027)
    try {
      await write(folder.at('a.csv'), 'x')
    } finally {
      process.umask(umask)
    }
    expect(statSync(folder.at('a.csv')).mode & 0o777).toBe(0o640)
  })

  it.each([0o600, 0o664, 0o755])(
    'has the mode %i of the file it replaces, from its first byte on',
    async mode => {
      using folder = new Folder()
      chmodSync(folder.write('a.csv', 'before'), mode)
      const file = await openOutput(folder.at('a.csv'), never())
      const temporary = readdirSync(folder.path).find(name => name !== 'a.csv')
      expect(statSync(folder.at(temporary ?? '')).mode & 0o777).toBe(mode)
      file.write('after')
      await file.commit()
      expect(statSync(folder.at('a.csv')).mode & 0o777).toBe(mode)
      expect(readFileSync(folder.at('a.csv'), 'utf8')).toBe('after')
    },
  )

  it('leaves a second name of the old file what it was', async () => {
    using folder = new Folder()
    linkSync(folder.write('a.csv', 'before'), folder.at('kept'))
    await write(folder.at('a.csv'), 'after')
    expect(readFileSync(folder.at('kept'), 'utf8')).toBe('before')
  })

  it('gone under the hands of the program: an error, and nothing left behind', async () => {
    using folder = new Folder()
    mkdirSync(folder.at('sub'))
    const file = await openOutput(folder.at('sub/a.csv'), never())
    mkdirSync(folder.at('sub/a.csv'))
    await expect(file.commit()).rejects.toThrow(/a\.csv: cannot be written: is a directory/)
    file.discard()
    expect(readdirSync(folder.at('sub'))).toEqual(['a.csv'])
  })
})

describe('a symbolic link', () => {
  it('stays, and what it leads to is written', async () => {
    using folder = new Folder()
    mkdirSync(folder.at('there'))
    folder.write('there/real.csv', 'before')
    symlinkSync('there/real.csv', folder.at('first.csv'))
    symlinkSync('first.csv', folder.at('a.csv'))
    await write(folder.at('a.csv'), 'after')
    expect(lstatSync(folder.at('a.csv')).isSymbolicLink()).toBe(true)
    expect(lstatSync(folder.at('first.csv')).isSymbolicLink()).toBe(true)
    expect(readFileSync(folder.at('there/real.csv'), 'utf8')).toBe('after')
    expect(readdirSync(folder.at('there'))).toEqual(['real.csv'])
    expect(readdirSync(folder.path).sort()).toEqual(['a.csv', 'first.csv', 'there'])
  })

  it('to nothing is refused', async () => {
    using folder = new Folder()
    symlinkSync('nowhere', folder.at('a.csv'))
    await expect(openOutput(folder.at('a.csv'), never())).rejects.toThrow(
      /a\.csv: cannot be written: a symbolic link to nothing$/,
    )
    expect(readdirSync(folder.path)).toEqual(['a.csv'])
  })

  it('to itself is refused', async () => {
    using folder = new Folder()
    symlinkSync('a.csv', folder.at('a.csv'))
    await expect(openOutput(folder.at('a.csv'), never())).rejects.toThrow(/too many symbolic links/)
  })
})

describe('what cannot be written', () => {
  it.each([
    ['a folder that is not there', 'no/a.csv', 'no such directory'],
    ['a folder that is a file', 'file/a.csv', 'no such directory'],
    ['a name that is a folder', 'folder', 'is a directory'],
    ['a name that is too long', `${'n'.repeat(300)}.csv`, 'the name is too long'],
  ])('%s is refused', async (_what, name, message) => {
    using folder = new Folder()
    mkdirSync(folder.at('folder'))
    folder.write('file', '')
    const opening = openOutput(folder.at(name), never())
    await expect(opening).rejects.toThrow(OutputError)
    await expect(opening).rejects.toThrow(message)
    expect(readdirSync(folder.path).sort()).toEqual(['file', 'folder'])
  })
})

describe.skipIf(process.platform === 'win32')('a FIFO', () => {
  it('is written directly, as soon as somebody reads it, and stays', async () => {
    using folder = new Folder()
    const fifo = folder.at('a.csv')
    execFileSync('mkfifo', [fifo])
    let isOpen = false
    const opening = openOutput(fifo, never()).then(file => {
      isOpen = true
      return file
    })
    await new Promise(resolve => setImmediate(resolve))
    expect(isOpen).toBe(false)
    const reading = readFile(fifo, 'utf8')
    const file = await opening
    const text = 'é→\u{1f600}'.repeat(50_000)
    file.write(text)
    file.flush()
    await file.drained()
    file.write('the end')
    await file.commit()
    expect((await reading) === `${text}the end`).toBe(true)
    expect(lstatSync(fifo).isFIFO()).toBe(true)
    expect(readdirSync(folder.path)).toEqual(['a.csv'])
  })

  it('that nobody reads is not waited for once the run is ended', async () => {
    using folder = new Folder()
    execFileSync('mkfifo', [folder.at('a.csv')])
    const ending = new AbortController()
    const opening = openOutput(folder.at('a.csv'), ending.signal)
    const reason = new Error('ended')
    ending.abort(reason)
    await expect(opening).rejects.toBe(reason)
  })

  it('whose reader goes away ends nothing', async () => {
    using folder = new Folder()
    execFileSync('mkfifo', [folder.at('a.csv')])
    const opening = openOutput(folder.at('a.csv'), never())
    const reader = await open(folder.at('a.csv'), 'r')
    const file = await opening
    await reader.close()
    for (let i = 0; i < 10; i++) {
      file.write('x'.repeat(100_000))
      await file.drained()
    }
    await file.commit()
  })
})

describe.skipIf(process.platform !== 'linux')('a device', () => {
  it('is written directly', async () => {
    await write('/dev/null', 'x'.repeat(200_000))
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true)
    expect(readdirSync('/dev').filter(name => name.startsWith('.ctpcap'))).toEqual([])
  })

  it('that is full says so', async () => {
    const file = await openOutput('/dev/full', never())
    file.write('x')
    await expect(file.commit()).rejects.toThrow('/dev/full: cannot be written: no space left')
    file.discard()
  })
})

describe('of another user', () => {
  it.skipIf(ROOT_ONLY.skip)(`what root writes stays the owner's${ROOT_ONLY.why}`, async () => {
    using folder = new Folder()
    const path = folder.write('a.csv', 'before')
    execFileSync('chown', ['65534:65533', path])
    await write(path, 'after')
    expect(statSync(path)).toMatchObject({ uid: 65534, gid: 65533 })
    expect(readFileSync(path, 'utf8')).toBe('after')
  })
})

describe('a path that shows another file than it leads to', () => {
  it.skipIf(MOUNTS_ONLY.skip)(`is refused, and the file it shows stays${MOUNTS_ONLY.why}`, async () => {
    using folder = new Folder()
    mkdirSync(folder.at('sub'))
    folder.write('sub/a.csv', 'ours')
    // a process that has another file there, and says when
    const script = 'mount -t tmpfs none "$0" && echo theirs >"$0/a.csv" && echo ready && exec cat'
    const other = spawn('unshare', ['--mount', 'sh', '-c', script, folder.at('sub')])
    try {
      await new Promise(ready => other.stdout.once('data', ready))
      const path = `/proc/${other.pid}/root${folder.at('sub/a.csv')}`
      expect(readFileSync(path, 'utf8')).toBe('theirs\n')
      for (const name of [path, path.replace('a.csv', 'new.csv')])
        await expect(openOutput(name, never())).rejects.toThrow('no path leads to it from here')
      expect(readFileSync(path, 'utf8')).toBe('theirs\n')
    } finally {
      other.kill()
    }
    expect(readFileSync(folder.at('sub/a.csv'), 'utf8')).toBe('ours')
    expect(readdirSync(folder.at('sub'))).toEqual(['a.csv'])
  })
})
