// The secret hash: keys chosen to meet under one secret do not under another, and no result tells which secret there was.
import { readdirSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { plainHash } from '../../src/conntrack/plain-hash.ts'
import { maskedWord, seededFold, seededHash, seedHashes } from '../../src/net/seeded-hash.ts'
import { runCli } from '../support/cli.ts'

const SECRETS = [0, 1, -1, 0x5eed5eed]
/** What there is without a call: tests that come after have it again. */
const FIRST = 0x3c6ef372

afterEach(() => seedHashes(FIRST))

/** Tuples of different sources whose third word makes up for what the others do: all have one hash under this secret. */
function colliding(secret: number, count: number): [number, number, number, number][] {
  const middle = (a: number, b: number, d: number): number => {
    const h = Math.imul((a ^ d) + secret, 0x9e3779b1)
    const mixed = Math.imul((h ^ (h >>> 15)) + b, 0x85ebca77)
    return mixed ^ (mixed >>> 13)
  }
  return Array.from({ length: count }, (_, i) => {
    const [a, b, d] = [0x0b000001 + i, 0x0a090002, 17]
    return [a, b, (0x12345678 - middle(a, b, d)) | 0, d]
  })
}

describe('keys that were chosen to meet', () => {
  it.each(SECRETS)('meet under the secret they were chosen for, %d', secret => {
    seedHashes(secret)
    expect(new Set(colliding(secret, 2000).map(words => seededHash(...words))).size).toBe(1)
  })

  it.each(SECRETS)('are apart under any other: chosen for %d', secret => {
    const words = colliding(secret, 2000)
    for (const other of [...SECRETS, FIRST].filter(each => each !== secret)) {
      seedHashes(other)
      // of two thousand, thrown into 65,536 places
      expect(new Set(words.map(each => seededHash(...each) & 0xffff)).size).toBeGreaterThan(1900)
    }
  })

  it('folds and masks change with the secret, a mask is one for one', () => {
    const words = Array.from({ length: 5000 }, (_, i) => i * 0x10001)
    const seen = SECRETS.map(secret => {
      seedHashes(secret)
      expect(new Set(words.map(maskedWord)).size).toBe(words.length)
      return seededFold(0x20010db8, 0, 0, 1)
    })
    expect(new Set(seen).size).toBe(SECRETS.length)
  })

  it('the plain hash has no secret', () => {
    const all = SECRETS.map(secret => {
      seedHashes(secret)
      return plainHash(0x0a000001, 0x0a000002, 0x04d20050, 6)
    })
    expect(new Set(all).size).toBe(1)
  })
})

describe('no output depends on the secret', () => {
  const captures = readdirSync('fixtures', { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && /\.(pcap|pcapng|cap)$/.test(entry.name))
    .map(entry => `${entry.parentPath}/${entry.name}`)
    .sort()
  const commands = [
    ['analyze', '--json'],
    ['list', '--at', 'peak'],
    // a table that is full: what makes room, and in which order
    ['events', '--set', 'max=20', '--set', 'buckets=4'],
    ['packets', '--format', 'tsv', '--set', 'max=10'],
  ]

  it('has captures to look at', () => expect(captures.length).toBeGreaterThan(50))

  it.each(captures)('%s', { timeout: 120_000 }, async path => {
    // one command for each capture, all commands over all captures
    const command = commands[captures.indexOf(path) % commands.length]
    const outputs = new Set<string>()
    for (const secret of SECRETS.slice(0, 3)) {
      seedHashes(secret)
      const { code, stdout } = await runCli([...command, path])
      outputs.add(`${code}\n${stdout}`)
    }
    expect(outputs.size).toBe(1)
  })
})
