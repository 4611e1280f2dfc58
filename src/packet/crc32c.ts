// CRC32c, the Castagnoli polynomial, reflected (RFC 9260, appendix A).

const POLYNOMIAL = 0x82f63b78 | 0
const TABLE = buildTable()

/** Carries `crc` (start with all ones, complement at the end) over the bytes [at, end). */
export function crc32c(bytes: Uint8Array, at: number, end: number, crc: number): number {
  for (; at < end; at++) crc = TABLE[(crc ^ bytes[at]) & 0xff] ^ (crc >>> 8)
  return crc
}

function buildTable(): Int32Array {
  const table = new Int32Array(256)
  for (let n = 0; n < 256; n++) {
    let crc = n
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    table[n] = crc
  }
  return table
}
