// The flow of an entry as facts: as it was meant, and as NAT made it. Protocols without ports have ends without them.
import { DIRECTION_ORIGINAL, DIRECTION_REPLY } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { KIND_IPV6, keepsPorts, portsOf, type Tuple } from '../../conntrack/tuple.ts'
import type { Endpoint } from '../../host/knowledge.ts'
import type { Packet } from '../../packet/packet.ts'
import type { FlowFacts } from '../facts/facts.ts'
import { isOneEnd } from './flow-forms.ts'

/** The flow of entry `ct`. */
export function flowOfEntry(table: Table, ct: number): FlowFacts {
  const original = ct * 2 + DIRECTION_ORIGINAL
  const reply = ct * 2 + DIRECTION_REPLY
  return flowOf(
    table.protocol(ct),
    [endOfKey(table, original, true), endOfKey(table, original, false)],
    [endOfKey(table, reply, false), endOfKey(table, reply, true)],
  )
}

/** The flow whose first packet has `tuple`, and whose replies have `reply`. */
export function flowOfTuples(tuple: Tuple, reply: Tuple): FlowFacts {
  return flowOf(
    tuple.kind & 0xff,
    [endOfTuple(tuple, true), endOfTuple(tuple, false)],
    [endOfTuple(reply, false), endOfTuple(reply, true)],
  )
}

/** Source or destination of a key. */
export function endOfKey(table: Table, key: number, isSource: boolean): Endpoint {
  const ports = table.ports(key)
  const isIpv6 = table.isIpv6(key >> 1)
  const word = (index: number): number =>
    isSource ? table.sourceWord(key, index) : table.destinationWord(key, index)
  return {
    family: isIpv6 ? 6 : 4,
    words: isIpv6 ? Int32Array.of(word(0), word(1), word(2), word(3)) : Int32Array.of(word(0), 0, 0, 0),
    port: keepsPorts(table.protocol(key >> 1), ports) ? (isSource ? ports >>> 16 : ports & 0xffff) : -1,
  }
}

/** Source or destination of a packet, which has ports. */
export function endOfPacket(packet: Packet, isSource: boolean): Endpoint {
  const { source0, source1, source2, source3, destination0, destination1, destination2, destination3 } =
    packet
  const words = isSource
    ? [source0, source1, source2, source3]
    : [destination0, destination1, destination2, destination3]
  const isIpv6 = packet.family === 6
  return {
    family: isIpv6 ? 6 : 4,
    words: isIpv6 ? Int32Array.from(words) : Int32Array.of(words[0], 0, 0, 0),
    port: isSource ? portsOf(packet) >>> 16 : portsOf(packet) & 0xffff,
  }
}

function flowOf(protocol: number, meant: [Endpoint, Endpoint], made: [Endpoint, Endpoint]): FlowFacts {
  const isSame = isOneEnd(meant[0], made[0]) && isOneEnd(meant[1], made[1])
  const translated = isSame ? null : { client: made[0], server: made[1] }
  return { protocol, client: meant[0], server: meant[1], translated }
}

function endOfTuple(tuple: Tuple, isSource: boolean): Endpoint {
  const port = isSource ? tuple.ports >>> 16 : tuple.ports & 0xffff
  const words = isSource
    ? [tuple.source0, tuple.source1, tuple.source2, tuple.source3]
    : [tuple.destination0, tuple.destination1, tuple.destination2, tuple.destination3]
  const isIpv6 = tuple.kind >= KIND_IPV6
  return {
    family: isIpv6 ? 6 : 4,
    words: isIpv6
      ? Int32Array.from(words)
      : Int32Array.of(isSource ? tuple.source : tuple.destination, 0, 0, 0),
    port: keepsPorts(tuple.kind & 0xff, tuple.ports) ? port : -1,
  }
}
