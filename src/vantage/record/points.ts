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
   * for interface index 4 of a host whose name nobody knows. Where points of several files have that name, what tells
   * their paths apart stands in front of it: `nodeA:any#4` of `lab/nodeA/any.pcap`.
   */
  name(point: number): string {
    const own = this.bareName(point)
    const namesakes = this.all.flatMap((_, other) =>
      this.bareName(other) === own ? [this.pathOf(other)] : [],
    )
    const apart = differingPart(this.pathOf(point), new Set(namesakes))
    return apart === '' || apart === own ? own : `${apart}:${own}`
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

/**
 * The shortest part of a path that tells it from the others: of what stands before the part that all end with, as many
 * folders as that takes; `''` where there is no other. @param paths with the path itself
 */
function differingPart(path: string, paths: ReadonlySet<string>): string {
  if (paths.size === 1) return ''
  const bare = new Set([...paths].map(withoutEnding))
  // `a.pcap` beside `a.pcapng`: their endings tell them apart
  const shown = bare.size === paths.size ? withoutEnding : (whole: string) => whole
  const all = [...paths].map(other => shown(other).split('/'))
  const own = shown(path).split('/')
  const shortest = Math.min(...all.map(({ length }) => length))
  let common = 0
  while (common < shortest && all.every(parts => parts.at(-1 - common) === own.at(-1 - common))) common++
  const partOf = (parts: readonly string[], count: number): string =>
    parts
      .slice(0, parts.length - common)
      .slice(-count)
      .join('/')
  let count = 1
  while (new Set(all.map(parts => partOf(parts, count))).size < all.length) count++
  return partOf(own, count)
}

/** The file's name without what says that it is a capture. */
function stem(path: string): string {
  const bare = withoutEnding(path)
  return bare.slice(bare.lastIndexOf('/') + 1)
}

/** A path without what says that it is a capture; all of it where its file is called no more than that. */
function withoutEnding(path: string): string {
  const bare = path.replace(ENDING, '')
  return bare === '' || bare.endsWith('/') ? path : bare
}
