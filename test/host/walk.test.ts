// A packet through the rules of a host: what confirms its entry, what rules are counted, what is not believed.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Engine } from '../../src/conntrack/engine.ts'
import { ObservedTranslation } from '../../src/conntrack/nat.ts'
import type { Seen } from '../../src/conntrack/passage.ts'
import { RuledEngine } from '../../src/conntrack/ruled-engine.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { STATE_NEW } from '../../src/conntrack/status.ts'
import { ReplayedRules } from '../../src/host/walk/replayed-rules.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { type Bytes, be32, frameOf, icmp, ipv4, join, tcp } from '../support/frames.ts'
import { rulesOf, topologyOf } from '../support/knowledge.ts'

const TOPOLOGY = `1: lo: <UP>
    inet 127.0.0.1/8 scope host lo
2: lan0: <UP>
    inet 192.168.1.1/24 scope global lan0
3: wan0: <UP>
    inet 203.0.113.2/24 scope global wan0
# ip route
default via 203.0.113.1 dev wan0
192.168.1.0/24 dev lan0 scope link
203.0.113.0/24 dev wan0 scope link
`

const INCOMING = 0
const OUTGOING = 4
const UNKNOWN = -1

/** A packet that was seen at interfaces by their indexes, and which way it went there. */
function seenAt(...places: [index: number, packetType: number][]): Seen {
  return {
    count: places.length,
    before: 0,
    after: 0,
    translated: 0,
    point: at => places[at][0],
    packetType: at => places[at][1],
    direction: () => 0,
    readTuple: () => {},
  }
}

/** Two ports of a bridge, as what they carry runs the hooks of IP. */
const BRIDGE = `2: br0: <UP> mtu 1500
    inet 192.168.1.1/24 brd 192.168.1.255 scope global br0
3: p3@if9: <UP> mtu 1500 qdisc noqueue master br0 state UP
4: p4@if9: <UP> mtu 1500 qdisc noqueue master br0 state UP
# ip route
192.168.1.0/24 dev br0 scope link
`

/** An engine behind rules, and packets for it: TCP segments with flags, from an interface or to one. */
class Host {
  readonly rules: ReplayedRules
  readonly engine: Engine
  readonly created: number[] = []
  private readonly packet = new Packet()
  private frame = 0

  /** @param topology what was given of the host; `''` for nothing */
  constructor(text: string | null, topology = TOPOLOGY) {
    const observer = {
      created: (ct: number) => this.created.push(ct),
      updated: () => {},
      reclassified: () => {},
      expired: () => {},
      destroyed: () => {},
    }
    const host = topology === '' ? null : topologyOf(topology).onlyHost
    this.rules = new ReplayedRules({
      ruleset: rulesOf(text ?? '*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n').ruleset,
      host,
      settings: new Map([
        ['net.ipv4.conf.all.rp_filter', 0],
        ['net.ipv4.ip_forward', 1],
      ]),
      names: {
        ofPoint: point => host?.byIndex(point)?.name ?? null,
        ofFrame: ({ interfaceIndex }) => host?.byIndex(interfaceIndex)?.name ?? null,
      },
      spares: null,
      notrack: null,
      isWhatIf: false,
    })
    this.engine =
      text === null
        ? new Engine(defaultSettings(), observer)
        : new RuledEngine(this.rules, defaultSettings(), observer, false, null)
  }

  send(
    from: string,
    to: string,
    flags: number,
    more: Partial<Packet> = {},
    seen: Seen | null = null,
    left: Partial<Packet> | null = null,
  ): string {
    const [source, sport] = endpoint(from)
    const [destination, dport] = endpoint(to)
    Object.assign(this.packet, {
      family: 4,
      protocol: 6,
      hasTuple: true,
      transportLength: 20,
      transportCaptured: 20,
      tcpHeaderLength: 20,
      networkLength: 40,
      ttl: 64,
      window: 1000,
      interfaceIndex: 3,
      packetType: INCOMING,
      frame: ++this.frame,
      time: this.frame * 1e6,
      source0: source,
      destination0: destination,
      sourcePort: sport,
      destinationPort: dport,
      tcpFlags: flags,
      sequence: 1,
      acknowledgment: 1,
      ...more,
    })
    const { packet } = this
    const after = left === null ? null : Object.assign(new Packet(), packet, left)
    const translation = after === null ? null : new ObservedTranslation().observe(packet, after)
    if (this.engine instanceof RuledEngine) this.engine.track(this.packet, translation, seen)
    else this.engine.track(this.packet)
    return this.rules.fate
  }

  /** What the rule with this text met. */
  met(text: string): { packets: number; untold: number } {
    const { counts } = this.rules
    const number = this.numberOf(text)
    return { packets: counts.packets[number], untold: counts.untold[number] }
  }

  /** Bytes that met the rule with this text. */
  bytesOf(text: string): number {
    return this.rules.counts.bytes[this.numberOf(text)]
  }

  private numberOf(text: string): number {
    return this.rules.numbers.all.findIndex(({ rule }) => rule?.source.text.includes(text) === true)
  }
}

function endpoint(text: string): [number, number] {
  const [address, port] = text.split(':')
  return [address.split('.').reduce((word, byte) => (word << 8) | Number(byte), 0), Number(port)]
}

const SYN = 2
const ACK = 16
const RST = 4

const rules = (...lines: string[]): string =>
  [
    '*filter',
    ':INPUT ACCEPT [0:0]',
    ':FORWARD ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ...lines,
    'COMMIT',
    '',
  ].join('\n')

/** A chain of nft at INPUT. */
const nftInput = (...lines: string[]): string =>
  [
    'table ip own {',
    'chain input {',
    'type filter hook input priority filter; policy accept;',
    ...lines,
    '}',
    '}',
    '',
  ].join('\n')

const CLIENT = '198.51.100.7:40000'
const SERVER = '203.0.113.2:22'
const INSIDE = '192.168.1.20:80'

describe('an entry', () => {
  it('is not confirmed where its packet is dropped, and its repetition is NEW again', () => {
    const host = new Host(rules('-A INPUT -p tcp -m tcp --dport 22 -j DROP'))
    for (let i = 0; i < 3; i++) {
      expect(host.send(CLIENT, SERVER, SYN)).toBe('dropped')
      expect(host.engine.state).toBe(STATE_NEW)
    }
    expect([host.created.length, host.engine.table.count]).toEqual([0, 0])
    expect(host.met('--dport 22')).toEqual({ packets: 3, untold: 0 })
    expect(host.bytesOf('--dport 22')).toBe(120)
  })

  it('is confirmed where its packet is delivered or forwarded', () => {
    const host = new Host(rules('-A FORWARD -d 192.168.1.21/32 -j DROP'))
    expect(host.send(CLIENT, SERVER, SYN)).toBe('delivered')
    expect(host.send(CLIENT, INSIDE, SYN)).toBe('forwarded')
    expect(host.send(CLIENT, '192.168.1.21:80', SYN)).toBe('dropped')
    expect(host.engine.table.count).toBe(2)
  })

  it('counts as confirmed where it cannot be told, and is not where every way ends', () => {
    const host = new Host(
      rules('-A INPUT -m limit --limit 1/s -j ACCEPT', '-A INPUT -p tcp -m tcp --dport 22 -j DROP'),
    )
    expect(host.send(CLIENT, SERVER, SYN)).toBe('unknown')
    expect(host.engine.table.count).toBe(1)
    expect(host.met('--dport 22')).toEqual({ packets: 0, untold: 1 })
    const other = new Host(rules('-A INPUT -m limit --limit 1/s -j DROP', '-A INPUT -j REJECT'))
    expect(other.send(CLIENT, SERVER, SYN)).toBe('unknown')
    expect(other.engine.table.count).toBe(0)
  })

  it('that no route leads to is not confirmed, nor one whose source is not believed', () => {
    const host = new Host(rules())
    expect(host.send('203.0.113.2:1', INSIDE, SYN)).toBe('dropped')
    expect(host.rules.why).toBe('martian source')
    expect(host.send(CLIENT, INSIDE, SYN, { ttl: 1 })).toBe('dropped')
    expect(host.rules.why).toBe('TTL exceeded')
    expect(host.engine.table.count).toBe(0)
  })

  it('that is there goes to CLOSE when a packet of it is refused with a RST', () => {
    const host = new Host(
      rules('-A INPUT -p tcp -m tcp --tcp-flags PSH PSH -j REJECT --reject-with tcp-reset'),
    )
    host.send(CLIENT, SERVER, SYN)
    host.send(SERVER, CLIENT, SYN | ACK, { packetType: OUTGOING })
    host.send(CLIENT, SERVER, ACK, { sequence: 2, acknowledgment: 2 })
    expect(host.engine.table.state(0)).toBe(3)
    expect(host.send(CLIENT, SERVER, ACK | 8, { sequence: 2, acknowledgment: 2 })).toBe('rejected')
    expect(host.engine.table.state(0)).toBe(8)
    // the RST itself is RELATED, and is looked up by nobody
    host.send(SERVER, CLIENT, RST, { packetType: OUTGOING, sequence: 2 })
    expect([host.rules.state, host.engine.ct]).toEqual(['related', -1])
  })
})

describe('an entry that leads to another host', () => {
  it('is none that the host itself answers', () => {
    const host = new Host(rules())
    const [destination0, destinationPort] = endpoint(INSIDE)
    const places = seenAt([3, INCOMING], [2, OUTGOING])
    expect(host.send(CLIENT, SERVER, SYN, {}, places, { destination0, destinationPort })).toBe('forwarded')
    host.send(SERVER, CLIENT, RST | ACK, { packetType: OUTGOING, acknowledgment: 2 })
    expect([host.rules.state, host.engine.ct]).toEqual(['invalid', -1])
  })
})

describe('rules', () => {
  it('that accept everything change no entry', () => {
    const flags = fc.constantFrom(SYN, SYN | ACK, ACK, RST, 1 | ACK)
    const ends = fc.constantFrom(CLIENT, SERVER, INSIDE, '198.51.100.8:53', '192.168.1.21:80')
    const packet = fc.record({ from: ends, to: ends, flags, sequence: fc.integer({ min: 0, max: 3 }) })
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 30 }), packets => {
        const plain = new Host(null)
        const ruled = new Host(rules('-A INPUT -m conntrack --ctstate NEW,INVALID -j ACCEPT'))
        // what the host's stack refuses is no matter of rules
        const isBelieved = (from: string): boolean => from !== SERVER
        for (const { from, to, flags: own, sequence } of packets) {
          if (!isBelieved(from) || from === to) continue
          const more = { sequence, acknowledgment: sequence }
          plain.send(from, to, own, more)
          ruled.send(from, to, own, more)
          expect(ruled.engine.state).toBe(plain.engine.state)
        }
        expect(ruled.created).toEqual(plain.created)
      }),
      { numRuns: 20 },
    )
  })

  it('are met the same whether a walk is kept or not', () => {
    // a rule on the length has every packet walked anew
    const lines = [
      '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT',
      '-A FORWARD -s 198.51.100.7/32 -p tcp -m tcp --dport 80 -j ACCEPT',
      '-A FORWARD -p tcp -m tcp --tcp-flags RST RST -j DROP',
      '-A FORWARD -j REJECT',
    ]
    const ends = fc.constantFrom(CLIENT, '198.51.100.8:40000', INSIDE, '192.168.1.21:81')
    const packet = fc.record({ from: ends, to: ends, flags: fc.constantFrom(SYN, SYN | ACK, ACK, RST) })
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 30 }), packets => {
        const kept = new Host(rules(...lines))
        const walked = new Host(rules('-A FORWARD -m length --length 0:10 -j DROP', ...lines))
        for (const { from, to, flags } of packets) {
          if (from === to) continue
          expect(kept.send(from, to, flags)).toBe(walked.send(from, to, flags))
        }
        for (const line of ['ESTABLISHED', '--dport 80', 'RST RST', 'REJECT']) {
          expect(kept.met(line)).toEqual(walked.met(line))
        }
      }),
      { numRuns: 20 },
    )
  })

  it('are met the same whether a walk is kept or not, as marks of the connection change', () => {
    const mangle = [
      '*mangle',
      ':PREROUTING ACCEPT [0:0]',
      '-A PREROUTING -p tcp -m tcp --tcp-flags PSH PSH -j CONNMARK --set-xmark 0x5/0xffffffff',
      '-A PREROUTING -p tcp -m tcp --tcp-flags URG URG -j CONNMARK --set-xmark 0x0/0xffffffff',
      'COMMIT',
      '',
    ].join('\n')
    const drop = '-A FORWARD -m connmark --mark 0x5 -j DROP'
    const packet = fc.record({ isAnswer: fc.boolean(), flags: fc.constantFrom(ACK, ACK, ACK | 8, ACK | 32) })
    fc.assert(
      fc.property(fc.array(packet, { minLength: 10, maxLength: 30 }), packets => {
        const kept = new Host(mangle + rules(drop))
        const walked = new Host(mangle + rules('-A FORWARD -m length --length 0:10 -j DROP', drop))
        const fates = [kept, walked].map(host => {
          host.send(CLIENT, INSIDE, SYN)
          host.send(INSIDE, CLIENT, SYN | ACK, { interfaceIndex: 2, acknowledgment: 2 })
          return packets.map(({ isAnswer, flags }) =>
            isAnswer
              ? host.send(INSIDE, CLIENT, flags, { interfaceIndex: 2, sequence: 2, acknowledgment: 2 })
              : host.send(CLIENT, INSIDE, flags, { sequence: 2, acknowledgment: 2 }),
          )
        })
        expect(fates[0]).toEqual(fates[1])
      }),
      { numRuns: 40 },
    )
  })

  it('ask for bits of the mark of a connection', () => {
    const isDropped = (match: string) =>
      new Host(`table inet t {
  chain pre { type filter hook prerouting priority mangle; ct mark set 0x7 }
  chain in { type filter hook input priority filter; ${match} drop }
}`).send(CLIENT, SERVER, SYN) === 'dropped'
    expect(['ct mark 0x7', 'ct mark & 0x2 == 0x2', 'ct mark & 0x8 == 0x0'].map(isDropped)).toEqual(
      Array(3).fill(true),
    )
    expect(['ct mark 0x2', 'ct mark & 0x2 == 0x0', 'ct mark & 0x5 == 0x7'].map(isDropped)).toEqual(
      Array(3).fill(false),
    )
    const isDroppedByXt = (mark: string) =>
      new Host(
        `*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j CONNMARK --set-xmark 0x7/0xffffffff\nCOMMIT\n${rules(
          `-A INPUT -m connmark --mark ${mark} -j DROP`,
        )}`,
      ).send(CLIENT, SERVER, SYN) === 'dropped'
    expect(['0x7', '0x2/0x2', '0x0/0x8', '0x2', '0x0/0x2', '0x7/0x5'].map(isDroppedByXt)).toEqual([
      ...Array(3).fill(true),
      ...Array(3).fill(false),
    ])
  })

  it('set a mark from its own bits; from bits of the other one nobody tells what it comes to', () => {
    const fateOf = (expression: string) =>
      new Host(`table inet t {
  chain pre { type filter hook prerouting priority mangle; ${expression} }
  chain in { type filter hook input priority filter; meta mark 0x6 drop }
}`).send(CLIENT, SERVER, SYN)
    expect(fateOf('meta mark set 0x4; meta mark set meta mark | 0x2')).toBe('dropped')
    expect(fateOf('meta mark set 0x7; meta mark set meta mark ^ 0x1')).toBe('dropped')
    expect(fateOf('meta mark set 0xe; meta mark set meta mark & 0x7')).toBe('dropped')
    expect(fateOf('meta mark set 0x4; meta mark set meta mark | 0x1')).toBe('delivered')
    expect(fateOf('meta mark set 0x4; meta mark set ct mark | 0x6')).toBe('unknown')
  })

  it('that refuse are answered by the error about what was refused, and by no other message', () => {
    const host = new Host(rules('-A INPUT -p tcp -m tcp --dport 22 -j REJECT'))
    for (let i = 0; i < 2; i++) expect(host.send(CLIENT, SERVER, SYN)).toBe('rejected')
    const ends = { source: '203.0.113.2', destination: '198.51.100.7', protocol: 1 }
    const sent = new Packet()
    const stateOf = (message: Bytes): string => {
      expect(decode(frameOf(ipv4(ends, message), { linkType: 101 }), sent)).toBe(true)
      const { time: _time, frame: _frame, ...more } = sent
      host.send(SERVER, CLIENT, 0, { ...more, interfaceIndex: 3, packetType: OUTGOING })
      return host.rules.state
    }
    const refused = ipv4(
      { source: '198.51.100.7', destination: '203.0.113.2', protocol: 6 },
      tcp({ sourcePort: 40_000, destinationPort: 22, flags: SYN }),
    )
    expect(stateOf(icmp(3, 3, join(be32(0), refused)))).toBe('related')
    expect(stateOf(icmp(8, 0, join(be32(1), refused)))).toBe('new')
    expect(stateOf(icmp(3, 3, join(be32(0), refused)))).toBe('related')
  })

  it('of raw drop a packet in front of conntrack', () => {
    const raw = [
      '*raw',
      ':PREROUTING ACCEPT [0:0]',
      '-A PREROUTING -p tcp -m tcp --dport 22 -j DROP',
      'COMMIT',
    ]
    const host = new Host([...raw, rules()].join('\n'))
    expect(host.send(CLIENT, SERVER, SYN)).toBe('dropped')
    expect(host.rules.decided).toBeGreaterThanOrEqual(0)
    expect(host.send(CLIENT, '203.0.113.2:23', SYN)).toBe('delivered')
    expect(host.met('--dport 22')).toEqual({ packets: 1, untold: 0 })
    expect(host.created.length).toBe(1)
  })

  it('that may have set any of very many marks leave the mark unknown, and the packet on its way', () => {
    const mangle = [
      '*mangle',
      ':PREROUTING ACCEPT [0:0]',
      ...Array.from(
        { length: 12 },
        (_, i) => `-A PREROUTING -m limit --limit 1/s -j MARK --set-xmark 0x${i + 1}/0xffffffff`,
      ),
      'COMMIT',
    ].join('\n')
    const fateOf = (rule: string) => {
      const host = new Host(`${mangle}\n${rules(rule)}`)
      return [host.send(CLIENT, SERVER, SYN), host.created.length]
    }
    expect(fateOf('-A INPUT -m mark --mark 0x3 -j DROP')).toEqual(['unknown', 1])
    expect(fateOf('-A INPUT -j ACCEPT')).toEqual(['delivered', 1])
  })

  it('decide together where one or the other does, all to the same end', () => {
    const host = new Host(rules('-A INPUT -m limit --limit 1/s -j DROP', '-A INPUT -j DROP'))
    expect(host.send(CLIENT, SERVER, SYN)).toBe('dropped')
    expect(host.rules.decided).toBe(-1)
    expect(['--limit', 'INPUT -j DROP'].map(text => host.met(text).untold)).toEqual([1, 1])
  })

  it('count every third packet from where the wheel stands', () => {
    const host = new Host(
      rules('-A INPUT -m statistic --mode nth --every 3 --packet 1 -j DROP', '-A INPUT -j ACCEPT'),
    )
    const fates = Array.from({ length: 6 }, (_, i) => host.send(`198.51.100.7:${i + 1}`, SERVER, SYN))
    expect(fates).toEqual(['delivered', 'dropped', 'delivered', 'delivered', 'dropped', 'delivered'])
  })

  it('that ask for addresses of the host leave it open where nobody knows them', () => {
    const rule = '-A PREROUTING -m addrtype --dst-type LOCAL -j DROP'
    const host = new Host(['*raw', ':PREROUTING ACCEPT [0:0]', rule, 'COMMIT', ''].join('\n'), '')
    expect(host.send(CLIENT, SERVER, SYN)).toBe('unknown')
    expect(host.met('--dst-type LOCAL')).toEqual({ packets: 0, untold: 1 })
    expect(host.send(CLIENT, '127.0.0.1:22', SYN)).toBe('dropped')
  })

  it('behind the translation of sources see the one it leads to', () => {
    const fateOf = (translation: string): string[] => {
      const host = new Host(
        `table ip nat {
chain post {
type nat hook postrouting priority srcnat; policy accept;
${translation}
}
}
table ip last {
chain post {
type filter hook postrouting priority 110; policy accept;
ip saddr 192.168.1.20 drop
ip saddr 203.0.113.9 meta length 41 drop
}
}
`,
      )
      const from = { interfaceIndex: 2 }
      const first = host.send(INSIDE, CLIENT, SYN, from)
      return [first, host.send(INSIDE, CLIENT, SYN, { ...from, networkLength: 41 })]
    }
    expect(fateOf('ip daddr 10.0.0.1 snat to 203.0.113.9')).toEqual(['dropped', 'dropped'])
    expect(fateOf('oifname "wan0" snat to 203.0.113.9')).toEqual(['forwarded', 'unknown'])
    expect(fateOf('oifname "wan0" masquerade')).toEqual(['unknown', 'unknown'])
  })

  it('are believed where a bridge turns a frame to another of its stations', () => {
    // what was translated goes out by the bridge itself before it comes to FORWARD
    const host = new Host(rules('-A FORWARD -p tcp --dport 80 -j DROP'), BRIDGE)
    const fate = host.send('192.168.1.30:1', INSIDE, SYN, {}, seenAt([3, INCOMING], [2, OUTGOING]))
    expect([fate, host.rules.contradicted]).toEqual(['dropped', 0])
  })

  it('tell no one fate of a frame to a group that a bridge floods and takes up itself', () => {
    const host = new Host(rules('-A INPUT -p tcp -j DROP'), BRIDGE)
    const flooded = seenAt([3, INCOMING], [4, OUTGOING])
    expect(host.send('192.168.1.30:68', '255.255.255.255:67', SYN, {}, flooded)).toBe('unknown')
  })

  it('turn no wheel for certain where a bridge may make copies of a frame', () => {
    const host = new Host(
      rules('-A FORWARD -m statistic --mode nth --every 2 --packet 0 -j DROP', '-A FORWARD -j ACCEPT'),
      BRIDGE,
    )
    const seen = seenAt([3, INCOMING], [4, OUTGOING])
    expect(host.send('192.168.1.30:1', INSIDE, SYN, {}, seen)).toBe('unknown')
  })

  it('in front of conntrack are not believed where a packet is seen leaving', () => {
    const seen = seenAt([3, INCOMING], [2, OUTGOING])
    const raw = ['*raw', ':PREROUTING ACCEPT [0:0]', '-A PREROUTING -p tcp --dport 80 -j DROP', 'COMMIT', '']
    const host = new Host(raw.join('\n'))
    expect(host.send('198.51.100.8:1', INSIDE, SYN)).toBe('dropped')
    expect(host.rules.dropped.groups).toMatchObject([{ packets: 1 }])
    expect(host.send(CLIENT, INSIDE, SYN, {}, seen)).toBe('forwarded')
    expect([host.rules.contradicted, host.created.length]).toEqual([1, 1])
    expect(host.send('198.51.100.8:2', INSIDE, SYN)).toBe('unknown')
  })

  it('say nothing of the packets of an entry that may not be there, until an answer shows it', () => {
    const host = new Host(rules('-A INPUT -p tcp --syn -m limit --limit 1/s -j DROP', '-A INPUT -j ACCEPT'))
    expect(host.send(CLIENT, SERVER, SYN)).toBe('unknown')
    // of a table without the entry it is a first packet, of this one INVALID
    expect(host.send(CLIENT, SERVER, ACK, { sequence: 9 })).toBe('unknown')
    // one that is INVALID to both and leaves shows nothing
    const seen = seenAt([3, INCOMING], [2, OUTGOING])
    expect(host.send(CLIENT, SERVER, 1 | ACK, { sequence: 9 }, seen)).toBe('forwarded')
    expect(host.send(CLIENT, SERVER, ACK, { sequence: 9 })).toBe('unknown')
    host.send(SERVER, CLIENT, SYN | ACK, { packetType: OUTGOING, sequence: 1, acknowledgment: 2 })
    expect(host.send(CLIENT, SERVER, ACK, { sequence: 2, acknowledgment: 2 })).toBe('delivered')
  })

  it('are believed where a second capture of an interface shows the packet, too', () => {
    // any tells that it came in, the capture of the interface alone tells nothing
    const seen = seenAt([3, INCOMING], [3, UNKNOWN])
    const host = new Host(rules('-A INPUT -p tcp -m tcp --dport 22 -j DROP'))
    expect(host.send(CLIENT, SERVER, SYN, {}, seen)).toBe('dropped')
    expect(host.rules.contradicted).toBe(0)
  })

  it('of nft look packets up by what differs from one to the next of a flow', () => {
    const fatesOf = (rule: string, packets: Partial<Packet>[]): string[] => {
      const host = new Host(nftInput(rule))
      return packets.map(more => host.send(CLIENT, SERVER, SYN, more))
    }
    const lengths = [40, 40, 900, 40].map(networkLength => ({ networkLength }))
    const ofLength = ['delivered', 'delivered', 'dropped', 'delivered']
    expect(fatesOf('meta length vmap { 0-100 : accept, 800-1500 : drop }', lengths)).toEqual(ofLength)
    expect(fatesOf('meta length { 800-1500 } drop', lengths)).toEqual(ofLength)
    expect(fatesOf('ip length . tcp dport { 900 . 22 } drop', lengths)).toEqual(ofLength)
    const hops = [64, 64, 3, 64].map(ttl => ({ ttl }))
    expect(fatesOf('ip ttl vmap { 3 : drop, 64 : accept }', hops)).toEqual(ofLength)
  })

  it('look at the header in front of all matches, wherever it stands in the rule', () => {
    const host = new Host(
      rules(
        '-A INPUT -m statistic --mode nth --every 2 --packet 0 -s 198.51.100.7/32 -j DROP',
        '-A INPUT -j ACCEPT',
      ),
    )
    const other = '198.51.100.8:1'
    const fates = [CLIENT, other, '198.51.100.7:2', other, '198.51.100.7:3'].map(from =>
      host.send(from, SERVER, SYN),
    )
    expect(fates).toEqual(['dropped', 'delivered', 'delivered', 'delivered', 'dropped'])
  })

  it('of nft turn a wheel once for each time that they look at it', () => {
    const fatesOf = (...lines: string[]): string[] => {
      const host = new Host(nftInput(...lines))
      return Array.from({ length: 6 }, (_, i) => host.send(`198.51.100.7:${i + 1}`, SERVER, SYN))
    }
    const second = ['delivered', 'dropped', 'delivered', 'delivered', 'dropped', 'delivered']
    expect(fatesOf('numgen inc mod 3 == 1 drop')).toEqual(second)
    expect(fatesOf('numgen inc mod 3 vmap { 0 : accept, 1 : drop, 2 : accept }')).toEqual(second)
    expect(fatesOf('numgen inc mod 3 vmap { 0 : accept, 1-2 : drop }')).toEqual([
      'delivered',
      'dropped',
      'dropped',
      'delivered',
      'dropped',
      'dropped',
    ])
    expect(fatesOf('numgen inc mod 3 offset 10 { 11, 17 } drop')).toEqual(second)
    expect(fatesOf('tcp dport . numgen inc mod 3 { 22 . 1 } drop')).toEqual(second)
    // nobody knows whose turn it is any more where a packet may not have come that far
    expect(
      fatesOf('limit rate 1/second accept', 'numgen inc mod 3 vmap { 0 : accept, 1 : drop, 2 : drop }')[1],
    ).toBe('unknown')
  })

  it('carry marks from table to table and from packet to packet', () => {
    const host = new Host(
      [
        '*mangle',
        ':PREROUTING ACCEPT [0:0]',
        '-A PREROUTING -j CONNMARK --restore-mark',
        '-A PREROUTING -m mark ! --mark 0x0 -j ACCEPT',
        '-A PREROUTING -p tcp -m tcp --dport 22 -j MARK --set-xmark 0x5/0xff',
        '-A PREROUTING -j CONNMARK --save-mark',
        'COMMIT',
        rules('-A INPUT -m mark --mark 0x5 -j ACCEPT', '-A INPUT -j DROP'),
      ].join('\n'),
    )
    expect(host.send(CLIENT, SERVER, SYN)).toBe('delivered')
    expect(host.send(CLIENT, SERVER, SYN)).toBe('delivered')
    expect(host.met('--mark 0x0 -j ACCEPT')).toEqual({ packets: 1, untold: 0 })
    expect(host.send(CLIENT, '203.0.113.2:23', SYN)).toBe('dropped')
  })

  it('in front of conntrack have no entry to ask about, whatever the packet before had', () => {
    const host = new Host(
      [
        '*raw',
        ':PREROUTING ACCEPT [0:0]',
        '-A PREROUTING -m conntrack --ctstatus CONFIRMED -j DROP',
        // nor does the opposite hold without one
        '-A PREROUTING -m conntrack ! --ctstatus CONFIRMED -j DROP',
        'COMMIT',
        rules('-A INPUT -m conntrack --ctstatus CONFIRMED -j ACCEPT'),
      ].join('\n'),
    )
    const fates = [SYN, SYN, SYN].map(flags => host.send(CLIENT, SERVER, flags))
    expect(fates).toEqual(['delivered', 'delivered', 'delivered'])
    expect(host.met('CONFIRMED -j ACCEPT')).toEqual({ packets: 2, untold: 0 })
  })

  it('behind a translation know whom replies come from', () => {
    const nat = (target: string) =>
      ['*nat', ':PREROUTING ACCEPT [0:0]', `-A PREROUTING -p tcp -m tcp --dport 22 ${target}`, 'COMMIT'].join(
        '\n',
      )
    const fateOf = (target: string, address: string) => {
      const drop = rules(`-A FORWARD -m conntrack --ctreplsrc ${address} -j DROP`)
      return new Host(`${nat(target)}\n${drop}`).send(CLIENT, SERVER, SYN)
    }
    const one = '-j DNAT --to-destination 192.168.1.20:80'
    expect(fateOf(one, '192.168.1.20')).toBe('dropped')
    expect(fateOf(one, '192.168.1.21')).toBe('forwarded')
  })

  it('that redirect to another port have answers that come from the first one', () => {
    const host = new Host(
      [
        '*nat',
        ':PREROUTING ACCEPT [0:0]',
        '-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080',
        'COMMIT',
        rules(),
      ].join('\n'),
    )
    // entries in front of it
    for (const port of [1, 2, 3]) host.send(`198.51.100.7:${port}`, SERVER, SYN)
    host.send(CLIENT, '203.0.113.2:80', SYN)
    expect(host.created).toEqual([0, 1, 2, 3])
    host.send('203.0.113.2:80', CLIENT, SYN | ACK, { packetType: OUTGOING, acknowledgment: 2 })
    expect([host.engine.ct, host.engine.direction]).toEqual([3, 1])
    // the entry has the port that the rule leads to
    expect(host.engine.table.ports(3 * 2 + 1) >>> 16).toBe(8080)
  })

  it('are not believed any more where an answer shows that a packet went on', () => {
    const host = new Host(rules('-A FORWARD -p tcp -m tcp --dport 80 -j DROP'))
    expect(host.send(CLIENT, INSIDE, SYN)).toBe('dropped')
    host.send(INSIDE, CLIENT, SYN | ACK, { interfaceIndex: 2 })
    expect(host.rules.contradicted).toBe(1)
    expect(host.send('198.51.100.8:1', INSIDE, SYN)).toBe('unknown')
    expect(host.created.length).toBeGreaterThan(0)
  })
})
