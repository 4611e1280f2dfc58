// The head of a DNS message, as far as it tells one message from another (RFC 1035, section 4.1.1; RFC 6891).
import type { Packet } from './packet.ts'

const UDP_HEADER = 8
const DNS_HEADER = 12

/** Whether a datagram is long enough to be a DNS message. */
export function hasDnsHead(packet: Packet): boolean {
  return packet.transportCaptured >= UDP_HEADER + DNS_HEADER
}

/** Whether a datagram with such a head begins as a DNS query does: no answer, one question and nothing else but an OPT record. */
export function isDnsQuery(packet: Packet): boolean {
  const at = packet.transportOffset + UDP_HEADER
  const { view } = packet
  if ((view.getUint16(at + 2) & 0xfe4f) !== 0 || view.getUint16(at + 4) !== 1) return false
  return view.getUint32(at + 6) === 0 && view.getUint16(at + 10) <= 1
}

/** The id of a DNS message. */
export function dnsId(packet: Packet): number {
  return packet.view.getUint16(packet.transportOffset + UDP_HEADER)
}
