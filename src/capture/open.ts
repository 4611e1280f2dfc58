// Opens captures: finds out by their content what they are, never by their name, and refuses what is none.

import { constants, fstat, open, type Stats, stat } from 'node:fs'
import { isatty } from 'node:tty'
import { type ByteSource, FileSource, openFile, PipeSource } from './byte-source.ts'
import { CaptureRecord } from './capture-record.ts'
import { compressionOf, decompress } from './compression.ts'
import { CaptureError } from './error.ts'
import type { CaptureInterface, FrameSource } from './frame.ts'
import {
  isPcapMagic,
  PCAP_HEADER_LENGTH,
  PCAP_LINK_TYPE_OFFSET,
  PcapReader,
  parsePcapHeader,
} from './pcap.ts'
import { checkPcapngHeader, PCAPNG_HEADER_LENGTH, PcapngReader, SECTION_HEADER } from './pcapng.ts'
import type { Reader } from './reader.ts'
import { SingleSource } from './single-source.ts'
import {
  isSnoopMagic,
  parseSnoopHeader,
  SNOOP_HEADER_LENGTH,
  SNOOP_LINK_TYPE_OFFSET,
  SnoopReader,
} from './snoop.ts'
import { Window } from './window.ts'

export const STANDARD_INPUT = '-'
/** Bytes read at a time: large enough that a read costs nothing per frame, small enough for a second-level cache. */
const CHUNK = 1 << 20
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
}

/**
 * Opens one or several captures as one source of frames. `-` is standard input; FIFOs will do.
 * @throws CaptureError where a path is no capture that can be read
 */
export async function openCaptures(
  paths: readonly string[],
  options: OpenOptions = {},
): Promise<FrameSource> {
  const interfaces: CaptureInterface[] = []
  return new SingleSource(await openReader(paths[0], 0, interfaces, options), interfaces)
}

async function openReader(
  path: string,
  index: number,
  interfaces: CaptureInterface[],
  options: OpenOptions,
): Promise<Reader> {
  const file = new CaptureRecord(path)
  const stored = await openStored(file)
  let window = new Window(stored, CHUNK)
  try {
    const compression = await compressionOf(window)
    if (compression !== '') {
      const reopen = stored instanceof FileSource && path !== STANDARD_INPUT ? () => openWindow(path) : null
      file.compression = compression
      window = new Window(decompress(compression, { window, reopen }), CHUNK)
    }
    await window.need(MAGIC_LENGTH)
    return await recognise(file, window, index, interfaces, options)
  } catch (error) {
    await window.close()
    throw error
  }
}

async function openWindow(path: string): Promise<Window> {
  return new Window(await openFile(path), CHUNK)
}

/** The reader for what the window begins with. */
async function recognise(
  file: CaptureRecord,
  window: Window,
  index: number,
  interfaces: CaptureInterface[],
  options: OpenOptions,
): Promise<Reader> {
  const { path } = file
  const available = window.end - window.position
  if (available === 0 && window.failure !== null) throw new CaptureError(path, 0, window.failure)
  if (available === 0) throw new CaptureError(path, 0, 'empty, expected a capture')
  const shared = [window, file, index, interfaces] as const
  if (available >= 4 && isPcapMagic(viewOf(window))) {
    await needHeader(path, window, PCAP_HEADER_LENGTH, 'a pcap file header')
    const header = parsePcapHeader(path, viewOf(window))
    if (options.supportsLinkType?.(header.linkType) === false)
      throw new CaptureError(path, PCAP_LINK_TYPE_OFFSET, `link type ${header.linkType} is not supported`)
    return new PcapReader(header, ...shared)
  }
  if (available >= 4 && viewOf(window).getUint32(0) === SECTION_HEADER) {
    await needHeader(path, window, PCAPNG_HEADER_LENGTH, 'a pcapng section header')
    checkPcapngHeader(path, viewOf(window))
    return new PcapngReader(...shared)
  }
  if (available >= MAGIC_LENGTH && isSnoopMagic(viewOf(window))) {
    await needHeader(path, window, SNOOP_HEADER_LENGTH, 'a snoop file header')
    const linkType = parseSnoopHeader(path, viewOf(window))
    if (linkType < 0 || options.supportsLinkType?.(linkType) === false)
      throw new CaptureError(
        path,
        SNOOP_LINK_TYPE_OFFSET,
        'data-link type is not supported, expected Ethernet (4)',
      )
    return new SnoopReader(linkType, ...shared)
  }
  throw new CaptureError(path, 0, `no capture: found ${found(window)}, expected ${EXPECTED}`)
}

async function needHeader(path: string, window: Window, length: number, what: string): Promise<void> {
  if (!(await window.need(length)))
    throw new CaptureError(path, window.end - window.position, `cut off, expected ${what} of ${length} bytes`)
}

function viewOf(window: Window): DataView {
  return new DataView(window.bytes.buffer, window.position, window.end - window.position)
}

/** The first bytes, and what they belong to where that is something people compress or save captures as. */
function found(window: Window): string {
  const shown = window.bytes.subarray(window.position, Math.min(window.end, window.position + MAGIC_LENGTH))
  const hex = Array.from(shown, byte => byte.toString(16).padStart(2, '0')).join(' ')
  const known = FOREIGN.find(([magic]) => hex.startsWith(magic))
  return known === undefined ? hex : `${hex} (${known[1]})`
}

async function openStored(file: CaptureRecord): Promise<ByteSource> {
  const { path } = file
  if (path === STANDARD_INPUT) return openStandardInput(file)
  const stats = await statOf(path)
  if (stats.isDirectory()) throw new CaptureError(path, 0, 'is a directory, expected a capture')
  if (stats.isFIFO() || stats.isSocket()) return new PipeSource(await openPipe(path))
  file.size = stats.size
  return openFile(path).catch(error => refuse(path, error))
}

async function openStandardInput(file: CaptureRecord): Promise<ByteSource> {
  const stats = await new Promise<Stats>((resolve, reject) => {
    fstat(0, (error, found) => (error ? reject(error) : resolve(found)))
  }).catch(error => refuse(file.path, error))
  if (stats.isDirectory()) throw new CaptureError(file.path, 0, 'is a directory, expected a capture')
  if (isatty(0)) throw new CaptureError(file.path, 0, 'standard input is a terminal, expected a capture')
  if (stats.isFIFO() || stats.isSocket()) return new PipeSource(0)
  file.size = stats.size
  return new FileSource(0, false)
}

function statOf(path: string): Promise<Stats> {
  return new Promise<Stats>((resolve, reject) => {
    stat(path, (error, found) => (error ? reject(error) : resolve(found)))
  }).catch(error => refuse(path, error))
}

/** Does not wait for a writer: the first read does, and that one can be broken off. */
function openPipe(path: string): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    open(path, constants.O_RDONLY | constants.O_NONBLOCK, (error, descriptor) =>
      error ? reject(error) : resolve(descriptor),
    )
  }).catch(error => refuse(path, error))
}

function refuse(path: string, error: NodeJS.ErrnoException): never {
  const known: Record<string, string> = {
    ENOENT: 'no such file',
    EACCES: 'permission denied',
    ENOTDIR: 'no such file: a part of the path is no directory',
    EMFILE: 'too many open files',
    ELOOP: 'too many symbolic links',
    ENAMETOOLONG: 'no such file: the name is too long',
  }
  throw new CaptureError(path, 0, `${known[error.code ?? ''] ?? error.message}, expected a capture`)
}
