// The names of link types as people know them (tcpdump.org/linktypes).
import {
  LINKTYPE_ETHERNET,
  LINKTYPE_IPV4,
  LINKTYPE_IPV6,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_LOOP,
  LINKTYPE_NFLOG,
  LINKTYPE_NULL,
  LINKTYPE_PPP,
  LINKTYPE_PPP_HDLC,
  LINKTYPE_PPPOE,
  LINKTYPE_RAW,
  LINKTYPE_RAW_BSD,
  LINKTYPE_RAW_OPENBSD,
} from '../../net/numbers.ts'

const NAMES = new Map([
  [LINKTYPE_NULL, 'BSD loopback'],
  [LINKTYPE_ETHERNET, 'Ethernet'],
  [LINKTYPE_PPP, 'PPP'],
  [LINKTYPE_RAW_BSD, 'raw IP'],
  [LINKTYPE_RAW_OPENBSD, 'raw IP'],
  [LINKTYPE_PPP_HDLC, 'PPP in HDLC-like framing'],
  [LINKTYPE_PPPOE, 'PPP over Ethernet'],
  [LINKTYPE_RAW, 'raw IP'],
  [LINKTYPE_LOOP, 'OpenBSD loopback'],
  [LINKTYPE_LINUX_SLL, 'Linux cooked v1'],
  [LINKTYPE_IPV4, 'raw IPv4'],
  [LINKTYPE_IPV6, 'raw IPv6'],
  [LINKTYPE_NFLOG, 'NFLOG'],
  [LINKTYPE_LINUX_SLL2, 'Linux cooked v2'],
])

/** `raw IP (12, 14, 101), Ethernet (1)`: all those with a name here, by their numbers. */
export function namedLinkTypes(): string {
  const numbers = new Map<string, number[]>()
  for (const [linkType, name] of NAMES) numbers.set(name, [...(numbers.get(name) ?? []), linkType])
  return [...numbers].map(([name, linkTypes]) => `${name} (${linkTypes.join(', ')})`).join(', ')
}

/** `Ethernet`, or `link type 147` for one without a name here. */
export function linkTypeName(linkType: number): string {
  return NAMES.get(linkType) ?? `link type ${linkType}`
}
