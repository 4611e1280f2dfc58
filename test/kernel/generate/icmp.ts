// ICMP and ICMPv6 requests and replies, neighbour discovery, and types that conntrack refuses (RFC 792, 4443, 4861).

import { finish, sumWords } from './checksum.ts'
import type { Conversation, Direction } from './conversation.ts'
import { concat, put16 } from './ip.ts'

export const ICMP = 1
export const ICMPV6 = 58

/** A message of eight header bytes and data, its checksum filled in. */
export function icmpMessage(
  conversation: Conversation,
  direction: Direction,
  head: { type: number; code?: number; id?: number; sequence?: number },
  data: Uint8Array,
): Uint8Array {
  const bytes = concat(new Uint8Array(8), data)
  bytes[0] = head.type
  bytes[1] = head.code ?? 0
  put16(bytes, 4, head.id ?? 0)
  put16(bytes, 6, head.sequence ?? 0)
  if (conversation.family === 6) conversation.sealChecksum(direction, ICMPV6, bytes, 2)
  else put16(bytes, 2, finish(sumWords(bytes)) ^ (conversation.random.chance(0.005) ? 1 : 0))
  return bytes
}

const PAIRS_4 = [
  [8, 0],
  [8, 0],
  [13, 14],
  [15, 16],
  [17, 18],
]
const PAIRS_6 = [
  [128, 129],
  [128, 129],
  [139, 140],
]

/** Makes up one conversation of requests, replies, and messages that are neither. */
export function talkIcmp(conversation: Conversation): void {
  const { random, family } = conversation
  // now and then the other family's protocol, which conntrack refuses
  const protocol = (family === 4) === random.chance(0.97) ? ICMP : ICMPV6
  const [request, reply] = random.pick(protocol === ICMP ? PAIRS_4 : PAIRS_6)
  const id = random.below(0x10000)
  for (let left = random.between(1, 10); left > 0; left--) {
    const direction: Direction = random.chance(0.5) ? 1 : 0
    const odd = random.chance(0.15)
    const type = odd ? oddType(conversation) : random.chance(0.1) === (direction === 0) ? reply : request
    const head = {
      type,
      code: random.chance(0.05) ? random.below(4) : 0,
      id: random.chance(0.05) ? random.below(0x10000) : id,
      sequence: left,
    }
    const bytes = icmpMessage(conversation, direction, head, random.bytes(random.below(64)))
    const cut = random.chance(0.03) ? random.below(9) : bytes.length
    conversation.send(direction, protocol, bytes.subarray(0, cut), random.chance(0.1) ? 255 : 64)
    if (random.chance(0.2)) conversation.pause()
  }
}

function oddType({ random, family }: Conversation): number {
  if (family === 4)
    return random.pick([0, 1, 2, 3, 6, 9, 10, 14, 18, 19, 30, 37, 40, 128, 255, random.below(256)])
  return random.pick([
    0,
    1,
    100,
    127,
    129,
    130,
    131,
    132,
    133,
    134,
    135,
    136,
    137,
    138,
    141,
    143,
    144,
    151,
    152,
    153,
    255,
    random.below(256),
  ])
}
