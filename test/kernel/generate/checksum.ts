// The checksums that transports carry: Internet checksum (RFC 1071) and CRC32c (RFC 9260, appendix A).

/** Sum of 16-bit words, not folded; an odd last byte counts as the high half of a word. */
export function sumWords(bytes: Uint8Array, sum = 0): number {
  for (let i = 0; i + 1 < bytes.length; i += 2) sum += (bytes[i] << 8) | bytes[i + 1]
  if (bytes.length & 1) sum += bytes[bytes.length - 1] << 8
  return sum
}

/** Folds a sum to 16 bits and complements it. */
export function finish(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return ~sum & 0xffff
}

/** Checksum of a transport with its pseudo header. */
export function transportChecksum(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  segment: Uint8Array,
): number {
  return finish(sumWords(segment, sumWords(source) + sumWords(destination) + protocol + segment.length))
}

const TABLE = new Uint32Array(256)
for (let i = 0; i < 256; i++) {
  let crc = i
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  TABLE[i] = crc
}

/** CRC32c of SCTP. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8)
  return ~crc >>> 0
}
