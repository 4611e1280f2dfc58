// The interfaces that a packet was seen at, as its hooks know them: where it came in, where it left, which ports of which bridge.

import type { Seen } from '../../conntrack/passage.ts'
import { PACKET_OUTGOING } from '../../net/numbers.ts'
import type { Host } from '../topology/topology.ts'

/** Where packets of one kind were seen. Names are null where nobody knows, `''` for none. */
export interface Course {
  /** `in` from outside, `out` from the host itself, `loop` from the host to itself; null where the capture does not say. */
  origin: 'in' | 'out' | 'loop' | null
  /** The interface it came in by, or the only one that shows it, as hooks of IP see it, and the port of a bridge. */
  input: string | null
  physicalInput: string | null
  /** The interface it was seen leaving by. */
  output: string | null
  physicalOutput: string | null
  hasLeft: boolean
  /** Whether it was seen on a bridge itself, so that it was not only switched. */
  isUp: boolean
  /** The VRF of the interface it came in by, or left by where the host sent it; `''` for none. */
  vrf: string
  /** Cooked packet type of the first sighting, -1 where the capture does not tell. */
  frameType: number
  number: number
  /** Where the capture does not say, the same packet as one from outside, and as one of the host. */
  asIn: Course | null
  asOut: Course | null
}

/** What a packet says of where it was seen; of frames that are replayed as they come it is all there is. */
export interface SeenOnce {
  interface: number
  interfaceIndex: number
  packetType: number
}

/** Names of interfaces: of an observation point, and of what a frame says itself. */
export interface PlaceNames {
  ofPoint(point: number): string | null
  ofFrame(packet: SeenOnce): string | null
}

const OUTGOING = 2
const INCOMING = 1
/** Bits of a sighting in a key: the point and the way it went; keys of three fit into a number. */
const SIGHTING_BITS = 12
const MOST_IN_KEY = 3
/** Sightings beyond this are as good as that many, and 53 bits are enough. */
const MOST_COUNTED = 7

/** Courses by what was seen: few, whatever the capture's length. */
export class Courses {
  private readonly known = new Map<number, Course>()
  private count = 0
  /** The course that was asked for last. */
  private lastKey = 0
  private last: Course | null = null
  /** Sightings of the packet at hand, and which way it went there. */
  private readonly told = new Int32Array(MOST_IN_KEY)
  private readonly ways = new Int32Array(MOST_IN_KEY)
  private readonly names: PlaceNames
  private readonly host: Host | null
  private readonly hasVrfs: boolean

  constructor(names: PlaceNames, host: Host | null) {
    this.names = names
    this.host = host
    this.hasVrfs = [...(host?.interfaces.values() ?? [])].some(({ vrfTable }) => vrfTable !== null)
  }

  of(packet: SeenOnce, seen: Seen | null): Course {
    const key = seen === null || seen.count === 0 ? keyOfOne(packet) : this.keyOf(seen)
    if (key === this.lastKey && this.last !== null) return this.last
    let course = this.known.get(key)
    if (course === undefined) {
      course = seen === null || seen.count === 0 ? this.ofOne(packet) : this.ofSightings(seen)
      this.known.set(key, course)
    }
    this.lastKey = key
    this.last = course
    return course
  }

  private ofOne(packet: SeenOnce): Course {
    const name = this.names.ofFrame(packet)
    const way = wayOf(packet.packetType, 0)
    return this.course([{ name, way }], packet.packetType)
  }

  private ofSightings(seen: Seen): Course {
    const places: Place[] = []
    const size = Math.min(this.tell(seen), MOST_IN_KEY)
    for (let i = 0; i < size; i++) {
      places.push({ name: this.names.ofPoint(seen.point(this.told[i] ?? 0)), way: this.ways[i] ?? 0 })
    }
    return this.course(places, seen.packetType(0))
  }

  private keyOf(seen: Seen): number {
    const size = this.tell(seen)
    let key = Math.min(size, MOST_COUNTED) * 8 + seen.packetType(0) + 1
    for (let i = 0; i < Math.min(size, MOST_IN_KEY); i++) {
      key = key * (1 << SIGHTING_BITS) + (seen.point(this.told[i] ?? 0) & 0x3ff) * 4 + (this.ways[i] ?? 0)
    }
    return key
  }

  /**
   * Fills `told` and `ways` with the first two sightings and the last: where it came in, the bridge above that, where it
   * left. Beside sightings that tell which way it went the others count for nothing: an interface that is captured by
   * itself and as one of any shows a packet twice.
   * @returns how many sightings there are
   */
  private tell(seen: Seen): number {
    const { told, ways } = this
    let isTold = false
    let size = 0
    const hasDevice = this.hasVrfs && this.isSeenAtDevice(seen)
    for (let i = 0; i < seen.count; i++) {
      // kernel: vrf_ip_rcv() shows a packet that came in to who listens at the VRF, as one that goes out
      if (hasDevice && this.isVrf(seen.point(i))) continue
      const way = wayOf(seen.packetType(i), seen.direction(i))
      if (isTold && way === 0) continue
      if (!isTold && way !== 0) {
        isTold = true
        size = 0
      }
      const slot = size < MOST_IN_KEY ? size : MOST_IN_KEY - 1
      told[slot] = i
      ways[slot] = way
      size++
    }
    return size
  }

  private isVrf(point: number): boolean {
    return this.host?.isVrf(this.names.ofPoint(point) ?? '') ?? false
  }

  /** Whether any interface shows the packet that is no VRF itself. */
  private isSeenAtDevice(seen: Seen): boolean {
    for (let i = 0; i < seen.count; i++) if (!this.isVrf(seen.point(i))) return true
    return false
  }

  private course(places: readonly Place[], frameType: number): Course {
    const first = places[0] ?? { name: null, way: 0 }
    const last = places.findLast(({ way }) => way === OUTGOING) ?? null
    const isKnown = places.every(({ way }) => way !== 0)
    let leaving = isKnown ? last : places.length > 1 ? (places.at(-1) ?? null) : null
    const origin =
      first.way === 0
        ? places.length > 1
          ? 'in'
          : null
        : first.way === INCOMING
          ? 'in'
          : first.name === 'lo'
            ? 'loop'
            : 'out'
    const input = this.split(first.name)
    // kernel: br_nf_pre_routing_finish_bridge() sends what was translated to another station of a bridge out by the bridge
    // itself, to look for that station, and its frame comes to FORWARD after that
    const isTurned = input.port !== null && input.port !== '' && leaving?.name === input.own
    if (isTurned) leaving = null
    const output = this.split(leaving?.name ?? null)
    const isUp = places.some(({ name, way }) => way === INCOMING && name !== null && this.isBridge(name))
    const course: Course = {
      origin,
      vrf: this.host?.vrfOf(first.name ?? '') ?? '',
      input: input.own,
      physicalInput: origin === 'out' || origin === 'loop' ? '' : input.port,
      output: output.own,
      physicalOutput: output.port,
      hasLeft: leaving !== null && leaving !== first,
      isUp,
      frameType,
      number: ++this.count,
      asIn: null,
      asOut: null,
    }
    if (origin !== null) return course
    course.asIn = { ...course, origin: 'in', number: ++this.count }
    course.asOut = { ...course, origin: 'out', physicalInput: '', number: ++this.count }
    return course
  }

  /** The interface as hooks of IP see it, a bridge for its port, and that port. */
  private split(name: string | null): { own: string | null; port: string | null } {
    if (name === null) return { own: null, port: this.host === null ? null : '' }
    // which of its interfaces it was, a VRF does not show
    if (this.host?.isVrf(name)) return { own: null, port: '' }
    const master = this.host?.interfaces.get(name)?.master ?? ''
    return master === '' || this.host?.isVrf(master) ? { own: name, port: '' } : { own: master, port: name }
  }

  private isBridge(name: string): boolean {
    return this.host?.isBridge(name) ?? false
  }
}

interface Place {
  name: string | null
  /** INCOMING, OUTGOING, or 0 where nobody knows. */
  way: number
}

function wayOf(packetType: number, direction: number): number {
  if (packetType === PACKET_OUTGOING || direction === OUTGOING) return OUTGOING
  return packetType >= 0 || direction === INCOMING ? INCOMING : 0
}

/** Below zero, so that it is none of the others. */
function keyOfOne({ interface: place, interfaceIndex, packetType }: SeenOnce): number {
  return -1 - ((place * 65_536 + (interfaceIndex & 0xffff)) * 8 + packetType + 1)
}
