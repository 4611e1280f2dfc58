// Classic pcap in all its dialects: both byte orders, micro- and nanoseconds, Kuznetzov's record header (libpcap sf-pcap.c).

import { PACKET_OUTGOING } from '../../net/numbers.ts'
import { TIME_ZERO } from '../../net/time.ts'
import { CaptureError } from '../error.ts'
import { DIRECTION_OUTBOUND, type Frame } from '../frame.ts'
import { MAX_RECORD_LENGTH, Reader } from './reader.ts'

const MAGIC_MICROSECONDS = 0xa1b2c3d4
const MAGIC_NANOSECONDS = 0xa1b23c4d
/** Patched libpcaps of the late nineties, and FRITZ!Box: 24 bytes of record header instead of 16. */
const MAGIC_MODIFIED = 0xa1b2cd34

export const PCAP_HEADER_LENGTH = 24
const RECORD_HEADER_LENGTH = 16
const MODIFIED_RECORD_HEADER_LENGTH = 24
/** Offset of the packet type in a modified record header. */
const MODIFIED_PACKET_TYPE = 22

/** The upper bits of the link-type word tell the length of a frame check sequence. */
const LINK_TYPE_MASK = 0x03ffffff
export const PCAP_LINK_TYPE_OFFSET = 20

export interface PcapHeader {
  little: boolean
  magic: number
  snapLength: number
  linkType: number
  /** Before version 2.3 the original length came first; in 2.3 writers differed. */
  lengthOrder: 'captured first' | 'original first' | 'smaller is captured'
}

/** Whether these four bytes begin a classic pcap. */
export function isPcapMagic(view: DataView): boolean {
  return isMagic(view.getUint32(0, true)) || isMagic(view.getUint32(0, false))
}

function isMagic(magic: number): boolean {
  return magic === MAGIC_MICROSECONDS || magic === MAGIC_NANOSECONDS || magic === MAGIC_MODIFIED
}

/**
 * The file header, of which `view` holds all PCAP_HEADER_LENGTH bytes.
 * @throws CaptureError for a version that libpcap does not read either
 */
export function parsePcapHeader(path: string, view: DataView): PcapHeader {
  const little = isMagic(view.getUint32(0, true))
  const major = view.getUint16(4, little)
  const minor = view.getUint16(6, little)
  // 543.0 is what DG/UX tcpdump wrote
  if (!(major === 2 && minor <= 4) && !(major === 543 && minor === 0))
    throw new CaptureError(path, 4, `pcap version ${major}.${minor}, expected 2.0 to 2.4`)
  return {
    little,
    magic: view.getUint32(0, little),
    snapLength: view.getUint32(16, little),
    linkType: view.getUint32(PCAP_LINK_TYPE_OFFSET, little) & LINK_TYPE_MASK,
    lengthOrder:
      major === 543 || minor < 3 ? 'original first' : minor === 3 ? 'smaller is captured' : 'captured first',
  }
}

export class PcapReader extends Reader {
  private readonly little: boolean
  private readonly headerLength: number
  private readonly modified: boolean
  private readonly capturedAt: number
  private readonly originalAt: number
  private readonly smallerIsCaptured: boolean
  /** Nanoseconds a unit of the fraction lasts, and how many of them make a second. */
  private readonly scale: number
  private readonly unitsPerSecond: number
  /** The epoch, its seconds as nanoseconds: 32 bits of them times 1e9, which is 2^9 · 5^9, fit into a double. */
  private epochSeconds = TIME_ZERO
  private epochNanoseconds = 0

  /** @param header what `parsePcapHeader` found; the buffer stands in front of it and is moved past. */
  constructor(header: PcapHeader, ...shared: ConstructorParameters<typeof Reader>) {
    super(...shared)
    const nanoseconds = header.magic === MAGIC_NANOSECONDS
    const originalFirst = header.lengthOrder === 'original first'
    this.little = header.little
    this.modified = header.magic === MAGIC_MODIFIED
    this.headerLength = this.modified ? MODIFIED_RECORD_HEADER_LENGTH : RECORD_HEADER_LENGTH
    this.capturedAt = originalFirst ? 12 : 8
    this.originalAt = originalFirst ? 8 : 12
    this.smallerIsCaptured = header.lengthOrder === 'smaller is captured'
    this.scale = nanoseconds ? 1 : 1000
    this.unitsPerSecond = 1e9 / this.scale
    this.buffer.position += PCAP_HEADER_LENGTH

    this.file.format = nanoseconds ? 'pcap (nanoseconds)' : this.modified ? 'pcap (modified)' : 'pcap'
    this.file.byteOrder = header.little ? 'little' : 'big'
    this.frame.linkType = header.linkType
    this.frame.interface = this.interfaces.length
    this.interfaces.push({
      capture: this.index,
      name: '',
      description: '',
      filter: '',
      linkType: header.linkType,
      snapLength: header.snapLength,
      resolution: this.scale,
      dropped: null,
      frames: 0,
    })
  }

  next(): Frame | null {
    const { buffer, frame, file } = this
    const start = buffer.position
    const data = start + this.headerLength
    if (data > buffer.end) return null
    const view = buffer.view
    const little = this.little
    let captured = view.getUint32(start + this.capturedAt, little)
    let original = view.getUint32(start + this.originalAt, little)
    if (this.smallerIsCaptured && captured > original) {
      const swap = captured
      captured = original
      original = swap
    }
    if (captured > MAX_RECORD_LENGTH) return this.stopAtLength(start, captured)
    if (data + captured > buffer.end) return null
    buffer.position = data + captured

    const seconds = view.getUint32(start, little)
    const fraction = view.getUint32(start + 4, little)
    if (fraction >= this.unitsPerSecond) file.oddFractions++
    if (file.epoch === null) this.startClock(seconds, fraction)
    const time = seconds * 1e9 - this.epochSeconds + (fraction * this.scale - this.epochNanoseconds)
    file.noteTime(time)

    frame.time = time
    frame.offset = data
    frame.length = captured
    frame.originalLength = original
    frame.number = ++file.frames
    this.interfaces[frame.interface].frames++
    if (this.modified)
      frame.direction =
        view.getUint8(start + MODIFIED_PACKET_TYPE) === PACKET_OUTGOING ? DIRECTION_OUTBOUND : 0
    return frame
  }

  private startClock(seconds: number, fraction: number): void {
    this.epochSeconds = seconds * 1e9
    this.epochNanoseconds = fraction * this.scale
    this.file.epoch = BigInt(seconds) * 1_000_000_000n + BigInt(this.epochNanoseconds)
  }

  private stopAtLength(start: number, captured: number): null {
    return this.stop(
      start,
      `record length ${captured}, expected at most ${MAX_RECORD_LENGTH}: no frame can be found behind it`,
    )
  }

  protected override expectedRest(available: number): string {
    if (available < this.headerLength) return `a record header of ${this.headerLength} bytes`
    const length = this.buffer.view.getUint32(this.buffer.position + this.capturedAt, this.little)
    return `a record of ${this.headerLength + length} bytes`
  }
}
