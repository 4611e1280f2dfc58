// Packets by what decided, state and flow: those between the same two ends to the same port are one group.
import { portsOf } from '../../conntrack/tuple.ts'
import { hasPorts } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'

/** The host's stack: no route, say. */
export const BY_HOST = -2

/** One group of packets. */
export interface PacketGroup {
  /** What decided, by its number: a rule or a policy, -1 for one of several, or BY_HOST. */
  decided: number
  family: number
  protocol: number
  source: Int32Array
  destination: Int32Array
  /** -1 where the protocol has none. */
  destinationPort: number
  /** Index of the state in the order of `ct state`'s names, see packet-end.ts. */
  state: number
  /** Whether these are answers to the source. */
  isAnswer: boolean
  /** Of BY_HOST why the first of them was dropped, else `''`. */
  why: string
  packets: number
  bytes: number
  /** Frame of the first one, and its capture. */
  frame: number
  capture: number
}

/** Groups that are told apart; what comes after them is only counted. */
const MOST_GROUPS = 2048
/** A power of two, more than there are groups. */
const SLOTS = 4096
const KEY_WORDS = 11

export class GroupedPackets {
  readonly groups: PacketGroup[] = []
  /** Packets of groups that found no place. */
  others = 0
  private readonly heads = new Int16Array(SLOTS).fill(-1)
  private readonly keys = new Int32Array(MOST_GROUPS * KEY_WORDS)
  private readonly key = new Int32Array(KEY_WORDS)

  /**
   * @param isAnswer whether the packet is grouped with others of who asked, whom it answers
   * @returns the group's index, -1 where it found no place
   */
  add(packet: Packet, decided: number, state: number, isAnswer = false): number {
    const { key, keys, heads } = this
    const isWide = packet.family === 6
    const from = isAnswer ? 4 : 0
    const to = 4 - from
    key[from] = packet.source0
    key[from + 1] = isWide ? packet.source1 : 0
    key[from + 2] = isWide ? packet.source2 : 0
    key[from + 3] = isWide ? packet.source3 : 0
    key[to] = packet.destination0
    key[to + 1] = isWide ? packet.destination1 : 0
    key[to + 2] = isWide ? packet.destination2 : 0
    key[to + 3] = isWide ? packet.destination3 : 0
    const ports = portsOf(packet)
    const isPorted = packet.hasTuple && hasPorts(packet.protocol)
    key[8] = isPorted ? (isAnswer ? ports >>> 16 : ports & 0xffff) : -1
    key[9] = packet.protocol | (packet.family << 8) | (state << 16) | (isAnswer ? 1 << 24 : 0)
    key[10] = decided
    let hash = 0
    for (let i = 0; i < KEY_WORDS; i++) hash = Math.imul(hash ^ key[i], 0x9e3779b1) ^ (hash >>> 15)
    let slot = (hash >>> 8) & (SLOTS - 1)
    for (let group = heads[slot]; group >= 0; group = heads[slot]) {
      let i = 0
      while (i < KEY_WORDS && keys[group * KEY_WORDS + i] === key[i]) i++
      if (i === KEY_WORDS) {
        this.groups[group].packets++
        this.groups[group].bytes += packet.networkLength
        return group
      }
      slot = (slot + 1) & (SLOTS - 1)
    }
    if (this.groups.length === MOST_GROUPS) {
      this.others++
      return -1
    }
    heads[slot] = this.groups.length
    keys.set(key, this.groups.length * KEY_WORDS)
    this.groups.push({
      decided,
      family: packet.family,
      protocol: packet.protocol,
      source: Int32Array.of(key[0], key[1], key[2], key[3]),
      destination: Int32Array.of(key[4], key[5], key[6], key[7]),
      destinationPort: key[8],
      state,
      isAnswer,
      why: '',
      packets: 1,
      bytes: packet.networkLength,
      frame: packet.frame,
      capture: packet.capture,
    })
    return this.groups.length - 1
  }
}
