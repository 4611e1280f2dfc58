// Which stations are the host's own, which packets are routed by, and which are its neighbours, which talk to those.
import { DESTINATION_MAC, HOP, type RecordRing, SOURCE_MAC } from './record-ring.ts'

/** Stations that are remembered, a power of two; a newer one takes the place of an older one. */
const MOST = 1 << 10
const SHIFT = 1
const KEY = 0
const KIND = 1

const HOST = 1
const NEIGHBOUR = 2

export class Stations {
  /** Whether any station of the host is known. */
  knowsHost = false
  private readonly words = new Int32Array(MOST << SHIFT)

  /** Takes two sightings of a packet in, the one behind the other; only what the host has routed tells. */
  learn(ring: RecordRing, before: number, behind: number): void {
    if ((ring.word(behind, HOP) & 0xff) !== (ring.word(before, HOP) & 0xff) - 1) return
    const sender = ring.word(before, SOURCE_MAC)
    const host = ring.word(before, DESTINATION_MAC)
    // a bridge sends a frame back to its sender under the sender's own address, before the host routes a copy
    if (host !== sender) this.put(host, HOST)
    this.put(ring.word(behind, SOURCE_MAC), HOST)
    this.put(sender, NEIGHBOUR)
    this.put(ring.word(behind, DESTINATION_MAC), NEIGHBOUR)
  }

  /** Takes in that a station is the host's. */
  noteHost(mac: number): void {
    this.put(mac, HOST)
  }

  /** Whether a station, by the hash of its address, has been seen to route. */
  isHost(mac: number): boolean {
    return this.kindOf(mac) === HOST
  }

  /** Whether a station is known to have talked with the host, so that it is another. */
  isNeighbour(mac: number): boolean {
    return this.kindOf(mac) === NEIGHBOUR
  }

  private kindOf(mac: number): number {
    const at = slotOf(mac)
    return mac !== 0 && this.words[at + KEY] === mac ? this.words[at + KIND] : 0
  }

  private put(mac: number, kind: number): void {
    if (mac === 0) return
    const at = slotOf(mac)
    // what was the host's once is no neighbour
    if (this.words[at + KEY] === mac && this.words[at + KIND] === HOST) return
    this.words[at + KEY] = mac
    this.words[at + KIND] = kind
    if (kind === HOST) this.knowsHost = true
  }
}

const slotOf = (mac: number): number => ((Math.imul(mac, 0x9e3779b1) >>> 20) & (MOST - 1)) << SHIFT
