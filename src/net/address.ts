// Addresses as signed 32-bit words (IPv4: one, IPv6: four, network order) to and from text (RFC 5952).

/** `10.0.0.1` for an IPv4 word. */
export function formatIpv4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 0xff}.${(word >>> 8) & 0xff}.${word & 0xff}`
}

/**
 * An IPv6 address of four words as inet_ntop(3) and `conntrack` print it: the longest run of two or more zero
 * groups becomes `::`, the first of equals; the IPv4-mapped (and -compatible) forms end in dotted decimal.
 */
export function formatIpv6(w0: number, w1: number, w2: number, w3: number): string {
  const groups = [
    w0 >>> 16,
    w0 & 0xffff,
    w1 >>> 16,
    w1 & 0xffff,
    w2 >>> 16,
    w2 & 0xffff,
    w3 >>> 16,
    w3 & 0xffff,
  ]
  let bestStart = -1
  let bestLength = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === 0) end++
    if (end - i > bestLength) {
      bestStart = i
      bestLength = end - i
    }
    if (end > i) i = end
  }
  // glibc's inet_ntop: ::a.b.c.d when six leading groups are zero (but not for :: or ::1), and ::ffff:a.b.c.d
  const dotted =
    bestStart === 0 &&
    (bestLength === 6 || (bestLength === 7 && groups[7] !== 1) || (bestLength === 5 && groups[5] === 0xffff))
  let text = ''
  const last = dotted ? 6 : 8
  for (let i = 0; i < last; ) {
    if (i === bestStart) {
      text += '::'
      i += bestLength
      continue
    }
    if (i > 0 && i !== bestStart + bestLength) text += ':'
    text += groups[i].toString(16)
    i++
  }
  if (!dotted) return text
  return `${text}${text.endsWith(':') ? '' : ':'}${formatIpv4(w3)}`
}

/** Folds an IPv6 address into a word; different addresses may fold alike. */
export function foldAddress(w0: number, w1: number, w2: number, w3: number): number {
  let h = Math.imul(w0 ^ 0x243f6a88, 0x9e3779b1)
  h = Math.imul((h ^ (h >>> 15)) + w1, 0x85ebca77)
  h = Math.imul((h ^ (h >>> 13)) + w2, 0xc2b2ae3d)
  h = Math.imul((h ^ (h >>> 15)) + w3, 0x27d4eb2f)
  return h ^ (h >>> 16)
}

/** An address in one word: IPv4 is word 0 itself, IPv6 is folded. */
export function addressWord(family: number, w0: number, w1: number, w2: number, w3: number): number {
  return family === 4 ? w0 : foldAddress(w0, w1, w2, w3)
}
