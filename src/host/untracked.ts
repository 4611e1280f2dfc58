// Packets that rules of NOTRACK match, for a replay that asks about each: answers are kept by tuple.

import { hasPorts } from '../net/numbers.ts'
import type { Family } from './files/network.ts'
import type { Knowledge } from './knowledge.ts'
import { firstHook, type Rules } from './rules/rules.ts'
import type { Subject } from './rules/subject.ts'

/** What is asked about, as the decoder has it. */
export interface TuplePacket {
  family: number
  protocol: number
  source0: number
  source1: number
  source2: number
  source3: number
  destination0: number
  destination1: number
  destination2: number
  destination3: number
  sourcePort: number
  destinationPort: number
  hasTuple: boolean
}

/** Tuples whose answers are kept, a power of two, and words of one: addresses, ports, protocol and family, the answer. */
const SLOTS = 4096
const WORDS = 11
const PORTS = 8
const KIND = 9
const ANSWER = 10

const TRACKED = 1
const UNTRACKED = 2

class UntrackedPackets {
  private readonly knowledge: Knowledge
  private readonly rules: Rules
  private readonly kept = new Int32Array(SLOTS * WORDS)
  private readonly tuple = new Int32Array(WORDS)

  constructor(knowledge: Knowledge, rules: Rules) {
    this.knowledge = knowledge
    this.rules = rules
  }

  /** Whether a packet is certainly not tracked. */
  matches(packet: TuplePacket): boolean {
    const { tuple, kept } = this
    this.take(packet)
    let hash = tuple[KIND]
    for (let i = 0; i < KIND; i++) hash = Math.imul(hash ^ tuple[i], 0x9e3779b1) ^ (hash >>> 15)
    const at = ((hash >>> 8) & (SLOTS - 1)) * WORDS
    let i = 0
    while (i < ANSWER && kept[at + i] === tuple[i]) i++
    if (i < ANSWER) {
      tuple[ANSWER] = this.decide() ? UNTRACKED : TRACKED
      kept.set(tuple, at)
    }
    return kept[at + ANSWER] === UNTRACKED
  }

  private take(packet: TuplePacket): void {
    const { tuple } = this
    const isIpv6 = packet.family === 6
    tuple[0] = packet.source0
    tuple[4] = packet.destination0
    tuple[1] = isIpv6 ? packet.source1 : 0
    tuple[2] = isIpv6 ? packet.source2 : 0
    tuple[3] = isIpv6 ? packet.source3 : 0
    tuple[5] = isIpv6 ? packet.destination1 : 0
    tuple[6] = isIpv6 ? packet.destination2 : 0
    tuple[7] = isIpv6 ? packet.destination3 : 0
    const isPorted = packet.hasTuple && hasPorts(packet.protocol)
    tuple[PORTS] = isPorted ? (packet.sourcePort << 16) | packet.destinationPort : 0
    tuple[KIND] = packet.protocol | (packet.family << 8) | (isPorted ? 1 << 16 : 0)
  }

  /**
   * The hook is that of the host itself where the source is known to be its own. Where nobody knows, a packet passes
   * PREROUTING, as what is forwarded does; or its answer does, untracked, and it is the host's own.
   */
  private decide(): boolean {
    const subject = this.subjectOf(0, 4, 16)
    if (subject.isLocal !== null) return this.rules.isUntracked(subject, firstHook(subject))
    if (this.rules.isUntracked(subject, 'prerouting')) return true
    return (
      this.rules.isUntracked(subject, 'output') &&
      this.rules.isUntracked(this.subjectOf(4, 0, 0), 'prerouting')
    )
  }

  /** @param shift of the source port within the word of both */
  private subjectOf(source: number, destination: number, shift: number): Subject {
    const { tuple } = this
    const family: Family = ((tuple[KIND] >> 8) & 0xff) === 6 ? 6 : 4
    const isPorted = tuple[KIND] >> 16 !== 0
    const end = (at: number, by: number) => ({
      family,
      words: tuple.slice(at, at + 4),
      port: isPorted ? (tuple[PORTS] >>> by) & 0xffff : -1,
    })
    return this.knowledge.subject(tuple[KIND] & 0xff, end(source, shift), end(destination, 16 - shift))
  }
}

/**
 * What tells whether a packet is tracked; null where no rule of NOTRACK is known.
 * @param rules other ones than those of the host, or those
 */
export function untrackedBy(
  knowledge: Knowledge | null,
  rules: Rules | null = knowledge?.rules ?? null,
): ((packet: TuplePacket) => boolean) | null {
  if (knowledge === null || rules === null || !rules.hasNotrack) return null
  const packets = new UntrackedPackets(knowledge, rules)
  return packet => packets.matches(packet)
}
