// What a connection table costs in kernel memory: struct nf_conn with its extensions, and the hash buckets.

/**
 * Bytes an entry takes: 256 of the slab cache `nf_conntrack` and 128 of `kmalloc-128` for its extensions. Measured on
 * Linux 6.18 x86_64 as the growth of /proc/slabinfo over 40,000 entries; the same with NAT, accounting and events.
 */
export const ENTRY_BYTES = 384
/** Bytes a bucket takes: one hlist_nulls_head. */
export const BUCKET_BYTES = 8

/** Bytes of kernel memory for `entries` in a table of `buckets`. */
export function tableMemory(entries: number, buckets: number): number {
  return entries * ENTRY_BYTES + buckets * BUCKET_BYTES
}
