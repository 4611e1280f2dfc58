// Networks by the address they hold: as a search through all of them, and not at all where they overlap.
import { describe, expect, it } from 'vitest'
import { contains, parseAddress, parseNetwork } from '../../src/host/files/network.ts'
import { NetworkIndex, type NetworkItem } from '../../src/host/files/networks.ts'
import { Random } from '../kernel/generate/random.ts'

const items = (texts: readonly string[]): NetworkItem<string>[] =>
  texts.flatMap(text => {
    const network = parseNetwork(text)
    return network === null ? [] : [{ network, item: text }]
  })

describe('an index of networks', () => {
  const texts = [
    '10.0.0.0/24',
    '10.0.1.0-10.0.1.9',
    '10.0.1.10',
    '0.0.0.0/8',
    '255.255.255.0/24',
    '128.0.0.0/1'.replace('128', '64').replace('/1', '/2'),
    'fd00::/16',
    '2001:db8::/33',
    '2001:db8:8000::/33',
    'ffff::/16',
    '::/128',
  ]
  const all = items(texts)

  it('finds what a search finds', () => {
    expect(all.length).toBe(texts.length)
    const index = NetworkIndex.of(all)
    const random = new Random(5)
    const edges = all.flatMap(({ network }) =>
      [network.first, network.last].map(words => ({ family: network.family, words })),
    )
    const others = Array.from({ length: 3000 }, () => {
      const family = random.chance(0.5) ? (4 as const) : (6 as const)
      const words = Int32Array.from(random.pick(edges).words)
      words[random.below(family === 4 ? 1 : 4)] += random.pick([1, -1, 256, random.word()])
      return { family, words }
    })
    for (const { family, words } of [...edges, ...others]) {
      const expected =
        all.find(({ network }) => network.family === family && contains(network, words))?.item ?? null
      expect([family, [...words], index?.find(family, words)]).toEqual([family, [...words], expected])
    }
  })

  it('is none where two overlap', () => {
    expect(NetworkIndex.of(items(['10.0.0.0/8', '10.1.0.0/16']))).toBeNull()
    expect(NetworkIndex.of(items(['10.0.0.1', '10.0.0.1']))).toBeNull()
    expect(
      NetworkIndex.of(items(['10.0.0.0/8', 'fd00::/8']))?.find(
        4,
        parseAddress('11.0.0.0')?.words ?? new Int32Array(4),
      ),
    ).toBeNull()
  })
})
