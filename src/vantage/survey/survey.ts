// What frames tell without being tracked: where, when, how long, of which protocols and tunnels. For `ctpcap info`.
import type { Frame } from '../../capture/frame.ts'
import { decodeInner, TUNNEL_NONE, tunnelName, tunnelOf } from '../../packet/encapsulation/tunnel.ts'
import { FAULT_COUNT, FAULT_NONE, FAULT_NOT_IP, faultText } from '../../packet/fault.ts'
import { Packet } from '../../packet/packet.ts'
import { type PointSource, Points } from '../record/points.ts'

const PROTOCOLS = 256
const TUNNELS = 8
/** Ids remembered of a kind of tunnel. */
const MOST_IDS = 64

/** Times are nanoseconds since the first frame of all captures; NaN where there was none. */
export interface CaptureSurvey {
  capturedBytes: number
  originalBytes: number
  /** Frames longer than what was captured of them. */
  truncated: number
  /** Frames stamped as the one before. */
  sameStamp: number
  /** How far the time stamps went back at most. */
  mostBack: number
  /** The longest time without a frame, and the frame that ended it. */
  longestGap: number
  gapFrame: number
  last: number
}

export interface PointSurvey {
  bytes: number
  first: number
  last: number
}

export interface TunnelSurvey {
  /** As `ip link` names it. */
  kind: string
  frames: number
  /** Frames whose inner packet could be read. */
  inner: number
  /** VNIs, keys or TEIDs, ascending, the first MOST_IDS that were met. */
  ids: number[]
}

export class Survey {
  readonly points: Points
  readonly captures: CaptureSurvey[] = []
  readonly atPoint: PointSurvey[] = []
  /** IP packets by protocol number, IPv4 and behind them IPv6. */
  readonly protocols = new Float64Array(2 * PROTOCOLS)

  /** Frames without a packet by FAULT_*, and the first of each. */
  private readonly faults = new Float64Array(FAULT_COUNT)
  private readonly firstFaults = new Float64Array(FAULT_COUNT)
  /** Frames by TUNNEL_* around their packet, those among them whose inner packet could be read, and ids. */
  private readonly outer = new Float64Array(TUNNELS)
  private readonly inner = new Float64Array(TUNNELS)
  private readonly ids = Array.from({ length: TUNNELS }, () => new Set<number>())
  private readonly inside = new Packet()

  constructor(source: PointSource) {
    this.points = new Points(source)
  }

  /** @param packet as `decode` left it, which said whether it `isPacket` */
  take(frame: Frame, packet: Packet, isPacket: boolean): void {
    this.takeStamp(frame)
    const point = this.points.seen(packet.interface, packet.interfaceIndex)
    if (point === this.atPoint.length)
      this.atPoint.push({ bytes: 0, first: frame.time, last: Number.NEGATIVE_INFINITY })
    const seen = this.atPoint[point]
    seen.bytes += frame.originalLength
    seen.first = Math.min(seen.first, frame.time)
    seen.last = Math.max(seen.last, frame.time)
    if (isPacket || packet.fault === FAULT_NONE) this.takePacket(packet)
    else if (this.faults[packet.fault]++ === 0) this.firstFaults[packet.fault] = frame.number
  }

  /** Frames without an IP packet: ARP and the like. */
  get notIp(): number {
    return this.faults[FAULT_NOT_IP]
  }

  /** What could not be decoded, most frequent first. */
  undecodable(): { reason: string; count: number; firstFrame: number }[] {
    const { faults, firstFaults } = this
    return [...faults.keys()]
      .filter(fault => fault !== FAULT_NOT_IP && faults[fault] > 0)
      .sort((a, b) => faults[b] - faults[a] || a - b)
      .map(fault => ({ reason: faultText(fault), count: faults[fault], firstFrame: firstFaults[fault] }))
  }

  tunnels(): TunnelSurvey[] {
    return [...this.outer.keys()]
      .filter(tunnel => this.outer[tunnel] > 0)
      .map(tunnel => ({
        kind: tunnelName(tunnel),
        frames: this.outer[tunnel],
        inner: this.inner[tunnel],
        ids: [...this.ids[tunnel]].sort((a, b) => a - b),
      }))
  }

  private takeStamp(frame: Frame): void {
    while (this.captures.length <= frame.capture) this.captures.push(emptyCapture())
    const capture = this.captures[frame.capture]
    capture.capturedBytes += frame.length
    capture.originalBytes += frame.originalLength
    if (frame.originalLength > frame.length) capture.truncated++
    const step = frame.time - capture.last
    if (step === 0) capture.sameStamp++
    if (step < 0) capture.mostBack = Math.max(capture.mostBack, -step)
    if (step > capture.longestGap) {
      capture.longestGap = step
      capture.gapFrame = frame.number
    }
    capture.last = frame.time
  }

  private takePacket(packet: Packet): void {
    this.protocols[(packet.family === 6 ? PROTOCOLS : 0) + packet.protocol]++
    const tunnel = tunnelOf(packet)
    if (tunnel === TUNNEL_NONE) return
    const { inside } = this
    const isPacket = decodeInner(packet, inside)
    this.outer[tunnel]++
    if (!isPacket) return
    this.inner[tunnel]++
    if (this.ids[tunnel].size < MOST_IDS) this.ids[tunnel].add(inside.tunnelId >>> 0)
  }
}

function emptyCapture(): CaptureSurvey {
  return {
    capturedBytes: 0,
    originalBytes: 0,
    truncated: 0,
    sameStamp: 0,
    mostBack: 0,
    longestGap: 0,
    gapFrame: 0,
    last: Number.NaN,
  }
}
