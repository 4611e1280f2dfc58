// Captures of fixtures/ that are made, not captured: `npx tsx test/support/made-captures.ts` writes them.
import { writeFileSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_SYN } from '../../src/net/numbers.ts'
import { address, type Bytes, be16, be32, icmp, join } from './frames.ts'
import { manyInterfaces, negativeStamps, obsoletePacketBlock } from './made-formats.ts'
import { ROOT } from './source-files.ts'
import { Connection, type Host, Trace } from './trace.ts'

const EPOCH = 1_700_000_000
const ARP = 0x0806

/** Captures by their path below fixtures/. */
export const MADE_CAPTURES: Readonly<Record<string, () => Uint8Array>> = {
  'report/home-gateway.pcap': homeGateway,
  'report/syn-flood.pcap': synFlood,
  'report/segment-out-of-window.pcap': segmentOutOfWindow,
  'report/ipv4-fragments.pcap': ipv4Fragments,
  'flow-findings/one-way-flow.pcap': oneWayFlow,
  'flow-findings/tcp-timestamps-nat.pcap': () => twoClocks(true),
  'flow-findings/tcp-timestamps-ignored.pcap': () => twoClocks(false),
  'formats/pcapng-many-interfaces.pcapng': manyInterfaces,
  'formats/pcapng-negative-stamps.pcapng': negativeStamps,
  'formats/pcapng-obsolete-packet-block.pcapng': obsoletePacketBlock,
}

function host(text: string, mac = 1, ttl = 64): Host {
  return { address: text, mac, ttl, identification: address(text).reduce((sum, byte) => sum * 5 + byte, 0) }
}

/** `length` bytes of text. */
function text(start: string, length: number): Bytes {
  const line = `${start}\r\nctpcap made this up, byte after byte, to fill a segment.\r\n`
  return new TextEncoder().encode(line.repeat(Math.ceil(length / line.length)).slice(0, length))
}

/** Inside of a gateway: pages, names, a printer that is asked twice and never answers, a closed port. */
function homeGateway(): Uint8Array {
  const trace = new Trace(EPOCH)
  const client = host('192.168.1.100', 100)
  const names = host('203.0.113.53', 1, 57)
  const pages = host('198.51.100.104', 1, 51)
  const pictures = host('198.51.100.31', 1, 51)
  const gone = host('203.0.113.120', 1, 44)
  const askPrinter = (to: string, id: number) =>
    trace.udp(client, host(to, 1), [49_161, 161], join('30 29 02 01 00 04 06', text('public', 6), id))
  const lookUp = (port: number, rtt: number) => {
    const query = join(be16(port), '01 00 00 01 00 00 00 00 00 00 04', text('page', 4), '00 00 01 00 01')
    trace.udp(client, names, [port, 53], query)
    trace.wait(rtt)
    const answer = join(
      be16(port),
      '81 80 00 01 00 01',
      query.subarray(6),
      'c0 0c 00 01 00 01',
      be32(60),
      be16(4),
    )
    trace.udp(names, client, [53, port], join(answer, address(pages.address)))
    trace.wait(0.002)
  }
  const fetch = (server: Host, port: number, sizes: number[], rtt: number) => {
    const connection = new Connection(trace, [client, port], [server, 80])
    connection.open(rtt)
    for (const size of sizes)
      connection.exchange(text('GET / HTTP/1.1', 400), rtt, text('HTTP/1.1 200 OK', size))
  }
  askPrinter('192.0.2.64', 1)
  trace.wait(0.9)
  lookUp(50_001, 0.02)
  fetch(pictures, 43_310, [9_000, 5_000], 0.03)
  lookUp(50_002, 0.02)
  fetch(pictures, 43_311, [1_200], 0.03)
  lookUp(50_003, 0.04)
  const probe = trace.udp(client, gone, [49_200, 41_400], text('hello', 30))
  trace.wait(0.1)
  trace.packet(gone, client, { protocol: 1 }, icmp(3, 3, join([0, 0, 0, 0], probe.subarray(0, 28))))
  trace.wait(2)
  const whoHas = join('00 01 08 00 06 04 00 01 02 00 00 00 00 01', address('192.168.1.1'))
  trace.frame(1, 100, ARP, join(whoHas, '00 00 00 00 00 00', address(client.address)), true)
  trace.wait(0.0001)
  const reply = join('00 01 08 00 06 04 00 02 02 00 00 00 00 64', address(client.address))
  trace.frame(100, 1, ARP, join(reply, '02 00 00 00 00 01', address('192.168.1.1')))
  trace.wait(2.75)
  askPrinter('192.0.2.64', 2)
  trace.wait(0.5)
  lookUp(50_004, 0.02)
  fetch(pages, 43_312, [18_000, 6_000], 0.04)
  lookUp(50_005, 0.02)
  fetch(pages, 43_313, [700, 700], 0.04)
  fetch(pages, 43_314, [1_500], 0.04)
  fetch(pages, 43_315, [300], 0.04)
  trace.wait(4.1)
  askPrinter('192.0.2.218', 3)
  return trace.bytes()
}

/** 200 SYNs, one a millisecond, that nobody answers. */
function synFlood(): Uint8Array {
  const trace = new Trace(EPOCH)
  const [client, server] = [host('192.0.2.10', 10), host('198.51.100.5')]
  for (let i = 0; i < 200; i++) {
    const ports = { sourcePort: 40_000 + i, destinationPort: 443 }
    trace.tcp(client, server, { ...ports, flags: TCP_SYN, sequence: i * 0x10001, window: 8192 })
    trace.wait(0.001)
  }
  return trace.bytes()
}

/** A segment far over what the receiver offered, between one that is right and its acknowledgment. */
function segmentOutOfWindow(): Uint8Array {
  const trace = new Trace(EPOCH)
  const [client, server] = [host('192.0.2.10', 10), host('198.51.100.5')]
  const out = { sourcePort: 43_210, destinationPort: 80 }
  const back = { sourcePort: 80, destinationPort: 43_210 }
  trace.tcp(client, server, { ...out, flags: TCP_SYN, sequence: 1000, window: 8192 })
  trace.wait(0.02)
  trace.tcp(server, client, {
    ...back,
    flags: TCP_SYN | TCP_ACK,
    sequence: 5000,
    acknowledgment: 1001,
    window: 4096,
  })
  trace.wait(0.0001)
  trace.tcp(client, server, { ...out, flags: TCP_ACK, sequence: 1001, acknowledgment: 5001, window: 8192 })
  trace.wait(0.001)
  const data = { ...out, flags: TCP_ACK | TCP_PSH, acknowledgment: 5001, window: 8192 }
  trace.tcp(client, server, { ...data, sequence: 1001 }, text('first', 100))
  trace.wait(0.0001)
  trace.tcp(client, server, { ...data, sequence: 66_001 }, text('far', 100))
  trace.wait(0.02)
  trace.tcp(server, client, { ...back, flags: TCP_ACK, sequence: 5001, acknowledgment: 1101, window: 4096 })
  return trace.bytes()
}

/** Two echo requests in three fragments, those of the second in reverse order, and their replies in as many. */
function ipv4Fragments(): Uint8Array {
  const trace = new Trace(EPOCH)
  const [one, other] = [host('192.0.2.1', 1), host('192.0.2.2', 2)]
  const echo = (from: Host, to: Host, type: number, sequence: number, inReverse: boolean) => {
    const message = icmp(type, 0, join(be16(5058), be16(sequence), text('echo', 1_400)))
    const identification = from.identification++
    const offsets = [0, 560, 1120]
    for (const fragmentOffset of inReverse ? offsets.reverse() : offsets) {
      const moreFragments = fragmentOffset < 1120
      const piece = message.subarray(fragmentOffset, fragmentOffset + 560)
      trace.packet(from, to, { protocol: 1, identification, fragmentOffset, moreFragments }, piece)
      trace.wait(0.00006)
    }
  }
  for (const sequence of [1, 2]) {
    echo(one, other, 8, sequence, sequence === 2)
    trace.wait(0.0004)
    echo(other, one, 0, sequence, false)
    trace.wait(0.01)
  }
  return trace.bytes()
}

/** A server's side of a connection alone, 100 bytes of each frame: the client's side takes another way. */
function oneWayFlow(): Uint8Array {
  const trace = new Trace(EPOCH, 100)
  const [server, client] = [host('198.51.100.47', 1, 52), host('10.0.1.150', 150)]
  const ports = { sourcePort: 143, destinationPort: 55_774, window: 12_032 }
  let sequence = 70_000
  let acknowledgment = 3_001
  trace.tcp(server, client, { ...ports, flags: TCP_SYN | TCP_ACK, sequence, acknowledgment })
  sequence++
  for (let i = 1; i < 40; i++) {
    trace.wait(i % 5 === 0 ? 0.03 : 0.0004)
    // every fifth answers a command, the others go on with what it asked for
    if (i % 5 === 0) acknowledgment += 30
    const payload = text('* OK', i % 5 === 4 ? 300 : 1_200)
    const flags = i % 5 === 4 ? TCP_ACK | TCP_PSH : TCP_ACK
    trace.tcp(server, client, { ...ports, flags, sequence, acknowledgment }, payload)
    sequence += payload.length
  }
  return trace.bytes()
}

/** Milliseconds that two hosts behind one address had been up when the capture began. */
const CLOCKS = [773_695_118, 470_318_331]

/**
 * In front of a server: connections of two hosts behind one address in turn. It closes them first, as web servers do.
 * @param isCompared whether it drops SYNs whose timestamp is behind the last one of their address
 */
function twoClocks(isCompared: boolean): Uint8Array {
  const trace = new Trace(EPOCH)
  const [client, server] = [host('192.0.2.10', 10, 55), host('198.51.100.5')]
  const stamps = (value: number, echo: number) => join('01 01 08 0a', be32(value), be32(echo))
  let seconds = 0
  const wait = (pause: number) => {
    seconds += pause
    trace.wait(pause)
  }
  const connect = (clock: number, port: number, isAnswered: boolean) => {
    const ask = { sourcePort: port, destinationPort: 80, window: 29_200 }
    const answer = { sourcePort: 80, destinationPort: port, window: 29_200 }
    const first = port * 0x9e37
    const second = port * 0x79b9
    const now = () => CLOCKS[clock] + Math.round(seconds * 1000)
    const toServer = (flags: number, sequence: number, acknowledgment: number, payload?: Bytes) =>
      trace.tcp(
        client,
        server,
        { ...ask, flags, sequence, acknowledgment, options: stamps(now(), 0) },
        payload,
      )
    const toClient = (flags: number, sequence: number, acknowledgment: number, payload?: Bytes) =>
      trace.tcp(
        server,
        client,
        {
          ...answer,
          flags,
          sequence,
          acknowledgment,
          options: stamps(9000 + Math.round(seconds * 1000), now()),
        },
        payload,
      )
    for (const pause of isAnswered ? [] : [1, 2, 4]) {
      toServer(TCP_SYN, first, 0)
      wait(pause)
    }
    toServer(TCP_SYN, first, 0)
    if (!isAnswered) return wait(1)
    toClient(TCP_SYN | TCP_ACK, second, first + 1)
    wait(0.02)
    toServer(TCP_ACK, first + 1, second + 1)
    toServer(TCP_ACK | TCP_PSH, first + 1, second + 1, text('GET / HTTP/1.1', 100))
    toClient(TCP_ACK | TCP_PSH, second + 1, first + 101, text('HTTP/1.1 200 OK', 300))
    toClient(TCP_ACK | TCP_FIN, second + 301, first + 101)
    wait(0.02)
    toServer(TCP_ACK | TCP_FIN, first + 101, second + 302)
    toClient(TCP_ACK, second + 302, first + 102)
    wait(1)
  }
  for (let i = 0; i < 4; i++) {
    connect(0, 40_000 + i, true)
    connect(1, 50_000 + i, !isCompared)
  }
  connect(0, 40_004, true)
  return trace.bytes()
}

if (process.argv[1] === import.meta.filename) {
  for (const [name, make] of Object.entries(MADE_CAPTURES)) {
    writeFileSync(joinPath(ROOT, 'fixtures', name), make())
  }
}
