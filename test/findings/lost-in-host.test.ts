// What came in on any interface and left by none: a fault only where rules send it to another host, and let it pass.
import { describe, expect, it } from 'vitest'
import { type Phrase, phrase } from '../../src/findings/facts/facts.ts'
import { say } from '../../src/findings/wording/say.ts'
import { FORWARDS_NOTHING, REVERSE_PATH_FILTER } from '../../src/host/walk/host-routing.ts'
import { asCookedV2 } from '../support/as-cooked-v2.ts'
import { bareFacts } from '../support/bare-facts.ts'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { type Ends, FlowCapture, turned } from '../support/flow-captures.ts'
import { endpointOf } from '../support/knowledge.ts'

const SYN = 0x02
const RST_ACK = 0x14

// stations
const ROUTER = 1
const HOST = 2
const OTHER = 3

const ASKED: Ends = {
  source: '192.0.2.9',
  destination: '10.9.0.7',
  sourcePort: 41_000,
  destinationPort: 31_313,
}
const TARGET = '10.8.0.1'

interface Case {
  protocol?: 'tcp' | 'udp'
  packets?: number
  /** Who the packets are addressed to on the link. */
  receiver?: number
  /** Whether they leave, translated. */
  leaves?: boolean
  isRefused?: boolean
  /** By ICMP, as of a host that does not answer ARP. */
  isUnreachable?: boolean
  /** Flows before it that cannot be delivered either. */
  others?: number
  /** Of FORWARD and PREROUTING. */
  forward?: string
  target?: string
  rules?: boolean
}

async function found({
  protocol = 'tcp',
  packets = 3,
  receiver = HOST,
  leaves = false,
  isRefused = false,
  isUnreachable = false,
  others = 0,
  forward = '',
  target = `-j DNAT --to-destination ${TARGET}:8443`,
  rules = true,
}: Case): Promise<string[]> {
  const capture = new FlowCapture()
  for (let i = 0; i < others; i++) {
    const ends = { ...ASKED, sourcePort: 10_000 + i }
    capture.dns(ends, i, false, 63, [ROUTER, receiver]).unreachable(ends, [HOST, ROUTER])
  }
  const sent = { ...ASKED, destination: TARGET, destinationPort: 8443 }
  for (let i = 0; i < packets; i++) {
    const { identification } = capture
    const send = (ends: Ends, ttl: number, stations: [number, number]): void => {
      capture.identification = identification
      if (protocol === 'tcp') capture.segment(ends, { flags: SYN, sequence: 1000, ttl, stations })
      else capture.dns(ends, i + 1, false, ttl, stations)
    }
    send(ASKED, 63, [ROUTER, receiver])
    capture.wait(0.00001)
    if (leaves) send(sent, 62, [HOST, OTHER])
    capture.wait(1)
  }
  const answer = { flags: RST_ACK, acknowledgment: 1001, stations: [HOST, ROUTER] as [number, number] }
  if (isRefused) capture.segment(turned(ASKED), answer)
  if (isUnreachable) capture.unreachable(ASKED, [HOST, ROUTER])
  const interfaceOf = (frame: number): number => (leaves && frame % 2 === 1 ? 3 : 2)
  using folder = new Folder()
  const cooked = asCookedV2(capture.bytes(), HOST, interfaceOf)
  const path = folder.write('any.pcap', cooked)
  const text = `*filter
:FORWARD ACCEPT [0:0]
${forward}
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p ${protocol} -m ${protocol} --dport 31313 ${target}
COMMIT
`
  const given = rules ? ['--rules', folder.write('rules.txt', Buffer.from(text))] : []
  const { stdout } = await runCli([path, '--json', ...given])
  const { findings } = JSON.parse(stdout) as {
    findings: { id: string; confidence: string; severity: string }[]
  }
  return findings
    .filter(({ severity }) => severity !== 'info')
    .map(({ id, confidence }) => `${id} ${confidence}`)
}

describe('packets that came in and left by no interface', () => {
  it.each<[string, Case]>([
    ['SYNs', {}],
    ['datagrams', { protocol: 'udp' }],
    [
      'SYNs, to one of several',
      {
        target: `-m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.8.0.2:8443
-A PREROUTING -p tcp -m tcp --dport 31313 -j DNAT --to-destination ${TARGET}:8443`,
      },
    ],
    ['SYNs, past a rule that drops others', { forward: '-A FORWARD -s 198.51.100.0/24 -j DROP' }],
  ])('are lost in the host where rules send them on: %s', async (_what, options) => {
    expect(await found(options)).toEqual(['lost-in-host possible'])
  })

  it.each<[string, Case]>([
    ['no rules were given', { rules: false }],
    ['the rules send them nowhere else', { target: '-j ACCEPT' }],
    ['the rules send them to the host itself', { target: '-j REDIRECT --to-ports 8443' }],
    [
      'a rule drops them on one of the ways',
      {
        forward: '-A FORWARD -d 10.8.0.2/32 -j DROP',
        target: `-m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.8.0.2:8443
-A PREROUTING -p tcp -m tcp --dport 31313 -j DNAT --to-destination ${TARGET}:8443`,
      },
    ],
    ['a rule drops them on their way', { forward: `-A FORWARD -d ${TARGET}/32 -j DROP` }],
    ['a rule may drop them', { forward: '-A FORWARD -m set --match-set banned src -j DROP' }],
    ['they left', { leaves: true }],
    ['they were for another station', { receiver: OTHER }],
    ['the host answers them', { isRefused: true }],
    ['the kernel says that they cannot be delivered', { protocol: 'udp', isUnreachable: true }],
    ['it says so of more flows than are remembered', { protocol: 'udp', isUnreachable: true, others: 1100 }],
    ['it was one alone', { packets: 1 }],
    ['two datagrams came', { protocol: 'udp', packets: 2 }],
  ])('are none where %s', async (_what, options) => {
    expect((await found(options)).filter(text => text.startsWith('lost-in-host'))).toEqual([])
  })
})

describe('what to do where packets are lost in the host', () => {
  const fix = (...reasons: Phrase[]): string[] => {
    const flow = { protocol: 6, client: endpointOf('192.0.2.9:41000'), server: endpointOf('10.9.0.7:80') }
    const facts = bareFacts(
      'lost-in-host',
      { ...flow, translated: null },
      { reasons: [phrase('by-interface', { stayed: 3 }), ...reasons] },
    )
    return say(facts, String).fix.flatMap(({ text, commands }) => [text, ...commands])
  }

  it('is to let in what comes another way, where nothing was given', () => {
    expect(fix()).toContain('sysctl -w net.ipv4.conf.all.rp_filter=2')
    expect(fix(phrase('host-drops', { why: REVERSE_PATH_FILTER }))).toEqual(fix())
  })

  it('is about the rule that dropped them', () => {
    const rule = { place: 'r.txt:3', table: 'ip filter', chain: 'FORWARD', text: '-A FORWARD -j DROP' }
    expect(fix(phrase('rule-drops', rule))).toEqual([
      'where they are meant to pass: a rule that accepts them before r.txt:3 (ip filter FORWARD, "-A FORWARD -j DROP") drops them',
      'iptables -I FORWARD -p tcp -s 192.0.2.9 -d 10.9.0.7 --dport 80 -j ACCEPT',
    ])
    const raw = { ...rule, table: 'ip raw', chain: 'PREROUTING' }
    expect(fix(phrase('rule-drops', raw))).toContain(
      'iptables -t raw -I PREROUTING -p tcp -s 192.0.2.9 -d 10.9.0.7 --dport 80 -j ACCEPT',
    )
    const nft = { ...rule, table: 'nft inet fw', chain: 'fwd' }
    expect(fix(phrase('rule-drops', nft))).toContain(
      'nft insert rule inet fw fwd ip saddr 192.0.2.9 ip daddr 10.9.0.7 tcp dport 80 accept',
    )
  })

  it('is about why the host dropped them', () => {
    expect(fix(phrase('host-drops', { why: FORWARDS_NOTHING }))).toEqual([
      'where this host is meant to forward them',
      'sysctl -w net.ipv4.ip_forward=1',
    ])
    expect(fix(phrase('host-drops', { why: 'no route' }))).toEqual([
      'where they are meant to pass: mend on this host what it drops them for, no route',
    ])
  })
})
