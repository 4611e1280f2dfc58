// Translations of datagrams in fragments: the first one alone has ports, the last one to come is tracked (nf_defrag_ipv4.c).
import type { Packet } from '../packet/packet.ts'
import { ObservedTranslation } from './nat.ts'

/** Datagrams that are remembered, a power of two; a newer one takes the place of an older one. */
const MOST_DATAGRAMS = 64

/** The translations of first fragments, for the datagrams that reassembly makes of them. */
export class DatagramTranslations {
  private readonly translations = Array.from({ length: MOST_DATAGRAMS }, () => new ObservedTranslation())
  private readonly keys = new Int32Array(MOST_DATAGRAMS)

  /** Keeps the translation of a first fragment; others tell nothing of the ports. */
  keep(fragment: Packet, after: Packet): void {
    if (!fragment.moreFragments || fragment.fragmentOffset !== 0 || !after.hasTuple) return
    const key = keyOf(fragment)
    this.keys[key & (MOST_DATAGRAMS - 1)] = key
    this.translations[key & (MOST_DATAGRAMS - 1)].observe(fragment, after)
  }

  /** The translation of a datagram that is whole now, or null. */
  of(datagram: Packet): ObservedTranslation | null {
    const key = keyOf(datagram)
    if (this.keys[key & (MOST_DATAGRAMS - 1)] !== key) return null
    this.keys[key & (MOST_DATAGRAMS - 1)] = 0
    return this.translations[key & (MOST_DATAGRAMS - 1)]
  }
}

/** Never 0. */
function keyOf(packet: Packet): number {
  let addresses = Math.imul(packet.source0, 0x85ebca77) ^ Math.imul(packet.destination0, 0xc2b2ae3d)
  if (packet.family === 6)
    addresses ^= Math.imul(packet.source3, 0x9e3779b1) ^ Math.imul(packet.destination3, 0x165667b1)
  const key = Math.imul(
    addresses ^ Math.imul(packet.identification, 0x27d4eb2f) ^ packet.protocol,
    0x9e3779b1,
  )
  return (key ^ (key >>> 15)) | 1
}
