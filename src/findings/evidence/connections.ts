// The connections of a finding, to be replayed alone: which packets are of them, as they came or as they left.

import type { Translation } from '../../conntrack/nat.ts'
import { Tuple, tupleOf } from '../../conntrack/tuple.ts'
import type { Endpoint } from '../../host/knowledge.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import type { Tracker } from '../../replay.ts'
import type { FlowFacts } from '../facts/facts.ts'

/** Flows of a finding that are replayed. */
const MOST_FLOWS = 64
/** Pairs of ends that are told apart. */
const MOST_PAIRS = 1024

/** Engines that want the packets of some connections once more. */
export interface Trials extends Tracker {
  /** Whether they want none. */
  readonly isEmpty: boolean
  /** Whether a packet may be of any of the connections. */
  mayHave(packet: Packet): boolean
}

export class Connections {
  /** Their ends, in all forms that are known. */
  private readonly pairs: Set<string>
  /** Ports of the servers: what has none of them is of no connection. */
  private readonly ports = new Set<number>()
  /** The servers, in all forms that are known. */
  private readonly servers = new Set<string>()
  private readonly protocol: number
  private readonly behind = new Tuple()

  /** @param all flows of one finding, all of one protocol */
  constructor(all: readonly FlowFacts[]) {
    const flows = all.slice(0, MOST_FLOWS)
    this.pairs = pairsOf(flows)
    this.protocol = flows[0]?.protocol ?? IPPROTO_TCP
    for (const { server, translated } of flows) {
      for (const end of [server, translated?.server]) if (end) this.servers.add(endpointKey(end))
    }
    for (const { server, translated, answerer, untranslated } of flows) {
      for (const end of [
        server,
        translated?.server,
        answerer,
        untranslated?.destination,
        untranslated?.source,
      ])
        if (end) this.ports.add(end.port)
    }
  }

  /** Whether a packet may be of one of them: by its ports alone, which tell most others apart. */
  mayHave({ protocol, sourcePort, destinationPort }: Packet): boolean {
    return protocol === this.protocol && (this.ports.has(sourcePort) || this.ports.has(destinationPort))
  }

  /** Whether a server of them sent it. */
  isOfServer(packet: Packet): boolean {
    return this.servers.has(sourceKey(packet))
  }

  /** Whether it is of one, as it came or as it left; then its ends before the translation are known from now on. */
  has(packet: Packet, translation: Translation | null): boolean {
    const own = pairKey(sourceKey(packet), destinationKey(packet))
    if (this.pairs.has(own)) return true
    if (translation === null) return false
    tupleOf(packet, this.behind)
    if (translation.apply(this.behind) === 0) return false
    if (!this.pairs.has(pairOfTuple(packet.family, this.behind))) return false
    if (this.pairs.size < MOST_PAIRS) this.pairs.add(own)
    return true
  }
}

function pairsOf(flows: readonly FlowFacts[]): Set<string> {
  const pairs = new Set<string>()
  const add = (a: Endpoint | null | undefined, b: Endpoint | null | undefined): void => {
    if (a && b) pairs.add(pairKey(endpointKey(a), endpointKey(b)))
  }
  for (const { client, server, translated, untranslated, answerer } of flows) {
    for (const from of [client, translated?.client]) {
      for (const to of [server, translated?.server, answerer]) add(from, to)
    }
    add(untranslated?.source, untranslated?.destination)
  }
  return pairs
}

/** Of both directions the same. */
function pairKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}

function endpointKey({ family, words: [w0 = 0, w1 = 0, w2 = 0, w3 = 0], port }: Endpoint): string {
  return [family, w0, w1, w2, w3, port].join()
}

function pairOfTuple(family: number, tuple: Tuple): string {
  const { source, source0, source1, source2, source3, destination, ports } = tuple
  const { destination0, destination1, destination2, destination3 } = tuple
  const [from, to] =
    family === 4
      ? [
          [source, 0, 0, 0],
          [destination, 0, 0, 0],
        ]
      : [
          [source0, source1, source2, source3],
          [destination0, destination1, destination2, destination3],
        ]
  return pairKey([family, ...from, ports >>> 16].join(), [family, ...to, ports & 0xffff].join())
}

/** The end that sent it. */
export function sourceKey({ family, source0, source1, source2, source3, sourcePort }: Packet): string {
  return [family, source0, source1, source2, source3, sourcePort].join()
}

/** The end that it is for. */
export function destinationKey(packet: Packet): string {
  const { family, destination0, destination1, destination2, destination3, destinationPort } = packet
  return [family, destination0, destination1, destination2, destination3, destinationPort].join()
}
