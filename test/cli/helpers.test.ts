// Helpers that rules assign: CT in front of conntrack, nft's objects behind it; what rules see of the flows they announce.
import { describe, expect, it } from 'vitest'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { ethernet, ipv4, tcp } from '../support/frames.ts'

const CLIENT = '10.1.0.5'
const SERVER = '10.9.0.7'
const SYN = 0x02
const SYN_ACK = 0x12
const ACK = 0x10

const TOPOLOGY = `1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN
    inet 127.0.0.1/8 scope host lo
2: inside: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP
    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff
    inet 10.1.0.1/24 scope global inside
3: outside: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP
    link/ether 02:00:00:00:00:03 brd ff:ff:ff:ff:ff:ff
    inet 10.9.0.1/24 scope global outside
10.1.0.0/24 dev inside proto kernel scope link src 10.1.0.1
10.9.0.0/24 dev outside proto kernel scope link src 10.9.0.1
`

/** A packet of the conversation: who sends it, ports, numbers, flags, text. */
type Line = [
  isClient: boolean,
  ports: [number, number],
  numbers: [number, number],
  flags: number,
  text?: string,
]

const THERE: [number, number] = [40_000, 21]

/** A control connection that announces a data connection, and its first packet. */
const FTP: readonly Line[] = [
  [true, THERE, [100, 0], SYN],
  [false, [21, 40_000], [500, 101], SYN_ACK],
  [true, THERE, [101, 501], ACK],
  [true, THERE, [101, 501], ACK, 'USER a\r\n'],
  [true, THERE, [109, 501], ACK, 'PORT 10,1,0,5,156,165\r\n'],
  [false, [20, 40_101], [900, 0], SYN],
]
const ANSWERED: readonly Line[] = [...FTP, [true, [40_101, 20], [300, 901], SYN_ACK]]

/** What a router's two interfaces show of packets that it forwards; of the last one only where it came in, if it `stays`. */
function captureOf(lines: readonly Line[], stays = false): [inside: CaptureBuilder, outside: CaptureBuilder] {
  const inside = new CaptureBuilder()
  const outside = new CaptureBuilder()
  lines.forEach(([isClient, ports, numbers, flags, text = ''], i) => {
    const [source, destination] = isClient ? [CLIENT, SERVER] : [SERVER, CLIENT]
    const [sourcePort, destinationPort] = ports
    const [sequence, acknowledgment] = numbers
    const header = { sourcePort, destinationPort, sequence, acknowledgment, window: 29_200, flags }
    const segment = tcp(header, new Uint8Array(Buffer.from(text)))
    const packet = { source, destination, protocol: 6, identification: 100 + i }
    const [first, second] = isClient ? [inside, outside] : [outside, inside]
    first.frame(ethernet(ipv4({ ...packet, ttl: 64 }, segment)))
    second.wait(0.00002)
    if (!stays || i < lines.length - 1) second.frame(ethernet(ipv4({ ...packet, ttl: 63 }, segment)))
    second.wait(-0.00002)
    for (const capture of [first, second]) capture.wait(0.01)
  })
  return [inside, outside]
}

async function rowsOf(lines: readonly Line[], rules: string, stays = false) {
  using folder = new Folder()
  const [inside, outside] = captureOf(lines, stays)
  const files = [
    folder.write('inside.pcap', inside.bytes()),
    folder.write('outside.pcap', outside.bytes()),
    '--rules',
    folder.write('rules.txt', rules),
    '--topology',
    folder.write('topology.txt', TOPOLOGY),
  ]
  const { stdout } = await runCli(['packets', '--format', 'ndjson', ...files])
  const rows: { state: string; fate?: string }[] = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  return rows.filter(({ state }) => state !== 'copy')
}

const statesOf = async (rules: string): Promise<string[]> =>
  (await rowsOf(ANSWERED, rules)).map(({ state }) => state)

const ASSIGNED = ['new', 'established', 'established', 'established', 'established', 'related', 'established']
const NOT_ASSIGNED = ASSIGNED.map(state => (state === 'related' ? 'new' : state))

const iptables = (...rules: string[]): string =>
  ['*raw', ':PREROUTING ACCEPT [0:0]', ...rules, 'COMMIT', ''].join('\n')

const nft = (rule: string, object = 'type "ftp" protocol tcp\n\t\tl3proto ip'): string =>
  `table inet filter {
	ct helper std {
		${object}
	}
	chain pre {
		type filter hook prerouting priority filter; policy accept;
		${rule}
	}
}
`

describe('a helper that rules assign', () => {
  it.each([
    ['by CT', iptables('-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp'), ASSIGNED],
    [
      'to another port',
      iptables('-A PREROUTING -p tcp -m tcp --dport 2121 -j CT --helper ftp'),
      NOT_ASSIGNED,
    ],
    ['to another protocol', iptables('-A PREROUTING -j CT --helper tftp'), NOT_ASSIGNED],
    [
      'where a rule before it set another',
      iptables('-A PREROUTING -p tcp -j CT --helper h323', '-A PREROUTING -p tcp -j CT --helper ftp'),
      NOT_ASSIGNED,
    ],
    ['by an object of nft', nft('tcp dport 21 ct helper set "std"'), ASSIGNED],
    ['by one of another helper', nft('ct helper set "std"', 'type "tftp" protocol udp'), NOT_ASSIGNED],
    [
      'by one of the other family',
      nft('ct helper set "std"', 'type "ftp" protocol tcp; l3proto ip6'),
      NOT_ASSIGNED,
    ],
  ])('%s', async (_how, rules, states) => {
    expect(await statesOf(rules)).toEqual(states)
  })

  it('by --helper, where packets wait for all their sightings', async () => {
    using folder = new Folder()
    const files = captureOf(ANSWERED).map((side, i) => folder.write(`${i}.pcap`, side.bytes()))
    const { stdout } = await runCli(['packets', '--format', 'ndjson', ...files, '--helper', 'ftp'])
    const states: string[] = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line).state)
    expect(states.filter(state => state !== 'copy')).toEqual(ASSIGNED)
  })

  it('by a rule, which the report names', async () => {
    using folder = new Folder()
    const files = captureOf(ANSWERED).map((side, i) => folder.write(`${i}.pcap`, side.bytes()))
    const rules = folder.write(
      'rules.txt',
      iptables('-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp'),
    )
    const { stdout } = await runCli(['analyze', '--json', ...files, '--rules', rules])
    expect(JSON.parse(stdout).helpers).toEqual(['ftp by rules.txt:3'])
  })

  it('by a listing of nft as JSON', async () => {
    const table = { family: 'ip', table: 'filter' }
    const expr = [{ 'ct helper': 'std' }]
    const rules = JSON.stringify({
      nftables: [
        { table: { family: 'ip', name: 'filter' } },
        { 'ct helper': { ...table, name: 'std', handle: 2, type: 'ftp', protocol: 'tcp', l3proto: 'ip' } },
        { chain: { ...table, name: 'pre', type: 'filter', hook: 'prerouting', prio: 0, policy: 'accept' } },
        { rule: { ...table, chain: 'pre', handle: 4, expr } },
      ],
    })
    expect(await statesOf(rules)).toEqual(ASSIGNED)
  })

  it('by CT, where one interface alone was captured and nobody knows which way packets go', async () => {
    using folder = new Folder()
    const rules = iptables('-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp')
    const capture = folder.write('eth0.pcap', captureOf(ANSWERED)[0].bytes())
    const options = ['--rules', folder.write('rules.txt', rules)]
    const { stdout } = await runCli(['packets', '--format', 'ndjson', capture, ...options])
    expect(
      stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line).state),
    ).toEqual(ASSIGNED)
  })
})

describe('what rules see of an announced flow', () => {
  const filtered = (...rules: string[]): string =>
    [
      iptables('-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp'),
      '*filter',
      ':FORWARD DROP [0:0]',
      '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT',
      '-A FORWARD -p tcp -m tcp --dport 21 -j ACCEPT',
      ...rules,
      'COMMIT',
      '',
    ].join('\n')

  it.each([
    ['that it is RELATED', '-A FORWARD -m conntrack --ctstate RELATED -j ACCEPT', 'forwarded'],
    ['that it is expected', '-A FORWARD -m conntrack --ctstatus EXPECTED -j ACCEPT', 'forwarded'],
    ['whose helper expected it', '-A FORWARD -m helper --helper ftp -j ACCEPT', 'forwarded'],
    ['that any helper did', '-A FORWARD -m helper --helper "" -j ACCEPT', 'forwarded'],
    ['that no other one did', '-A FORWARD -m helper --helper sip -j ACCEPT', 'dropped'],
    ['and not what it is not', '-A FORWARD -m conntrack --ctstate NEW -j ACCEPT', 'dropped'],
  ])('%s', async (_what, rule, fate) => {
    const rows = await rowsOf(FTP, filtered(rule), true)
    expect(rows.at(-1)).toMatchObject({ state: 'related', fate })
  })

  it.each([
    ['ftp', 'forwarded'],
    ['sip', 'dropped'],
  ])('of nft: ct helper "%s"', async (helper, fate) => {
    const rules = `${nft('tcp dport 21 ct helper set "std"')}
table inet second {
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established accept
		tcp dport 21 accept
		ct helper "${helper}" accept
	}
}
`
    const rows = await rowsOf(FTP, rules, true)
    expect(rows.at(-1)).toMatchObject({ state: 'related', fate })
  })
})
