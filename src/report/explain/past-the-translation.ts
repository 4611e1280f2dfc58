// Explanations of answers and requests that go past the translation they need.
import { type Explanation, line, prose, remedy } from './explanation.ts'

const MASQUERADE_COST = prose`the backend sees an address of the node instead of the client's: access rules and logs
  that go by the client's address no longer work for this traffic`

export const asymmetricSameBridgeReturn: Explanation = {
  title: 'the reply bypasses NAT, because client and backend are behind one bridge',
  severity: 'error',
  kernel: prose`The client sends its SYN to the service. The node routes it, and DNAT writes the backend's address
    into it; the entry remembers to undo that in answers. The backend answers the client's own address. Both are in one
    network behind one bridge, so the bridge switches the answer by its hardware address: it never enters the IP layer,
    and while net.bridge.bridge-nf-call-iptables is 0 (or br_netfilter is not loaded) the bridge calls no netfilter hook
    for it. Nobody undoes the DNAT. The client gets a SYN-ACK from an address that it never asked, and resets it.`,
  points: prose`At the client: SYN to the service, SYN-ACK from the backend's address, RST. At the backend: SYN from the
    client, SYN-ACK to it, RST. On the bridge: both. On the node's uplink: nothing. In the table: SYN_SENT [UNREPLIED],
    and conntrack -S counts nothing.`,
  evidence: prose`a client's SYN to one address is answered from another, which it resets with the number that the answer
    acknowledges; UDP: with port unreachable. The request was seen in front of its translation and behind it, one router
    apart, and the answer was switched (TTL, hardware address)`,
  certain: prose`always; not told with bridge-nf-call-iptables=1, or by a topology with other bridges`,
  alike: prose`the request passed several routers, or one end alone was captured: dsr-untranslated-reply; a direct
    connection: its SYN goes to the backend itself; a refused port: the RST has ACK set; a promiscuous bridge with
    bridge-nf-call-iptables=1: nobody resets`,
  confirm: [
    line('0, or no such file:', 'sysctl net.bridge.bridge-nf-call-iptables'),
    line('the entry stays without a reply:', 'conntrack -L -p tcp --state SYN_SENT'),
  ],
  fix: [
    remedy(
      'masquerade what clients send to services on their own network, as the report has it for the addresses seen',
      MASQUERADE_COST,
    ),
    remedy(
      'or have conntrack see what the bridge switches',
      prose`rules of FORWARD then meet all traffic between the ports of every bridge, and each of its packets costs the
        walk through them; what was open between them may be dropped`,
      'modprobe br_netfilter',
      'sysctl -w net.bridge.bridge-nf-call-iptables=1',
    ),
  ],
  source: [
    'br_nf_pre_routing() (net/bridge/br_netfilter_hooks.c)',
    'br_forward() (net/bridge/br_forward.c)',
    'nf_nat_packet() (net/netfilter/nf_nat_core.c)',
  ],
  reports: [
    'kubernetes/kubernetes#122174',
    'kubernetes/kubernetes#38802',
    'kubernetes/kubernetes#116453',
    'cloudnativelabs/kube-router#151',
    'Azure/acs-engine#539',
  ],
}

export const dsrUntranslatedReply: Explanation = {
  title: 'an answer reaches the client past the host that translated the request',
  severity: 'error',
  kernel: prose`DNAT is undone by the entry, and the entry is in the table of the host that translated. An answer that takes
    another way (another node, another router, a switch that reaches the client directly) meets no such entry. It arrives
    with the backend's own address, no socket of the client waits for that address, and the client resets it or
    refuses it with port unreachable.`,
  points: prose`At the client: the request to one address, the answer from another, a RST. At the backend: a plain request and
    answer. On the host that translates: the request before and behind DNAT, and no answer at all.`,
  evidence: prose`as asymmetric-same-bridge-return, but the answer was routed, or another host translated, or one end
    alone was captured and nothing tells who did, or the answer does not pass here at all`,
  certain: prose`the RST has the sequence number of an answer to the SYN; UDP: query and answer have one DNS id, or the
    request was seen translated, or came routed to the backend and was refused directly`,
  alike: prose`UDP: a late answer to a closed socket, strangers that write to a port behind NAT, answers to what was sent to
    a group or a broadcast address, another port of the address that was asked (TFTP); a scanner that gives all SYNs one
    number`,
  confirm: [
    line('on the host that translates, the entry stays [UNREPLIED]:', 'conntrack -L --dst-nat'),
    line(
      'on the backend, where its answers to the client go: the route it takes for that address',
      'ip route',
    ),
  ],
  fix: [
    remedy('masquerade on the host that translates, so that answers come back through it', MASQUERADE_COST),
    remedy(
      "or route the backend's answers through that host",
      'that host then carries both directions, and is needed for as long as connections are open',
    ),
    remedy(
      'or give the service address to the backend itself (direct server return), and translate nothing',
      'the port cannot be changed then, and every backend needs the address',
    ),
  ],
  source: ['nf_nat_packet() (net/netfilter/nf_nat_core.c)', 'tcp_v4_send_reset() (net/ipv4/tcp_ipv4.c)'],
  reports: [
    'kubernetes/kubernetes#44916',
    'kubernetes/kubernetes#53393',
    'metallb/metallb#297',
    'stevejenkins/unifi-linux-utils#47',
    'coolhva/usg-kpn-ftth#35',
  ],
}

export const wrongSourceAnswer: Explanation = {
  title: 'a UDP server answers from another of its addresses than the one that was asked',
  severity: 'error',
  kernel: prose`No NAT is at work. A UDP socket that is bound to all addresses has no source address of its own. For each
    datagram it sends, the kernel takes the address that the route to the destination prefers, which is the
    interface's first one most often. The client sent to another, and so its socket, and every entry of conntrack on the
    way, expects the answer from there.`,
  points: prose`At the server: a datagram comes in to one of its addresses, and the answer leaves with another. At the client:
    the same, and port unreachable. On a host between: two entries, both [UNREPLIED].`,
  evidence: prose`a UDP answer from the hardware address that was asked, from the port that was asked, with a TTL that no
    router has touched, but from another address; refused with port unreachable. In a cooked capture: the host was asked,
    and the answer left it without having come in`,
  certain: prose`by hardware addresses; else likely`,
  alike: prose`a gateway that passes an answer on: its TTL is lower, or it came in before`,
  confirm: [
    line('on the server, sockets that are bound to all addresses (0.0.0.0, [::] or *):', 'ss -lun'),
    line('and the addresses it may answer from:', 'ip -brief address'),
  ],
  fix: [
    remedy(
      'bind the server to the address that is asked',
      'one socket, and one line of its settings, for each address',
    ),
    remedy(
      'or have the program answer from where it was asked (IP_PKTINFO; an option such as --multihome)',
      'the program must know how',
    ),
  ],
  source: ['udp_sendmsg() (net/ipv4/udp.c)', '__udp4_lib_rcv() (net/ipv4/udp.c)'],
  reports: [
    'syncthing/discosrv#12',
    'esnet/iperf#863',
    'AdguardTeam/AdGuardHome#1257',
    'eduvpn/vpn-server-node#36',
    'umurmur/umurmur#92',
  ],
}

export const dsrInvalidDrop: Explanation = {
  title: 'the host sees one direction of a connection, and a rule drops what follows the SYN as INVALID',
  severity: 'error',
  kernel: prose`The SYN passes here and makes an entry. The SYN-ACK takes another way, so the entry stays in SYN_SENT. An ACK of
    the client fits no transition out of SYN_SENT, because conntrack has seen nothing that it could acknowledge: the packet
    is INVALID. NAT and filters let INVALID packets pass unless a rule says otherwise; here one does.`,
  points: prose`On the side of the client: SYN, ACK, data, all repeated. On the side of the server: the SYN alone. At the server:
    SYN, SYN-ACK, and its repetitions. In the table: SYN_SENT [UNREPLIED]; invalid of conntrack -S grows.`,
  evidence: prose`SYN on both sides of the host, what follows on one side only, without any answer`,
  certain: prose`both sides are captured`,
  alike: prose`an asymmetric path without the INVALID rule: all packets pass`,
  confirm: [
    line(
      'the rule, with its counters:',
      'iptables-save -c | grep -i invalid',
      'nft list ruleset | grep -i invalid',
    ),
    line('invalid= grows:', 'conntrack -S'),
  ],
  fix: [
    remedy('route both directions through one host', 'it must carry both'),
    remedy(
      'or accept this path in front of the rule that drops INVALID',
      'packets of that path are no longer checked by state',
    ),
    remedy('or do not track it (CT --notrack)', 'no NAT and no stateful rule works for it any more'),
    remedy(
      'or take segments outside the window for valid, with which kube-proxy leaves its rule away, too',
      'conntrack checks no window of any connection any more; out of SYN_SENT this alone leads nowhere',
      'sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1',
    ),
  ],
  source: [
    'nf_conntrack_tcp_packet() (net/netfilter/nf_conntrack_proto_tcp.c)',
    'nf_conntrack_in() (net/netfilter/nf_conntrack_core.c)',
  ],
  reports: [
    'kubernetes/kubernetes#94861',
    'kubernetes/kubernetes#120412',
    'metallb/metallb#297',
    'firehol/firehol#358',
  ],
}

export const hairpinNoMasquerade: Explanation = {
  title: 'a client reaches itself through its own service, and gets a packet from its own address',
  severity: 'error',
  kernel: prose`DNAT chooses the client itself as the backend. The destination becomes its own address, the source already is.
    Without masquerade a packet arrives that claims to come from the very host that receives it: the kernel drops it as
    a martian when it validates the source, before any socket sees it.`,
  points: prose`At the client: SYN to the service goes out, and a SYN from itself to itself comes in, repeated. On the bridge: the
    same two. In the table: SYN_SENT [UNREPLIED], whose reply goes from the client to itself.`,
  evidence: prose`a SYN to a service comes back with the client's address at both ends, repeated, unanswered`,
  certain: prose`the SYN to the service was seen, too`,
  alike: prose`masqueraded hairpin traffic, which a promiscuous bridge shows once more unmasqueraded: it is answered`,
  confirm: [
    line('no rule masquerades it:', 'iptables -t nat -vnL POSTROUTING'),
    line(
      'the client logs a martian source:',
      'sysctl -w net.ipv4.conf.all.log_martians=1',
      'dmesg | grep martian',
    ),
  ],
  fix: [
    remedy(
      'masquerade what a client sends to itself through a service, as the report has it for the addresses seen',
      'the server sees the address of the node for requests of its own host',
    ),
    remedy(
      "or have kube-proxy do it: --cluster-cidr with the cluster's own range",
      'a wrong range masquerades traffic between pods, too',
    ),
  ],
  source: [
    'ip_handle_martian_source() (net/ipv4/route.c)',
    'fib_validate_source() (net/ipv4/fib_frontend.c)',
    'nf_nat_masquerade_ipv4() (net/netfilter/nf_nat_masquerade.c)',
  ],
  reports: [
    'containernetworking/plugins#68',
    'kubernetes/kubernetes#20475',
    'cloudnativelabs/kube-router#189',
  ],
}

export const hairpinModeOff: Explanation = {
  title: 'a client reaches itself through its own service, and the bridge does not send the packet back',
  severity: 'error',
  kernel: prose`With bridge-nf-call-iptables=1 DNAT happens inside the bridge. The frame then has to leave through the port that
    it came in by. A bridge never does that, unless hairpin mode is on at that port.`,
  points: prose`At the client's port: the SYN to the service goes in, nothing comes out. On the bridge: the SYN, and the SYN behind
    its translation. In the table: SYN_SENT [UNREPLIED].`,
  evidence: prose`such SYNs on the bridge, and nothing comes back out of the client's port`,
  certain: prose`the client's port is captured; likely on cooked v1, by one sighting where a bridge and its port show two; of
    a bridge alone it is told only where --topology has the mode of the port`,
  alike: prose`a packet that reaches the client, which drops what comes from its own address: hairpin-no-masquerade`,
  confirm: [line('hairpin off at the port of the client:', 'bridge -d link show')],
  fix: [
    remedy(
      "turn hairpin mode on at the client's port (kubelet and CNI plugins: hairpinMode)",
      'broadcasts that a port sends come back to it: IPv6 may take that for a duplicate address',
    ),
    remedy(
      'or make the bridge promiscuous, which then receives the frame itself (promiscMode of the CNI bridge)',
      'the node handles every frame of the bridge',
    ),
  ],
  source: ['should_deliver() (net/bridge/br_forward.c)'],
  reports: ['kubernetes/kubernetes#13375', 'kubernetes/kubernetes#20475', 'kubernetes/kubernetes#22717'],
}

export const lanReflection: Explanation = {
  title:
    'requests are sent back into the segment they came from, and the server there answers the client directly',
  severity: 'error',
  kernel: prose`A client asks the public address of a server in its own network. The gateway's DNAT sends the request back to
    where it came from, with the client's source. The server answers the client directly over the switch, with its own
    address. The gateway never sees the answer, so nobody undoes the DNAT, and the client refuses it.`,
  points: prose`On the gateway's inner interface: each request twice, to the public address and to the server, one TTL apart; no
    answer. At the client: an answer from the server's own address, and a RST. In the table: [UNREPLIED].`,
  evidence: prose`requests leave by the interface they came in by, with another destination and their own source, and no
    answer is seen`,
  certain: prose`never: likely`,
  alike: prose`the same with source NAT; a bridge of the host, which shows the answer`,
  confirm: [
    line('entries without a reply whose destination was changed:', 'conntrack -L --dst-nat | grep UNREPLIED'),
  ],
  fix: [
    remedy(
      'masquerade what is sent back (NAT loopback, hairpin NAT), as the report has it for the addresses seen',
      MASQUERADE_COST,
    ),
    remedy(
      "or have the name resolve to the server's own address inside (split DNS)",
      'two answers to keep in step',
    ),
  ],
  source: ['nf_nat_packet() (net/netfilter/nf_nat_core.c)', 'ip_forward() (net/ipv4/ip_forward.c)'],
  reports: [
    'openwrt/openwrt#20047',
    'opnsense/core#6650',
    'coolsnowwolf/lede#5302',
    'stevejenkins/unifi-linux-utils#47',
  ],
}

export const replyOtherInterface: Explanation = {
  title: 'answers leave by another interface than their requests came in by',
  severity: 'error',
  kernel: prose`Conntrack translates an answer, but it does not route it: the route is chosen by the destination alone. With two
    uplinks and one default route, answers to what came in by the second leave by the first. Their source address belongs to
    the second, and a provider that filters foreign sources drops them.`,
  points: prose`On the second uplink: SYNs, repeated, no answer. On the first: SYN-ACKs with the second's address, repeated, and
    nobody acknowledges them. In the table: SYN_RECV.`,
  evidence: prose`SYN-ACKs leave by an interface that the SYNs did not come in by, twice or more, and nobody acknowledges
    them`,
  certain: prose`never: likely`,
  alike: prose`asymmetric routing that works; a bridge and its ports`,
  confirm: [
    line('rules that would choose another table for answers:', 'ip rule'),
    line('default routes:', 'ip route'),
  ],
  fix: [
    remedy(
      prose`mark each connection with the uplink it came by (CONNMARK in mangle PREROUTING), restore the mark on answers, and route
        by it (ip rule fwmark, a table for each uplink)`,
      'rules and tables to keep in step with the uplinks; strict rp_filter needs to be 2',
    ),
  ],
  source: ['ip_route_input_slow() (net/ipv4/route.c)', 'nf_nat_packet() (net/netfilter/nf_nat_core.c)'],
  reports: ['openwrt/packages#13909', 'openwrt/packages#16240', 'opnsense/core#9806', 'openwrt/firewall4#93'],
}

export const twoAnswerers: Explanation = {
  title: 'one connection is answered from two addresses, and the client resets one of them',
  severity: 'error, warning',
  kernel: prose`The request comes to two sockets, or twice to one: a bridge in promiscuous mode delivers what it also routes, a mirror
    answers, an address is on two hosts. The answer of the address that was asked opens the connection. The other one meets no
    socket of the client, which sends a RST with the number that it acknowledged. Where both answers are of one server, that
    RST ends its half of the connection.`,
  points: prose`At the client: two SYN-ACKs to one SYN, from two addresses, and a RST to one of them. On the bridge: the SYN twice, with
    and without its translation.`,
  evidence: prose`a client resets the answer of one address with the number of its own SYN to another, which answers it, too; a
    warning where the connection goes on`,
  certain: prose`always`,
  alike: prose`a scanner whose RST is seen behind a translation; an answer past its translation that is the only one`,
  confirm: [line('the stations of both addresses, on the client:', 'ip neigh show')],
  fix: [
    remedy(
      'let one of them have the request: no address on two hosts, no bridge that passes on what it also routes',
      'promiscuous mode stood in for hairpin mode: ports that need it have to be told so',
      'ip -d link show type bridge',
    ),
  ],
  source: ['br_pass_frame_up() (net/bridge/br_input.c)', 'tcp_v4_send_reset() (net/ipv4/tcp_ipv4.c)'],
  reports: ['kubernetes/kubernetes#25793', 'kubernetes/kubernetes#28650'],
}
