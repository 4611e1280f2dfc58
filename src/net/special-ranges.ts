// Address ranges of special purpose (RFC 6890): loopback, link-local, groups, and those that are nobody's on the Internet.

/** 127.0.0.0/8, ::1. Words as in Packet. */
export function isLoopback(family: number, words: Int32Array): boolean {
  if (family === 4) return words[0] >>> 24 === 127
  return words[0] === 0 && words[1] === 0 && words[2] === 0 && words[3] === 1
}

/**
 * 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 (RFC 1918), fc00::/7 (RFC 4193): addresses of networks of one's own.
 * 100.64.0.0/10 stands between a provider and its customers (RFC 6598) and is none of those.
 */
export function isPrivate(family: number, words: Int32Array): boolean {
  const first = words[0]
  if (family === 6) return first >>> 25 === 0xfc >>> 1
  return first >>> 24 === 10 || first >>> 20 === 0xac1 || first >>> 16 === 0xc0a8
}

/** 224.0.0.0/4 (RFC 5771), 255.255.255.255, ff00::/8 (RFC 4291): what more than one host is meant by. */
export function isGroup(family: number, first: number): boolean {
  return family === 6 ? first >>> 24 === 0xff : first >>> 28 === 0xe || first === -1
}

/** Addresses that packets to and from the Internet may have: neither private nor of another special purpose. */
export function isGlobal(family: number, words: Int32Array): boolean {
  if (isLoopback(family, words) || isPrivate(family, words)) return false
  const first = words[0]
  // of IPv6 what is handed out is 2000::/3
  if (family === 6) return first >>> 29 === 1
  const isShared = first >>> 22 === 0x64400000 >>> 22
  const isLinkLocal = first >>> 16 === 0xa9fe
  const top = first >>> 24
  return !isShared && !isLinkLocal && top !== 0 && top < 224
}
