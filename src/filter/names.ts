// The words of the filter language: protocols, fields, flags, and those that mean something to tcpdump but not here.

import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  IPPROTO_AH,
  IPPROTO_DCCP,
  IPPROTO_ESP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IPIP,
  IPPROTO_IPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../net/numbers.ts'

export const ETHERTYPE_ARP = 0x0806
export const ETHERTYPE_RARP = 0x8035

/** Protocols that are conditions by themselves and qualify others. */
const PROTOCOL_NAMES = [
  'ether',
  'ip',
  'ip6',
  'arp',
  'rarp',
  'tcp',
  'udp',
  'sctp',
  'icmp',
  'icmp6',
  'igmp',
  'pim',
  'vrrp',
  'ah',
  'esp',
] as const

export type ProtocolName = (typeof PROTOCOL_NAMES)[number]

export function isProtocol(word: string): word is ProtocolName {
  return PROTOCOL_NAMES.some(name => name === word)
}

/** Names behind `proto`, `ip proto`, `ip6 proto`, as in /etc/protocols. */
export const IP_PROTOCOLS: Record<string, number> = {
  icmp: IPPROTO_ICMP,
  igmp: 2,
  ipip: IPPROTO_IPIP,
  tcp: IPPROTO_TCP,
  udp: IPPROTO_UDP,
  dccp: IPPROTO_DCCP,
  ipv6: IPPROTO_IPV6,
  gre: IPPROTO_GRE,
  esp: IPPROTO_ESP,
  ah: IPPROTO_AH,
  icmp6: IPPROTO_ICMPV6,
  pim: 103,
  vrrp: 112,
  sctp: IPPROTO_SCTP,
  udplite: IPPROTO_UDPLITE,
}

/** Names behind `ether proto`. */
export const ETHER_TYPES: Record<string, number> = {
  ip: ETHERTYPE_IPV4,
  ip6: ETHERTYPE_IPV6,
  arp: ETHERTYPE_ARP,
  rarp: ETHERTYPE_RARP,
}

/** Offsets, types and flags that may stand for a number in arithmetic. */
export const CONSTANTS: Record<string, number> = {
  tcpflags: 13,
  'tcp-fin': 0x01,
  'tcp-syn': 0x02,
  'tcp-rst': 0x04,
  'tcp-push': 0x08,
  'tcp-ack': 0x10,
  'tcp-urg': 0x20,
  'tcp-ece': 0x40,
  'tcp-cwr': 0x80,
  icmptype: 0,
  icmpcode: 1,
  'icmp-echoreply': 0,
  'icmp-unreach': 3,
  'icmp-sourcequench': 4,
  'icmp-redirect': 5,
  'icmp-echo': 8,
  'icmp-routeradvert': 9,
  'icmp-routersolicit': 10,
  'icmp-timxceed': 11,
  'icmp-paramprob': 12,
  'icmp-tstamp': 13,
  'icmp-tstampreply': 14,
  icmp6type: 0,
  icmp6code: 1,
  'icmp6-destinationunreach': 1,
  'icmp6-packettoobig': 2,
  'icmp6-timeexceeded': 3,
  'icmp6-parameterproblem': 4,
  'icmp6-echo': 128,
  'icmp6-echoreply': 129,
}

/** Words that do no more than their part in a primitive: no name of anything. */
export const KEYWORDS = new Set<string>([
  ...PROTOCOL_NAMES,
  'src',
  'dst',
  'host',
  'net',
  'port',
  'portrange',
  'proto',
  'less',
  'greater',
  'len',
  'vlan',
  'broadcast',
  'multicast',
  'and',
  'or',
  'not',
  'mask',
])

/** What else tcpdump knows. */
export const UNSUPPORTED = new Set([
  'protochain',
  'gateway',
  'inbound',
  'outbound',
  'ifindex',
  'ifname',
  'on',
  'mpls',
  'pppoed',
  'pppoes',
  'geneve',
  'vxlan',
  'link',
  'fddi',
  'tr',
  'wlan',
  'igrp',
  'carp',
  'stp',
  'ipx',
  'netbeui',
  'atalk',
  'aarp',
  'decnet',
  'iso',
  'llc',
  'type',
  'subtype',
  'dir',
  'byte',
])
