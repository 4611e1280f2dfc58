// GRE (RFC 2784, 2890) and PPTP's version of it (RFC 2637), whose call ids are keys, and protocols without a tracker.
import type { Conversation, Direction } from './conversation.ts'
import { put16 } from './ip.ts'

export const GRE = 47
const PPP = 0x880b

/** Makes up one GRE conversation between two hosts. */
export function talkGre(conversation: Conversation): void {
  const { random } = conversation
  const pptp = random.chance(0.5)
  const calls = [random.below(3), random.below(3)]
  for (let left = random.between(1, 10); left > 0; left--) {
    const direction: Direction = random.chance(0.5) ? 1 : 0
    const version = random.chance(0.1) ? random.below(8) : pptp ? 1 : 0
    const bytes = new Uint8Array(random.between(8, 40))
    put16(bytes, 0, (random.chance(0.5) ? 0x2000 : 0) | version)
    put16(bytes, 2, version === 1 && random.chance(0.9) ? PPP : random.pick([0x0800, 0x6558, PPP]))
    put16(bytes, 4, random.below(20))
    put16(bytes, 6, random.chance(0.2) ? random.below(4) : calls[direction])
    const cut = random.chance(0.05) ? random.pick([0, 2, 3, 4, 6, 7]) : bytes.length
    conversation.send(direction, GRE, bytes.subarray(0, cut))
    if (random.chance(0.15)) conversation.pause()
  }
}

/** Protocols that conntrack knows by number alone: IPIP, DCCP, ESP, AH, OSPF, PIM, VRRP, and unassigned ones. */
const UNTRACKED = [4, 33, 41, 50, 51, 59, 89, 103, 112, 200, 253, 255]

/** Makes up one conversation of a protocol without a tracker. */
export function talkGeneric(conversation: Conversation): void {
  const { random } = conversation
  const protocol = random.pick(
    conversation.family === 4 ? [2, ...UNTRACKED] : [59, 59, ...UNTRACKED.filter(p => p !== 51)],
  )
  for (let left = random.between(1, 8); left > 0; left--) {
    const direction: Direction = random.chance(0.5) ? 1 : 0
    conversation.send(
      direction,
      random.chance(0.1) ? random.pick([50, 89]) : protocol,
      random.bytes(random.below(60)),
    )
    if (random.chance(0.2)) conversation.pause()
  }
}
