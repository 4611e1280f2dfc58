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
  ...inFile('capture/compression/lz4.ts', [
    'const FLAG_BLOCK_CHECKSUM = 0x10',
    'const FLAG_BLOCK_CHECKSUM = 0x11',
    'a frame with the other bit has been refused: it needs a dictionary',
  ]),
  ...inFile('capture/compression/skippable.ts', [
    'return magic >>> 4 === 0x184d2a5',
    'return magic >> 4 === 0x184d2a5',
    'no number with the top bit is one of these',
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
  ...inFile(
    'capture/formats/pcapng-clock.ts',
    [
      'return exact < EARLIEST ? EARLIEST : exact > LATEST ? LATEST : exact',
      'return exact <= EARLIEST ? EARLIEST : exact > LATEST ? LATEST : exact',
      'the same value either way',
    ],
    [
      'this.binary = resolution > 127',
      'this.binary = resolution >= 127',
      '64 bits of 10^-127 seconds are no nanosecond, nor are those of 2^-127',
    ],
  ),
  ...inFile('capture/frame.ts', ['interface = 0', 'interface = 1', 'every source sets it']),
  ...inFile('capture/open/merge.ts', [
    'const MAX_CHUNK = 1 << 20',
    'const MAX_CHUNK = 1 >> 20',
    'how much is read at a time',
  ]),
  ...inFile('capture/open/stored.ts', [
    'if (stats.isFIFO() || stats.isSocket()) return new PipeSource(0)',
    'if (stats.isFIFO() || stats.isSocket()) return new PipeSource(1)',
    'standard input is read by a process of its own, which has no fault',
  ]),
  ...inFile('conntrack/datagram-translations.ts', [
    'addresses ^= Math.imul(packet.source3, 0x9e3779b1) ^ Math.imul(packet.destination3, 0x165667b1)',
    'addresses ^= Math.imul(packet.source3, 0x9e3779b1) ^ Math.imul(packet.destination3, 0x165667b2)',
    'another hash, as good',
  ]),
  ...inFile('conntrack/engine.ts', ['ct = -1', 'ct = 1', 'set by every packet before anybody asks']),
  ...inFile('conntrack/eviction.ts', [
    'for (let left = longestWalk(table); key >= 0 && left > 0; left--) {',
    'for (let left = longestWalk(table); key >= 0 && left >= 0; left--) {',
    'a bound on the time that a crowded bucket takes, one key more',
  ]),
  ...inFile('conntrack/gc.ts', [
    'const pause = now - this.scanStart < this.intervalMax ? 1 : 0',
    'const pause = now - this.scanStart <= this.intervalMax ? 1 : 0',
    'seen where a cycle has taken its most to the jiffy, which no test has',
  ]),
  ...inFile('conntrack/key-tuple.ts', [
    'if (tuple.kind < KIND_IPV6) return',
    ';',
    'words that nobody reads of an IPv4 tuple',
  ]),
  ...inFile('conntrack/prefetch.ts', [
    'for (let i = 0; i < count; i++) if (keys[i] >= 0) sum ^= table.touch(keys[i])',
    'for (let i = 0; i < count; i++) if (keys[i] > 0) sum ^= table.touch(keys[i])',
    'what is read ahead changes how fast a lookup is, not what it finds',
  ]),
  ...inFile('conntrack/proto/dccp-table.ts', [
    'export const DCCP_TIMEOUTS = [240, 240, 480, 480, 43200, 64, 64, 240] as const',
    'export const DCCP_TIMEOUTS = [241, 240, 480, 480, 43200, 64, 64, 240] as const',
    'no entry is kept in the state NONE',
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
  ...inFile('conntrack/ruled-engine.ts', [
    'if (asked.kind >= KIND_IPV6) {',
    'if (asked.kind > KIND_IPV6) {',
    'nothing redirects protocol 0 of IPv6',
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
  ...inFile('filter/cursor.ts', ['start = 0', 'start = 1', 'set for every frame before anybody reads it']),
  ...inFile('host/files/json-scanner.ts', [
    'if (end < 0) throw unended(line)',
    'if (end < 1) throw unended(line)',
    'a mark that ends stands behind one that begins',
  ]),
  ...inFile('host/files/network.ts', [
    'const address = parseAddress(slash < 0 ? text : text.slice(0, slash))',
    'const address = parseAddress(slash < 1 ? text : text.slice(0, slash))',
    'neither nothing nor a slash in front is an address',
  ]),
  ...inFile('host/listing/listed-lines.ts', [
    `if (typeof value === 'object' && value !== null && !Array.isArray(value)) {`,
    `if (typeof value === 'object' && value !== null || !Array.isArray(value)) {`,
    'what begins with { is an object, or no JSON',
  ]),
  ...inFile('host/listing/listed-xml.ts', [
    'if (end < 0) break',
    'if (end < 1) break',
    'what ends stands behind its beginning',
  ]),
  ...inFile('host/rules/packet-facts.ts', [
    'icmpType = -1',
    'icmpType = -2',
    'set by every packet before anybody asks',
  ]),
  ...inFile('host/rules/rules-file.ts', [
    'if (isNft(document)) understood += readNft(path, document, ruleset, remarks)',
    'if (isNft(document)) understood -= readNft(path, document, ruleset, remarks)',
    'asked for nothing but whether it is 0',
  ]),
  ...inFile('host/rules/rules.ts', [
    'leadsTo(step.action.target, address, port, -1),',
    'leadsTo(step.action.target, address, port, 1),',
    'the port before counts where a target names none, and this one names one',
  ]),
  ...inFile('host/rules/ruleset.ts', [
    'if (isNarrow(destination)) return this.byWord.get(destination[0] ?? 0) ?? 0',
    'if (isNarrow(destination)) return this.byWord.get(destination[0]) ?? 0',
    'an address has four words',
  ]),
  ...inFile('host/rules/subject.ts', [
    'export const PERHAPS = 2',
    'export const PERHAPS = 3',
    'a name that no answer else has',
  ]),
  ...inFile('host/untracked.ts', [
    'for (let i = 0; i < KIND; i++) hash = Math.imul(hash ^ tuple[i], 0x9e3779b1) ^ (hash >>> 15)',
    'for (let i = 0; i < KIND; i++) hash = Math.imul(hash | tuple[i], 0x9e3779b1) ^ (hash >>> 15)',
    'another hash: answers are kept by the whole tuple',
  ]),
  ...inFile('host/walk/last-trails.ts', [
    'words[at + 6] !== (mark | 0)',
    'words[at + 7] !== (mark | 0)',
    'walks are kept less; a stale one is taken where a mark has changed by rules that ask nothing else, which no test has',
  ]),
  ...inFile('host/walk/routes.ts', [
    'for (let i = 0; i < 4; i++) kept[at + i] = words[i]',
    'for (let i = 0; i < 4; i++) kept[at - i] = words[i]',
    'routes are asked each time, and answer the same',
  ]),
  ...inFile('host/walk/trail.ts', [
    'return (hash >>> 8) & (SLOTS - 1)',
    'return (hash >>> 8) & (SLOTS - 2)',
    'another hash: half of the slots are used',
  ]),
  ...inFile(
    'packet/defrag/fragment-queue.ts',
    ['this.length = 0', 'this.length = 1', 'every piece ends behind byte 1'],
    [
      'this.source1 === packet.source1 &&',
      'this.source1 === packet.source1 ||',
      'asked of datagrams with one hash of 32 bits, which has every word',
    ],
  ),
  ...inFile('packet/encapsulation/loopback.ts', [
    'if (end - at < HEADER_LENGTH) return refuse(packet, FAULT_LINK_TRUNCATED)',
    'if (end - at <= HEADER_LENGTH) return refuse(packet, FAULT_LINK_TRUNCATED)',
    'the same fault is found at the byte behind',
  ]),
  ...inFile('packet/icmp.ts', [
    'packet.sourcePort = captured >= ID + 2 ? view.getUint16(at + ID) : 0',
    'packet.sourcePort = captured >= ID + 3 ? view.getUint16(at + ID) : 0',
    'so short a header is a fault, and nobody asks for its id',
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
  ...inFile('vantage/bridging.ts', [
    'if (sightings.packetType(0) < 0)',
    'if (sightings.packetType(0) <= 0)',
    'no frame to a group has the type of one to the host',
  ]),
  ...inFile('vantage/pairing.ts', [
    'for (let i = 1; i < sightings.count; i++) {',
    'for (let i = 1; i <= sightings.count; i++) {',
    'behind the last sighting stands one of an earlier packet, of another time',
  ]),
  ...inFile('vantage/record/fingerprint.ts', [
    'Math.imul(sequence, 0x2c1b3c6d) +',
    'Math.imul(0x2c1b3c6d, sequence) +',
    'a product is the same in either order',
  ]),
  ...inFile(
    'vantage/record/place.ts',
    [
      'return Math.imul(hop ^ 0x5bd1e995, 0x9e3779b1) ^ macs',
      'return Math.imul(hop ^ 0x5bd1e995, 0x9e3779b1) | macs',
      'a worse hash: seen where two places fall together by chance, which no capture here has',
    ],
    [
      'const macs = Math.imul(sourceMac ^ (destinationMac >>> 7), 0xc2b2ae3d) ^ destinationMac',
      'const macs = Math.imul(sourceMac ^ (destinationMac >>> 8), 0xc2b2ae3d) ^ destinationMac',
      'another hash, as good',
    ],
  ),
  ...inFile(
    'vantage/restore/handshake-ends.ts',
    [
      'if (words[one + CAPTURE] !== words[other + CAPTURE]) return time',
      'if (words[one - CAPTURE] !== words[other + CAPTURE]) return time',
      'seen where two views of one capture with one TTL contradict others by less than a clock does, which no test has',
    ],
    [
      'for (let j = 0; j < words[at + ANSWERS]; j++) {',
      'for (let j = 0; j <= words[at + ANSWERS]; j++) {',
      'behind the last view stands one of an earlier handshake of the slot, if any',
    ],
  ),
  ...inFile(
    'vantage/restore/handshakes.ts',
    [
      'else if (this.awaited > 0) this.meetReaction(packet, (flags & TCP_RST) !== 0)',
      'else if (this.awaited >= 0) this.meetReaction(packet, (flags & TCP_RST) !== 0)',
      'spares a look where no handshake waits',
    ],
    [
      'words[at + RECORD] = record',
      'words[at - RECORD] = record',
      'a view that comes late makes another record of the connection, with the same tuples',
    ],
  ),
  ...inFile('vantage/restore/joined-connections.ts', [
    'this.oldestOf = (this.oldestOf + 1) & (ROOM - 1)',
    'this.oldestOf = (this.oldestOf + 1) & (ROOM - 2)',
    'which view makes room where several share a place by chance',
  ]),
  ...inFile(
    'vantage/restore/local-output.ts',
    [
      'const at = ((key >>> 1) & (MOST - 1)) << SHIFT',
      'const at = ((key >> 1) & (MOST - 1)) << SHIFT',
      'the sign is none of the bits that are taken',
    ],
    [
      'const at = ((key >>> 1) & (MOST - 1)) << SHIFT',
      'const at = ((key >> 1) & (MOST - 1)) << SHIFT',
      'the sign is none of the bits that are taken',
      2,
    ],
  ),
  ...inFile('vantage/restore/quoted-packets.ts', [
    'if (!packet.hasTuple || packet.fragmentOffset !== 0) return',
    'if (!packet.hasTuple && packet.fragmentOffset !== 0) return',
    'a packet too short for ports has port 0, and no error quotes that',
  ]),
  ...inFile('vantage/restore/restorer.ts', [
    'const SAMPLED_PORTS = 15',
    'const SAMPLED_PORTS = 16',
    'more ports are sampled',
  ]),
  ...inFile('capture/formats/pcapng-names.ts', [
    'const MOST_NAMES = 1 << 16',
    'const MOST_NAMES = 2 << 16',
    'a bound on memory: twice as many names are kept',
  ]),
  ...inFile('capture/open/stored.ts', [
    "if (isatty(0)) throw new CaptureError(file.path, null, 'standard input is a terminal, expected a capture')",
    ';',
    'no test has a terminal as its standard input',
  ]),
  ...inFile('conntrack/expect/amanda.ts', [
    'if (at < 0) continue',
    'if (at <= 0) continue',
    'CONNECT stands before what is found',
  ]),
  ...inFile('conntrack/expect/expectations.ts', [
    'if (kind < KIND_IPV6) {',
    'if (kind <= KIND_IPV6) {',
    'a kind of IPv6 has a protocol, too, and is larger',
  ]),
  ...inFile('conntrack/expect/sip-message.ts', [
    'if (at < 0 || bytes[at] !== COLON || at + 1 >= end) break',
    'if (at < 1 || bytes[at] !== COLON || at + 1 >= end) break',
    'a line end stands before every header',
  ]),
  ...inFile('host/rules/by-destination.ts', [
    'return foldAddress(first, words[1] ?? 0, words[2] ?? 0, words[3] ?? 0)',
    'return foldAddress(words[1] ?? 0, first, words[2] ?? 0, words[3] ?? 0)',
    'another hash, as good',
  ]),
  ...inFile('host/walk/course.ts', [
    'return this.host?.isBridge(name) ?? false',
    'return this.host?.isBridge(name)',
    'undefined is as false as false',
  ]),
  ...inFile('host/walk/wheels.ts', [
    'const stands = isSure ? at : -1',
    'const stands = isSure ? at : -2',
    'any negative number says that nobody knows',
  ]),
  ...inFile('packet/tcp.ts', [
    'return at >= 0 && packet.view.getUint8(at + 1) === TIMESTAMP_LENGTH ? packet.view.getInt32(at + 2) : 0',
    'return at > 0 && packet.view.getUint8(at + 1) === TIMESTAMP_LENGTH ? packet.view.getInt32(at + 2) : 0',
    'a header stands before every option',
  ]),
]
