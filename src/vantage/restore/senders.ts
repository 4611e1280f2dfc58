// Points that show what one station sends and nothing that is sent to it: a bridge that is not promiscuous, by its own device.
import { isGroup } from '../../net/special-ranges.ts'
import type { Packet } from '../../packet/packet.ts'
import type { Intake } from '../record/intake.ts'

/** Points that are told apart; others show what is sent to a station, too. */
const MOST_POINTS = 64
/** What is known of a point: the station that sends, and a hash of the address that it sent for first. */
const STATION = 0
const SOURCE = 1
const FLAGS = 2
const SHIFT = 2

const FLAG_SEVERAL_SOURCES = 1
const FLAG_OTHERS_SEND = 2

/** What senders begin with. */
const isInitialTtl = (ttl: number): boolean => ttl === 64 || ttl === 128 || ttl === 255

export class Senders {
  private readonly words = new Int32Array(MOST_POINTS << SHIFT)

  /** Takes in a packet that the intake has read. */
  learn(packet: Packet, { point, sourceMac }: Intake): void {
    if (point >= MOST_POINTS || isGroup(packet.family, packet.destination0)) return
    const { words } = this
    const at = point << SHIFT
    // a cooked capture tells which way a frame went
    if (sourceMac === 0 || packet.packetType >= 0) {
      words[at + FLAGS] |= FLAG_OTHERS_SEND
      return
    }
    const source = packet.source0 ^ Math.imul(packet.source3, 31) ^ Math.imul(packet.source2, 17)
    if (words[at + STATION] === 0) {
      words[at + STATION] = sourceMac
      words[at + SOURCE] = source
    } else if (words[at + STATION] !== sourceMac) words[at + FLAGS] |= FLAG_OTHERS_SEND
    else if (words[at + SOURCE] !== source) words[at + FLAGS] |= FLAG_SEVERAL_SOURCES
  }

  /**
   * Whether a packet was turned round by a bridge, whose device shows no answers: the only station that sends at the point
   * does so for several addresses, without routing.
   */
  hidesAnswers(packet: Packet, point: number): boolean {
    if (point >= MOST_POINTS || !isInitialTtl(packet.ttl)) return false
    return this.words[(point << SHIFT) + FLAGS] === FLAG_SEVERAL_SOURCES
  }
}
