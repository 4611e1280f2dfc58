// Walks that are kept: a packet that a rule may tell from the last one is walked by itself, others are not.
import { describe, expect, it } from 'vitest'
import { TCP_SYN } from '../../src/net/numbers.ts'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { type Bytes, be16, filler, ipv4, join, tcp } from '../support/frames.ts'
import { writePcap } from '../support/pcap-writer.ts'

const LINKTYPE_LINUX_SLL2 = 276
/** The index of lan0, with 10.1.0.1. */
const LAN0 = 2

/** A frame of an IPv4 packet that came in to an interface, as a cooked capture has it. */
function received(packet: Bytes): Bytes {
  return join(be16(0x0800), be16(0), [0, 0, 0, LAN0], be16(1), [0, 6], '02 00 00 00 00 09 00 00', packet)
}

async function fatesOf(rules: string[], packets: Bytes[]): Promise<string[]> {
  using folder = new Folder()
  const frames = packets.map((packet, i) => {
    const bytes = received(packet)
    return { bytes, seconds: 1_700_000_000 + i, fraction: 0, originalLength: bytes.length }
  })
  const capture = folder.write('any.pcap', writePcap(frames, { linkType: LINKTYPE_LINUX_SLL2 }))
  const text = ['*filter', ':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ...rules, 'COMMIT', ''].join('\n')
  const host = 'fixtures/zones/iptables-both'
  const given = ['--topology', `${host}/topology.txt`, '--sysctl', `${host}/sysctl.txt`]
  const rulesFile = folder.write('rules.txt', text)
  const { code, stdout } = await runCli([
    'packets',
    capture,
    '--rules',
    rulesFile,
    ...given,
    '--format',
    'ndjson',
  ])
  expect(code).toBe(0)
  return stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line).fate)
}

const header = { source: '10.1.0.9', destination: '10.1.0.1' }

describe('packets of other ports', () => {
  it('of DCCP are told apart by rules that ask for them', async () => {
    const dccp = (port: number, identification: number): Bytes =>
      ipv4({ ...header, protocol: 33, identification }, join(be16(4000), be16(port), filler(12)))
    const rules = ['-A INPUT -p dccp -m dccp --dport 5001 -j DROP']
    expect(await fatesOf(rules, [dccp(5001, 1), dccp(5002, 2), dccp(5001, 3)])).toEqual([
      'dropped',
      'delivered',
      'dropped',
    ])
  })

  it('of TCP are, too', async () => {
    const syn = (port: number, identification: number): Bytes =>
      ipv4(
        { ...header, protocol: 6, identification },
        tcp({ sourcePort: 4000, destinationPort: port, flags: TCP_SYN, sequence: identification }),
      )
    const rules = ['-A INPUT -p tcp -m tcp --dport 5001 -j DROP']
    expect(await fatesOf(rules, [syn(5001, 1), syn(5002, 2), syn(5001, 3)])).toEqual([
      'dropped',
      'delivered',
      'dropped',
    ])
  })
})
