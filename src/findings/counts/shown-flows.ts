// The first few flows of a finding and the frames that show them, all bounded: for what is learned packet by packet.
import type { Packet } from '../../packet/packet.ts'
import type { Points } from '../../vantage/record/points.ts'
import type { Sightings } from '../../vantage/record/sighting.ts'
import type { FrameReference } from '../facts/facts.ts'

/** Flows kept, and frames of one: of its first packet, of further ones. */
export const MOST_SHOWN = 20
const FRAMES = 4

export interface ShownFlow {
  /** Frames of its first packet, at each point that saw it. */
  first: FrameReference[]
  /** Of its further packets. */
  more: FrameReference[]
}

export class ShownFlows<Key> {
  readonly flows = new Map<Key, ShownFlow>()
  /** Where their packets were seen. */
  readonly points = new Set<number>()
  private readonly allPoints: Points

  /** @param points those of the window, or a separate instance where there is no window */
  constructor(points: Points) {
    this.allPoints = points
  }

  /** `packet` is one of flow `key`; it came with its sightings, or as a frame of its own. */
  add(key: Key, packet: Packet, sightings: Sightings | null): void {
    const flow = this.flows.get(key)
    if (flow === undefined && this.flows.size === MOST_SHOWN) return
    if (flow === undefined) this.flows.set(key, { first: this.framesOf(packet, sightings), more: [] })
    else if (flow.more.length < FRAMES)
      flow.more.push(...this.framesOf(packet, sightings).slice(0, FRAMES - flow.more.length))
  }

  /** All frames of the flows that `isWanted`, in order. */
  frames(isWanted: (key: Key) => boolean = () => true): FrameReference[] {
    return [...this.flows]
      .filter(([key]) => isWanted(key))
      .flatMap(([, { first, more }]) => [...first, ...more])
      .sort((a, b) => a.capture - b.capture || a.frame - b.frame)
  }

  private framesOf(packet: Packet, sightings: Sightings | null): FrameReference[] {
    if (sightings === null) {
      this.points.add(this.allPoints.of(packet.interface, packet.interfaceIndex))
      return [{ capture: packet.capture, frame: packet.frame }]
    }
    const frames: FrameReference[] = []
    for (let i = 0; i < Math.min(sightings.count, FRAMES); i++) {
      this.points.add(sightings.point(i))
      frames.push({ capture: sightings.capture(i), frame: sightings.frame(i) })
    }
    return frames
  }
}
