// Sound connections through a node, as its uplink, its bridge and its pods' ports show them: what a fault is hidden among.
import { Random } from '../kernel/generate/random.ts'
import {
  type Conversation,
  conversationLength,
  goOn,
  newConversation,
  reversed,
} from '../support/conversation.ts'
import {
  type Endpoints,
  ethernetHeader,
  type PacketSink,
  type SyntheticFrames,
} from '../support/synthetic-frames.ts'

const SIZE = { data: 4, payload: 100 }
/** Connections under way at a time: at most so many, and few enough for one to take a fifth of a second. */
const MOST_CONCURRENT = 2_000
const LIFETIME = 0.2e6
const SEED = 1

/** Of ten connections: pods' to the outside, masqueraded; to a port that the node publishes; to pods without NAT; UDP. */
const MASQUERADED = 5
const PUBLISHED = 7
const ROUTED = 8

const PODS = 4
const POD_NETWORK = 0x0ac8000a
const NODE = 0xc6120001
const SERVER_NETWORK = 0xc6130000
const CLIENT_NETWORK = 0x64400000
const PORTS = 60_000
const FIRST_PORT = 1024
/** Servers that the ports are spread over before one is used again: no port comes twice to one server. */
const SERVERS = 16

// the node that the scenarios were recorded on, and further pods of it
const UPLINK_INDEX = 3
const BRIDGE_INDEX = 2
const FIRST_POD_INDEX = 11
const NODE_MAC = [0x52, 0x54, 0, 0xa8, 0x38, 0x0b]
const ROUTER_MAC = [0x52, 0x54, 0, 0, 0, 1]
const BRIDGE_MAC = [0x0a, 0x58, 0x0a, 0xf4, 0, 1]
const podMac = (pod: number): number[] => [0x0a, 0x58, 0x0a, 0xc8, 0, 0x0a + pod]

const TO_US = 0
const TO_ANOTHER = 3
const OUTGOING = 4

/** Where a capture was taken: on all interfaces (cooked v2), or on one (Ethernet). */
export type Vantage = 'any' | 'uplink' | 'bridge' | 'pod'

/** How a packet is shown at one point: what stands before the IP header, and how much later than at the first. */
interface Sighting {
  link: Uint8Array
  ttl: number
  /** Microseconds. */
  delay: number
  isOutside: boolean
}

interface HayConversation {
  /** As pods see it. */
  inside: Conversation
  /** As the uplink shows it. */
  request: Endpoints
  reply: Endpoints
  pod: number
  isFromPod: boolean
}

/** Some of the connections, by number, and when they are: microseconds since 1970, microseconds. */
export interface Bale {
  from: number
  to: number
  start: number
  duration: number
}

/** Makes the packets of a bale one by one, as `frames` at a vantage point. */
export class Hay implements PacketSink {
  /** Packets in all. */
  readonly length: number
  private readonly frames: SyntheticFrames
  private readonly bale: Bale
  private readonly vantage: Vantage
  private readonly random: Random
  private readonly concurrent: number
  private readonly live: HayConversation[] = []
  private readonly outward: Sighting[][] = []
  private readonly inward: Sighting[][] = []
  private begun: number
  private packets = 0
  private talk: HayConversation | null = null

  /** @param firstIndex added to the indexes of all interfaces: on hosts where others have these */
  constructor(frames: SyntheticFrames, bale: Bale, vantage: Vantage, firstIndex = 0) {
    this.frames = frames
    this.bale = bale
    this.vantage = vantage
    const { from, to, duration } = bale
    this.random = new Random(SEED + from)
    this.length = packetsOf(to) - packetsOf(from)
    this.begun = from
    this.concurrent = Math.min(MOST_CONCURRENT, Math.ceil(((to - from) * LIFETIME) / duration))
    for (let pod = 0; pod < PODS; pod++) {
      this.outward.push(outwardSightings(pod, vantage, firstIndex))
      this.inward.push(inwardSightings(pod, vantage, firstIndex))
    }
  }

  /** When the next packet comes, in microseconds since 1970. */
  get time(): number {
    const { start, duration } = this.bale
    return Math.floor(start + (duration * this.packets) / this.length)
  }

  /** Sends the next packet, of one of the connections under way. */
  next(): void {
    const { live, random } = this
    while (live.length < this.concurrent && this.begun < this.bale.to) live.push(this.begin(this.begun++))
    const at = random.below(live.length)
    this.talk = live[at]
    this.frames.time = this.time
    this.packets++
    if (goOn(this.talk.inside, this, SIZE)) return
    live[at] = live[live.length - 1]
    live.pop()
  }

  tcp(ends: Endpoints, flags: number, sequence: number, acknowledgment: number, payload: number): void {
    // a SYN-ACK of Linux has no IP ID
    const identification = (flags & 0x12) === 0x12 ? 0 : this.packets
    this.show(ends, identification, shown => {
      this.frames.tcp(shown, flags, sequence, acknowledgment, payload)
    })
  }

  udp(ends: Endpoints, payload: number): void {
    this.show(ends, this.packets, shown => this.frames.udp(shown, payload, this.packets))
  }

  echo(ends: Endpoints, type: number, id: number, payload: number): void {
    this.show(ends, this.packets, shown => this.frames.echo(shown, type, id, payload))
  }

  private show(ends: Endpoints, identification: number, send: (ends: Endpoints) => void): void {
    const { frames, talk } = this
    if (talk === null) return
    const isRequest = ends === talk.inside.request
    const outside = isRequest ? talk.request : talk.reply
    const sightings = isRequest === talk.isFromPod ? this.outward : this.inward
    const start = frames.time
    frames.identification = identification
    for (const { link, ttl, delay, isOutside } of sightings[talk.pod]) {
      frames.time = start + delay
      frames.link = link
      frames.ttl = ttl
      send(isOutside ? outside : ends)
    }
  }

  private begin(index: number): HayConversation {
    const pod = this.vantage === 'pod' ? 0 : index % PODS
    const kind = index % 10
    const isFromPod = kind < MASQUERADED || kind >= ROUTED
    const inside = isFromPod ? egress(index, pod) : ingress(index, pod)
    const outside = { ...inside }
    if (isFromPod) outside.source = NODE
    else if (kind < PUBLISHED) {
      outside.destination = NODE
      outside.destinationPort = 30080
    }
    return {
      inside: newConversation(protocolOf(index), inside, this.random),
      request: outside,
      reply: reversed(outside),
      pod,
      isFromPod,
    }
  }
}

/** Packets of the first `connections`. */
function packetsOf(connections: number): number {
  let packets = 0
  for (let index = 0; index < 10; index++) {
    const times = Math.floor((connections - index + 9) / 10)
    packets += times * conversationLength(protocolOf(index), SIZE)
  }
  return packets
}

const protocolOf = (index: number): Conversation['protocol'] => (index % 10 >= ROUTED ? 'udp' : 'tcp')

function egress(index: number, pod: number): Endpoints {
  return {
    source: POD_NETWORK + pod,
    destination: SERVER_NETWORK + Math.floor(index / PORTS) * SERVERS + (index % SERVERS),
    sourcePort: FIRST_PORT + (index % PORTS),
    destinationPort: 443,
  }
}

function ingress(index: number, pod: number): Endpoints {
  return {
    source: CLIENT_NETWORK + index,
    destination: POD_NETWORK + pod,
    sourcePort: FIRST_PORT + ((Math.imul(index, 7919) >>> 0) % PORTS),
    destinationPort: 8080,
  }
}

function outwardSightings(pod: number, vantage: Vantage, firstIndex: number): Sighting[] {
  const mac = podMac(pod)
  const podIndex = firstIndex + FIRST_POD_INDEX + pod
  const at = (link: Uint8Array, ttl: number, delay: number): Sighting => ({
    link,
    ttl,
    delay,
    isOutside: ttl < 64,
  })
  if (vantage === 'uplink') return [at(ethernetHeader(ROUTER_MAC, NODE_MAC), 63, 0)]
  if (vantage !== 'any') return [at(ethernetHeader(BRIDGE_MAC, mac), 64, 0)]
  return [
    at(cookedHeader(podIndex, TO_ANOTHER, mac), 64, 0),
    at(cookedHeader(firstIndex + BRIDGE_INDEX, TO_US, mac), 64, 2),
    at(cookedHeader(firstIndex + UPLINK_INDEX, OUTGOING, NODE_MAC), 63, 6),
  ]
}

function inwardSightings(pod: number, vantage: Vantage, firstIndex: number): Sighting[] {
  const podIndex = firstIndex + FIRST_POD_INDEX + pod
  const at = (link: Uint8Array, ttl: number, delay: number): Sighting => ({
    link,
    ttl,
    delay,
    isOutside: ttl > 62,
  })
  if (vantage === 'uplink') return [at(ethernetHeader(NODE_MAC, ROUTER_MAC), 63, 0)]
  if (vantage !== 'any') return [at(ethernetHeader(podMac(pod), BRIDGE_MAC), 62, 0)]
  return [
    at(cookedHeader(firstIndex + UPLINK_INDEX, TO_US, ROUTER_MAC), 63, 0),
    at(cookedHeader(firstIndex + BRIDGE_INDEX, OUTGOING, BRIDGE_MAC), 62, 3),
    at(cookedHeader(podIndex, OUTGOING, BRIDGE_MAC), 62, 5),
  ]
}

/** The header of a cooked v2 frame with IPv4, from an Ethernet interface. */
function cookedHeader(interfaceIndex: number, packetType: number, sourceMac: readonly number[]): Uint8Array {
  return Uint8Array.from([8, 0, 0, 0, 0, 0, 0, interfaceIndex, 0, 1, packetType, 6, ...sourceMac, 0, 0])
}
