// UDP and UDP-Lite conversations: across the two-second rule, unanswered, with wrong lengths and checksums.
import type { Conversation, Direction } from './conversation.ts'
import { put16 } from './ip.ts'

export const UDP = 17
export const UDP_LITE = 136

/** A datagram with a sound header; its checksum is filled in by Conversation.sealChecksum. */
export function datagram(source: number, destination: number, payload: number): Uint8Array {
  const bytes = new Uint8Array(8 + payload)
  put16(bytes, 0, source)
  put16(bytes, 2, destination)
  put16(bytes, 4, bytes.length)
  return bytes
}

/** Makes up one UDP (17) or UDP-Lite (136) conversation. */
export function talkUdp(conversation: Conversation, protocol: number): void {
  const { random } = conversation
  const ports = [conversation.port(), random.chance(0.02) ? 7 : conversation.port()]
  const answering = random.weighted([
    [2, 0],
    [2, 0.1],
    [6, 0.5],
  ])
  for (let left = random.between(1, 14); left > 0; left--) {
    const direction: Direction = random.chance(answering) ? 1 : 0
    sendDatagram(conversation, protocol, direction, ports)
    if (random.chance(0.25)) conversation.sleep(random.pick([1, 2, 2, 3]))
    if (random.chance(0.1)) conversation.pause()
  }
}

function sendDatagram(
  conversation: Conversation,
  protocol: number,
  direction: Direction,
  ports: readonly number[],
): void {
  const { random } = conversation
  const whole = datagram(ports[direction], ports[1 - direction], random.below(200))
  let bytes = whole
  if (random.chance(0.04))
    put16(whole, 4, random.pick([0, 1, 7, 8, whole.length - 1, whole.length + 1, 0xffff]))
  else if (random.chance(0.02)) bytes = whole.subarray(0, random.pick([0, 2, 4, 7, 8]))
  else if (protocol === UDP_LITE && random.chance(0.4)) put16(whole, 4, random.pick([0, 8, whole.length]))
  // the kernel sums UDP-Lite's pseudo header with UDP's protocol number: only what is summed so passes
  conversation.sealChecksum(direction, protocol === UDP_LITE && random.chance(0.8) ? UDP : protocol, bytes, 6)
  if (random.chance(0.1) && bytes.length >= 8) put16(bytes, 6, 0)
  conversation.send(direction, protocol, bytes)
}
