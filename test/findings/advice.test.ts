// What findings advise can be typed as it stands: of the flow's own family, no wider than the flow, and the tools take it.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  type Facts,
  FINDING_IDS,
  type FindingId,
  type FlowFacts,
  type Phrase,
  phrase,
  type Value,
  type Values,
} from '../../src/findings/facts/facts.ts'
import { say } from '../../src/findings/wording/say.ts'
import type { Advice } from '../../src/findings/wording/wording.ts'
import type { Endpoint } from '../../src/host/knowledge.ts'
import { FORWARDS_NOTHING, REVERSE_PATH_FILTER } from '../../src/host/walk/host-routing.ts'
import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from '../../src/net/numbers.ts'
import type { Report } from '../../src/report/analyze/model.ts'
import { bareFacts } from '../support/bare-facts.ts'
import { runCli } from '../support/cli.ts'
import { endpointOf } from '../support/knowledge.ts'

const CLIENT = endpointOf('10.1.0.5:40001')
const SERVICE = endpointOf('10.96.0.10:80')
const BACKEND = endpointOf('10.1.7.9:8080')

const FLOW: FlowFacts = { protocol: IPPROTO_TCP, client: CLIENT, server: SERVICE, translated: null }
const TRANSLATED: FlowFacts = { ...FLOW, translated: { client: CLIENT, server: BACKEND } }

/** What the words of a finding need. */
function factsOf(
  id: FindingId,
  flow: FlowFacts,
  { reason, ...more }: Partial<Facts> & { reason?: Phrase } = {},
): Facts {
  return bareFacts(id, flow, { ...more, ...(reason && { reasons: [reason] }) })
}

/** Each finding with the facts that its words depend on, in all their forms. */
const FORMS: readonly Facts[] = [
  factsOf('table-file-contradicted', FLOW, {
    reason: phrase('packets'),
    values: { path: 'table of 3.txt' },
  }),
  factsOf('conntrack-table-full', FLOW, { reason: phrase('streak', { lost: 10, forwarded: 10 }) }),
  factsOf('conntrack-table-full', FLOW, {
    reason: phrase('refused', { maximum: 100, outside: 0 }),
    values: {
      by: 'refusal',
      packets: 1,
      connections: 1,
      time: 0,
      maximum: 100,
      advised: 200,
      buckets: 100,
    },
  }),
  factsOf('conntrack-early-drop', FLOW, {
    reason: phrase('model'),
    values: { earlyDrops: 3, advised: 200, buckets: 100 },
  }),
  ...[true, false].map(isTranslated =>
    factsOf('snat-port-pressure', FLOW, {
      reason: phrase('nat', { peak: 60_000, most: 64_512 }),
      values: { lost: 0, isTranslated },
    }),
  ),
  factsOf('asymmetric-same-bridge-return', TRANSLATED, { reason: phrase('direct') }),
  factsOf('asymmetric-same-bridge-return', TRANSLATED, {
    reason: phrase('direct'),
    values: { network: '10.1.0.0/16', bridge: 'cni0' },
  }),
  factsOf('dsr-untranslated-reply', TRANSLATED, { reason: phrase('direct') }),
  factsOf('dsr-untranslated-reply', FLOW, { reason: phrase('unseen') }),
  factsOf('wrong-source-answer', { ...FLOW, answerer: BACKEND }, { reason: phrase('same-station') }),
  factsOf('dsr-invalid-drop', FLOW, { reason: phrase('one-side') }),
  ...[
    { tool: 'iptables', table: 'filter', chain: 'FORWARD', place: 'rules.txt:3' },
    { tool: 'iptables', table: 'mangle', chain: 'PREROUTING', place: 'rules.txt:3' },
    { tool: 'nft', table: 'inet filter', chain: 'forward', place: 'rules.json handle 4' },
  ].map(values => factsOf('dsr-invalid-drop', FLOW, { reason: phrase('one-side'), values })),
  factsOf('hairpin-no-masquerade', TRANSLATED, { reason: phrase('leaves') }),
  factsOf('hairpin-mode-off', TRANSLATED, { reason: phrase('never-back') }),
  factsOf('hairpin-mode-off', TRANSLATED, { reason: phrase('never-back'), values: { port: 'veth1' } }),
  factsOf('invalid-leak', TRANSLATED, { reason: phrase('leaked') }),
  factsOf('invalid-leak-private-source', TRANSLATED, { reason: phrase('leaked') }),
  factsOf('invalid-leak-private-source', TRANSLATED, { reason: phrase('closed-late', { pause: 70_000 }) }),
  factsOf('invalid-reset', FLOW, { reason: phrase('no-socket') }),
  ...(['idle-timeout-inbound', 'idle-timeout-untranslated-reply', 'idle-timeout-remapped'] as const).map(id =>
    factsOf(id, TRANSLATED, { reason: phrase('after-pause', { pause: 75_300 }) }),
  ),
  factsOf('snat-insert-race', FLOW, { reason: phrase('once') }),
  factsOf('snat-insert-race', FLOW, {
    reason: phrase('once'),
    values: { place: 'rules.json handle 4', statement: 'masquerade' },
  }),
  ...[FLOW, TRANSLATED].map(flow =>
    factsOf(
      'syn-flood',
      { ...flow, client: null, counts: { flows: 1000, answered: 0, completed: 0 } },
      { reason: phrase('not-repeated') },
    ),
  ),
  ...(['udp-flood', 'syn-flood'] as const).flatMap(id =>
    (id === 'udp-flood' ? ['burst-service', 'burst-address', 'burst-source'] : ['burst-source']).map(code =>
      factsOf(
        id,
        {
          ...FLOW,
          protocol: id === 'udp-flood' ? IPPROTO_UDP : IPPROTO_TCP,
          client: code === 'burst-source' ? { ...CLIENT, port: -1 } : null,
          server: code === 'burst-address' ? { ...SERVICE, port: -1 } : SERVICE,
          counts: { flows: 2000, answered: 1, completed: 0 },
        },
        { reason: phrase(code, { busiest: 1500, others: 99, milliseconds: 900 }) },
      ),
    ),
  ),
  ...(['error', 'info'] as const).map(severity =>
    factsOf('dns-race', FLOW, {
      severity,
      reason:
        severity === 'info' ? phrase('exposed') : phrase('once', { wait: 5000, lookups: 1, exposed: 2 }),
      values: { pairs: 2 },
    }),
  ),
  ...(['error', 'info'] as const).map(severity =>
    factsOf('port-reuse', FLOW, { severity, reason: phrase('silent', { end: 'closed' }) }),
  ),
  factsOf('idle-gap', FLOW, { reason: phrase('reset', { pause: 400_000 }) }),
  factsOf('recycled-address', TRANSLATED, { reason: phrase('other-station') }),
  ...(['warning', 'info'] as const).map(severity =>
    factsOf('vxlan-checksum', FLOW, { severity, reason: phrase('late', { wait: 31_000 }) }),
  ),
  factsOf(
    'stale-mapping',
    { ...TRANSLATED, protocol: IPPROTO_UDP },
    {
      reason: phrase('later', { later: 4 }),
    },
  ),
  factsOf('stale-mapping', FLOW, { reason: phrase('same-client', { later: 4 }) }),
  factsOf('entry-older-than-rule', FLOW, { reason: phrase('later-target', { later: 2 }) }),
  factsOf(
    'stale-source-mapping',
    { ...FLOW, protocol: IPPROTO_UDP },
    { reason: phrase('port-taken', { packets: 9, seconds: 90, own: 123, port: 40_001, holder: BACKEND }) },
  ),
  factsOf('stale-source-mapping', TRANSLATED, { reason: phrase('later-source', { answered: 2 }) }),
  factsOf('reply-other-interface', TRANSLATED, { reason: phrase('never-opens', { answers: 3 }) }),
  factsOf('lost-in-host', FLOW, { reason: phrase('by-interface', { stayed: 3 }) }),
  factsOf('lost-in-host', FLOW, { reason: phrase('never-left', { stayed: 3 }) }),
  factsOf('lost-in-host', FLOW, { reason: phrase('answers-stay', { passed: 3, stayed: 3 }) }),
  ...[FORWARDS_NOTHING, REVERSE_PATH_FILTER].map(why =>
    factsOf('lost-in-host', FLOW, {
      reasons: [phrase('by-interface', { stayed: 3 }), phrase('host-drops', { why })],
    }),
  ),
  factsOf('lost-in-host', FLOW, { reason: phrase('all-but-first', { passed: 1, stayed: 3 }) }),
  ...['stays', 'passed-on', 'goes-on'].map(code =>
    factsOf('pmtu-blackhole', TRANSLATED, { reason: phrase(code, { mtu: 1400, errors: 3, again: 2 }) }),
  ),
  factsOf('sctp-path-without-entry', { ...FLOW, protocol: IPPROTO_SCTP }, { reason: phrase('lost') }),
  ...['requests', 'answers'].flatMap(code => [
    factsOf('partial-notrack', FLOW, { reason: phrase(code), values: { hook: 'OUTPUT' } }),
    factsOf('partial-notrack', FLOW, {
      reasons: [
        phrase(code),
        phrase('rule-drops', { place: 'policy', table: 'ip filter', chain: 'FORWARD', text: '' }),
      ],
      values: { hook: 'PREROUTING', chain: 'FORWARD' },
    }),
  ]),
  factsOf(
    'two-answerers',
    { ...FLOW, answerer: BACKEND },
    { reason: phrase('number', { answerer: BACKEND }) },
  ),
  factsOf('private-destination-leak', TRANSLATED, {
    reason: phrase('masqueraded', { packets: 3, source: CLIENT }),
  }),
  factsOf('untranslated-source', FLOW, {
    reason: phrase('others-masqueraded', { masqueraded: 2, packets: 3 }),
  }),
  factsOf('loopback-source', FLOW, { reason: phrase('on-a-wire') }),
  factsOf('lan-reflection', TRANSLATED, { reason: phrase('sent-back', { packets: 3 }) }),
  ...['tftp', 'ftp'].map(helper =>
    factsOf('missing-helper', FLOW, { reason: phrase('expected-by-none'), values: { helper } }),
  ),
  ...(['answers', 'requests'] as const).map(missing =>
    factsOf('one-way-flow', { ...FLOW, missing }, { reason: phrase('missing', { missing }) }),
  ),
  factsOf('entry-missing', TRANSLATED, { reason: phrase('translated', { ttl: 64, usual: 63 }) }),
  factsOf('tcp-timestamps-nat', TRANSLATED, { reason: phrase('older') }),
  factsOf('sack-not-translated', FLOW, { reason: phrase('went-on', { count: 3, shift: 1_000_000 }) }),
  ...(['error', 'info'] as const).map(severity =>
    factsOf('foreign-challenge-ack', TRANSLATED, {
      severity,
      reason: phrase('refused', { syns: 3, owner: BACKEND }),
    }),
  ),
  factsOf('unacknowledged-data', FLOW, {
    reason: phrase('repeated', { count: 3, time: 1400, isOfServer: false }),
  }),
  factsOf('unfinished-handshake', FLOW, { reason: phrase('never-acknowledged', { answers: 3, time: 3000 }) }),
  factsOf('multicast-answer', FLOW, { severity: 'info', reason: phrase('new', { port: 3702 }) }),
  factsOf('offload-checksum', FLOW, { severity: 'info', reason: phrase('pseudo') }),
  factsOf('mid-stream-pickup', FLOW, { severity: 'info', reason: phrase('no-syn') }),
]

/** The same between IPv6 addresses. */
function asIpv6(facts: Facts): Facts {
  return {
    ...facts,
    flows: facts.flows.map(flowAsIpv6),
    reasons: facts.reasons.map(reason => ({ ...reason, values: valuesAsIpv6(reason.values) })),
    values: valuesAsIpv6(facts.values),
  }
}

function flowAsIpv6(flow: FlowFacts): FlowFacts {
  const { client, server, translated } = flow
  return {
    ...flow,
    client: client && endAsIpv6(client),
    server: endAsIpv6(server),
    ...(flow.answerer === undefined ? {} : { answerer: endAsIpv6(flow.answerer) }),
    translated: translated && {
      client: translated.client && endAsIpv6(translated.client),
      server: endAsIpv6(translated.server),
    },
  }
}

function endAsIpv6({ words, port }: Endpoint): Endpoint {
  return { family: 6, words: Int32Array.of(0xfd000000 | 0, 0, 0, words[0]), port }
}

function valuesAsIpv6(values: Values): Values {
  const turned = Object.entries(values).map(([name, value]): [string, Value] => {
    if (typeof value === 'object') return [name, endAsIpv6(value)]
    return [name, name === 'network' ? 'fd00::/64' : value]
  })
  return Object.fromEntries(turned)
}

const linesOf = (advice: readonly Advice[]): string[] =>
  advice.flatMap(({ text, commands }) => [text, ...commands])

function commandsOf(facts: Facts): string[] {
  const { fix, check } = say(facts, String)
  return [...fix, ...check].flatMap(({ commands }) => commands)
}

/** Commands and settings that know nothing of IPv6. */
const IPV4_ONLY =
  /(?<![\w6])iptables|net\.ipv4\.(conf|neigh|ip_forward|route)|call-iptables|127\.0\.0|169\.254|TcpExtIPReversePathFilter|(^|\s)ip rule|(^|\s)icmp(\s|$)/

describe('advice', () => {
  it('is tried for every finding', () => {
    expect([...new Set(FORMS.map(({ id }) => id))].sort()).toEqual(FINDING_IDS.toSorted())
  })

  it('of an IPv6 flow has nothing that is of IPv4 alone', () => {
    const wrong = FORMS.flatMap(facts => {
      const { title, cause, fix, check } = say(asIpv6(facts), String)
      const lines = [title, cause, ...linesOf(fix), ...linesOf(check)].filter(line => IPV4_ONLY.test(line))
      return lines.map(line => `${facts.id}: ${line}`)
    })
    expect(wrong).toEqual([])
  })

  it('can be typed: no command stands with a word in place of a value', () => {
    const words = /\b(DEVICE|PORT|IFACE|ADDRESS|CLIENT|SERVER|BACKEND|FIRST|LAST|NAME|TABLE)\b|<[a-z]+>|…/
    const wrong = FORMS.flatMap(commandsOf).filter(command => words.test(command))
    expect(wrong).toEqual([])
  })

  it('deletes no entries but those of the flow', () => {
    const wide = FORMS.filter(({ id }) => id !== 'recycled-address')
      .flatMap(commandsOf)
      .filter(command => command.startsWith('conntrack -D'))
      .filter(command => !/--orig-src .*--orig-port-src|--reply-src|--reply-port-dst/.test(command))
    expect(wide).toEqual([])
  })

  it('lists entries by an address, and none by its translation alone', () => {
    const lists = FORMS.flatMap(commandsOf).filter(command => command.startsWith('conntrack -L -'))
    expect(lists.length).toBeGreaterThan(6)
    expect(lists.filter(command => !/--(orig|reply)-(src|dst) /.test(command))).toEqual([])
  })

  it('names a protocol that has no name by its number', () => {
    const esp = {
      protocol: 50,
      client: { ...CLIENT, port: -1 },
      server: { ...SERVICE, port: -1 },
      translated: null,
    }
    const reason = phrase('later-source', { later: 2 })
    const { check, flows } = say(factsOf('entry-older-than-rule', esp, { reason }), String)
    expect(flows[0]).toContain('esp 10.1.0.5')
    expect(check[0]?.commands).toEqual([
      'conntrack -L -p 50 --orig-src 10.1.0.5 --orig-dst 10.96.0.10 --reply-src 10.96.0.10 --reply-dst 10.1.0.5',
    ])
  })

  it('sets no timeout and no keepalive to a number: what is in force may be better', () => {
    const set = FORMS.flatMap(commandsOf).filter(command =>
      /-w .*(timeout_established|keepalive)/.test(command),
    )
    expect(set).toEqual([])
  })
})

describe('what is said of', () => {
  it('a stale mapping is of UDP alone what kube-proxy does', () => {
    const [udp, tcp] = FORMS.filter(({ id }) => id === 'stale-mapping').map(facts => say(facts, String))
    expect(udp?.fix).toEqual([
      {
        on: { role: 'host', address: null },
        text: expect.stringContaining('kube-proxy'),
        commands: ['conntrack -D -p udp --orig-dst 10.96.0.10 --orig-port-dst 80 --reply-src 10.1.7.9'],
      },
    ])
    expect(tcp?.fix[0]?.text).not.toContain('kube-proxy')
    expect(tcp?.fix[0]?.commands[0]).toContain('--orig-src 10.1.0.5 --orig-port-src 40001')
  })

  it('half a flow is left untracked in the direction that passes', () => {
    const [requests, answers] = FORMS.filter(({ id }) => id === 'one-way-flow').map(commandsOf)
    expect(requests?.[0]).toContain('-p tcp -d 10.96.0.10 --dport 80 -j CT --notrack')
    expect(answers?.[0]).toContain('-p tcp -s 10.96.0.10 --sport 80 -j CT --notrack')
    expect(answers?.[1]).toContain('--orig-src 10.96.0.10')
  })

  it('a flood keeps SYNPROXY for ports that are not translated', () => {
    const [plain, translated] = FORMS.filter(({ id }) => id === 'syn-flood').map(commandsOf)
    expect(plain?.filter(command => command.includes('-j SYNPROXY'))).toEqual([
      expect.stringContaining('iptables -I FORWARD -p tcp -d 10.96.0.10 --dport 80 '),
      expect.stringContaining('iptables -I INPUT -p tcp -d 10.96.0.10 --dport 80 '),
    ])
    expect(translated?.join()).not.toContain('SYNPROXY')
  })

  it('ports in use speaks of NAT where NAT was seen', () => {
    const [nat, sockets] = FORMS.filter(({ id }) => id === 'snat-port-pressure').map(facts =>
      say(facts, String),
    )
    expect(nat?.cause).not.toContain('EADDRNOTAVAIL')
    expect(sockets?.cause).toContain('EADDRNOTAVAIL')
    expect(linesOf(sockets?.fix ?? []).join()).not.toContain('--to-source')
    expect(linesOf(sockets?.check ?? [])).toContain('ss -s')
  })

  it('a pause names how long it was', async () => {
    const { stdout } = await runCli(['fixtures/findings/idle-timeout.eth0.pcap', '--json'])
    const { findings }: Report = JSON.parse(stdout)
    const found = findings.find(({ id }) => id.startsWith('idle-timeout'))
    expect(found?.check[0]?.text).toMatch(/longer than the pause of \d+\.\d s/)
  })
})

/** Runs a script as root of namespaces of its own; null where the host has no such. */
function inNamespace(script: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('unshare', ['-rn', 'sh', '-c', script], { encoding: 'utf8' })
  return { status, output: `${stdout}${stderr}`.trim() }
}

/** What the tools write beside their answers, whatever is asked; ip of a route or a host that is not there. */
const BESIDE = 'flow entries have been|expectations have been|Network is unreachable'

describe('the tools take', () => {
  let missing = ''
  beforeAll(() => {
    const needed =
      'ip link set lo up && iptables -t raw -L && ip6tables -t nat -L && conntrack -L && ss -H && nft list ruleset && nstat'
    const { status, output } = inNamespace(needed)
    if (status !== 0) missing = output
    if (missing !== '') console.warn(`advice.test.ts: commands are not tried in a namespace: ${missing}`)
  })

  // what changes the whole host, or asks for what a namespace has not, is not run
  const isTried = (command: string): boolean =>
    /^(ip6?tables|conntrack|ss|nstat|ip|sysctl) /.test(command) &&
    !/^conntrack -E|^sysctl -w|^sysctl net\.bridge|>table|>'/.test(command)

  it.each([
    ['IPv4', FORMS],
    ['IPv6', FORMS.map(asIpv6)],
  ] as [string, readonly Facts[]][])('commands for flows of %s', (_, forms) => {
    if (missing !== '') return
    const commands = [...new Set(forms.flatMap(commandsOf).filter(isTried))]
    expect(commands.length).toBeGreaterThan(40)
    const tries = commands.map(
      (command, i) =>
        `{ ${command}; } >/dev/null 2>err; grep -vE '${BESIDE}' err >/dev/null && { echo ${i}; cat err; }`,
    )
    const links =
      'ip link set lo up; ip link add veth1 type veth peer name veth2; ip link add cni0 type bridge; ip link set veth1 master cni0'
    const { output } = inNamespace(`cd $(mktemp -d); ${links}; ${tries.join('; ')}; rm -r "$PWD"`)
    const lines = output.split('\n').filter(line => line !== '')
    expect(lines.map(line => (/^\d+$/.test(line) ? commands[Number(line)] : line))).toEqual([])
  })
})

describe('recorded faults', () => {
  const captures = ['fixtures/findings', 'fixtures/flow-findings'].flatMap(folder =>
    readdirSync(folder)
      .filter(name => /\.pcap(ng|\.gz)?$/.test(name))
      .map(name => join(folder, name)),
  )

  it('have advice that can be typed', { timeout: 120_000 }, async () => {
    const wrong: string[] = []
    for (const capture of captures) {
      const { findings }: Report = JSON.parse((await runCli([capture, '--json'])).stdout)
      for (const { id, fix, check } of findings) {
        for (const command of [...fix, ...check].flatMap(({ commands }) => commands)) {
          if (/undefined|NaN|--d?s?port -1|protocol \d/.test(command)) wrong.push(`${id}: ${command}`)
        }
      }
    }
    expect(wrong).toEqual([])
  })
})
