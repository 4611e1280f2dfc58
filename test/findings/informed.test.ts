// What rules and topology make of a finding: surer where they confirm it, never less sure, and not fooled by other rules.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Confidence, type Facts, type FindingId, phrase } from '../../src/findings/facts/facts.ts'
import { informedBy } from '../../src/findings/rule-evidence.ts'
import { say } from '../../src/findings/wording/say.ts'
import { Knowledge } from '../../src/host/knowledge.ts'
import { bareFacts } from '../support/bare-facts.ts'
import { endpointOf, rulesOf, topologyOf } from '../support/knowledge.ts'
import { watchCaptures } from '../support/watch-captures.ts'

const fixture = (name: string): string => readFileSync(`fixtures/knowledge/${name}`, 'utf8')
const SERVICES = fixture('same-bridge-dnat.rules.txt')
const NODE = readFileSync('fixtures/lab/same-bridge-dnat/topology.txt', 'utf8')

/** What the packets alone say, where what was given adds nothing. */
const REASONS: Record<string, string> = {
  'asymmetric-same-bridge-return': 'switched',
  'dsr-untranslated-reply': 'answered',
  'hairpin-no-masquerade': 'comes-back',
  'hairpin-mode-off': 'port-missing',
  'invalid-leak': 'leaked',
  'dsr-invalid-drop': 'one-side',
  'snat-insert-race': 'once',
}

interface Parties {
  protocol: number
  client: string
  service: string
  backend: string
}

function factsOf(id: FindingId, confidence: Confidence, parties: Parties): Facts {
  const { protocol, client, service, backend } = parties
  const server = endpointOf(backend)
  const made = { client: endpointOf(client), server }
  const flow = {
    protocol,
    client: endpointOf(client),
    server: service === '' ? server : endpointOf(service),
    translated: service === '' ? null : made,
  }
  return bareFacts(id, flow, { confidence, reasons: [phrase(REASONS[id])] })
}

/** As text, what to do in one line. */
interface Told {
  id: string
  confidence: Confidence
  reason: string
  fix: string
}

interface Given {
  rules?: string
  topology?: string
}

/** What is told of a finding by rules and topology. */
function inform(id: FindingId, confidence: Confidence, parties: Partial<Parties>, given: Given): Told {
  const found = informOrNot(id, confidence, parties, given)
  if (found === null) throw new Error(`${id} is not told`)
  return found
}

function informOrNot(
  id: FindingId,
  confidence: Confidence,
  parties: Partial<Parties>,
  { rules, topology, bridgeCalls }: Given & { bridgeCalls?: number },
): Told | null {
  const knowledge = new Knowledge(
    rules === undefined ? null : rulesOf(rules),
    topology === undefined ? null : topologyOf(topology),
  )
  const flow = {
    protocol: 6,
    client: '10.244.0.5:40001',
    service: '',
    backend: '10.244.0.7:8080',
    ...parties,
  }
  const calls = { ipv4: bridgeCalls ?? null, ipv6: null }
  const facts = informedBy(knowledge, calls)(factsOf(id, confidence, flow))
  if (facts === null) return null
  const { fix, ...told } = say(facts, String)
  return { ...told, fix: fix.map(({ text, commands }) => [text, ...commands].join(': ')).join('; ') }
}

const SERVICE = { service: '10.96.45.12:80' }

describe('an answer past the translation', () => {
  it('is certain where a rule sends the service to that backend', () => {
    const found = inform('asymmetric-same-bridge-return', 'likely', SERVICE, { rules: SERVICES })
    expect(found.confidence).toBe('certain')
    expect(found.reason).toContain(
      '; rules.txt:37 ("default/web:http") sends 10.96.45.12:80 to 10.244.0.7:8080',
    )
  })

  it('names the ports of the bridge, and its network in the fix', () => {
    const found = inform('asymmetric-same-bridge-return', 'likely', SERVICE, {
      rules: SERVICES,
      topology: fixture('ip-bridge.json')
        .replaceAll('172.16.1.', '10.244.0.')
        .replaceAll('10.244.0.6', '10.244.0.7'),
    })
    expect(found.reason).toContain('both are behind bridge br7 (ports vpod1 and vpod2)')
    expect(found.fix).toContain(
      '-s 10.244.0.0/24 -d 10.244.0.0/24 -o br7 -m conntrack --ctstate DNAT -j MASQUERADE',
    )
  })

  it('names the service where only the backend was seen', () => {
    const found = inform('asymmetric-same-bridge-return', 'likely', {}, { rules: SERVICES, topology: NODE })
    expect(found.reason).toContain('("default/web:http") sends what it translates to 10.244.0.7:8080')
    expect(found.reason).toContain('both are behind bridge cni0 (ports veth3a1f09c2 and vethd94c6e10)')
    expect(found.confidence).toBe('likely')
  })

  it('is not told by rules that send the service elsewhere, unless the packets prove it', () => {
    const other = { rules: SERVICES.replaceAll('10.244.0.7:8080', '10.244.0.9:8080') }
    expect(informOrNot('asymmetric-same-bridge-return', 'likely', SERVICE, other)).toBeNull()
    const found = inform('asymmetric-same-bridge-return', 'certain', SERVICE, other)
    expect(found.id).toBe('asymmetric-same-bridge-return')
    expect(found.reason).toContain(
      'the rules given send 10.96.45.12:80 elsewhere (rules.txt:37 ("default/web:http"))',
    )
  })

  it('is of no bridge of the host whose conntrack sees what bridges switch', () => {
    const found = informOrNot('asymmetric-same-bridge-return', 'certain', SERVICE, { bridgeCalls: 1 })
    expect(found).toMatchObject({ id: 'dsr-untranslated-reply', confidence: 'certain' })
    expect(found?.reason).toContain('with bridge-nf-call-iptables=1')
    expect(informOrNot('asymmetric-same-bridge-return', 'certain', SERVICE, { bridgeCalls: 0 })?.id).toBe(
      'asymmetric-same-bridge-return',
    )
  })

  it('is of no bridge of a topology with other bridges', () => {
    const other = NODE.replace(
      '10.244.0.7 dev cni0 lladdr 0a:58:0a:f4:00:07',
      '10.244.0.7 dev cni1 lladdr 0a:58:0a:f4:00:07',
    )
      .replace(
        '5: vethd94c6e10@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master cni0',
        '5: vethd94c6e10@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master cni1',
      )
      .replace(
        'mtu 1500 master cni0 state forwarding priority 32 cost 2 \n# bridge fdb',
        'mtu 1500 master cni1 state forwarding priority 32 cost 2 \n# bridge fdb',
      )
      .replaceAll('dev vethd94c6e10 master cni0', 'dev vethd94c6e10 master cni1')
    const found = inform('asymmetric-same-bridge-return', 'likely', SERVICE, {
      rules: SERVICES,
      topology: other,
    })
    expect(found.reason).toContain('behind different bridges')
    expect(found.id).toBe('dsr-untranslated-reply')
  })

  it('stays as it was where the files do not know', () => {
    const elsewhere = { service: '10.99.1.1:80' }
    const found = inform('asymmetric-same-bridge-return', 'likely', elsewhere, { rules: SERVICES })
    expect(found).toEqual(inform('asymmetric-same-bridge-return', 'likely', elsewhere, {}))
  })
})

describe('a client that meets itself', () => {
  const own = { client: '10.244.0.7:40001', ...SERVICE }
  const port = (hairpin: string): string =>
    NODE.replaceAll(/(5: vethd94c6e10@cni0: .*\n)/g, `$1    hairpin ${hairpin} guard off\n`)

  it('is certain where no rule masquerades it', () => {
    const bare = SERVICES.split('\n')
      .filter(line => !line.includes('MASQUERADE') && !line.includes('10.244.0.7/32'))
      .join('\n')
    const found = inform('hairpin-no-masquerade', 'likely', own, { rules: bare })
    expect(found).toMatchObject({ confidence: 'certain' })
    expect(found.reason).toContain('no rule masquerades what 10.244.0.7 sends to itself')
    expect(found.fix).toContain('-s 10.244.0.7 -d 10.244.0.7 -p tcp --dport 8080 -j MASQUERADE')
  })

  it('is not told where the rules would masquerade it, unless the packets prove it', () => {
    expect(informOrNot('hairpin-no-masquerade', 'likely', own, { rules: SERVICES })).toBeNull()
    const found = inform('hairpin-no-masquerade', 'certain', own, { rules: SERVICES })
    expect(found.reason).toContain('it would be masqueraded')
  })

  it('is certain by the mode of its port, and the fix names the port', () => {
    const off = inform('hairpin-mode-off', 'possible', own, { topology: port('off') })
    expect(off).toMatchObject({
      confidence: 'certain',
      fix: 'turn hairpin mode on: ip link set dev vethd94c6e10 type bridge_slave hairpin on',
    })
    expect(off.reason).toContain("hairpin mode is off at vethd94c6e10, the client's port of cni0")
  })

  it('is not told where the mode is on, and no surer where that is not known', () => {
    expect(informOrNot('hairpin-mode-off', 'possible', own, { topology: port('on') })).toBeNull()
    expect(inform('hairpin-mode-off', 'possible', own, { topology: NODE }).confidence).toBe('possible')
  })

  it('is certain in a capture of the bridge alone', async () => {
    const knowledge = new Knowledge(null, topologyOf(port('off')))
    expect(await watchCaptures(['fixtures/findings/hairpin-mode-off.cni0.pcap'])).toEqual([])
    const [found] = await watchCaptures(
      ['fixtures/findings/hairpin-mode-off.cni0.pcap'],
      true,
      informedBy(knowledge),
    )
    expect(found).toMatchObject({ id: 'hairpin-mode-off', confidence: 'certain', flowCount: 1 })
  })
})

describe('INVALID packets', () => {
  const drops = fixture('invalid-drop.rules.txt')

  it('pass where no rule drops them', () => {
    const found = inform('invalid-leak', 'certain', SERVICE, { rules: SERVICES })
    expect(found.reason).toContain('no rule given drops INVALID packets that are forwarded')
  })

  it('are not told of by a file that has no filter', () => {
    const nat = SERVICES.slice(SERVICES.indexOf('*nat'))
    const found = inform('invalid-leak', 'likely', SERVICE, { rules: nat })
    expect(found.reason).not.toContain('INVALID')
    const dropped = inform('dsr-invalid-drop', 'likely', {}, { rules: nat })
    expect(dropped.confidence).toBe('likely')
    expect(dropped.fix).toContain('in front of the rule that drops INVALID')
    expect(dropped.reason).not.toContain('INVALID')
  })

  it('would not have passed by other rules', () => {
    expect(informOrNot('invalid-leak', 'likely', SERVICE, { rules: drops })).toBeNull()
    const found = inform('invalid-leak', 'certain', SERVICE, { rules: drops })
    expect(found.reason).toContain('would have been dropped (rules.txt:8)')
  })

  it('are dropped by a rule that has a name and a place', () => {
    const found = inform('dsr-invalid-drop', 'likely', {}, { rules: drops })
    expect(found.confidence).toBe('certain')
    expect(found.reason).toContain('rules.txt:8 drops INVALID packets')
    expect(found.fix).toContain('iptables -I KUBE-FORWARD -s 10.244.0.5 -d 10.244.0.7 -j ACCEPT')
    expect(informOrNot('dsr-invalid-drop', 'likely', {}, { rules: SERVICES })).toBeNull()
  })

  it('are let pass in the table that drops them', () => {
    const mangle = `*mangle
:PREROUTING ACCEPT [0:0]
-A PREROUTING -m conntrack --ctstate INVALID -j DROP
COMMIT
*filter
:FORWARD ACCEPT [0:0]
COMMIT
`
    const found = inform('dsr-invalid-drop', 'likely', {}, { rules: mangle })
    expect(found.confidence).toBe('certain')
    expect(found.fix).toContain('iptables -t mangle -I PREROUTING -s 10.244.0.5 -d 10.244.0.7 -j ACCEPT')
  })

  it('are let pass in the chain of nft that drops them, which no chain of iptables overrules', () => {
    const ruleset = `table inet fw {
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state invalid drop
  }
}
`
    const found = inform('dsr-invalid-drop', 'likely', {}, { rules: ruleset })
    expect(found.confidence).toBe('certain')
    expect(found.fix).toContain(
      'nft insert rule inet fw forward ip saddr 10.244.0.5 ip daddr 10.244.0.7 accept',
    )
  })
})

/** A ruleset of nft, as JSON, of one rule that translates the source of 10.244.0.0/16. */
function nftRules(statement: string): string {
  const match = /^snat to ([\d.-]+)(?::([\d-]+))?$/.exec(statement)
  const range = (text: string, read: (end: string) => unknown): unknown => {
    const [first, last] = text.split('-').map(read)
    return last === undefined ? first : { range: [first, last] }
  }
  const target =
    match === null
      ? { masquerade: null }
      : {
          snat: {
            family: 'ip',
            addr: range(match[1], String),
            ...(match[2] === undefined ? {} : { port: range(match[2], Number) }),
          },
        }
  const chain = { family: 'ip', table: 'nat', name: 'postrouting' }
  return JSON.stringify({
    nftables: [
      { metainfo: { json_schema_version: 1 } },
      { table: { family: 'ip', name: 'nat', handle: 1 } },
      { chain: { ...chain, handle: 2, type: 'nat', hook: 'postrouting', prio: 100, policy: 'accept' } },
      {
        rule: {
          family: 'ip',
          table: 'nat',
          chain: 'postrouting',
          handle: 5,
          expr: [
            {
              match: {
                op: '==',
                left: { payload: { protocol: 'ip', field: 'saddr' } },
                right: { prefix: { addr: '10.244.0.0', len: 16 } },
              },
            },
            target,
          ],
        },
      },
    ],
  })
}

describe('a race for a port', () => {
  const rules = fixture('snat-port-race-udp.rules.txt')
  const parties = { protocol: 17, client: '10.244.0.5:5353', backend: '203.0.113.10:53' }

  it('is certain where the rule keeps ports', () => {
    const found = inform('snat-insert-race', 'likely', parties, { rules })
    expect(found.confidence).toBe('certain')
    expect(found.reason).toContain('without --random-fully')
    expect(found.fix).toMatch(
      /^add --random-fully to rules\.txt:\d+, and delete the rule without, which would be met first: iptables -t nat -I POSTROUTING 1 .* --random-fully: iptables -t nat -D POSTROUTING /,
    )
  })

  it.each([
    ['snat to 192.168.56.11', 'snat to 192.168.56.11 fully-random'],
    [
      'snat to 192.168.56.11-192.168.56.19:1024-2047',
      'snat to 192.168.56.11-192.168.56.19:1024-2047 fully-random',
    ],
    ['masquerade', 'masquerade fully-random'],
  ])('keeps the statement of nft %s', (statement, fix) => {
    const found = inform('snat-insert-race', 'likely', parties, { rules: nftRules(statement) })
    expect(found.reason).toContain('without fully-random')
    expect(found.fix).toMatch(new RegExp(`: ${fix}$`))
  })

  it('is none where the rule chooses ports at random', () => {
    const random = rules.replace('-j MASQUERADE', '-j MASQUERADE --random-fully')
    expect(informOrNot('snat-insert-race', 'likely', parties, { rules: random })).toBeNull()
  })
})
