// The options at the end of pcapng blocks: code, length, value, padded to four bytes (draft-ietf-opsawg-pcapng, 3.5).

export const OPTION_COMMENT = 1
export const OPTION_SECTION_APPLICATION = 4
export const OPTION_INTERFACE_NAME = 2
export const OPTION_INTERFACE_DESCRIPTION = 3
export const OPTION_INTERFACE_RESOLUTION = 9
export const OPTION_INTERFACE_FILTER = 11
export const OPTION_INTERFACE_OFFSET = 14
export const OPTION_STATISTICS_INTERFACE_DROPS = 5
export const OPTION_STATISTICS_SYSTEM_DROPS = 7
const OPTION_PACKET_FLAGS = 2

const OPTION_HEADER_LENGTH = 4
/** Text kept of an option: beyond that it is no name any more. */
const MAX_TEXT = 1024

const decoder = new TextDecoder()

/**
 * Calls `visit` for every option in [start, end) of `view`. Returns where an option runs past the end, or -1 when
 * all were whole.
 */
export function visitOptions(
  view: DataView,
  start: number,
  end: number,
  little: boolean,
  visit: (code: number, at: number, length: number) => void,
): number {
  let at = start
  while (at + OPTION_HEADER_LENGTH <= end) {
    const code = view.getUint16(at, little)
    const length = view.getUint16(at + 2, little)
    if (code === 0) return -1
    if (at + OPTION_HEADER_LENGTH + length > end) return at
    visit(code, at + OPTION_HEADER_LENGTH, length)
    at += OPTION_HEADER_LENGTH + padded(length)
  }
  return -1
}

/** The text of an option's value, without the NULs some writers end it with. */
export function optionText(view: DataView, at: number, length: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, Math.min(length, MAX_TEXT))
  const end = bytes.indexOf(0)
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end))
}

/** Where the first comment among the options of a packet block begins, its length in front of it; -1 where there is none, or no whole one. */
export function commentAt(view: DataView, start: number, end: number, little: boolean): number {
  let at = start
  while (at + OPTION_HEADER_LENGTH <= end) {
    const code = view.getUint16(at, little)
    const length = view.getUint16(at + 2, little)
    if (code === 0 || at + OPTION_HEADER_LENGTH + length > end) return -1
    if (code === OPTION_COMMENT) return at
    at += OPTION_HEADER_LENGTH + padded(length)
  }
  return -1
}

/** The direction bits of a packet block's flags (epb_flags): 0 where it has none. */
export function packetDirection(view: DataView, start: number, end: number, little: boolean): number {
  let at = start
  while (at + OPTION_HEADER_LENGTH <= end) {
    const code = view.getUint16(at, little)
    if (code === 0) return 0
    const length = view.getUint16(at + 2, little)
    if (code === OPTION_PACKET_FLAGS && length === 4 && at + 8 <= end)
      return view.getUint32(at + 4, little) & 3
    at += OPTION_HEADER_LENGTH + padded(length)
  }
  return 0
}

/** `length` rounded up to a multiple of four. */
export function padded(length: number): number {
  return (length + 3) & ~3
}
