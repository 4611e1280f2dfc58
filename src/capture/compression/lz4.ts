// LZ4 frames as a stream: linked and independent blocks, concatenated and skippable frames, checksums (lz4_Frame_format.md 1.6).

import type { ByteSource } from '../byte-source.ts'
import type { ReadBuffer } from '../read-buffer.ts'
import { decodeLz4Block } from './lz4-block.ts'
import { isSkippableMagic } from './skippable.ts'
import { XxHash32, xxHash32 } from './xxhash32.ts'

export const LZ4_MAGIC = 0x184d2204
/** How far back a match reaches, and so what is kept of the blocks before. */
const HISTORY = 1 << 16
const MAX_BLOCK_LENGTH = 4 << 20
/** A block stored as it is has the top bit of its length set. */
const UNCOMPRESSED = 0x80000000

const FLAG_VERSION = 0xc0
const FLAG_VERSION_1 = 0x40
const FLAG_INDEPENDENT = 0x20
const FLAG_BLOCK_CHECKSUM = 0x10
const FLAG_CONTENT_SIZE = 0x08
const FLAG_CONTENT_CHECKSUM = 0x04
const FLAG_RESERVED = 0x02
const FLAG_DICTIONARY = 0x01

export class Lz4Source implements ByteSource {
  private readonly input: ReadBuffer
  /** History in front, then the block that was decoded last. */
  private output = new Uint8Array(0)
  private outputPosition = HISTORY
  private outputEnd = HISTORY
  private failure: Error | null = null

  private inFrame = false
  private flags = 0
  private maxBlock = 0
  /** Decoded bytes of this frame that stand in front of the next block, at most HISTORY. */
  private history = 0
  private contentHash = new XxHash32()

  /** @param input the stored bytes, at the first frame's magic */
  constructor(input: ReadBuffer) {
    this.input = input
  }

  get position(): number {
    return this.input.read
  }

  async read(target: Uint8Array, offset: number, length: number): Promise<number> {
    while (this.outputPosition === this.outputEnd) {
      if (this.failure !== null) throw this.failure
      const more = this.inFrame ? await this.readBlock() : await this.readHeader()
      if (!more) return 0
    }
    const taken = Math.min(length, this.outputEnd - this.outputPosition)
    target.set(this.output.subarray(this.outputPosition, this.outputPosition + taken), offset)
    this.outputPosition += taken
    return taken
  }

  close(): Promise<void> {
    return this.input.close()
  }

  /** A frame's header, or a skippable frame. False at the end of the stored bytes. */
  private async readHeader(): Promise<boolean> {
    const { input } = this
    if (!(await input.need(4))) {
      if (input.failure === null && input.end === input.position) return false
      return this.fail('cut off in a frame header')
    }
    const magic = input.view.getUint32(input.position, true)
    if (isSkippableMagic(magic)) {
      if (!(await input.need(8))) return this.fail('cut off in a skippable frame')
      input.position += 8 + input.view.getUint32(input.position + 4, true)
      return true
    }
    if (magic !== LZ4_MAGIC) return this.fail('no frame where one was expected')

    if (!(await input.need(7))) return this.fail('cut off in a frame header')
    const start = input.position + 4
    const flags = input.bytes[start]
    const length = 2 + (flags & FLAG_CONTENT_SIZE ? 8 : 0)
    if ((flags & FLAG_VERSION) !== FLAG_VERSION_1 || (flags & FLAG_RESERVED) !== 0)
      return this.fail('frame of an unknown version')
    if (flags & FLAG_DICTIONARY) return this.fail('frame that needs a dictionary')
    if (!(await input.need(4 + length + 1))) return this.fail('cut off in a frame header')
    return this.beginFrame(flags, input.position + 4, length)
  }

  private beginFrame(flags: number, start: number, length: number): boolean {
    const { input } = this
    const sizeCode = (input.bytes[start + 1] >> 4) & 7
    if (sizeCode < 4) return this.fail(`block size code ${sizeCode}, expected 4 to 7`)
    const sum = (xxHash32(input.bytes, start, start + length) >>> 8) & 0xff
    if (sum !== input.bytes[start + length]) return this.fail('header checksum does not match')
    input.position = start + length + 1

    this.inFrame = true
    this.flags = flags
    this.maxBlock = Math.min(MAX_BLOCK_LENGTH, 1 << (8 + 2 * sizeCode))
    this.history = 0
    this.contentHash = new XxHash32()
    if (this.output.length < HISTORY + this.maxBlock) this.output = new Uint8Array(HISTORY + this.maxBlock)
    this.outputPosition = HISTORY
    this.outputEnd = HISTORY
    return true
  }

  private async readBlock(): Promise<boolean> {
    const { input } = this
    if (!(await input.need(4))) return this.fail('cut off')
    const word = input.view.getUint32(input.position, true)
    if (word === 0) return this.endFrame()
    const plain = word >= UNCOMPRESSED
    const length = plain ? word - UNCOMPRESSED : word
    if (length > this.maxBlock)
      return this.fail(`block of ${length} bytes, expected at most ${this.maxBlock}`)
    const whole = await input.need(4 + length + (this.flags & FLAG_BLOCK_CHECKSUM ? 4 : 0))
    const start = input.position + 4
    const end = Math.min(start + length, input.end)
    if (
      whole &&
      this.flags & FLAG_BLOCK_CHECKSUM &&
      xxHash32(input.bytes, start, end) !== input.view.getInt32(end, true)
    )
      return this.fail('block checksum does not match')

    this.keepHistory()
    const sound = plain ? this.copyBlock(start, end) : this.decodeBlock(start, end)
    if (!whole) return this.fail('cut off')
    if (!sound) return this.fail('block breaks the format')
    input.position = end + (this.flags & FLAG_BLOCK_CHECKSUM ? 4 : 0)
    return true
  }

  private async endFrame(): Promise<boolean> {
    const { input } = this
    const sums = (this.flags & FLAG_CONTENT_CHECKSUM) !== 0
    if (sums && !(await input.need(8))) return this.fail('cut off before the content checksum')
    if (sums && input.view.getInt32(input.position + 4, true) !== this.contentHash.digest())
      return this.fail(
        'content checksum does not match: some of the bytes before it are not the ones compressed',
      )
    input.position += sums ? 8 : 4
    this.inFrame = false
    return true
  }

  /** Moves what the next block may refer to in front of it. */
  private keepHistory(): void {
    const decoded = this.outputEnd - HISTORY
    const kept = this.flags & FLAG_INDEPENDENT ? 0 : Math.min(HISTORY, this.history + decoded)
    this.output.copyWithin(HISTORY - kept, this.outputEnd - kept, this.outputEnd)
    this.history = kept
    this.outputPosition = HISTORY
    this.outputEnd = HISTORY
  }

  private copyBlock(start: number, end: number): boolean {
    this.output.set(this.input.bytes.subarray(start, end), HISTORY)
    this.take(HISTORY + end - start)
    return true
  }

  private decodeBlock(start: number, end: number): boolean {
    const { bytes } = this.input
    const limit = HISTORY + this.maxBlock
    const block = decodeLz4Block(bytes, start, end, this.output, HISTORY - this.history, HISTORY, limit)
    this.take(block.end)
    return block.sound
  }

  private take(end: number): void {
    this.outputEnd = end
    if (this.flags & FLAG_CONTENT_CHECKSUM) this.contentHash.update(this.output, HISTORY, end)
  }

  /** Notes why decoding ends here; what was decoded so far is still given out. Returns true: look again. */
  private fail(why: string): true {
    const { input } = this
    const reason = input.failure ?? why
    this.failure = new Error(`lz4 stream damaged at stored byte ${input.offsetOf(input.position)}: ${reason}`)
    return true
  }
}
