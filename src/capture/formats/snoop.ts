// snoop, the capture format of Solaris: big-endian, microseconds, a running count of drops (RFC 1761).

import { LINKTYPE_ETHERNET } from '../../net/numbers.ts'
import { TIME_ZERO } from '../../net/time.ts'
import { CaptureError } from '../error.ts'
import type { CaptureInterface, Frame } from '../frame.ts'
import { MAX_RECORD_LENGTH, Reader } from './reader.ts'

const MAGIC_HIGH = 0x736e6f6f
const MAGIC_LOW = 0x70000000
export const SNOOP_HEADER_LENGTH = 16
export const SNOOP_LINK_TYPE_OFFSET = 12
const RECORD_HEADER_LENGTH = 24

/** snoop's data-link types and the LINKTYPE_* they are: those of RFC 1761 that carry IP. */
const LINK_TYPES = new Map([
  [0, LINKTYPE_ETHERNET], // IEEE 802.3
  [4, LINKTYPE_ETHERNET],
])

/** Whether these eight bytes begin a snoop capture. */
export function isSnoopMagic(view: DataView): boolean {
  return view.getUint32(0) === MAGIC_HIGH && view.getUint32(4) === MAGIC_LOW
}

/**
 * The link type of the capture whose file header `view` holds; -1 for one without a LINKTYPE_* here.
 * @throws CaptureError for a version other than 2
 */
export function parseSnoopHeader(path: string, view: DataView): number {
  const version = view.getUint32(8)
  if (version !== 2) throw new CaptureError(path, 8, `snoop version ${version}, expected 2`)
  return LINK_TYPES.get(view.getUint32(SNOOP_LINK_TYPE_OFFSET)) ?? -1
}

export class SnoopReader extends Reader {
  private readonly shown: CaptureInterface
  /** The epoch, its seconds as nanoseconds: 32 bits of them times 1e9, which is 2^9 · 5^9, fit into a double. */
  private epochSeconds = TIME_ZERO
  private epochNanoseconds = 0

  constructor(linkType: number, ...shared: ConstructorParameters<typeof Reader>) {
    super(...shared)
    this.buffer.position += SNOOP_HEADER_LENGTH
    this.file.format = 'snoop'
    this.file.byteOrder = 'big'
    this.frame.linkType = linkType
    this.frame.interface = this.interfaces.length
    this.shown = {
      capture: this.index,
      name: '',
      description: '',
      filter: '',
      linkType,
      snapLength: 0,
      resolution: 1000,
      dropped: 0,
      frames: 0,
    }
    this.interfaces.push(this.shown)
  }

  next(): Frame | null {
    const { buffer, frame, file } = this
    const start = buffer.position
    const data = start + RECORD_HEADER_LENGTH
    if (data > buffer.end) return null
    const view = buffer.view
    const captured = view.getUint32(start + 4)
    const record = view.getUint32(start + 8)
    if (
      captured > MAX_RECORD_LENGTH ||
      record < RECORD_HEADER_LENGTH + captured ||
      record > 2 * MAX_RECORD_LENGTH
    )
      return this.stop(
        start,
        `record of ${record} bytes with a packet of ${captured}, expected at most ${MAX_RECORD_LENGTH}`,
      )
    if (start + record > buffer.end) return null
    buffer.position = start + record

    const seconds = view.getUint32(start + 16)
    const fraction = view.getUint32(start + 20)
    if (fraction >= 1e6) file.oddFractions++
    if (file.epoch === null) this.startClock(seconds, fraction)
    const time = seconds * 1e9 - this.epochSeconds + (fraction * 1000 - this.epochNanoseconds)
    file.noteTime(time)

    frame.time = time
    frame.offset = data
    frame.length = captured
    frame.originalLength = view.getUint32(start)
    frame.number = ++file.frames
    this.shown.frames++
    this.shown.dropped = view.getUint32(start + 12)
    return frame
  }

  private startClock(seconds: number, fraction: number): void {
    this.epochSeconds = seconds * 1e9
    this.epochNanoseconds = fraction * 1000
    this.file.epoch = BigInt(seconds) * 1_000_000_000n + BigInt(this.epochNanoseconds)
  }

  protected override expectedRest(available: number): string {
    if (available < RECORD_HEADER_LENGTH) return `a record header of ${RECORD_HEADER_LENGTH} bytes`
    return `a record of ${this.buffer.view.getUint32(this.buffer.position + 8)} bytes`
  }
}
