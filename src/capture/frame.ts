// One captured frame: a record that its source reuses, and the contract every source of frames keeps.

import { TIME_ZERO } from '../net/time.ts'

/**
 * A frame as a source hands it out. The record is overwritten by the source's next call of `next()`; the bytes stay
 * until the source's next call of `fill()`. Who needs something later copies it.
 *
 * Time is whole nanoseconds since the first frame of the whole replay (exact in a double for 104 days; negative for
 * a frame stamped before the first one); the epoch of that first frame is kept by the source.
 */
export class Frame {
  /** The buffer that holds the frame; only [offset, offset + length) belongs to it. */
  bytes: Uint8Array = new Uint8Array(0)
  /** A view of the whole of `bytes` (view offset 0 is bytes[0]). */
  view: DataView = new DataView(new ArrayBuffer(0))
  /** Where the link-layer header starts in `bytes`. */
  offset = 0
  /** Captured length in bytes. */
  length = 0
  /** Length on the wire in bytes. */
  originalLength = 0
  /** Nanoseconds since the first frame of the replay. */
  time = TIME_ZERO
  /**
   * 1-based number within its capture, Wireshark's `frame.number`. In pcapng it may run ahead of the count of frames:
   * Wireshark numbers custom and journal blocks, too.
   */
  number = 0
  /** Index of its capture in `FrameSource.captures`. */
  capture = 0
  /** Index of its interface in `FrameSource.interfaces`. */
  interface = 0
  /** Link type (LINKTYPE_*), as registered at tcpdump.org/linktypes. */
  linkType = 0
  /** Which way it went through its interface, one of the DIRECTION_* codes: few captures say. */
  direction = 0
}

export const DIRECTION_UNKNOWN = 0
export const DIRECTION_INBOUND = 1
export const DIRECTION_OUTBOUND = 2

/** What a capture says of itself; counters grow while it is read. */
export interface CaptureFile {
  path: string
  /** `pcap`, `pcap (nanoseconds)`, `pcap (modified)`, `pcapng`, `snoop`. */
  format: string
  /** `gzip`, `zstd`, `lz4`, or `''`. */
  compression: string
  byteOrder: 'little' | 'big' | ''
  /** Bytes of the file as stored; 0 where unknown (a pipe). */
  size: number
  /** Bytes of the file read so far, as stored. */
  read: number
  frames: number
  /** Frames whose time stamp lies before the previous frame's. */
  backwards: number
  /** Frames stamped with a fraction of a second that is a second or more; it is carried into the seconds. */
  oddFractions: number
  /** Frames without a time stamp (pcapng simple packet blocks); they get the time of the frame before. */
  unstamped: number
  /** Nanoseconds that were added to its stamps in the replay, because its clock was wrong; 0 for one that counts as right. */
  correction: number
  /** Earliest and latest time stamp as they stand in it, as nanoseconds since 1970; null before there was one. */
  readonly firstTime: bigint | null
  readonly lastTime: bigint | null
  /** What the capture says was captured with (pcapng `shb_userappl`), or `''`. */
  application: string
  /** Comments on sections and interfaces, in the order they came (pcapng); the first MAX_COMMENTS of them. */
  comments: string[]
  /** Names of addresses, as the capture has them (pcapng), by the address as conntrack prints it. */
  readonly names: ReadonlyMap<string, string>
  /** What is written on a frame (pcapng), `''` where nothing is; and how many comments were too many to be kept. */
  readonly packetComments: { of(frame: number): string; readonly unkept: number }
  /** What was wrong with it, in file order. Empty for a sound capture. */
  damage: CaptureDamage[]
}

export interface CaptureDamage {
  /** Byte offset in the (uncompressed) capture where the trouble starts. */
  offset: number
  /** What was found and what was expected, as one line without the file's name. */
  message: string
  /** Whether reading ended there: everything before was understood, nothing after. */
  stopped: boolean
}

/** An interface of a capture; a classic pcap has one. */
export interface CaptureInterface {
  capture: number
  /** Interface name where the capture tells it (pcapng), else `''`. */
  name: string
  /** What the capture says the interface is, or `''`. */
  description: string
  /** The capture filter that was in force there, or `''`: packets it refused are missing. */
  filter: string
  linkType: number
  /** Snap length in bytes; 0 = no limit. */
  snapLength: number
  /** Nanoseconds a unit of its time stamps lasts: 1000 for microseconds, 1 for nanoseconds. */
  resolution: number
  /** Frames dropped by the interface or the kernel, by a statistics block; null where not told. */
  dropped: number | null
  frames: number
}

/**
 * Frames of one or several captures, in replay order. `next()` hands out what is in memory and never waits; when it
 * returns null, `fill()` reads on:
 *
 *     do { for (let frame = source.next(); frame !== null; frame = source.next()) … } while (await source.fill())
 */
export interface FrameSource {
  readonly captures: readonly CaptureFile[]
  readonly interfaces: readonly CaptureInterface[]
  /** Epoch of the first frame of the replay in nanoseconds (time 0); 0n before there was a frame. */
  readonly epoch: bigint
  next(): Frame | null
  /** Resolves to false at the end of the last capture. */
  fill(): Promise<boolean>
  close(): Promise<void>
}
