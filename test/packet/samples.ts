// One frame of every kind the decoders know, for tests that cut and spoil them.

import {
  type Bytes,
  be16,
  be32,
  ethernet,
  extension,
  filler,
  fragmentHeader,
  icmp,
  ipv4,
  ipv6,
  join,
  tcp,
  udp,
} from '../support/frames.ts'

const IP = ipv4({ protocol: 6 }, tcp({}, filler(4)))

export const FRAMES: Record<string, { linkType: number; bytes: Bytes }> = {
  ethernet: { linkType: 1, bytes: ethernet(IP) },
  'double tag': { linkType: 1, bytes: ethernet(IP, { vlans: [{ type: 0x88a8, id: 7 }, { id: 8 }] }) },
  snap: { linkType: 1, bytes: ethernet(join('aaaa03 000000 0800', IP), { type: 8 + IP.length }) },
  mpls: { linkType: 1, bytes: ethernet(join('00010040 00012140', IP), { type: 0x8847 }) },
  pppoe: {
    linkType: 1,
    bytes: ethernet(join('11 00 0001', be16(IP.length + 2), '0021', IP), { type: 0x8864 }),
  },
  cooked: { linkType: 113, bytes: join('0004 0001 0006 000000000000 0000 0800', IP) },
  'cooked 2': { linkType: 276, bytes: join('0800 0000 00000003 0001 04 06 0000000000000000', IP) },
  raw: { linkType: 101, bytes: IP },
  'raw 12': { linkType: 12, bytes: IP },
  'raw 14': { linkType: 14, bytes: IP },
  'ipv4 link': { linkType: 228, bytes: IP },
  'ipv6 link': { linkType: 229, bytes: ipv6({ nextHeader: 17 }, udp()) },
  null: { linkType: 0, bytes: join('02000000', IP) },
  loop: { linkType: 108, bytes: join('00000002', IP) },
  ppp: { linkType: 9, bytes: join('ff03 0021', IP) },
  'ppp hdlc': { linkType: 50, bytes: join('0f00 0800', IP) },
  'pppoe link': { linkType: 51, bytes: join('11 00 0001', be16(IP.length + 2), '0021', IP) },
  nflog: { linkType: 239, bytes: join('02 00 0005 0800 0100 0800 01 00', [IP.length + 4, 0], '0900', IP) },
  'ipv4 options': {
    linkType: 1,
    bytes: ethernet(ipv4({ protocol: 17, options: filler(8) }, udp({}, filler(3)))),
  },
  'ipv6 chain': {
    linkType: 1,
    bytes: ethernet(
      ipv6(
        { nextHeader: 0 },
        join(
          extension(43),
          extension(60, 16),
          extension(51),
          '3a01000000000000 00000000',
          icmp(128, 0, filler(8)),
        ),
      ),
    ),
  },
  'ipv6 fragment': {
    linkType: 1,
    bytes: ethernet(ipv6({ nextHeader: 44 }, join(fragmentHeader(17, 9, 0, true), udp({}, filler(8))))),
  },
  'icmp error': {
    linkType: 1,
    bytes: ethernet(ipv4({ protocol: 1 }, icmp(3, 3, join(be32(0), ipv4({ protocol: 17 }, udp()))))),
  },
  'icmpv6 error': {
    linkType: 1,
    bytes: ethernet(
      ipv6(
        { nextHeader: 58 },
        icmp(1, 4, join(be32(0), ipv6({ nextHeader: 60 }, join(extension(6), tcp())))),
      ),
    ),
  },
  sctp: { linkType: 1, bytes: ethernet(ipv4({ protocol: 132 }, filler(32))) },
  gre: { linkType: 1, bytes: ethernet(ipv4({ protocol: 47 }, join('2000 0800 00000007', IP))) },
  vxlan: {
    linkType: 1,
    bytes: ethernet(
      ipv4({ protocol: 17 }, udp({ destinationPort: 4789 }, join('08000000 00002a00', ethernet(IP)))),
    ),
  },
  gtp: {
    linkType: 1,
    bytes: ethernet(
      ipv4(
        { protocol: 17 },
        udp({ destinationPort: 2152 }, join('34ff 0000 00000009 0000 00 85 01000085 01000000', IP)),
      ),
    ),
  },
}
