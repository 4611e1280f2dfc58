// The two port numbers that TCP, UDP, UDP-Lite and SCTP begin with, as nf_ct_get_tuple_ports() reads them (net/netfilter/nf_conntrack_core.c).

import type { Packet } from './packet.ts'

export const PORTS_LENGTH = 4

/** Reads the ports at `at`: four bytes of the packet make a tuple. Ports the capture has cut off read 0. */
export function decodePorts(view: DataView, at: number, packet: Packet): void {
  packet.hasTuple = packet.transportLength >= PORTS_LENGTH
  if (packet.transportCaptured < PORTS_LENGTH) {
    packet.sourcePort = 0
    packet.destinationPort = 0
    return
  }
  const ports = view.getInt32(at)
  packet.sourcePort = ports >>> 16
  packet.destinationPort = ports & 0xffff
}
