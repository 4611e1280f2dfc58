// What a waiting fragment counts for against the kernel's memory limit (skb->truesize; include/linux/skbuff.h).

/** struct sk_buff, and struct skb_shared_info behind the data. */
const BUFFER = 256
const SHARED_INFO = 320
/** Link header and headroom before the IP packet, as from an Ethernet device. */
const BEFORE_PACKET = 30
const CACHE_LINE = 64
const SMALL_HEAD = 576
const PAGE = 4096

/**
 * Memory in bytes of the socket buffer that holds an IP packet of `length` bytes: its head comes from a cache of small
 * heads or from the next power of two, and from a page on the packet is in whole pages. Drivers differ; this is what a
 * packet sent through a veth device costs in Linux 6.18.
 */
export function socketBufferMemory(length: number): number {
  const data = length + BEFORE_PACKET
  if (data >= PAGE) return BUFFER + SMALL_HEAD + Math.ceil(length / PAGE) * PAGE
  const head = Math.ceil(data / CACHE_LINE) * CACHE_LINE + SHARED_INFO
  return BUFFER + (head <= SMALL_HEAD ? SMALL_HEAD : 2 ** Math.ceil(Math.log2(head)))
}
