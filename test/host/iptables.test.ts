// What rules of iptables-save say of packets; the samples are of iptables-nft 1.8.9.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Remarks } from '../../src/host/files/file-fault.ts'
import { readIptables } from '../../src/host/rules/iptables.ts'
import { nameOf, onlyTarget } from '../../src/host/rules/rules.ts'
import { Ruleset } from '../../src/host/rules/ruleset.ts'
import { packetOf, rulesOf } from '../support/knowledge.ts'

const read = (name: string): string => readFileSync(`fixtures/knowledge/${name}`, 'utf8')
const SAVE = read('iptables-save-counters.txt')

/** Remarks on a text. */
function remarksOn(text: string): string[] {
  const remarks = new Remarks()
  readIptables('rules.txt', text, new Ruleset(), remarks)
  return remarks.all.map(({ line, text: own }) => `${line}: ${own}`)
}

describe.each([
  ['iptables-save -c', SAVE],
  ['iptables -S of three tables', read('iptables-list-rules.txt')],
])('%s', (_, text) => {
  const rules = rulesOf(text)

  it('is understood line by line', () => {
    expect(remarksOn(text)).toEqual([])
    expect(rules.natRules).toEqual({ destinations: 6, sources: 3 })
  })

  it('leads a service to either of its endpoints, under its name', () => {
    const packet = packetOf('tcp', '172.16.1.9:1', '172.20.45.12:80')
    const { choices, mayPass, isUnknown } = rules.destinations(packet)
    expect(choices.map(({ way }) => nameOf(way))).toEqual(['default/web:http', 'default/web:http'])
    expect([mayPass, isUnknown]).toEqual([false, false])
    expect(onlyTarget({ choices, mayPass, isUnknown, marks: [] }, packet)).toBeNull()
  })

  it('reads ranges of addresses and ports, and ports alone', () => {
    const { choices } = rules.destinations(packetOf('tcp', '192.0.2.99:1', '192.0.2.50:8443'))
    expect(choices[0].action).toMatchObject({ kind: 'dnat', isRandom: true, target: { ports: [443, 443] } })
    const dns = packetOf('udp', '192.0.2.99:1', '192.0.2.9:53')
    expect(rules.destinations(dns).choices[0].action).toMatchObject({
      target: { addresses: null, ports: [5353, 5353] },
    })
    expect(rules.destinations(packetOf('udp', '192.0.2.99:1', '192.0.2.10:53')).choices).toEqual([])
    expect(rules.destinations(packetOf('tcp', '1.1.1.1:1', '2.2.2.2:80')).choices[0].action).toEqual({
      kind: 'redirect',
      ports: [8080, 8090],
    })
  })

  it('masquerades an endpoint that reaches itself by its mark, and others by their network', () => {
    const asked = packetOf('tcp', '172.16.1.5:1', '172.20.45.12:80')
    const came = packetOf('tcp', '172.16.1.5:1', '172.16.1.5:8080')
    // the mark depends on the endpoint that chance chooses
    expect(rules.sources(asked, came)).toMatchObject({
      mayPass: true,
      choices: [{ action: { isRandom: true } }],
    })
    const out = packetOf('tcp', '172.16.1.5:1', '203.0.113.1:80')
    expect(rules.sources(out, out)).toMatchObject({
      mayPass: false,
      choices: [{ action: { kind: 'masquerade' } }],
    })
  })

  it('depends on interfaces where they are not known', () => {
    const packet = packetOf('tcp', '172.17.0.2:1', '203.0.113.1:25')
    expect(rules.sources(packet, packet)).toMatchObject({
      mayPass: true,
      choices: [{ action: { kind: 'snat' } }],
    })
    const known = { ...packet, output: 'eth0' }
    expect(rules.sources(known, known).mayPass).toBe(false)
    const bridged = { ...packet, output: 'docker0' }
    expect(rules.sources(bridged, bridged).choices).toEqual([])
  })

  it('knows what is local where somebody tells', () => {
    const packet = packetOf('tcp', '203.0.113.1:5', '192.0.2.11:9090')
    expect(rules.destinations(packet)).toMatchObject({ mayPass: true, choices: [{}] })
    expect(rules.destinations({ ...packet, isLocal: () => false }).choices).toEqual([])
  })

  it('leaves untracked what NOTRACK matches for certain', () => {
    const dns = packetOf('udp', '172.16.1.5:999', '169.254.20.10:53')
    expect(rules.isUntracked(dns, 'prerouting')).toBe(true)
    expect(rules.isUntracked({ ...dns, protocol: 6 }, 'prerouting')).toBe(false)
    const cache = packetOf('tcp', '172.16.1.5:999', '172.16.1.6:6380')
    expect(rules.isUntracked(cache, 'prerouting')).toBe(false)
    expect(rules.isUntracked({ ...cache, input: 'br7' }, 'prerouting')).toBe(true)
    expect(rules.isUntracked({ ...cache, input: 'lo' }, 'prerouting')).toBe(false)
  })
})

describe('rules about INVALID packets', () => {
  const packet = packetOf('tcp', '10.244.1.9:8080', '10.244.0.5:40001')

  it('are found wherever a packet passes', () => {
    const found = rulesOf(SAVE).invalid(packet, ['prerouting', 'forward'])
    expect(found).toMatchObject({ verdict: 'drops', rule: { source: { chain: 'PREROUTING' } } })
    const forward = rulesOf(read('invalid-drop.rules.txt')).invalid(packet, ['prerouting', 'forward'])
    expect(forward).toMatchObject({ verdict: 'drops', rule: { source: { chain: 'KUBE-FORWARD' } } })
    expect(rulesOf(read('same-bridge-dnat.rules.txt')).invalid(packet, ['forward']).verdict).toBe('passes')
  })

  it('may be the policy of a chain', () => {
    const text =
      '*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT\nCOMMIT\n'
    expect(rulesOf(text).invalid(packet, ['forward'])).toEqual({ verdict: 'drops', rule: null })
  })

  it('are not certain behind what nobody knows', () => {
    const set =
      '*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m set --match-set blocked src -m conntrack --ctstate INVALID -j DROP\n'
    expect(rulesOf(set).invalid(packet, ['forward']).verdict).toBe('unknown')
    const queue = '*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j NFQUEUE --queue-num 1\n'
    expect(rulesOf(queue).invalid(packet, ['forward']).verdict).toBe('unknown')
  })
})

describe('ip6tables-save', () => {
  const rules = rulesOf(SAVE, read('ip6tables-save.txt'))

  it('is of another family, even where a table names no address', () => {
    const packet = packetOf('tcp', '[fd00:10::9]:1', '[fd00:20::12]:80')
    expect(onlyTarget(rules.destinations(packet), packet)?.text).toBe('[fd00:10::5]:8080')
    expect(
      rules.isUntracked({ ...packet, protocol: 58, sourcePort: -1, destinationPort: -1 }, 'prerouting'),
    ).toBe(true)
    expect(
      rules.isUntracked({ ...packetOf('tcp', '1.1.1.1:1', '2.2.2.2:2'), protocol: 58 }, 'prerouting'),
    ).toBe(false)
  })
})

describe('a rule that is not understood', () => {
  it('is named by its line, and may do anything', () => {
    const text =
      '*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.0.0.300 -j DNAT --to-destination 10.0.0.1\nCOMMIT\n'
    expect(remarksOn(text)).toEqual([
      '3: -d 10.0.0.300: expected an address or a network, the rule is passed over',
    ])
    expect(rulesOf(text).destinations(packetOf('tcp', '1.1.1.1:1', '2.2.2.2:2'))).toMatchObject({
      isUnknown: true,
      choices: [],
    })
  })

  it('may ask for a translation, which nobody knows of a flow', () => {
    const verdictOf = (states: string) =>
      rulesOf(
        `*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m conntrack --ctstate ${states} -j DROP\nCOMMIT\n`,
      ).invalid(packetOf('tcp', '1.1.1.1:1', '2.2.2.2:2'), ['forward']).verdict
    expect(['INVALID', 'NEW', 'INVALID,DNAT'].map(verdictOf)).toEqual(['drops', 'passes', 'drops'])
    expect(['DNAT', 'NEW,SNAT'].map(verdictOf)).not.toContain('passes')
  })

  it.each([
    ['-A PREROUTING word -j DROP', 'expected an option of a match, found word'],
    ['-A PREROUTING ! word -j DROP', 'expected an option of a match, found word'],
    ['-A PREROUTING -p tcp !', 'expected an option of a match, found nothing'],
    ['-A PREROUTING -m comment --comment', '--comment without a value'],
    ['-A PREROUTING -p tcp -j', '-j without a target'],
  ])('is told what is wrong with it: %s', (rule, problem) => {
    expect(remarksOn(`*raw\n:PREROUTING ACCEPT [0:0]\n${rule}\nCOMMIT\n`)).toEqual([
      `3: ${problem}, the rule is passed over`,
    ])
  })

  it('is told where it assigns a helper that is not modelled', () => {
    const rule = (target: string) =>
      `*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 1720 ${target}\nCOMMIT\n`
    expect(remarksOn(rule('-j CT --helper Q.931'))).toEqual([
      '3: the helper Q.931 is not modelled: flows that it announces are NEW here, and not RELATED',
    ])
    expect(remarksOn(rule('-j CT --helper ftp'))).toEqual([])
    // a match assigns none
    expect(remarksOn(rule('-m helper --helper Q.931 -j ACCEPT'))).toEqual([])
  })

  it('stops at nothing when chains call each other', () => {
    const text =
      '*nat\n:PREROUTING ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n-A PREROUTING -j A\n-A A -j B\n-A A -j B\n-A B -j A\n-A B -j A\n'
    expect(rulesOf(text).destinations(packetOf('tcp', '1.1.1.1:1', '2.2.2.2:2')).isUnknown).toBe(true)
  })

  it('calls a chain that is not there', () => {
    const text = '*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j MYSTERY\n'
    expect(rulesOf(text).destinations(packetOf('tcp', '1.1.1.1:1', '2.2.2.2:2')).isUnknown).toBe(true)
  })
})

describe('a chain of many services', () => {
  const services = Array.from({ length: 3000 }, (_, i) => {
    const address = `10.96.${i >> 8}.${i & 255}`
    return `-A SERVICES -d ${address}/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.${i >> 8}.${i & 255}:8080`
  })
  const rules = rulesOf(
    ['*nat', ':PREROUTING ACCEPT [0:0]', ':SERVICES - [0:0]', '-A PREROUTING -j SERVICES', ...services].join(
      '\n',
    ),
  )

  it('is looked up by destination', () => {
    const packet = packetOf('tcp', '1.1.1.1:1', '10.96.11.183:80')
    expect(onlyTarget(rules.destinations(packet), packet)?.text).toBe('10.1.11.183:8080')
    expect(rules.destinations({ ...packet, destinationPort: 81 }).choices).toEqual([])
  })

  it('knows what leads to an endpoint', () => {
    const { family, destination, destinationPort } = packetOf('tcp', '1.1.1.1:1', '10.1.2.3:8080')
    expect(rules.leadingTo(family, destination, destinationPort).map(({ source }) => source.place)).toEqual([
      `rules.txt:${5 + 2 * 256 + 3}`,
    ])
  })
})

describe('what is no part of a rule', () => {
  const lines = [
    '*filter',
    ':FORWARD ACCEPT [0:0]',
    '# iptables -t nat -A PREROUTING is for later',
    '-A FORWARD -c 12 345 -m conntrack --ctstate INVALID -j DROP',
    'COMMIT',
  ]

  it('are counters, and commands in comments', () => {
    const packet = packetOf('tcp', '1.1.1.1:1', '2.2.2.2:2')
    expect(rulesOf(lines.join('\n')).invalid(packet, ['forward']).verdict).toBe('drops')
  })
})

describe('a file that was cut off', () => {
  it('is noticed by the missing end of its table', () => {
    const cut = SAVE.slice(0, SAVE.lastIndexOf('COMMIT'))
    const table = cut.slice(0, cut.lastIndexOf('\n*nat')).split('\n').length + 1
    expect(remarksOn(cut)).toEqual([`${table}: the table *nat does not end with COMMIT: cut off?`])
  })

  it('may give a policy to a chain of its own, which has none', () => {
    const text = '*filter\n:FORWARD ACCEPT [0:0]\n:MINE DROP [0:0]\n-A FORWARD -j MINE\nCOMMIT\n'
    const packet = packetOf('tcp', '1.1.1.1:1', '2.2.2.2:2')
    expect(rulesOf(text).invalid(packet, ['forward']).verdict).toBe('passes')
  })

  it('is passed over where it is no rule', () => {
    expect(remarksOn('*nat\nsome words\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n')).toEqual([
      '2: no rule of iptables-save, passed over: some words',
    ])
  })
})

describe('iptables -S', () => {
  it('is of the table that its command names', () => {
    const invalidIn = (table: string) => {
      const rule = '-A PREROUTING -m conntrack --ctstate INVALID -j DROP'
      const text = `# iptables -t ${table} -S\n-P PREROUTING ACCEPT\n${rule}\n`
      return rulesOf(text).invalid(packetOf('tcp', '1.1.1.1:1', '2.2.2.2:2'), ['prerouting']).verdict
    }
    expect(invalidIn('mangle')).toBe('drops')
    // in front of conntrack no packet is INVALID
    expect(invalidIn('raw')).toBe('unknown')
  })
})

describe('a mark', () => {
  const redirects = (options: string, set: string) => {
    const rules = [`-A PREROUTING -j MARK ${set}`, `-A PREROUTING -m mark ${options} -j REDIRECT`]
    const text = ['*nat', ':PREROUTING ACCEPT [0:0]', ...rules, 'COMMIT', ''].join('\n')
    const { choices, mayPass } = rulesOf(text).destinations(packetOf('tcp', '1.1.1.1:1', '2.2.2.2:2'))
    expect(mayPass).toBe(choices.length === 0)
    return choices.length === 1
  }

  it('is compared whole, or by its mask', () => {
    expect(redirects('--mark 0x5', '--set-mark 0x5')).toBe(true)
    expect(redirects('--mark 0x5', '--set-mark 0x80000005')).toBe(false)
    expect(redirects('--mark 0x5/0xff', '--set-mark 0x80000005')).toBe(true)
    expect(redirects('! --mark 0x5', '--set-mark 0x6')).toBe(true)
  })
})

describe('a service of very many endpoints', () => {
  const count = 1000
  const endpoints = Array.from({ length: count }, (_, i) => {
    const chance = i + 1 < count ? ' -m statistic --mode random --probability 0.00100000005' : ''
    return `-A SERVICE${chance} -j DNAT --to-destination 10.1.${i >> 8}.${i & 255}:8080`
  })
  const head = [
    '*nat',
    ':PREROUTING ACCEPT [0:0]',
    ':SERVICE - [0:0]',
    '-A PREROUTING -d 10.96.0.1 -j SERVICE',
  ]

  it('may lead to each of them, and to nothing else', () => {
    const answer = rulesOf([...head, ...endpoints].join('\n')).destinations(
      packetOf('tcp', '1.1.1.1:1', '10.96.0.1:80'),
    )
    expect([answer.choices.length, answer.mayPass, answer.isUnknown]).toEqual([count, false, false])
  })
})
