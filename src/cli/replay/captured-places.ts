// The interfaces of a capture with the stations that its first frames are from and for, read ahead of a replay.
import { stat } from 'node:fs/promises'
import { CaptureError } from '../../capture/error.ts'
import { DIRECTION_OUTBOUND, type Frame, type FrameSource } from '../../capture/frame.ts'
import { openCaptures } from '../../capture/open/open.ts'
import type { CapturedPlace } from '../../host/topology/namespaces.ts'
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2, PACKET_OUTGOING } from '../../net/numbers.ts'
import { DECODABLE } from './decodable.ts'
import { FirstFrames } from './first-frames.ts'

/** Frames that are looked at. */
const FRAMES = 4096

interface Stations {
  name: string
  isNameTold: boolean
  index: number
  senders: Set<string>
  ends: Set<string> | null
}

/**
 * What the first frames of a capture show of its interfaces.
 * @returns null for what cannot be read twice, or is no capture: opening it in earnest will say why
 */
export async function capturedPlaces(path: string): Promise<CapturedPlace[] | null> {
  if ((await stat(path).catch(() => null))?.isFile() !== true) return null
  let source: FrameSource | null = null
  try {
    source = await openCaptures([path], DECODABLE)
    return await placesOf(new FirstFrames(source, FRAMES), stemOf(path))
  } catch (error) {
    if (error instanceof CaptureError) return null
    throw error
  } finally {
    await source?.close()
  }
}

async function placesOf(source: FrameSource, stem: string): Promise<CapturedPlace[]> {
  const places = new Map<string, Stations>()
  do {
    for (let frame = source.next(); frame !== null; frame = source.next()) {
      const index = indexOf(frame)
      const told = index === 0 ? (source.interfaces[frame.interface]?.name ?? '') : ''
      const key = `${index} ${told}`
      const place = places.get(key) ?? {
        name: told || stem,
        isNameTold: told !== '',
        index,
        senders: new Set(),
        ends: null,
      }
      places.set(key, place)
      take(place, frame)
    }
  } while (await source.fill())
  return [...places.values()].map(place => ({ ...place, ends: place.ends ?? new Set() }))
}

/** The file's name without its folder and extension, as a file for each interface is named. */
export function stemOf(path: string): string {
  return /([^/]*?)(\.[a-z0-9.]+)?$/i.exec(path)?.[1] ?? ''
}

function indexOf({ linkType, bytes, offset, length, view }: Frame): number {
  return linkType === LINKTYPE_LINUX_SLL2 && length >= 20 && bytes.length >= offset + 8
    ? view.getInt32(offset + 4)
    : 0
}

/** Takes the stations of a frame. */
function take(place: Stations, frame: Frame): void {
  const { linkType, bytes, offset, length } = frame
  if (linkType === LINKTYPE_LINUX_SLL2) {
    const [type = 0, addressLength = 0] = [bytes[offset + 10], bytes[offset + 11]]
    if (length >= 20 && type === PACKET_OUTGOING && addressLength === 6)
      place.senders.add(macAt(bytes, offset + 12))
    return
  }
  if (linkType !== LINKTYPE_ETHERNET || length < 14) return
  if (frame.direction === DIRECTION_OUTBOUND) place.senders.add(macAt(bytes, offset + 6))
  const isForGroup = ((bytes[offset] ?? 0) & 1) === 1
  if (isForGroup) return
  const both = new Set([macAt(bytes, offset), macAt(bytes, offset + 6)])
  place.ends = place.ends === null ? both : new Set([...place.ends].filter(mac => both.has(mac)))
}

function macAt(bytes: Uint8Array, at: number): string {
  return Array.from(bytes.subarray(at, at + 6), byte => byte.toString(16).padStart(2, '0')).join(':')
}
