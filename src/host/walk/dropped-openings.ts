// First packets that rules dropped a moment ago: an answer to one shows that the rules given are not those that ran.
import { portsOf } from '../../conntrack/tuple.ts'
import { addressWord } from '../../net/address.ts'
import type { Packet } from '../../packet/packet.ts'

/** A power of two; words of one: a hash of the tuple as it came, its ports, and the rule that decided. */
const SLOTS = 1 << 12
const WORDS = 4
const NOT_DROPPED = -2

export class DroppedOpenings {
  /** How often a packet contradicted a rule. */
  contradicted = 0
  /** Rules by their numbers that a packet contradicted: what they say is not taken for what happened any more. */
  private readonly distrusted: Uint8Array
  private readonly kept = new Int32Array(SLOTS * WORDS)

  /** @param rules how many rules and policies there are */
  constructor(rules: number) {
    this.distrusted = new Uint8Array(rules)
  }

  /** Whether a packet has contradicted a rule, by its number. */
  isDistrusted(decided: number): boolean {
    return decided >= 0 && this.distrusted[decided] !== 0
  }

  /** A packet that the rule drops went on. */
  distrust(decided: number): void {
    this.contradicted++
    if (decided >= 0) this.distrusted[decided] = 1
  }

  /** Takes the first packet of an entry, which answers one that was dropped, or not. */
  check(packet: Packet): void {
    const decided = this.answeredBy(packet)
    if (decided > NOT_DROPPED) this.distrust(decided)
  }

  /** @param decided the rule by its number, -1 for none */
  add(packet: Packet, decided: number): void {
    const ports = portsOf(packet)
    const one = endsHash(packet, false)
    const at = slotOf(one, ports)
    this.kept[at] = one
    this.kept[at + 1] = ports
    this.kept[at + 2] = packet.protocol
    this.kept[at + 3] = decided + 2
  }

  /** The rule that dropped what a packet answers, or NOT_DROPPED; it is told once. */
  private answeredBy(packet: Packet): number {
    const asked = portsOf(packet)
    const ports = (asked << 16) | (asked >>> 16)
    const one = endsHash(packet, true)
    const at = slotOf(one, ports)
    const { kept } = this
    if (kept[at + 3] === 0 || kept[at] !== one || kept[at + 1] !== ports || kept[at + 2] !== packet.protocol)
      return NOT_DROPPED
    const decided = kept[at + 3] - 2
    kept[at + 3] = 0
    return decided
  }
}

function slotOf(hash: number, ports: number): number {
  return ((Math.imul(hash ^ ports, 0x85ebca77) >>> 12) & (SLOTS - 1)) * WORDS
}

/** A hash of both addresses; `turned` of the packet that this one answers. */
function endsHash(packet: Packet, turned: boolean): number {
  const source = addressWord(packet.family, packet.source0, packet.source1, packet.source2, packet.source3)
  const destination = addressWord(
    packet.family,
    packet.destination0,
    packet.destination1,
    packet.destination2,
    packet.destination3,
  )
  const from = turned ? destination : source
  const to = turned ? source : destination
  return Math.imul(from, 0x9e3779b1) ^ Math.imul(to, 0xc2b2ae35) ^ packet.family
}
