// The programs that are measured side by side, ctpcap first, and which of them are missing here.
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../support/source-files.ts'

export interface Program {
  name: string
  /** What it makes of a capture. */
  does: string
  command: string
  options(capture: string): string[]
  /** Measured once, for it takes long. */
  slow?: boolean
}

export const CTPCAP: Program = {
  name: 'ctpcap analyze',
  does: 'conntrack replay and report',
  command: process.execPath,
  options: capture => [join(ROOT, 'dist/main.js'), 'analyze', capture],
}

/** Options of `size`: with the capture as it is that makes eight tables. */
export const SEVEN_SCENARIOS: readonly string[] = [
  'tcp_timeout_time_wait=60',
  'tcp_timeout_time_wait=30',
  'tcp_timeout_time_wait=10',
  'udp_timeout=10',
  'udp_timeout_stream=60',
  'tcp_timeout_established=86400',
  'tcp_timeout_fin_wait=30',
].flatMap((change, n) => ['--scenario', `${n}:${change}`])

export const TCPDUMP: Program = {
  name: 'tcpdump -w /dev/null',
  does: 'reads records, decodes nothing',
  command: 'tcpdump',
  // as root it would hand the file it writes, a device here, over to the user tcpdump
  options: capture => ['-Z', 'root', '-r', capture, '-w', '/dev/null'],
}

/** With its default of 8192 flows at a time, which is faster than with all of them. */
export const SOFTFLOWD: Program = {
  name: 'softflowd',
  does: 'flow table (C)',
  command: 'softflowd',
  // it removes its pid file when it ends, whatever that is: never name a device here
  options: capture => [
    '-d',
    '-c',
    'none',
    '-p',
    join(tmpdir(), `softflowd-${process.pid}.pid`),
    '-r',
    capture,
  ],
}

export const OTHERS: readonly Program[] = [
  {
    name: 'pcap-parser',
    does: 'splits records (JavaScript)',
    command: process.execPath,
    options: capture => ['--import', 'tsx', join(ROOT, 'test/bench/pcap-parser.ts'), capture],
  },
  {
    name: 'argus',
    does: 'flow records (C)',
    command: 'argus',
    options: capture => ['-r', capture, '-w', '/dev/null'],
  },
  {
    name: 'tshark -z conv,tcp',
    does: 'full dissection (C)',
    command: 'tshark',
    options: capture => ['-q', '-z', 'conv,tcp', '-r', capture],
    slow: true,
  },
]
