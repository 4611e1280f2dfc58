// Broken files of rules and topologies: cut off, bytes changed, lines shuffled. Never a crash, a FileFault at most.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { FileFault } from '../../src/host/files/file-fault.ts'
import { Rules } from '../../src/host/rules/rules.ts'
import { readRules } from '../../src/host/rules/rules-file.ts'
import { Ruleset } from '../../src/host/rules/ruleset.ts'
import { Topology } from '../../src/host/topology/topology.ts'
import { readTopology } from '../../src/host/topology/topology-file.ts'
import { packetOf } from '../support/knowledge.ts'

const FOLDER = 'fixtures/knowledge'
const files = readdirSync(FOLDER).filter(name => /\.(txt|json)$/.test(name))

const PACKETS = [
  packetOf('tcp', '172.16.1.5:40000', '172.20.45.12:80'),
  packetOf('udp', '[fd00:10::5]:40000', '[fd00:20::12]:53'),
]

/** Reads a text as both kinds of file, and asks what comes of it everything. */
function read(text: string): void {
  const ruleset = new Ruleset()
  const topology = new Topology()
  try {
    readRules('rules', text, ruleset)
  } catch (error) {
    expect(error).toBeInstanceOf(FileFault)
  }
  try {
    readTopology(text, topology)
  } catch (error) {
    expect(error).toBeInstanceOf(FileFault)
  }
  ruleset.dropDoubles()
  const rules = new Rules(ruleset)
  for (const packet of PACKETS) {
    rules.destinations(packet)
    rules.sources(packet, packet)
    rules.invalid(packet, ['prerouting', 'forward', 'postrouting'])
    rules.isUntracked(packet, 'output')
    topology.portOf(packet.family, packet.source)
    topology.hosts[0]?.deviceTo(packet.family, packet.destination)
  }
}

/** Places to cut a text at: all of a short one, of a longer one as many as here, whose distance is no line's length. */
const CUTS = 1500

/** Numbers in an order that looks like chance, the same each time. */
function* numbers(seed: number): Generator<number, never> {
  let state = seed
  for (;;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    yield state >> 8
  }
}

describe.each(files)('%s', name => {
  const text = readFileSync(`${FOLDER}/${name}`, 'utf8')

  it('may end anywhere', () => {
    for (let cut = 0; cut < text.length; cut += Math.max(1, text.length / CUTS)) read(text.slice(0, cut))
  })

  it('may begin anywhere', () => {
    for (let from = 0; from < text.length; from += 7) read(text.slice(from))
  })

  it('may have other characters', () => {
    const chance = numbers(name.length)
    const odd = '"\\{}[]:,!-/@#\n 0f9\u0000é'
    for (let i = 0; i < 1500; i++) {
      const at = chance.next().value % text.length
      const change = odd[chance.next().value % odd.length]
      const cut = chance.next().value % 3
      read(text.slice(0, at) + change + text.slice(at + cut))
    }
  })

  it('may have other values', () => {
    const chance = numbers(name.length + 1)
    const values = ['null', '[]', '{}', '"x"', '-1', '1e9', 'true', '[[1,{"jump":{"target":"x"}}]]']
    // the places where a value begins
    const places = [...text.matchAll(/: ?(?=["[{\d])/g)].map(match => match.index + match[0].length)
    if (places.length === 0) return
    for (let i = 0; i < 1500; i++) {
      const at = places[chance.next().value % places.length]
      const rest = text
        .slice(at)
        .replace(/^("[^"]*"|\d+|\[[^[\]]*\]|\{[^{}]*\})/, values[chance.next().value % values.length])
      read(text.slice(0, at) + rest)
    }
  })
})

describe('texts of no kind', () => {
  it.each([
    '',
    '\n',
    '{',
    '[',
    '[]',
    '{}',
    'null',
    '"',
    '# only a comment',
    '{"nftables":null}',
    '-A',
    '-A X',
    '-A X -j',
    '*nat\n-A PREROUTING "',
  ])('are passed over or refused: %j', text => read(text))
})
