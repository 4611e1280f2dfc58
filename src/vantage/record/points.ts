// Observation points: where frames were seen, an interface of a capture each, on cooked v2 a network interface of the host.
import type { CaptureFile, CaptureInterface } from '../../capture/frame.ts'

/** What the points of a replay are made of. */
export interface PointSource {
  readonly captures: readonly CaptureFile[]
  readonly interfaces: readonly CaptureInterface[]
}

export interface ObservationPoint {
  /** Index in `FrameSource.interfaces`. */
  interface: number
  /** Linux interface index of a cooked v2 or NFLOG capture, 0 where frames do not tell. */
  interfaceIndex: number
  /** Frames seen there. */
  frames: number
}

/** Bits of a point's number; those above tell the sides of a host apart that are one point. */
const POINT_BITS = 10
/** Hosts with more interfaces share the last point: a table that frames can grow must end somewhere. */
export const MOST_POINTS = 1 << POINT_BITS
const HEADS = 4096

const ENDING = /(\.(pcap|pcapng|cap|dmp|snoop|ntar))?(\.(gz|zst|lz4))?$/i

/**
 * Cooked v1 does not tell a host's interfaces apart: what lies where is told by the address that is beyond, the source
 * of what comes in and the destination of what goes out. @param beyond that address in one word
 */
export function sideOf(point: number, beyond: number): number {
  return point | (((Math.imul(beyond, 0x9e3779b1) >>> (POINT_BITS + 2)) | 1) << POINT_BITS)
}

/** The point that a side is of, and a point itself. */
export function pointOfSide(side: number): number {
  return side & (MOST_POINTS - 1)
}

/** Whether a number is that of one side of a host that is one point. */
export function isSide(point: number): boolean {
  return point >= MOST_POINTS
}

/** Finds the point of a frame, and makes new ones as frames of them come. */
export class Points {
  readonly all: ObservationPoint[] = []
  /** Names of the host's interfaces by their index, where somebody knows them. */
  interfaceNames: ((index: number) => string | null) | null = null
  private readonly source: PointSource
  private readonly heads = new Int16Array(HEADS).fill(-1)
  /** The point that was asked for last. */
  private last = -1
  private lastInterface = -1
  private lastIndex = -1

  constructor(source: PointSource) {
    this.source = source
  }

  /** How many points were captured: those where nothing passed are looked at, too. */
  get captured(): number {
    return Math.max(this.all.length, this.source.interfaces.length)
  }

  /** Index in `all` of the point that a frame was seen at; counts the frame. */
  seen(capturedOn: number, interfaceIndex: number): number {
    const point = this.of(capturedOn, interfaceIndex)
    this.count(point)
    return point
  }

  /** Counts a frame at a point. */
  count(point: number): void {
    this.all[point].frames++
  }

  /** The same for a frame that has been counted, or will be. */
  of(capturedOn: number, interfaceIndex: number): number {
    if (capturedOn !== this.lastInterface || interfaceIndex !== this.lastIndex) {
      this.last = this.find(capturedOn, interfaceIndex)
      this.lastInterface = capturedOn
      this.lastIndex = interfaceIndex
    }
    return this.last
  }

  /**
   * What to call a point: the interface's name in a pcapng, else the file's without its ending, with `#4` behind it
   * for interface index 4 of a host whose name nobody knows; in front of it the capture's file where several captures have that name.
   */
  name(point: number): string {
    const own = this.bareName(point)
    const isShared = this.all.some((_, other) => other !== point && this.bareName(other) === own)
    return isShared ? `${stem(this.pathOf(point))}:${own}` : own
  }

  private bareName(point: number): string {
    const { interface: index, interfaceIndex } = this.all[point]
    const known = interfaceIndex === 0 ? null : (this.interfaceNames?.(interfaceIndex) ?? null)
    if (known !== null) return known
    const name = this.source.interfaces[index].name || stem(this.pathOf(point))
    return interfaceIndex === 0 ? name : `${name}#${interfaceIndex}`
  }

  private pathOf(point: number): string {
    return this.source.captures[this.source.interfaces[this.all[point].interface].capture].path
  }

  private find(capturedOn: number, interfaceIndex: number): number {
    let slot = (Math.imul(capturedOn + 1, 0x9e3779b1) ^ Math.imul(interfaceIndex, 0x85ebca77)) & (HEADS - 1)
    for (let point = this.heads[slot]; point >= 0; point = this.heads[slot]) {
      const known = this.all[point]
      if (known.interface === capturedOn && known.interfaceIndex === interfaceIndex) return point
      slot = (slot + 1) & (HEADS - 1)
    }
    if (this.all.length === MOST_POINTS) return MOST_POINTS - 1
    this.heads[slot] = this.all.length
    this.all.push({ interface: capturedOn, interfaceIndex, frames: 0 })
    return this.all.length - 1
  }
}

/** The file's name without what says that it is a capture. */
function stem(path: string): string {
  const file = path.slice(path.lastIndexOf('/') + 1)
  return file.replace(ENDING, '') || file
}
