// pcapng: sections of either byte order, interfaces with clocks of their own, packet blocks old and new (draft-ietf-opsawg-pcapng).

import { CaptureError } from '../error.ts'
import { type CaptureInterface, DIRECTION_UNKNOWN, type Frame } from '../frame.ts'
import { PcapngClock } from './pcapng-clock.ts'
import { readNames } from './pcapng-names.ts'
import {
  commentAt,
  OPTION_COMMENT,
  OPTION_INTERFACE_DESCRIPTION,
  OPTION_INTERFACE_FILTER,
  OPTION_INTERFACE_NAME,
  OPTION_INTERFACE_OFFSET,
  OPTION_INTERFACE_RESOLUTION,
  OPTION_SECTION_APPLICATION,
  OPTION_STATISTICS_INTERFACE_DROPS,
  OPTION_STATISTICS_SYSTEM_DROPS,
  optionText,
  packetDirection,
  padded,
  visitOptions,
} from './pcapng-options.ts'
import { MAX_RECORD_LENGTH, Reader } from './reader.ts'

/** The same in both byte orders. */
export const SECTION_HEADER = 0x0a0d0d0a
const INTERFACE_DESCRIPTION = 1
const OBSOLETE_PACKET = 2
const SIMPLE_PACKET = 3
const NAME_RESOLUTION = 4
const INTERFACE_STATISTICS = 5
const ENHANCED_PACKET = 6
const JOURNAL_EXPORT = 9
const CUSTOM = 0x00000bad
const CUSTOM_NOT_COPIED = 0x40000bad

const BYTE_ORDER_MAGIC = 0x1a2b3c4d
/** Bytes of a section header up to its options. */
export const PCAPNG_HEADER_LENGTH = 24
/** Type, length, and the length once more at the end. */
const MIN_BLOCK_LENGTH = 12
const PACKET_DATA = 28
const SIMPLE_PACKET_DATA = 12
/** The longest block that is looked into: a packet and as much again of options. Others are passed over at any length. */
const MAX_BLOCK_LENGTH = 2 * MAX_RECORD_LENGTH
/** More interfaces than any capture has: only there to keep memory bounded. */
const MAX_INTERFACES = 1 << 14
const DEFAULT_RESOLUTION = 6

/** An interface of the section that is being read. */
interface SectionInterface {
  /** Its place in the replay's interfaces. */
  index: number
  /** What the replay knows of it. */
  shown: CaptureInterface
  clock: PcapngClock
}

/** Whether a section header whose byte-order magic stands at 8 of `view` is in little-endian order; null for neither. */
function pcapngByteOrder(view: DataView): 'little' | 'big' | null {
  if (view.getUint32(8, true) === BYTE_ORDER_MAGIC) return 'little'
  return view.getUint32(8, false) === BYTE_ORDER_MAGIC ? 'big' : null
}

/**
 * Checks the section header that begins a capture, of which `view` holds PCAPNG_HEADER_LENGTH bytes.
 * @throws CaptureError for what is no pcapng, or one of an unknown version
 */
export function checkPcapngHeader(path: string, view: DataView): void {
  const order = pcapngByteOrder(view)
  if (order === null) throw new CaptureError(path, 8, 'no byte-order magic, expected 1a2b3c4d or 4d3c2b1a')
  const major = view.getUint16(12, order === 'little')
  const minor = view.getUint16(14, order === 'little')
  if (!isKnownVersion(major, minor))
    throw new CaptureError(path, 12, `pcapng version ${major}.${minor}, expected 1.0`)
}

/** 1.2 is 1.0, written by a few programs that should not. */
function isKnownVersion(major: number, minor: number): boolean {
  return major === 1 && (minor === 0 || minor === 2)
}

export class PcapngReader extends Reader {
  private little = true
  private section: SectionInterface[] = []
  private interfaceCount = 0
  /** Length that an unknown block was passed over with and that must stand once more at its end; 0 for none. */
  private passed = 0
  /** Blocks that are no frames but that Wireshark gives frame numbers all the same. */
  private numbered = 0
  /** Time of the last stamped frame. */
  private lastTime = 0

  constructor(...shared: ConstructorParameters<typeof Reader>) {
    super(...shared)
    this.file.format = 'pcapng'
  }

  next(): Frame | null {
    const { buffer } = this
    for (;;) {
      const start = buffer.position
      if (start + MIN_BLOCK_LENGTH > buffer.end && !(this.passed > 0 && start + 4 <= buffer.end)) return null
      const view = buffer.view
      if (this.passed > 0) {
        if (!this.endPassedBlock(start)) return null
        continue
      }
      const type = view.getUint32(start, this.little)
      if (type === SECTION_HEADER && !this.turnToSection(start)) return null
      const length = view.getUint32(start + 4, this.little)
      if (length < MIN_BLOCK_LENGTH || (length & 3) !== 0)
        return this.stop(
          start,
          `block length ${length}, expected a multiple of 4 and at least ${MIN_BLOCK_LENGTH}`,
        )
      // names are of use, but no reason to refuse a block of any length
      if (!isLookedInto(type) || (type === NAME_RESOLUTION && length > MAX_BLOCK_LENGTH)) {
        if (isNumbered(type)) this.numbered++
        buffer.position = start + length - 4
        this.passed = length
        continue
      }
      if (length > MAX_BLOCK_LENGTH)
        return this.stop(start, `block length ${length}, expected at most ${MAX_BLOCK_LENGTH}`)
      const end = start + length
      if (end > buffer.end) return null
      if (view.getUint32(end - 4, this.little) !== length) return this.stopAtTrailer(start, length, end - 4)
      buffer.position = end
      const frame = this.readBlock(type, start, end - 4)
      if (frame !== null) return frame
    }
  }

  /** A block's content in [start, end): a frame, or null when it was none (or nothing can be read on). */
  private readBlock(type: number, start: number, end: number): Frame | null {
    switch (type) {
      case ENHANCED_PACKET:
        return this.readPacket(start, end, this.buffer.view.getUint32(start + 8, this.little))
      case OBSOLETE_PACKET:
        return this.readPacket(start, end, this.buffer.view.getUint16(start + 8, this.little))
      case SIMPLE_PACKET:
        return this.readSimplePacket(start, end)
      case SECTION_HEADER:
        return this.readSection(start, end)
      case INTERFACE_DESCRIPTION:
        return this.readInterface(start, end)
      case INTERFACE_STATISTICS:
        return this.readStatistics(start, end)
      case NAME_RESOLUTION:
        return this.readNames(start + 8, end)
      default:
        return null
    }
  }

  private readPacket(start: number, end: number, interfaceId: number): Frame | null {
    const { frame, file } = this
    const { view } = this.buffer
    const little = this.little
    const data = start + PACKET_DATA
    if (data > end) return this.stopAtBlock(start, 'packet block', end)
    if (interfaceId >= this.section.length) return this.stopAtInterface(start, interfaceId)
    const captured = view.getUint32(start + 20, little)
    if (captured > MAX_RECORD_LENGTH || data + captured > end)
      return this.stopAtPacket(start, captured, end - data)

    const from = this.section[interfaceId]
    const high = view.getUint32(start + 12, little)
    const low = view.getUint32(start + 16, little)
    if (file.epoch === null) this.startClocks(from.clock.absolute(high, low))
    const time = from.clock.since(high, low)
    file.noteTime(time)
    this.lastTime = time

    const options = data + padded(captured)
    const hasOptions = options + 8 <= end
    frame.direction = hasOptions ? packetDirection(view, options, end, little) : DIRECTION_UNKNOWN
    frame.time = time
    frame.offset = data
    frame.length = captured
    frame.originalLength = view.getUint32(start + 24, little)
    this.deliver(from)
    if (hasOptions) this.noteComment(options, end)
    return frame
  }

  /** What somebody wrote on the frame that was delivered last. */
  private noteComment(start: number, end: number): void {
    const { view } = this.buffer
    const at = commentAt(view, start, end, this.little)
    if (at < 0) return
    const text = optionText(view, at + 4, view.getUint16(at + 2, this.little))
    this.file.packetComments.note(this.frame.number, text)
  }

  /** No stamp, no captured length, and always the section's first interface. */
  private readSimplePacket(start: number, end: number): Frame | null {
    const { frame, file } = this
    const data = start + SIMPLE_PACKET_DATA
    if (data > end) return this.stopAtBlock(start, 'simple packet block', end)
    if (this.section.length === 0) return this.stopAtInterface(start, 0)
    const from = this.section[0]
    const original = this.buffer.view.getUint32(start + 8, this.little)
    const captured = Math.min(original, from.shown.snapLength || original)
    if (captured > MAX_RECORD_LENGTH || data + captured > end)
      return this.stopAtPacket(start, captured, end - data)
    file.unstamped++
    frame.direction = DIRECTION_UNKNOWN
    frame.time = this.lastTime
    frame.offset = data
    frame.length = captured
    frame.originalLength = original
    return this.deliver(from)
  }

  private deliver(from: SectionInterface): Frame {
    const { frame } = this
    frame.number = ++this.file.frames + this.numbered
    frame.interface = from.index
    frame.linkType = from.shown.linkType
    from.shown.frames++
    return frame
  }

  /** Takes over the byte order of the section that begins at `start`. */
  private turnToSection(start: number): boolean {
    const { buffer } = this
    const order = pcapngByteOrder(new DataView(buffer.bytes.buffer, start))
    if (order === null) {
      this.stop(start, 'section header without byte-order magic, expected 1a2b3c4d or 4d3c2b1a')
      return false
    }
    this.little = order === 'little'
    if (this.file.byteOrder === '') this.file.byteOrder = order
    return true
  }

  private readSection(start: number, end: number): null {
    const { view } = this.buffer
    if (start + PCAPNG_HEADER_LENGTH > end) return this.stopAtBlock(start, 'section header', end)
    const major = view.getUint16(start + 12, this.little)
    const minor = view.getUint16(start + 14, this.little)
    if (!isKnownVersion(major, minor))
      return this.stop(start, `section of pcapng version ${major}.${minor}, expected 1.0`)
    this.section = []
    this.visitOptions(start + PCAPNG_HEADER_LENGTH, end, (code, at, length) => {
      if (code === OPTION_COMMENT) this.file.addComment(optionText(view, at, length))
      if (code === OPTION_SECTION_APPLICATION) this.file.application = optionText(view, at, length)
    })
    return null
  }

  private readInterface(start: number, end: number): null {
    const { view } = this.buffer
    const little = this.little
    if (start + 16 > end) return this.stopAtBlock(start, 'interface description', end)
    if (this.interfaceCount === MAX_INTERFACES)
      return this.stop(start, `more than ${MAX_INTERFACES} interfaces`)
    const shown: CaptureInterface = {
      capture: this.index,
      name: '',
      description: '',
      filter: '',
      linkType: view.getUint16(start + 8, little),
      snapLength: view.getUint32(start + 12, little),
      resolution: 0,
      dropped: null,
      frames: 0,
    }
    let resolution = DEFAULT_RESOLUTION
    let offset = 0n
    this.visitOptions(start + 16, end, (code, at, length) => {
      if (code === OPTION_INTERFACE_NAME) shown.name = optionText(view, at, length)
      else if (code === OPTION_INTERFACE_DESCRIPTION) shown.description = optionText(view, at, length)
      // a filter has its kind in front: 0 is text, 1 compiled BPF
      else if (code === OPTION_INTERFACE_FILTER && length > 1 && view.getUint8(at) === 0)
        shown.filter = optionText(view, at + 1, length - 1)
      else if (code === OPTION_INTERFACE_RESOLUTION && length >= 1) resolution = view.getUint8(at)
      else if (code === OPTION_INTERFACE_OFFSET && length >= 8) offset = view.getBigInt64(at, little)
      else if (code === OPTION_COMMENT) this.file.addComment(optionText(view, at, length))
    })
    const clock = new PcapngClock(resolution, offset)
    shown.resolution = clock.resolution
    if (this.file.epoch !== null) clock.align(this.file.epoch)
    this.section.push({ index: this.interfaces.length, shown, clock })
    this.interfaces.push(shown)
    this.interfaceCount++
    return null
  }

  /** Counters since the capture began: the last block of an interface is the one that holds. */
  private readStatistics(start: number, end: number): null {
    const { view } = this.buffer
    const interfaceId = start + 20 > end ? -1 : view.getUint32(start + 8, this.little)
    if (!(interfaceId in this.section)) {
      this.file.addDamage(
        this.buffer.offsetOf(start),
        'interface statistics of no interface, passed over',
        false,
      )
      return null
    }
    const { shown } = this.section[interfaceId]
    let dropped: number | null = null
    this.visitOptions(start + 20, end, (code, at, length) => {
      if (code !== OPTION_STATISTICS_INTERFACE_DROPS && code !== OPTION_STATISTICS_SYSTEM_DROPS) return
      if (length === 8) dropped = (dropped ?? 0) + Number(view.getBigUint64(at, this.little))
    })
    shown.dropped = dropped ?? shown.dropped
    return null
  }

  private readNames(start: number, end: number): null {
    const overrun = readNames(this.buffer.view, start, end, this.little, this.file.names)
    if (overrun < 0) return null
    const message = 'name record runs past the end of its block, the names before it hold'
    this.file.addDamage(this.buffer.offsetOf(overrun), message, false)
    return null
  }

  private visitOptions(
    start: number,
    end: number,
    visit: (code: number, at: number, length: number) => void,
  ): void {
    const overrun = visitOptions(this.buffer.view, start, end, this.little, visit)
    if (overrun < 0) return
    const message = 'option runs past the end of its block, the options before it hold'
    this.file.addDamage(this.buffer.offsetOf(overrun), message, false)
  }

  private startClocks(epoch: bigint): void {
    this.file.epoch = epoch
    for (const from of this.section) from.clock.align(epoch)
  }

  private endPassedBlock(start: number): boolean {
    const { buffer, passed } = this
    if (buffer.view.getUint32(start, this.little) !== passed) {
      this.stopAtTrailer(start + 4 - passed, passed, start)
      return false
    }
    this.passed = 0
    buffer.position = start + 4
    return true
  }

  private stopAtTrailer(start: number, length: number, at: number): null {
    const trailer = this.buffer.view.getUint32(at, this.little)
    return this.stop(
      start,
      `block of ${length} bytes ends with the length ${trailer}, expected ${length} again`,
    )
  }

  private stopAtBlock(start: number, what: string, end: number): null {
    return this.stop(start, `${what} of ${end + 4 - start} bytes is too short`)
  }

  private stopAtInterface(start: number, interfaceId: number): null {
    return this.stop(
      start,
      `interface ${interfaceId} of a section that describes ${this.section.length} of them`,
    )
  }

  private stopAtPacket(start: number, captured: number, room: number): null {
    const most = Math.min(room, MAX_RECORD_LENGTH)
    return this.stop(start, `packet length ${captured}, expected at most ${most}`)
  }

  protected override endsWhole(): boolean {
    return super.endsWhole() && this.passed === 0
  }

  protected override expectedRest(available: number): string {
    if (this.passed > 0) return `the last 4 bytes of a block of ${this.passed} bytes`
    if (available < MIN_BLOCK_LENGTH) return `a block of at least ${MIN_BLOCK_LENGTH} bytes`
    return `a block of ${this.buffer.view.getUint32(this.buffer.position + 4, this.little)} bytes`
  }
}

function isNumbered(type: number): boolean {
  return type === JOURNAL_EXPORT || type === CUSTOM || type === CUSTOM_NOT_COPIED
}

function isLookedInto(type: number): boolean {
  switch (type) {
    case SECTION_HEADER:
    case INTERFACE_DESCRIPTION:
    case OBSOLETE_PACKET:
    case SIMPLE_PACKET:
    case NAME_RESOLUTION:
    case INTERFACE_STATISTICS:
    case ENHANCED_PACKET:
      return true
    default:
      return false
  }
}
