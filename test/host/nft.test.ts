// What `nft -j list ruleset` says of packets; the samples are of nft 1.0.6, one of kube-proxy's rules in its nftables mode.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { nameOf, onlyTarget } from '../../src/host/rules/rules.ts'
import { packetOf, rulesOf } from '../support/knowledge.ts'

const read = (name: string): string => readFileSync(`fixtures/knowledge/${name}`, 'utf8')
const rules = rulesOf(read('nft-ruleset.json'))

const targetOf = (...packet: Parameters<typeof packetOf>): string | undefined =>
  onlyTarget(rules.destinations(packetOf(...packet)), packetOf(...packet))?.text

describe('kube-proxy in its nftables mode', () => {
  it('finds a service in a map of addresses, protocols and ports', () => {
    const answer = rules.destinations(packetOf('udp', '172.16.1.5:999', '172.20.0.10:53'))
    expect(answer).toMatchObject({ mayPass: false, isUnknown: false, marks: [0] })
    expect(nameOf(answer.choices[0].way)).toBe('kube-system/dns:dns')
    expect(targetOf('udp', '172.16.1.5:999', '172.20.0.10:53')).toBe('172.16.1.7:53')
    expect(rules.destinations(packetOf('udp', '172.16.1.5:999', '172.20.0.10:54')).choices).toEqual([])
  })

  it('leaves it to chance which endpoint it is', () => {
    const { choices: all, mayPass } = rules.destinations(packetOf('tcp', '172.16.1.9:999', '172.20.45.12:80'))
    // a chain of the same priority that was loaded later is run first, and may redirect by the interface
    expect(all.map(({ action }) => action.kind)).toEqual(['redirect', 'dnat', 'dnat'])
    const choices = all.slice(1)
    expect(mayPass).toBe(false)
    expect(choices.map(({ way }) => nameOf(way))).toEqual(['default/web:http', 'default/web:http'])
  })

  it('masquerades by a mark', () => {
    const node = packetOf('tcp', '203.0.113.1:999', '192.0.2.11:30080')
    expect(rules.sources(node, node)).toMatchObject({
      mayPass: false,
      choices: [{ action: { isRandom: true } }],
    })
    const pod = packetOf('udp', '172.16.1.5:999', '172.20.0.10:53')
    expect(rules.sources(pod, pod)).toMatchObject({ mayPass: true, choices: [] })
  })
})

describe('rules written by hand', () => {
  it('translate by maps of ports', () => {
    const outside = { input: 'up0' }
    expect(targetOf('tcp', '203.0.113.1:9', '192.0.2.11:2222', outside)).toBe('10.1.2.9:2222')
    expect(targetOf('tcp', '203.0.113.1:9', '192.0.2.11:9001', outside)).toBe('10.1.2.4:91')
    expect(targetOf('tcp', '203.0.113.1:9', '192.0.2.11:9002', outside)).toBeUndefined()
    expect(targetOf('tcp', '[fd00::9]:9', '[fd00::8]:9002', outside)).toBe('[fd00::5]:80')
    expect(targetOf('tcp', '203.0.113.1:9', '192.0.2.11:8443', { input: 'wan0' })).toBe('10.1.2.3:443')
  })

  it('leave untracked what sets, ranges and protocols match', () => {
    const isUntracked = (...packet: Parameters<typeof packetOf>) =>
      rules.isUntracked(packetOf(...packet), 'prerouting')
    expect(isUntracked('tcp', '10.1.1.1:1', '10.1.1.2:6380')).toBe(true)
    expect(isUntracked('tcp', '[fd00::1]:1', '[fd00::2]:11211')).toBe(true)
    expect(isUntracked('udp', '10.1.1.1:1', '10.1.1.2:6380')).toBe(false)
    expect(isUntracked('udp', '10.1.1.1:4789', '10.1.1.2:1')).toBe(true)
    expect(isUntracked('tcp', '10.1.1.1:4789', '10.1.1.2:1')).toBe(false)
    expect(isUntracked('udp', '10.1.1.1:1', '10.1.1.2:5353')).toBe(true)
    expect(isUntracked('udp', '10.1.1.1:1', '198.51.100.205:53')).toBe(true)
    expect(isUntracked('udp', '10.1.1.1:1', '198.51.100.127:53')).toBe(true)
    expect(isUntracked('udp', '10.1.1.1:1', '198.51.100.128:53')).toBe(false)
  })

  it('ask for the protocol of either IP header', () => {
    const untracked = (match: string) => {
      const own = rulesOf(`table inet t {
  chain c { type filter hook prerouting priority raw; policy accept; ${match} notrack }
}`)
      return (['10.0.0.1:1 10.0.0.2:2', '[fd00::1]:1 [fd00::2]:2'] as const).flatMap(ends =>
        (['tcp', 'udp'] as const).map(protocol => {
          const [source = '', destination = ''] = ends.split(' ')
          return own.isUntracked(packetOf(protocol, source, destination), 'prerouting')
        }),
      )
    }
    expect(untracked('ip protocol udp')).toEqual([false, true, false, false])
    expect(untracked('ip6 nexthdr tcp')).toEqual([false, false, true, false])
    expect(untracked('meta l4proto udp')).toEqual([false, true, false, true])
  })

  it('drop INVALID packets by a verdict map', () => {
    expect(
      rules.invalid(packetOf('tcp', '10.1.1.1:1', '10.1.1.2:2'), ['prerouting', 'forward']),
    ).toMatchObject({
      verdict: 'drops',
      rule: { source: { chain: 'forward' } },
    })
  })

  it('drop INVALID packets at hooks that conntrack has nothing in, whatever their priority', () => {
    const text = (hook: string): string =>
      `table ip own {\nchain first {\ntype filter hook ${hook} priority -300; policy accept;\nct state invalid drop\n}\n}\n`
    const packet = packetOf('tcp', '10.1.1.1:1', '10.1.1.2:2')
    expect(rulesOf(text('forward')).invalid(packet, ['prerouting', 'forward']).verdict).toBe('drops')
    expect(rulesOf(text('prerouting')).invalid(packet, ['prerouting']).verdict).toBe('unknown')
  })

  it('masquerade by interfaces and networks of both families', () => {
    const choicesOf = (...packet: Parameters<typeof packetOf>) =>
      rules.sources(packetOf(...packet), packetOf(...packet)).choices.map(({ action }) => action.kind)
    expect(choicesOf('udp', '10.1.1.1:1', '203.0.113.1:2', { output: 'wan0' })).toEqual(['masquerade'])
    expect(choicesOf('udp', '10.1.1.1:1', '203.0.113.1:2', { output: 'up0' })).toEqual([])
    expect(choicesOf('tcp', '10.9.1.1:1', '203.0.113.1:2', { output: 'up0' })).toEqual(['snat'])
    expect(choicesOf('udp', '[fd12::1]:1', '[2001:db8::1]:2', { output: 'wan0' })).toEqual(['masquerade'])
  })
})

describe('what iptables wrote', () => {
  const packet = packetOf('tcp', '172.16.1.5:1', '172.20.45.12:80')

  it('is not guessed where nft cannot show it', () => {
    const hidden = rulesOf(read('nft-of-iptables.json'))
    expect(hidden.destinations(packet)).toMatchObject({ choices: [], isUnknown: true })
    expect(hidden.invalid(packet, ['prerouting', 'forward']).verdict).toBe('unknown')
    expect(hidden.isUntracked(packetOf('udp', '172.16.1.5:1', '169.254.20.10:53'), 'prerouting')).toBe(false)
  })

  it('is taken from iptables-save where that is given, too', () => {
    const both = rulesOf(
      read('nft-of-iptables.json'),
      read('iptables-save-counters.txt'),
      read('ip6tables-save.txt'),
    )
    expect(both.destinations(packet)).toMatchObject({ isUnknown: false, mayPass: false })
    expect(both.destinations(packet).choices.length).toBe(2)
    // of the family that is given, and of no other
    const four = rulesOf(read('nft-of-iptables.json'), read('iptables-save-counters.txt'))
    expect(four.destinations(packet).isUnknown).toBe(false)
    const six = rulesOf(read('nft-of-iptables.json'), read('ip6tables-save.txt'))
    expect(six.destinations(packet).isUnknown).toBe(true)
  })
})

describe('several documents in one file', () => {
  it('are read one after the other, comments between them', () => {
    const one = read('nft-ruleset.json')
    const both = rulesOf(`# node one\n${one}\n# again {\n${one}`)
    expect(both.natRules.destinations).toBe(2 * rules.natRules.destinations)
  })
})

describe('a rule', () => {
  it('is named by its file and its handle', () => {
    const chain = { family: 'ip', table: 'nat', name: 'pre', type: 'nat', hook: 'prerouting', prio: -100 }
    const place = (handle: object) => {
      const rule = { family: 'ip', table: 'nat', chain: 'pre', ...handle, expr: [{ redirect: { port: 80 } }] }
      const text = JSON.stringify({ nftables: [{ chain }, { rule }] })
      const { choices } = rulesOf(text).destinations(packetOf('tcp', '10.0.0.1:1', '10.0.0.2:2'))
      return choices[0].way.map(({ source }) => source.place)
    }
    expect(place({ handle: 23 })).toEqual(['rules.txt handle 23'])
    expect(place({})).toEqual(['rules.txt handle 0'])
  })
})

it('a file without rules is refused at its first line', () => {
  for (const text of ['', '\n\n', '{"nftables": []}'])
    expect(() => rulesOf(text)).toThrow(expect.objectContaining({ line: 1 }))
})

it('JSON that does not end is refused where it begins', () => {
  expect(() => rulesOf('{"nftables": []}\n{"nftables": [')).toThrow(
    expect.objectContaining({ line: 2, message: 'JSON that begins here does not end' }),
  )
})
