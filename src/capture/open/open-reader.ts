// Opens one capture: finds out by its content what it is, never by its name, and refuses what is none.

import type { ByteSource } from '../byte-source.ts'
import type { CaptureRecord } from '../capture-record.ts'
import { compressionOf, decompress } from '../compression/compression.ts'
import { CaptureError } from '../error.ts'
import {
  isPcapMagic,
  PCAP_HEADER_LENGTH,
  PCAP_LINK_TYPE_OFFSET,
  PcapReader,
  parsePcapHeader,
} from '../formats/pcap.ts'
import { checkPcapngHeader, PCAPNG_HEADER_LENGTH, PcapngReader, SECTION_HEADER } from '../formats/pcapng.ts'
import type { Reader } from '../formats/reader.ts'
import {
  isSnoopMagic,
  parseSnoopHeader,
  SNOOP_HEADER_LENGTH,
  SNOOP_LINK_TYPE_OFFSET,
  SnoopReader,
} from '../formats/snoop.ts'
import type { CaptureInterface } from '../frame.ts'
import { ReadBuffer } from '../read-buffer.ts'
import { openStored } from './stored.ts'

/** Bytes that tell every format, and every compression, apart. */
const MAGIC_LENGTH = 8

const EXPECTED = 'pcap, pcapng or snoop, as it is or compressed with gzip, zstd or lz4'
/** Beginnings of files that a capture may hide in. */
const FOREIGN = [
  ['fd 37 7a 58 5a 00', 'xz: decompress it first'],
  ['42 5a 68', 'bzip2: decompress it first'],
  ['50 4b 03 04', 'zip: unpack it first'],
  ['37 7a bc af', '7z: unpack it first'],
  ['02 21 4c 18', 'lz4 of the legacy format: decompress it first'],
  ['1f 8b', 'gzip inside the compression: decompress it first'],
]

export interface OpenOptions {
  /** Link types the caller can decode; a classic capture of another one is refused. */
  supportsLinkType?: (linkType: number) => boolean
  /** Those link types in words, for the message about another one. */
  supportedLinkTypes?: string
  /** Whole nanoseconds to add to the stamps of each of several captures, whose clocks differ. */
  corrections?: readonly number[]
  /** Breaks off the wait for the first bytes of a pipe. Once the source is open, `close()` ends it. */
  signal?: AbortSignal
}

export interface ReaderRequest extends OpenOptions {
  /** Where to note what is found, and the path. */
  file: CaptureRecord
  /** Of the capture in `FrameSource.captures`. */
  index: number
  /** Interfaces of the whole replay: the reader appends its own. */
  interfaces: CaptureInterface[]
  /** Bytes to read at a time. */
  chunk: number
}

export interface OpenedReader {
  reader: Reader
  /** Whether the same capture can be opened a second time. */
  reopens: boolean
}

/**
 * Opens the capture at `request.file.path`; `-` is standard input.
 * @throws CaptureError where it is no capture that can be read, or what `request.signal` was aborted with
 */
export async function openReader(request: ReaderRequest): Promise<OpenedReader> {
  const { file, signal } = request
  const { source, reopens } = await openStored(file)
  const release = closeOnAbort(source, signal)
  try {
    // while the file was being opened there was nothing to close yet
    signal?.throwIfAborted()
    const reopen = async () => (await openStored(file)).source
    return { reader: await readStored(source, reopens ? reopen : null, request), reopens }
  } catch (error) {
    await source.close()
    signal?.throwIfAborted()
    throw error
  } finally {
    release()
  }
}

/**
 * Closes what is read from when `signal` comes, or at once if it came while that was being opened.
 * @returns a function that has the signal close it no more
 */
export function closeOnAbort(
  source: { close(): Promise<void> },
  signal: AbortSignal | undefined,
): () => void {
  const abort = () => void source.close()
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort)
  return () => signal?.removeEventListener('abort', abort)
}

/**
 * The reader for stored bytes, wherever they come from.
 * @param reopen gives the same bytes once more, from the first on; null where that cannot be
 * @throws CaptureError where they are no capture
 */
export async function readStored(
  source: ByteSource,
  reopen: (() => Promise<ByteSource>) | null,
  request: ReaderRequest,
): Promise<Reader> {
  const { file, chunk } = request
  const buffer = new ReadBuffer(source, chunk)
  const compression = await compressionOf(buffer)
  if (compression === '') return recognise(buffer, request)
  file.compression = compression
  const again = reopen === null ? null : async () => new ReadBuffer(await reopen(), chunk)
  const decompressed = new ReadBuffer(decompress(compression, { buffer, reopen: again }), chunk)
  try {
    return await recognise(decompressed, request)
  } catch (error) {
    await decompressed.close()
    throw error
  }
}

/** The reader for what the buffer begins with. */
async function recognise(buffer: ReadBuffer, request: ReaderRequest): Promise<Reader> {
  const { file, index, interfaces, supportsLinkType, supportedLinkTypes } = request
  const { path } = file
  await buffer.need(MAGIC_LENGTH)
  const available = buffer.end - buffer.position
  if (available === 0 && buffer.failure !== null) throw new CaptureError(path, 0, buffer.failure)
  if (available === 0) throw new CaptureError(path, 0, 'empty, expected a capture')
  const shared = [buffer, file, index, interfaces] as const
  if (available >= 4 && isPcapMagic(viewOf(buffer))) {
    await needHeader(path, buffer, PCAP_HEADER_LENGTH, 'a pcap file header')
    const header = parsePcapHeader(path, viewOf(buffer))
    if (supportsLinkType?.(header.linkType) === false) {
      const expected = supportedLinkTypes === undefined ? '' : `, expected ${supportedLinkTypes}`
      throw new CaptureError(
        path,
        PCAP_LINK_TYPE_OFFSET,
        `link type ${header.linkType} is not supported${expected}`,
      )
    }
    return new PcapReader(header, ...shared)
  }
  if (available >= 4 && viewOf(buffer).getUint32(0) === SECTION_HEADER) {
    await needHeader(path, buffer, PCAPNG_HEADER_LENGTH, 'a pcapng section header')
    checkPcapngHeader(path, viewOf(buffer))
    return new PcapngReader(...shared)
  }
  if (available >= MAGIC_LENGTH && isSnoopMagic(viewOf(buffer))) {
    await needHeader(path, buffer, SNOOP_HEADER_LENGTH, 'a snoop file header')
    const linkType = parseSnoopHeader(path, viewOf(buffer))
    if (linkType < 0 || supportsLinkType?.(linkType) === false)
      throw new CaptureError(
        path,
        SNOOP_LINK_TYPE_OFFSET,
        'data-link type is not supported, expected Ethernet (4)',
      )
    return new SnoopReader(linkType, ...shared)
  }
  throw new CaptureError(path, 0, `no capture: found ${found(buffer)}, expected ${EXPECTED}`)
}

async function needHeader(path: string, buffer: ReadBuffer, length: number, what: string): Promise<void> {
  if (!(await buffer.need(length)))
    throw new CaptureError(path, buffer.end - buffer.position, `cut off, expected ${what} of ${length} bytes`)
}

function viewOf(buffer: ReadBuffer): DataView {
  return new DataView(buffer.bytes.buffer, buffer.position, buffer.end - buffer.position)
}

/** The first bytes, and what they belong to where that is something people compress or save captures as. */
function found(buffer: ReadBuffer): string {
  const shown = buffer.bytes.subarray(buffer.position, Math.min(buffer.end, buffer.position + MAGIC_LENGTH))
  const hex = Array.from(shown, byte => byte.toString(16).padStart(2, '0')).join(' ')
  const known = FOREIGN.find(([magic]) => hex.startsWith(magic))
  return known === undefined ? hex : `${hex} (${known[1]})`
}
