// Zstandard frames as a stream: cuts blocks and frames apart, checks what they ask for, and has them decoded one by one (RFC 8878).

import type { ByteSource } from '../byte-source.ts'
import type { ReadBuffer } from '../read-buffer.ts'
import { isSkippableMagic } from './skippable.ts'
import { createZstdDecoder, type ZstdDecoder, type ZstdPiece } from './zstd-decoder.ts'

export const ZSTD_MAGIC = 0xfd2fb528
/** What the format lets a block hold, stored or decoded. */
const MAX_BLOCK_LENGTH = 1 << 17
/** What a frame may ask a decoder to remember: the bound of the zstd command, too, unless it is told otherwise. */
export const MAX_ZSTD_WINDOW = 1 << 27

const DESCRIPTOR_SINGLE_SEGMENT = 0x20
const DESCRIPTOR_CHECKSUM = 0x04
const BLOCK_RLE = 1
const BLOCK_RESERVED = 3

/**
 * Block by block, at most 128 KiB are decoded at a time, so that a decompression bomb finds no memory to fill, and what
 * came before a damaged block is not lost.
 */
export class ZstdSource implements ByteSource {
  private readonly input: ReadBuffer
  private readonly createDecoder: () => ZstdDecoder
  /** Of the frame that is being read; null between frames. */
  private decoder: ZstdDecoder | null = null
  private hasChecksum = false
  private output: Uint8Array = new Uint8Array(0)
  private outputPosition = 0
  private failure: Error | null = null

  /** @param input the stored bytes, at the first frame's magic */
  constructor(input: ReadBuffer, createDecoder: () => ZstdDecoder = createZstdDecoder) {
    this.input = input
    this.createDecoder = createDecoder
  }

  get position(): number {
    return this.input.read
  }

  async read(target: Uint8Array, offset: number, length: number): Promise<number> {
    while (this.outputPosition === this.output.length) {
      if (this.failure !== null) throw this.failure
      const more = this.decoder === null ? await this.readHeader() : await this.readBlock(this.decoder)
      if (!more) return 0
    }
    const taken = Math.min(length, this.output.length - this.outputPosition)
    target.set(this.output.subarray(this.outputPosition, this.outputPosition + taken), offset)
    this.outputPosition += taken
    return taken
  }

  close(): Promise<void> {
    this.decoder?.close()
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
    if (magic !== ZSTD_MAGIC) return this.fail('no frame where one was expected')

    if (!(await input.need(5))) return this.fail('cut off in a frame header')
    const length = headerLength(input.bytes[input.position + 4])
    if (!(await input.need(length))) return this.fail('cut off in a frame header')
    const wanted = windowLength(input.view, input.position)
    if (wanted > MAX_ZSTD_WINDOW)
      return this.fail(`frame that needs ${wanted} bytes of window, expected at most ${MAX_ZSTD_WINDOW}`)

    this.hasChecksum = (input.bytes[input.position + 4] & DESCRIPTOR_CHECKSUM) !== 0
    this.decoder = this.createDecoder()
    return this.decode(this.decoder, length, 'header')
  }

  private async readBlock(decoder: ZstdDecoder): Promise<boolean> {
    const { input } = this
    if (!(await input.need(3))) return this.fail('cut off')
    const { bytes, position } = input
    const header = bytes[position] | (bytes[position + 1] << 8) | (bytes[position + 2] << 16)
    const last = (header & 1) === 1
    const type = (header >> 1) & 3
    const length = header >> 3
    if (type === BLOCK_RESERVED) return this.fail('block of a reserved type')
    if (length > MAX_BLOCK_LENGTH)
      return this.fail(`block of ${length} bytes, expected at most ${MAX_BLOCK_LENGTH}`)
    const stored = 3 + (type === BLOCK_RLE ? 1 : length)
    if (!(await input.need(stored))) return this.fail('cut off')
    await this.decode(decoder, stored, last ? 'last block' : 'block')
    if (last && this.failure === null) await this.endFrame(decoder)
    return true
  }

  private async endFrame(decoder: ZstdDecoder): Promise<void> {
    if (this.hasChecksum) {
      // what the last block gave stays to be read, whatever comes of the checksum
      const { output } = this
      if (await this.input.need(4)) await this.decode(decoder, 4, 'checksum')
      else this.fail('cut off before the content checksum')
      this.output = output
    }
    decoder.close()
    this.decoder = null
  }

  /** Has the next `length` stored bytes decoded. Always true: look again. */
  private async decode(decoder: ZstdDecoder, length: number, kind: ZstdPiece): Promise<true> {
    const { input } = this
    try {
      this.output = await decoder.decode(input.bytes.subarray(input.position, input.position + length), kind)
      this.outputPosition = 0
    } catch (error) {
      return this.fail(error instanceof Error ? error.message : String(error))
    }
    input.position += length
    return true
  }

  private fail(why: string): true {
    const { input } = this
    const reason = input.failure ?? why
    this.failure = new Error(
      `zstd stream damaged at stored byte ${input.offsetOf(input.position)}: ${reason}`,
    )
    return true
  }
}

/** Bytes of a frame's header, magic included, by its descriptor. */
function headerLength(descriptor: number): number {
  const single = (descriptor & DESCRIPTOR_SINGLE_SEGMENT) !== 0
  const sizeFlag = descriptor >> 6
  const contentSize = sizeFlag === 0 ? (single ? 1 : 0) : 1 << sizeFlag
  const dictionary = [0, 1, 2, 4][descriptor & 3]
  return 5 + (single ? 0 : 1) + dictionary + contentSize
}

/** Bytes of history the frame at `start` wants: its window, or its whole content where that is one segment. */
function windowLength(view: DataView, start: number): number {
  const descriptor = view.getUint8(start + 4)
  if ((descriptor & DESCRIPTOR_SINGLE_SEGMENT) === 0) {
    const code = view.getUint8(start + 5)
    const base = 2 ** (10 + (code >> 3))
    return base + (base / 8) * (code & 7)
  }
  const at = start + headerLength(descriptor)
  switch (descriptor >> 6) {
    case 0:
      return view.getUint8(at - 1)
    case 1:
      return view.getUint16(at - 2, true) + 256
    case 2:
      return view.getUint32(at - 4, true)
    default:
      return Number(view.getBigUint64(at - 8, true))
  }
}
