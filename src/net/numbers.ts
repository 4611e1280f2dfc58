// Assigned numbers: EtherTypes, IP protocols, link types, packet types, TCP flags (IANA registries; tcpdump.org/linktypes).

export const ETHERTYPE_IPV4 = 0x0800
export const ETHERTYPE_IPV6 = 0x86dd
export const ETHERTYPE_VLAN = 0x8100
export const ETHERTYPE_QINQ = 0x88a8
export const ETHERTYPE_QINQ_OLD = 0x9100
export const ETHERTYPE_QINQ_OLDER = 0x9200
export const ETHERTYPE_MPLS = 0x8847
export const ETHERTYPE_MPLS_MULTICAST = 0x8848
export const ETHERTYPE_PPPOE_SESSION = 0x8864
export const ETHERTYPE_TRANSPARENT_BRIDGING = 0x6558
export const ETHERTYPE_ERSPAN_2 = 0x88be
export const ETHERTYPE_ERSPAN_3 = 0x22eb
export const ETHERTYPE_PPP = 0x880b

export const IPPROTO_HOPOPTS = 0
export const IPPROTO_ICMP = 1
export const IPPROTO_IGMP = 2
export const IPPROTO_IPIP = 4
export const IPPROTO_TCP = 6
export const IPPROTO_UDP = 17
export const IPPROTO_DCCP = 33
export const IPPROTO_IPV6 = 41
export const IPPROTO_ROUTING = 43
export const IPPROTO_FRAGMENT = 44
export const IPPROTO_GRE = 47
export const IPPROTO_ESP = 50
export const IPPROTO_AH = 51
export const IPPROTO_ICMPV6 = 58
export const IPPROTO_NONE = 59
export const IPPROTO_DSTOPTS = 60
export const IPPROTO_SCTP = 132
export const IPPROTO_UDPLITE = 136

export const LINKTYPE_NULL = 0
export const LINKTYPE_ETHERNET = 1
export const LINKTYPE_PPP = 9
export const LINKTYPE_RAW_BSD = 12
export const LINKTYPE_RAW_OPENBSD = 14
export const LINKTYPE_PPP_HDLC = 50
export const LINKTYPE_PPPOE = 51
export const LINKTYPE_RAW = 101
export const LINKTYPE_LOOP = 108
export const LINKTYPE_LINUX_SLL = 113
export const LINKTYPE_IPV4 = 228
export const LINKTYPE_IPV6 = 229
export const LINKTYPE_NFLOG = 239
export const LINKTYPE_LINUX_SLL2 = 276

/** Cooked packet types. kernel: PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST, PACKET_OUTGOING */
export const PACKET_HOST = 0
export const PACKET_BROADCAST = 1
export const PACKET_MULTICAST = 2
export const PACKET_OTHERHOST = 3
export const PACKET_OUTGOING = 4

export const PORT_GTP_U = 2152
export const PORT_VXLAN = 4789
export const PORT_GENEVE = 6081
/** Linux's own default for VXLAN, from before the assignment. */
export const PORT_VXLAN_LINUX = 8472

/** Whether tunnels over UDP have that port whose source ports are hashes of what is inside: nobody answers to them. */
export function isOverlayPort(port: number): boolean {
  return port === PORT_VXLAN || port === PORT_VXLAN_LINUX || port === PORT_GENEVE
}

export const TCP_FIN = 0x01
export const TCP_SYN = 0x02
export const TCP_RST = 0x04
export const TCP_PSH = 0x08
export const TCP_ACK = 0x10
export const TCP_URG = 0x20
export const TCP_ECE = 0x40
export const TCP_CWR = 0x80

/** Whether an EtherType announces a VLAN tag (802.1Q, 802.1ad, and what was used before that). */
export function isVlanTag(type: number): boolean {
  return (
    type === ETHERTYPE_VLAN ||
    type === ETHERTYPE_QINQ ||
    type === ETHERTYPE_QINQ_OLD ||
    type === ETHERTYPE_QINQ_OLDER
  )
}

/** Whether packets of an IP protocol have ports. */
export function hasPorts(protocol: number): boolean {
  switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_DCCP:
    case IPPROTO_SCTP:
    case IPPROTO_UDPLITE:
      return true
    default:
      return false
  }
}

/** `conntrack -L`'s name of an IP protocol, or `unknown` where conntrack has none. */
export function protocolName(protocol: number): string {
  switch (protocol) {
    case IPPROTO_ICMP:
      return 'icmp'
    case IPPROTO_TCP:
      return 'tcp'
    case IPPROTO_UDP:
      return 'udp'
    case IPPROTO_DCCP:
      return 'dccp'
    case IPPROTO_GRE:
      return 'gre'
    case IPPROTO_ICMPV6:
      return 'icmpv6'
    case IPPROTO_SCTP:
      return 'sctp'
    case IPPROTO_UDPLITE:
      return 'udplite'
    default:
      return 'unknown'
  }
}
