// TCP checksums as a host leaves them to its network card: CHECKSUM_PARTIAL, the sum of the pseudo header alone.
import { IPPROTO_TCP } from '../net/numbers.ts'
import type { Packet } from './packet.ts'

const CHECKSUM_AT = 16

/** Whether the checksum of a TCP segment is not the segment's, but the sum of its pseudo header: it is to be added to. */
export function isSumUnfinished(packet: Packet): boolean {
  if (packet.protocol !== IPPROTO_TCP || packet.transportCaptured < CHECKSUM_AT + 2) return false
  const { view } = packet
  const [from, length] = packet.family === 4 ? [12, 8] : [8, 32]
  let sum = IPPROTO_TCP + (packet.transportLength >>> 16) + (packet.transportLength & 0xffff)
  for (let at = 0; at < length; at += 2) sum += view.getUint16(packet.networkOffset + from + at)
  sum = (sum & 0xffff) + (sum >>> 16)
  sum = (sum & 0xffff) + (sum >>> 16)
  return view.getUint16(packet.transportOffset + CHECKSUM_AT) === sum
}
