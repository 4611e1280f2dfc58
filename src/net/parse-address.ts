// Addresses from text into signed 32-bit words (IPv4: one, IPv6: four, network order); the other way: address.ts.

/** The word of `10.0.0.1`, or null for what is no IPv4 address in four decimal parts. */
export function parseIpv4(text: string): number | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (match === null) return null
  const [a, b, c, d] = match.slice(1).map(Number)
  return Math.max(a, b, c, d) > 255 ? null : (a << 24) | (b << 16) | (c << 8) | d
}

/** Four words, or null for what is no IPv6 address (RFC 4291, without a zone). */
export function parseIpv6(text: string): [number, number, number, number] | null {
  const dotted = /^(.*:)([\d.]+)$/.exec(text)
  if (dotted !== null) {
    const [, head, tail] = dotted
    const word = parseIpv4(tail)
    if (word !== null)
      return parseIpv6(`${head}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`)
  }
  const halves = text.split('::')
  if (halves.length > 2) return null
  const [head, tail] = halves.map(half => (half === '' ? [] : half.split(':')))
  const missing = 8 - head.length - (tail?.length ?? 0)
  if (tail === undefined ? missing !== 0 : missing < 1) return null
  const groups = [...head, ...new Array<string>(missing).fill('0'), ...(tail ?? [])]
  if (!groups.every(group => /^[0-9a-f]{1,4}$/i.test(group))) return null
  const [a, b, c, d, e, f, g, h] = groups.map(group => Number.parseInt(group, 16))
  return [(a << 16) | b, (c << 16) | d, (e << 16) | f, (g << 16) | h]
}
