// What tells packets apart as far as rules can ask: the words that a walk is kept under, and which of them a question is about.
import { helperNumber } from '../../conntrack/helper-assignment.ts'
import { IPS_DST_NAT, IPS_NAT_DONE_MASK, IPS_SRC_NAT } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { portsOf } from '../../conntrack/tuple.ts'
import type { Packet } from '../../packet/packet.ts'
import {
  ASKS_DESTINATION,
  ASKS_DESTINATION_PORT,
  ASKS_SOURCE,
  ASKS_SOURCE_PORT,
  ASKS_STATUS,
  ASKS_TCP_FLAGS,
  ASKS_TUPLES,
} from '../rules/asks.ts'
import type { Way } from './way.ts'

/** Words of a key: both addresses, ports, and those below. */
export const KEY_WORDS = 22
const PORTS = 8
const KIND = 9
const FLAGS = 10
const STATUS = 11
const MARK = 12
const COURSE = 13
/** The other direction's source, destination and ports. */
const OTHER = 14
const WAY_MARK = 17
const WAY = 18
const ROUTE = 19
/** The route behind the translation of its entry. */
const LATER_ROUTE = 20
const DESTINATION_NUMBER = 21
const TCP_FLAGS_MASK = 0xff << 16

/** Bits of an entry's status that tell whether it is translated, and whether rules are asked. */
export const NAT_STATUS = IPS_SRC_NAT | IPS_DST_NAT | IPS_NAT_DONE_MASK

/** Bits of each word that packets have in common for which a walk that asked for `asks` is the same. */
export function maskOf(asks: number): Int32Array {
  const mask = new Int32Array(KEY_WORDS).fill(-1)
  if ((asks & ASKS_SOURCE) === 0) mask.fill(0, 0, 4)
  if ((asks & ASKS_DESTINATION) === 0) mask.fill(0, 4, 8)
  mask[PORTS] =
    ((asks & ASKS_SOURCE_PORT) === 0 ? 0 : 0xffff << 16) | ((asks & ASKS_DESTINATION_PORT) === 0 ? 0 : 0xffff)
  if ((asks & ASKS_TCP_FLAGS) === 0) mask[KIND] = ~TCP_FLAGS_MASK
  // where its entry is translated is not asked for, but done
  if ((asks & ASKS_STATUS) === 0) mask[STATUS] = NAT_STATUS
  if ((asks & ASKS_TUPLES) === 0) mask.fill(0, OTHER, OTHER + 3)
  return mask
}

/**
 * Fills the key of a packet.
 * @param flags what else tells its walk: state, direction, whether it made its entry
 * @param course number of where it was seen
 */
export function fillKey(
  key: Int32Array,
  packet: Packet,
  flags: number,
  status: number,
  mark: number,
  course: number,
): void {
  const isWide = packet.family === 6
  key[0] = packet.source0
  key[1] = isWide ? packet.source1 : 0
  key[2] = isWide ? packet.source2 : 0
  key[3] = isWide ? packet.source3 : 0
  key[4] = packet.destination0
  key[5] = isWide ? packet.destination1 : 0
  key[6] = isWide ? packet.destination2 : 0
  key[7] = isWide ? packet.destination3 : 0
  key[PORTS] = askedPorts(packet)
  const tcpFlags = packet.protocol === 6 && packet.transportCaptured >= 14 ? packet.tcpFlags & 0xff : 0
  key[KIND] =
    packet.protocol |
    (packet.family << 8) |
    (packet.hasTuple ? 1 << 12 : 0) |
    (packet.ttl <= 1 ? 1 << 13 : 0) |
    (packet.transportCaptured >= 2 ? 1 << 14 : 0) |
    (packet.transportCaptured >= 14 ? 1 << 15 : 0) |
    (tcpFlags << 16)
  key[FLAGS] = flags
  key[STATUS] = status
  key[MARK] = mark
  key[COURSE] = course
  key[OTHER] = 0
  key[OTHER + 1] = 0
  key[OTHER + 2] = 0
  key[WAY_MARK] = 0
  key[WAY] = 0
  key[ROUTE] = 0
  key[LATER_ROUTE] = 0
  key[DESTINATION_NUMBER] = 0
}

/**
 * Adds what the host does with the packet's addresses.
 * @param later the same of where its entry is translated to, 0 where that is nowhere else
 * @param destination a number for what chains have rules about
 */
export function addRoute(key: Int32Array, route: number, later: number, destination: number): void {
  key[ROUTE] = route
  key[LATER_ROUTE] = later
  key[DESTINATION_NUMBER] = destination
}

/** Ports, or of ICMP type and code, as far as the packet has them. */
function askedPorts(packet: Packet): number {
  if (packet.protocol === 1 || packet.protocol === 58) {
    if (packet.transportCaptured < 2) return 0
    return (packet.bytes[packet.transportOffset] << 8) | packet.bytes[packet.transportOffset + 1]
  }
  return packet.hasTuple ? portsOf(packet) : 0
}

/** Adds what tells entries apart whose packets look the same: how they are translated. */
export function addEntry(key: Int32Array, table: Table, ct: number, direction: number): void {
  if (ct < 0) return
  const other = ct * 2 + 1 - direction
  key[OTHER] = table.source(other)
  key[OTHER + 1] = table.destination(other)
  key[OTHER + 2] = table.ports(other)
}

/**
 * Adds the way on which the packet comes to conntrack.
 * @param isOnly whether it is on that one for certain
 * @param isUnknown whether nobody knows the mark of its connection
 * @returns false for several ways: such a packet is walked each time
 */
export function addWay(key: Int32Array, ways: readonly Way[], isOnly: boolean, isUnknown: boolean): boolean {
  if (ways.length !== 1) return false
  const { mark, isUntracked, isFixed, zone, helper } = ways[0]
  key[WAY_MARK] = mark ?? 0
  key[WAY] =
    (mark === null ? 1 : 0) |
    (isUnknown ? 2 : 0) |
    (isUntracked ? 4 : 0) |
    (isFixed ? 8 : 0) |
    (zone << 4) |
    (isOnly ? 0 : 1 << 20) |
    (helperNumber(helper) << 21)
  return true
}
