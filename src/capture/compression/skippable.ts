// Skippable frames, which the LZ4 and Zstandard formats share (RFC 8878, 3.1.2).

/** Whether a little-endian magic begins a frame that holds no data: four bytes of length follow, then that many bytes. */
export function isSkippableMagic(magic: number): boolean {
  return magic >>> 4 === 0x184d2a5
}
