// The one reused record that every decoder writes and conntrack reads.
import { addressWord } from '../net/address.ts'
import { TIME_ZERO } from '../net/time.ts'

/** What a SYNPROXY did with a segment: nothing, */
export const PROXY_NONE = 0
/** kept it behind conntrack, */
export const PROXY_STOLEN = 1
/** perhaps did, with the client's acknowledgment: the side is not seen on which the host then asks the server, */
export const PROXY_TAKEN = 2
/** made it, with the entry of another attached, */
export const PROXY_CARRIED = 3
/** or answered it in the server's place: a SYN that rules had left untracked. */
export const PROXY_ANSWERED = 4

/**
 * A decoded packet. There is one per decoder; it is overwritten by the next frame and nobody keeps a reference past
 * the call. All 32-bit quantities are signed (`| 0`), so that V8 keeps them as small integers.
 * Fields below the layer at which decoding stopped are stale: look at `fault` and `family` first.
 */
export class Packet {
  // where the bytes are
  bytes: Uint8Array = new Uint8Array(0)
  view: DataView = new DataView(new ArrayBuffer(0))
  /** End of the captured bytes of the frame in `bytes`. */
  capturedEnd = 0
  /** Where the frame would end in `bytes` had nothing been cut: what the kernel measures the IP length against. */
  wireEnd = 0
  /** One of the FAULT_* codes of fault.ts; FAULT_NONE when conntrack gets to see the packet. */
  fault = 0

  // where and when it was seen
  /** Nanoseconds since the first frame of the replay. */
  time = TIME_ZERO
  /** Frame number within its capture (Wireshark's). */
  frame = 0
  capture = 0
  /** Interface in `FrameSource.interfaces`. */
  interface = 0
  /** Linux interface index from a cooked v2 or NFLOG header; 0 where there is none. */
  interfaceIndex = 0
  /** Cooked packet type (0 to us, 1 broadcast, 2 multicast, 3 to another host, 4 outgoing); -1 where there is none. */
  packetType = -1
  /** Start of the link header in `bytes` (of the IP header, where there is none), and its link type. */
  linkOffset = 0
  linkType = 0
  /** Outermost VLAN id, -1 for none; the second tag's in `innerVlan`. */
  vlan = -1
  innerVlan = -1
  /** Nesting: 0 as captured, 1 inside one tunnel, 2 inside two. */
  depth = 0
  /** The tunnel around the packet (a TUNNEL_* code of tunnel.ts), and its VNI, key, TEID or session; 0 where it has none. */
  tunnel = 0
  tunnelId = 0
  /** Conntrack zone, 0 to 65535: what zones keep apart are flows of different networks with the same addresses. */
  zone = 0

  // network layer
  /** 4, 6, or 0 for a frame without an IP packet. */
  family = 0
  networkOffset = 0
  /** Length of the whole IP packet by its header (Ethernet padding excluded, cut bytes included). */
  networkLength = 0
  ttl = 0
  /** An IPv4 header whose checksum was left to hardware (zero, or no total length): from a wire, the kernel drops it. */
  headerUnsummed = false
  /** IPv4 identification; for IPv6 that of the fragment header, else 0. */
  identification = 0
  /** Fragment offset in bytes, and whether more fragments follow; 0 and false for a whole packet. */
  fragmentOffset = 0
  moreFragments = false
  /** Whether an IPv6 fragment header is present (also on an atomic fragment). */
  fragmentHeader = false
  /** Where the (first) fragment header of IPv6 starts, and where the next-header byte that names it stands. */
  fragmentHeaderOffset = 0
  fragmentNextHeaderOffset = 0
  /** Addresses: an IPv4 address in word 0 alone, an IPv6 address in four words. */
  source0 = 0
  source1 = 0
  source2 = 0
  source3 = 0
  destination0 = 0
  destination1 = 0
  destination2 = 0
  destination3 = 0
  /** Transport protocol after IPv6 extension headers. */
  protocol = 0

  // transport layer
  /** Whether the kernel's nf_ct_get_tuple() finds a tuple; false is INVALID without a reason. */
  hasTuple = false
  transportOffset = 0
  /** Bytes from the transport header to the end of the IP packet, by the IP header. */
  transportLength = 0
  /** Bytes of those that were captured. */
  transportCaptured = 0
  /** TCP, UDP, UDP-Lite, SCTP: source port. ICMP: the id word. GRE version 1: 0. Else 0. */
  sourcePort = 0
  /** TCP, UDP, UDP-Lite, SCTP: destination port. ICMP: type << 8 | code. GRE version 1: call id. Else 0. */
  destinationPort = 0

  // TCP; flags as in byte 13 of the header, header length in bytes as the data offset claims it
  tcpFlags = 0
  tcpHeaderLength = 0
  sequence = 0
  acknowledgment = 0
  /**
   * How much farther it is than what the other side has sent, because a helper rewrote that to another length, or a SYNPROXY began with another number. Set by who
   * has seen the packet on both sides of the translation. kernel: nf_ct_seq_offset()
   */
  acknowledgmentShift = 0
  /** PROXY_*: what the host's SYNPROXY did with the segment, as far as both of its sides show. kernel: nf_synproxy_core.c */
  synproxy = PROXY_NONE
  /** Window as on the wire, not scaled. */
  window = 0
}

/** The source address of a packet in one word. */
export function sourceWord({ family, source0, source1, source2, source3 }: Packet): number {
  return addressWord(family, source0, source1, source2, source3)
}

export function destinationWord({
  family,
  destination0,
  destination1,
  destination2,
  destination3,
}: Packet): number {
  return addressWord(family, destination0, destination1, destination2, destination3)
}
