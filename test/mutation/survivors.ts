// Faults that no test catches, and why none can or need: everything else that run.ts plants has to be caught.
import type { Fault } from './sample.ts'

export interface Survivor extends Pick<Fault, 'file' | 'from' | 'to' | 'nth'> {
  reason: string
}

const inFile = (
  file: string,
  ...faults: readonly (readonly [from: string, to: string, reason: string, nth?: number])[]
): Survivor[] => faults.map(([from, to, reason, nth = 1]) => ({ file, from, to, reason, nth }))

export const SURVIVORS: readonly Survivor[] = [
  ...inFile('capture/frame.ts', ['interface = 0', 'interface = 1', 'every source sets it']),
  ...inFile('capture/open/merge.ts', [
    'const MAX_CHUNK = 1 << 20',
    'const MAX_CHUNK = 1 >> 20',
    'how much is read at a time',
  ]),
  ...inFile('capture/formats/pcapng-clock.ts', [
    'return exact < EARLIEST ? EARLIEST : exact > LATEST ? LATEST : exact',
    'return exact <= EARLIEST ? EARLIEST : exact > LATEST ? LATEST : exact',
    'the same value either way',
  ]),
  ...inFile('capture/open/stored.ts', [
    'if (stats.isFIFO() || stats.isSocket()) return new PipeSource(0)',
    'if (stats.isFIFO() || stats.isSocket()) return new PipeSource(1)',
    'standard input is read by a process of its own, which has no fault',
  ]),
  ...inFile('capture/compression/xxhash32.ts', [
    'hash = Math.imul(rotate((hash + Math.imul(word(this.rest, at), PRIME3)) | 0, 17), PRIME4)',
    'hash = Math.imul(rotate((hash + Math.imul(PRIME3, word(this.rest, at))) | 0, 17), PRIME4)',
    'a product is the same in either order',
  ]),
  ...inFile('capture/compression/zstd.ts', [
    'return view.getUint16(at - 2, true) + 256',
    'return view.getUint16(at - 2, true) - 256',
    'compared with a bound that two bytes never reach',
  ]),
  ...inFile('conntrack/datagram-translations.ts', [
    'addresses ^= Math.imul(packet.source3, 0x9e3779b1) ^ Math.imul(packet.destination3, 0x165667b1)',
    'addresses ^= Math.imul(packet.source3, 0x9e3779b1) ^ Math.imul(packet.destination3, 0x165667b2)',
    'another hash, as good',
  ]),
  ...inFile('conntrack/engine.ts', ['ct = -1', 'ct = 1', 'set by every packet before anybody asks']),
  ...inFile('conntrack/prefetch.ts', [
    'for (let i = 0; i < count; i++) if (keys[i] >= 0) sum ^= table.touch(keys[i])',
    'for (let i = 0; i < count; i++) if (keys[i] > 0) sum ^= table.touch(keys[i])',
    'what is read ahead changes how fast a lookup is, not what it finds',
  ]),
  ...inFile('conntrack/proto/sctp.ts', [
    'entries[entry + INIT] = 0',
    'entries[entry - INIT] = 0',
    'a repeated INIT behind a COOKIE ACK is met by random packets alone (npm run conformance)',
  ]),
  ...inFile('conntrack/proto/tcp-window.ts', [
    'if (direction === 1 && (flags & TCP_ACK) === 0) return WINDOW_ACCEPT',
    'if (direction === 1 && (flags & TCP_ACK) !== 0) return WINDOW_ACCEPT',
    'the grid lets no answer with SYN come here once its sender has a window: dead in the kernel, too',
  ]),
  ...inFile('conntrack/proto/tcp.ts', [
    'entries[opener + TD_MAXEND] = entries[at + LAST_END]',
    'void 0',
    'test/kernel/mutants.ts catches it with random packets through the kernel; the tests here have no such SYN',
  ]),
  ...inFile('conntrack/status.ts', [
    'export const IPCT_DESTROY = 1 << 2',
    'export const IPCT_DESTROY = 1 << 3',
    'nothing asks for this bit',
  ]),
  ...inFile('conntrack/table.ts', [
    'const capacity = Math.ceil(this.capacity * 1.5)',
    'const capacity = Math.ceil(this.capacity * 2.5)',
    'how much memory is taken ahead',
  ]),
  ...inFile('conntrack/timeouts.ts', ['0, // NONE', '1, // NONE', 'no entry is kept in this state']),
  ...inFile('host/listing/listed-lines.ts', [
    `if (typeof value === 'object' && value !== null && !Array.isArray(value)) {`,
    `if (typeof value === 'object' && value !== null || !Array.isArray(value)) {`,
    'what begins with { is an object, or no JSON',
  ]),
  ...inFile('host/rules/rules.ts', [
    'leadsTo(step.action.target, address, port, -1),',
    'leadsTo(step.action.target, address, port, 1),',
    'the port before counts where a target names none, and this one names one',
  ]),
  ...inFile('host/rules/ruleset.ts', [
    'if (chain.rules.length <= LONG_CHAIN) return chain.rules',
    'if (chain.rules.length < LONG_CHAIN) return chain.rules',
    'an index finds the rules that a walk through the chain does',
  ]),
  ...inFile('host/untracked.ts', [
    'for (let i = 0; i < KIND; i++) hash = Math.imul(hash ^ tuple[i], 0x9e3779b1) ^ (hash >>> 15)',
    'for (let i = 0; i < KIND; i++) hash = Math.imul(hash | tuple[i], 0x9e3779b1) ^ (hash >>> 15)',
    'another hash: answers are kept by the whole tuple',
  ]),
  ...inFile('packet/defrag/fragment-queue.ts', [
    'this.length = 0',
    'this.length = 1',
    'every piece ends behind byte 1',
  ]),
  ...inFile('packet/icmp.ts', [
    'packet.sourcePort = captured >= ID + 2 ? view.getUint16(at + ID) : 0',
    'packet.sourcePort = captured >= ID + 3 ? view.getUint16(at + ID) : 0',
    'so short a header is a fault, and nobody asks for its id',
  ]),
  ...inFile('packet/encapsulation/loopback.ts', [
    'if (end - at < HEADER_LENGTH) return refuse(packet, FAULT_LINK_TRUNCATED)',
    'if (end - at <= HEADER_LENGTH) return refuse(packet, FAULT_LINK_TRUNCATED)',
    'the same fault is found at the byte behind',
  ]),
  ...inFile(
    'packet/tcp.ts',
    [
      'const ALIGNED_TIMESTAMP = 0x0101080a',
      'const ALIGNED_TIMESTAMP = 0x101080b',
      'the long way past the options finds the same',
    ],
    ['while (at < end) {', 'while (at <= end) {', 'one byte is no option, and what is read is in the buffer'],
  ),
  ...inFile('vantage/record/fingerprint.ts', [
    'Math.imul(sequence, 0x2c1b3c6d) +',
    'Math.imul(0x2c1b3c6d, sequence) +',
    'a product is the same in either order',
  ]),
  ...inFile('vantage/restore/half-translated.ts', [
    'if ((state & (KNOWN | DECIDED)) !== KNOWN || !isToClient(handshakes, at, packet)) return',
    'if ((state & (KNOWN | DECIDED)) !== KNOWN) return',
    'seen where two connections have one slot, and one number by chance',
  ]),
  ...inFile('vantage/restore/joined-connections.ts', [
    'const SHIFT = 4',
    'const SHIFT = 5',
    'records are larger, and what is in them is the same',
  ]),
  ...inFile('vantage/restore/local-output.ts', [
    'return mix(Math.imul(source, 0x85ebca77) ^ Math.imul(destination, 0xc2b2ae3d) ^ ((sourcePort << 16) | port))',
    'return mix(Math.imul(source, 0x85ebca77) ^ Math.imul(destination, 0xc2b2ae3d) ^ ((sourcePort << 16) & port))',
    'a worse hash: seen where the host itself has two connections with one service at a time, which no test has',
  ]),
  ...inFile('vantage/pairing.ts', [
    'for (let i = 1; i < sightings.count; i++) {',
    'for (let i = 1; i <= sightings.count; i++) {',
    'behind the last sighting stands one of an earlier packet, of another time',
  ]),
  ...inFile('vantage/record/place.ts', [
    'return Math.imul(hop ^ 0x5bd1e995, 0x9e3779b1) ^ macs',
    'return Math.imul(hop ^ 0x5bd1e995, 0x9e3779b1) | macs',
    'a worse hash: seen where two places fall together by chance, which no capture here has',
  ]),
]
