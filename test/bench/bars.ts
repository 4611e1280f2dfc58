// What ctpcap is held to in pairs: beside softflowd, beside itself on the same traffic captured otherwise, with more asked for.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as zlib from 'node:zlib'
import { isInstalled } from '../support/installed.ts'
import {
  BENCH_DATA,
  type BenchCapture,
  BUSY_NODE,
  benchCapture,
  LONG_CONNECTIONS,
  QUARTER_NODE,
} from './captures.ts'
import { kubeProxyRules } from './kube-proxy-rules.ts'
import { measure } from './measure.ts'
import { compare, printComparison, type Side } from './pairs.ts'
import { CTPCAP, SEVEN_SCENARIOS, SOFTFLOWD } from './programs.ts'
import { type VariantName, variantOf } from './variants.ts'

/** Times that softflowd takes on the plain capture. */
const MOST_ON_MIX = 0.5
const MOST_ON_LONG = 1.2
const MOST_ON_ANY = 3.2
/** Times that a packet of the plain capture takes. */
const MOST_OF_VARIANT = 1.4
const MOST_OF_SIZE = 1.5
const MOST_OF_ZSTD = 2.5
const MOST_OF_RULES = 1.3
const SERVICES = 500

const VARIANTS: readonly [VariantName, string][] = [
  ['ipv6', 'over IPv6'],
  ['vlan', 'in a VLAN'],
  ['cooked', 'cooked v2'],
  ['invalid', 'a third of the packets INVALID'],
  ['nat', 'NAT on every flow, two points: a frame'],
]

/** The host between the clients (10.0.0.0/8) and the servers (192.168.0.0/16), as `ip addr` and `ip route` tell. */
const TOPOLOGY = `# ip addr
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP
    inet 10.255.0.1/8 brd 10.255.255.255 scope global eth0
3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP
    inet 192.168.200.1/16 scope global eth1
# ip route
10.0.0.0/8 dev eth0 proto kernel scope link src 10.255.0.1
192.168.0.0/16 dev eth1 proto kernel scope link src 192.168.200.1
`

/** A run of ctpcap with `--json`. */
function ctpcap(capture: BenchCapture, command = 'analyze', ...options: string[]): Side {
  const [main] = CTPCAP.options(capture.path)
  const args = (path: string): string[] => [main, command, '--json', ...options, path]
  return { program: { command: CTPCAP.command, options: args }, capture: capture.path, packets: 1 }
}

function aPacket(side: Side, { packets }: BenchCapture): Side {
  return { ...side, packets }
}

/** Prints all bars that are kept by a pair of runs. */
export function benchPairs(rounds: number): void {
  const mix = benchCapture('busy-node', BUSY_NODE)
  const quarter = benchCapture('quarter-node', QUARTER_NODE)
  const any = variantOf('any', quarter)
  if (isInstalled(SOFTFLOWD.command)) {
    const long = benchCapture('long-connections', LONG_CONNECTIONS)
    const bars: [string, BenchCapture, BenchCapture, number][] = [
      ['mix beside softflowd', mix, mix, MOST_ON_MIX],
      ['long connections beside softflowd', long, long, MOST_ON_LONG],
      [
        'each packet three times, as of any, beside softflowd on the plain capture',
        any,
        quarter,
        MOST_ON_ANY,
      ],
    ]
    for (const [text, own, others, most] of bars) {
      const softflowd = { program: SOFTFLOWD, capture: others.path, packets: 1 }
      printComparison(text, compare(ctpcap(own), softflowd, rounds), most)
    }
  } else console.log('softflowd is not installed here: no bars beside it')
  const plain = aPacket(ctpcap(quarter), quarter)
  for (const [name, text] of VARIANTS) {
    const variant = variantOf(name, quarter)
    const times = compare(aPacket(ctpcap(variant), variant), plain, rounds)
    printComparison(`${text}, beside the plain capture`, times, MOST_OF_VARIANT)
  }
  const sizes = compare(ctpcap(mix, 'size', ...SEVEN_SCENARIOS), ctpcap(mix), rounds)
  printComparison('size with eight tables beside analyze', sizes, MOST_OF_SIZE)
  const rules = compare(ctpcap(mix, 'analyze', ...ruleOptions()), ctpcap(mix), rounds)
  printComparison(`--rules with ${SERVICES} Services beside none`, rules, MOST_OF_RULES)
  benchCompression(quarter, rounds)
}

/** Files of the rules and of the host. */
function ruleOptions(): string[] {
  const rules = join(BENCH_DATA, 'kube-proxy-rules.txt')
  const topology = join(BENCH_DATA, 'topology.txt')
  writeFileSync(rules, kubeProxyRules(SERVICES))
  writeFileSync(topology, TOPOLOGY)
  return ['--rules', rules, '--topology', topology]
}

function benchCompression(plain: BenchCapture, rounds: number): void {
  // Node.js has it from 22.15 on
  const compress = (zlib as { zstdCompressSync?: (bytes: Uint8Array) => Uint8Array }).zstdCompressSync
  if (compress === undefined && !isInstalled('zstd')) {
    console.log('there is no zstd here: .zst is not compared with .gz')
    return
  }
  const [gz, zst] = ['gz', 'zst'].map(name => ({ ...plain, path: `${plain.path}.${name}` }))
  if (!existsSync(gz.path)) writeFileSync(gz.path, zlib.gzipSync(readFileSync(plain.path)))
  if (!existsSync(zst.path)) {
    if (compress !== undefined) writeFileSync(zst.path, compress(readFileSync(plain.path)))
    else measure('zstd', ['-q', '-k', plain.path])
  }
  const times = compare(ctpcap(zst), ctpcap(gz), rounds)
  printComparison('.zst beside .gz', times, MOST_OF_ZSTD)
}
