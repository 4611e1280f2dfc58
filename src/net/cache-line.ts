// Memory that begins on a cache line: a record of 64 bytes then is one line, not two.

/** Bytes of a line. */
const LINE = 64
/** Large blocks of glibc begin 16 bytes behind a page. Elsewhere this costs nothing and may gain nothing. */
const SHIFT = LINE - 16

/** `length` words, all zero. */
export function alignedInt32(length: number): Int32Array<ArrayBuffer> {
  return new Int32Array(new ArrayBuffer(length * 4 + LINE), SHIFT, length)
}

/** The same memory as doubles. */
export function doublesOf<Memory extends ArrayBufferLike>(words: Int32Array<Memory>): Float64Array<Memory> {
  return new Float64Array(words.buffer, words.byteOffset, words.length >> 1)
}
