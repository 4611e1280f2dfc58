// Which packets met conntrack: a frame switched inside a bridge does so with bridge-nf-call-iptables alone (br_netfilter_hooks.c).
import { IPPROTO_IGMP, PACKET_HOST, PACKET_OTHERHOST, PACKET_OUTGOING } from '../net/numbers.ts'
import { hidesInterfaces } from './record/place.ts'
import { MET, NOT_FOR_US, type Sightings, SWITCHED } from './record/sighting.ts'
import type { Stations } from './record/stations.ts'

/** How a value came about. */
export const ORIGINS = ['assumed', 'concluded', 'given'] as const
export type Origin = (typeof ORIGINS)[number]

/** bridge-nf-call-iptables, or -ip6tables: whether IP hooks see frames that a bridge switches. */
export interface BridgeCall {
  /** 0 or 1. */
  value: number
  origin: Origin
}

/** IGMP is of no use to anybody but routers, and 224.0.0.22 is where version 3 sends it. */
const IGMP_ROUTERS = 0xe0000016 | 0

export class Bridging {
  /** As long as nothing is known, switched frames count as tracked: a mirror port shows frames just so. */
  readonly ipv4: BridgeCall = { value: 1, origin: 'assumed' }
  readonly ipv6: BridgeCall = { value: 1, origin: 'assumed' }
  /** Packets that were seen being switched. */
  switched = 0
  /** The stations that the packet routed last with a changed destination came from and went to. */
  private sender = 0
  private receiver = 0
  private readonly stations: Stations

  /**
   * @param given bridge-nf-call-iptables and -ip6tables of the host, null where nobody told
   * @param stations what sightings tell of stations
   */
  constructor(given: { ipv4: number | null; ipv6: number | null }, stations: Stations) {
    this.stations = stations
    give(this.ipv4, given.ipv4)
    give(this.ipv6, given.ipv6)
  }

  /** Whether there is nothing to wait for: bridge-nf is known, and a hardware address of the host. */
  get knowsHost(): boolean {
    return this.ipv4.origin !== 'assumed' && this.stations.knowsHost
  }

  call(family: number): BridgeCall {
    return family === 4 ? this.ipv4 : this.ipv6
  }

  /** Takes from a packet what it tells of the host; `pair` has been over it. */
  learn(sightings: Sightings): void {
    if (sightings.count === 1) return
    const call = this.call(sightings.family)
    if (call.origin !== 'assumed') return
    let value = bridgeCallShown(sightings)
    if (value < 0 && this.routesWithinBridge(sightings)) value = 0
    if (value < 0) return
    call.value = value
    call.origin = 'concluded'
  }

  /**
   * Whether two ports of a bridge show a frame switched between stations of which the one was sent what the other had
   * sent elsewhere, translated, but routed: under bridge-nf the bridge would have passed that on itself.
   */
  private routesWithinBridge(sightings: Sightings): boolean {
    const { before, after } = sightings
    const source = sightings.sourceMacHash(before)
    const target = sightings.destinationMacHash(after)
    if (sightings.translated !== 0) {
      if (sightings.sameDestination(before, after) || sightings.ttl(after) !== sightings.ttl(before) - 1)
        return false
      this.sender = source
      this.receiver = target
      return false
    }
    if (this.sender === 0 || source !== this.receiver || target !== this.sender) return false
    return sightings.packetType(0) < 0 && this.wasSwitched(sightings)
  }

  /** MET, or why conntrack did not meet the packet. */
  judge(sightings: Sightings): number {
    if (sightings.protocol === IPPROTO_IGMP && this.isForRouters(sightings)) return NOT_FOR_US
    if (sightings.count === 1 ? !this.passedBy(sightings) : !this.wasSwitched(sightings)) return MET
    this.switched++
    return this.call(sightings.family).value === 0 ? SWITCHED : MET
  }

  /** One hardware address and one TTL all the way, in through one interface and out through another. */
  private wasSwitched(sightings: Sightings): boolean {
    const mac = sightings.sourceMacHash(0)
    if (mac === 0) return false
    for (let i = 1; i < sightings.count; i++) {
      if (sightings.ttl(i) !== sightings.ttl(0) || sightings.sourceMacHash(i) !== mac) return false
    }
    if (sightings.packetType(0) >= 0) return cameInAndWentOut(sightings)
    return (
      changedPort(sightings) &&
      !this.stations.isHost(mac) &&
      !this.stations.isHost(sightings.destinationMacHash(0))
    )
  }

  /** Seen once, on its way from one neighbour of the host to another: with bridge-nf no bridge hides where it enters. */
  private passedBy(sightings: Sightings): boolean {
    if (sightings.packetType(0) >= 0 || this.call(sightings.family).value !== 0) return false
    const { stations } = this
    return (
      stations.isNeighbour(sightings.sourceMacHash(0)) &&
      stations.isNeighbour(sightings.destinationMacHash(0))
    )
  }

  /** A membership report that came in: only multicast routers have joined that group, others drop it unconfirmed. */
  private isForRouters(sightings: Sightings): boolean {
    if (sightings.family !== 4 || sightings.destinationWord(0, 0) !== IGMP_ROUTERS) return false
    // what the host itself sends to a bridge is seen on the bridge and on its ports
    if (sightings.packetType(0) < 0)
      return sightings.count === 1 && !this.stations.isHost(sightings.sourceMacHash(0))
    for (let i = 0; i < sightings.count; i++) if (sightings.packetType(i) === PACKET_OUTGOING) return false
    return true
  }
}

function give(call: BridgeCall, value: number | null): void {
  if (value === null) return
  call.value = value
  call.origin = 'given'
}

/**
 * What a packet translated at its destination tells of bridge-nf: 1 where the frame that came in has the new
 * destination and still its old hardware address and TTL; 0 where the bridge itself received the old destination.
 */
function bridgeCallShown(sightings: Sightings): number {
  const { before } = sightings
  if (sightings.sameDestination(before, sightings.after)) return -1
  const mac = sightings.sourceMacHash(before)
  if (mac === 0) return -1
  let value = -1
  for (let i = 0; i < sightings.count; i++) {
    if (i === before) continue
    if (cameBackRouted(sightings, before, i)) value = 0
    if (sightings.ttl(i) !== sightings.ttl(before)) continue
    if (sightings.sourceMacHash(i) !== mac) continue
    if (!sightings.sameDestination(before, i)) return 1
    // what came in once more came in through another interface, told apart or not
    const isElsewhere =
      sightings.point(i) !== sightings.point(before) || hidesInterfaces(sightings.linkType(i))
    if (isElsewhere && isIncoming(sightings, i)) value = 0
  }
  return value
}

/**
 * Whether one interface that tells no direction shows the packet twice: as a station sent it, and routed on to another
 * station. Under bridge-nf the first of the two would have the new destination, or stay a frame that is switched.
 */
function cameBackRouted(sightings: Sightings, before: number, index: number): boolean {
  if (sightings.packetType(before) >= 0 || sightings.point(index) !== sightings.point(before)) return false
  if (sightings.ttl(index) !== sightings.ttl(before) - 1 || sightings.sameDestination(before, index))
    return false
  const host = sightings.destinationMacHash(before)
  const target = sightings.destinationMacHash(index)
  return host !== 0 && sightings.sourceMacHash(index) === host && target !== sightings.sourceMacHash(before)
}

/** The bridge hands a frame up as received; on captures that do not tell, any second interface will do. */
function isIncoming(sightings: Sightings, index: number): boolean {
  return sightings.packetType(index) !== PACKET_OUTGOING
}

function cameInAndWentOut(sightings: Sightings): boolean {
  const isBlind = hidesInterfaces(sightings.linkType(0))
  for (let i = 0; i < sightings.count; i++) {
    if (!isUnicast(sightings, i)) return false
    if (sightings.packetType(i) === PACKET_OUTGOING) continue
    for (let j = 0; j < sightings.count; j++) {
      if (sightings.packetType(j) !== PACKET_OUTGOING) continue
      if (isBlind || sightings.point(i) !== sightings.point(j)) return true
    }
  }
  return false
}

function isUnicast(sightings: Sightings, index: number): boolean {
  const type = sightings.packetType(index)
  return type === PACKET_HOST || type === PACKET_OTHERHOST || type === PACKET_OUTGOING
}

/** Of frames that tell no direction: seen on two interfaces with both hardware addresses unchanged, to one station. */
function changedPort(sightings: Sightings): boolean {
  const mac = sightings.destinationMacHash(0)
  if (mac === 0 || sightings.isGroupFrame(0)) return false
  let hasChanged = false
  for (let i = 1; i < sightings.count; i++) {
    if (sightings.destinationMacHash(i) !== mac) return false
    if (sightings.point(i) !== sightings.point(0)) hasChanged = true
  }
  return hasChanged
}
