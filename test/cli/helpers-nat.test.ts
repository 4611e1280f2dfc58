// Helpers under NAT: a router's recordings of what it made of packets whose payload, length and sequence numbers it rewrote.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'

const FOLDER = 'fixtures/helpers-nat'

describe.each(readdirSync(FOLDER))('%s', name => {
  const read = (file: string): string => readFileSync(join(FOLDER, name, file), 'utf8')
  const ask = async (...command: string[]): Promise<string> => {
    const given = ['rules', 'topology'].flatMap(file => [`--${file}`, join(FOLDER, name, `${file}.txt`)])
    const { code, stdout } = await runCli([...command, ...given, join(FOLDER, name, 'capture.pcap')])
    expect(code).toBe(0)
    return stdout
  }

  it('has the events of the kernel, each connection once', async () => {
    expect(linesOf(await ask('events'))).toEqual(linesOf(read('events.txt')))
  })

  it('has its expectations', async () => {
    const seconds = / \d+ proto=/
    const plain = (text: string): string[] =>
      linesOf(text).map(line => line.replace(seconds, ' proto=').trim())
    expect(plain(await ask('events', '--expect'))).toEqual(plain(read('expectations.txt')))
  })

  it('has its entries', async () => {
    const plain = (text: string): string[] =>
      linesOf(text)
        .map(line => line.replace(/^(\w+ +\d+) \d+/, '$1').replace(/ use=\d+$/, ''))
        .toSorted()
    expect(plain(await ask('list', '--at', 'end'))).toEqual(plain(read('list.txt')))
  })

  it('has the counters of its rules, and nothing is contradicted', async () => {
    const { rules, fates } = JSON.parse(await ask('rules', '--format', 'json'))
    const ours = rules.map(
      ({ chain, text, isPolicy, packets, bytes }: Record<string, unknown>) =>
        `${isPolicy ? `:${chain} ${text}` : text} ${packets}:${bytes}`,
    )
    const theirs = read('counters.txt')
      .split('\n')
      .filter(line => /^[:[]/.test(line))
      .map(line => line.replace(/^\[(\S+)\] (.*)$/, '$2 $1').replace(/\[(\S+)\]$/, '$1'))
    expect(ours.toSorted()).toEqual(theirs.toSorted())
    expect(Object.keys(fates)).toEqual(['forwarded'])
  })

  it('shows no packet twice and none INVALID, nor faults', async () => {
    const rows = linesOf(await ask('packets', '--format', 'ndjson')).map(line => JSON.parse(line))
    const copies = rows.filter(({ state }) => state === 'copy')
    expect(copies.length).toBe(rows.length / 2)
    expect(rows.filter(({ state }) => state === 'invalid')).toEqual([])
    expect(JSON.parse(await ask('analyze', '--json')).findings).toEqual([])
  })
})

/** Lines without the time in front and the id behind. */
function linesOf(text: string): string[] {
  const lines = text.split('\n').filter(line => line !== '')
  return lines.map(line => line.replace(/^\[[\d. ]+\]\t/, '').replace(/ id=\d+$/, ''))
}
