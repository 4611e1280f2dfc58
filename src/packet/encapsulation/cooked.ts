// Linux cooked captures, version 1 and 2: what `tcpdump -i any` writes (tcpdump.org/linktypes, SLL and SLL2).

import { FAULT_LINK_TRUNCATED, refuse } from '../fault.ts'
import type { Packet } from '../packet.ts'
import { decodeEtherType } from './ethernet.ts'

const SLL_PACKET_TYPE = 0
const SLL_PROTOCOL = 14
const SLL_LENGTH = 16

const SLL2_PROTOCOL = 0
const SLL2_INTERFACE_INDEX = 4
const SLL2_PACKET_TYPE = 10
const SLL2_LENGTH = 20

/** Decodes the cooked v1 frame at `at`. */
export function decodeLinuxSll(view: DataView, at: number, end: number, packet: Packet): boolean {
  if (end - at < SLL_LENGTH) return refuse(packet, FAULT_LINK_TRUNCATED)
  packet.packetType = view.getUint16(at + SLL_PACKET_TYPE)
  return decodeEtherType(view, at + SLL_LENGTH, end, view.getUint16(at + SLL_PROTOCOL), packet)
}

/** Decodes the cooked v2 frame at `at`: v1 with the interface's index. */
export function decodeLinuxSll2(view: DataView, at: number, end: number, packet: Packet): boolean {
  if (end - at < SLL2_LENGTH) return refuse(packet, FAULT_LINK_TRUNCATED)
  packet.interfaceIndex = view.getInt32(at + SLL2_INTERFACE_INDEX)
  packet.packetType = view.getUint8(at + SLL2_PACKET_TYPE)
  return decodeEtherType(view, at + SLL2_LENGTH, end, view.getUint16(at + SLL2_PROTOCOL), packet)
}
