// An address with a port and a protocol as one exact number: the key of maps of services, clients and queries.

/**
 * 32 bits of address, 16 of port, 5 of protocol: more than a double tells apart would let neighbours meet. The low bits
 * of TCP, UDP, SCTP, DCCP and UDP-Lite differ.
 * @param address of IPv6 its fold
 */
export function endKey(address: number, port: number, protocol: number): number {
  return ((address >>> 0) * 0x10000 + port) * 32 + (protocol & 31)
}
