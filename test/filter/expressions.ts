// Filter expressions that tcpdump and we are both asked about; random ones put together from them.
import type { Random } from '../kernel/generate/random.ts'

/** One of each thing the language can say, in tcpdump's own words. */
export const EXPRESSIONS = String.raw`
ip
ip6
arp
rarp
tcp
udp
icmp
icmp6
sctp
igmp
esp
ah
pim
vrrp
port 80
port 80 or 443
tcp port 53
udp port 53
sctp port 80
src port 53
dst port 53
src or dst port 443
dst or src port 443
src and dst port 53
portrange 1-1024
tcp portrange 9000-8000
port not 80
port (80 or 443) and host 10.0.0.1
port 0x50
port 0120
host 10.0.0.1
host 10.244.0.5
src host 10.0.0.1
dst 10.0.0.1
host 10.0.0.1 or 10.0.0.2
host (10.0.0.1 or 10.0.0.2)
host 10.0.0.1 and not (10.0.0.2 or 10.0.0.3)
host 10.0.0.1 and port 80
host 10.1
host 1
ip host 10.0.0.1
arp host 10.0.0.1
net 10.0.0.0/8
src net 10.0.0.0/8 and dst net 10.0.0.0/8
net 10
net 1
net 0
net 192.168
net 192.168.0.0 mask 255.255.0.0
net 192.168.1
net 0.0.0.0/0
net 224.0.0.0/4
host ::1
host fe80::1
host ::ffff:10.0.0.1
src host 2001:db8::1 or dst host ff02::1
ip6 host ff02::16
net fe80::/10
ip6 net fe80::/16
net ::/0
proto 6
ip proto 17
ip6 proto 58
ip proto \tcp
ip6 proto \udp
ether proto 0x0806
ether proto \ip
vlan
vlan 100
vlan and ip
vlan and port 80
vlan and vlan
not vlan and ip
vlan or ip
ip or vlan and tcp
ip and (vlan or tcp)
less 100
greater 1000
len > 100
60 >= len
tcp[13] == 2
tcp[tcpflags] & (tcp-syn|tcp-fin) != 0
tcp[tcpflags] == tcp-syn
(tcp[13] & 2) != 0
((tcp[13] & 2) != 0) or udp
ip[8] < 10
ip[2:2] > 576
ip[6:2] & 0x1fff != 0
ip[0] & 0xf != 5
ip[9] = 1
ip[2:2] - ip[0] * 4 > 20
icmp[icmptype] == icmp-echo
icmp[0] = 8 or icmp[0] = 0
icmp6[0] == 135
icmp6[icmp6type] == icmp6-echo
igmp[0] > 0
udp[4:2] > 100
udp[8:4] == 0
sctp[0:2] == 80
ether[0] & 1 != 0
ether[12:2] > 1500
arp[6:2] == 1
rarp[6:2] == 3
ip6[6] == 44
tcp[4:4] % 2 == 0
tcp[0:2] * 2 > 1000
tcp[0:2] << 1 >> 1 > 1000
tcp[0:2] ^ 0xffff > 1000
len / 10 == 6
-1 < len
tcp[len - 40] == 0
ip multicast
ip6 multicast
broadcast
multicast
ether multicast
tcp and not port 22
tcp or udp and port 53
(tcp or udp) and port 53
tcp and port 80 or udp and port 53
not (tcp or udp)
! tcp && ! udp
not not tcp
tcp && port 80 || 443
port 80 or (host 10.0.0.1) or 443
tcp src port 80 and dst portrange 30000-60000
tcp dst port 443 or udp dst port 443
ip and not tcp and not udp and not icmp
`
  .trim()
  .split('\n')

/** A few of the expressions joined at random. */
export function joinExpressions(random: Random): string {
  const parts = Array.from({ length: random.between(2, 4) }, () => {
    const expression = `${random.chance(0.3) ? 'not ' : ''}(${random.pick(EXPRESSIONS)})`
    return random.chance(0.3) ? `(${expression} ${random.pick(['and', 'or'])} ip)` : expression
  })
  return parts.reduce((joined, part) => `${joined} ${random.pick(['and', 'or', '&&', '||'])} ${part}`)
}
