// Explanations of packets that are lost in the host, or leave it as they should not.
import { type Explanation, line, prose, remedy } from './explanation.ts'

export const lostInHost: Explanation = {
  title: 'packets come in and do not leave, where others of their kind do',
  severity: 'error',
  kernel: prose`Something in the host drops them between the hook they came in by and the one they should leave by. Three places do
    so most often. The routing, which checks the way back of a source (rp_filter=1), behind DNAT and without asking conntrack. A
    rule of FORWARD that goes by a mark: marks that a rule of the nat table sets are on first packets alone, because later ones
    do not pass that table. And a rule that names an interface.`,
  points: prose`On the way in: packets, repeated. On the way out: none, or the first ones alone. In the table: [UNREPLIED], or no
    entry, because the packet that would make it was never confirmed.`,
  evidence: prose`packets of a flow come in and do not leave: all but the first ones of a datagram flow, while others leave
    there; or SYNs of one interface, whose client reaches the same port by another; or two answers or more, where requests
    have left, and none of them goes on; or, with --rules, all of a flow that rules send to another host and none of them
    drops; or what a rule given drops or refuses on purpose (a warning of kube-proxy's rules that drop, else worth knowing);
    or, with --kubernetes, what nobody answers and a Service or NetworkPolicy does not allow`,
  certain: prose`by a rule that dropped it, of kube-proxy twice at least; else never: likely; by rules that drop nothing possible`,
  alike: prose`a capture of the other side that ended earlier; answers that a bridge switched; a stranger who is refused; a
    target that is gone, which an ICMP error tells`,
  confirm: [
    line('packets that were dropped for their way back:', 'nstat -az TcpExtIPReversePathFilter'),
    line('where that is checked (1: strictly):', "sysctl -ar 'net.ipv4.conf.*.rp_filter'"),
    line('which rule counts them:', 'iptables-save -c', 'nft list ruleset'),
  ],
  fix: [
    remedy(
      'where TcpExtIPReversePathFilter grows as they come: check for any way back instead of the same interface',
      'a forged source that is routed anywhere passes',
      'sysctl -w net.ipv4.conf.all.rp_filter=2',
    ),
    remedy(
      'where a rule drops all but first packets: have it go by the state of the connection, or by a mark of the connection',
      'a rule to keep in step with the one that sets the mark',
    ),
    remedy('give --rules to the replay, which names the rule', 'none'),
  ],
  source: [
    'fib_validate_source() (net/ipv4/fib_frontend.c)',
    'nf_nat_inet_fn() (net/netfilter/nf_nat_core.c)',
  ],
  reports: [
    'kubernetes/kubernetes#72511',
    'aws/amazon-vpc-cni-k8s#75',
    'cilium/cilium#10324',
    'projectcalico/calico#2113',
    'jamesmcm/vopono#372',
  ],
}

export const privateDestinationLeak: Explanation = {
  title: 'packets for a private network leave with a public source that NAT gave them',
  severity: 'error',
  kernel: prose`A rule masquerades all that leaves by an uplink. Traffic for the other end of an IPsec tunnel leaves by that uplink, too.
    POSTROUTING comes before the IPsec policy is looked up again, and with its new source the packet no longer matches the
    policy: it leaves unencrypted, to a provider that drops private destinations.`,
  points: prose`On the uplink: packets in the clear, public source, private destination, no answer. On the inner side: requests,
    repeated. In the table: [UNREPLIED].`,
  evidence: prose`packets for a private network leave with a public source that NAT gave them, unanswered`,
  certain: prose`never: likely; possible from the uplink alone, where the source is answered from elsewhere`,
  alike: prose`NAT behind NAT: the source is private, too`,
  confirm: [
    line('the policies, and the networks they are for:', 'ip xfrm policy'),
    line('the rules that masquerade, with their counters:', 'iptables -t nat -vnL POSTROUTING'),
  ],
  fix: [
    remedy(
      'leave what has a policy as it is, in front of the rule that masquerades',
      'none for other traffic; addresses of both sites must not overlap',
      'iptables -t nat -I POSTROUTING -m policy --dir out --pol ipsec -j ACCEPT',
    ),
  ],
  source: [
    'nf_nat_inet_fn() (net/netfilter/nf_nat_core.c)',
    'nf_xfrm_me_harder() (net/netfilter/nf_nat_proto.c)',
  ],
  reports: ['openwrt/packages#3398', 'openwrt/firewall4#53', 'lede-project/source#963'],
}

export const untranslatedSource: Explanation = {
  title: 'packets leave for the Internet with a private source, where others are masqueraded',
  severity: 'error',
  kernel: prose`No rule matched the first packet of this connection, though others that leave there meet one: another protocol or
    source than the rule has, an entry that is older than the rule, or a packet that is no part of a connection. Nobody out
    there can answer a private address.`,
  points: prose`On the uplink: a private source, unanswered, beside translated flows. On the inner side: the same addresses. In the
    table: an entry whose two tuples are each other's inverse, [UNREPLIED].`,
  evidence: prose`packets leave for the Internet with a private source, unanswered, where others are masqueraded and answered`,
  certain: prose`never: likely with two others, else possible; from the uplink alone possible`,
  alike: prose`routing between private networks; a link where another router translates`,
  confirm: [
    line(
      'the rules that masquerade, with their counters:',
      'iptables -t nat -vnL POSTROUTING',
      'nft list ruleset',
    ),
    line('entries without a reply:', 'conntrack -L | grep UNREPLIED'),
  ],
  fix: [
    remedy(
      'have the rule that masquerades the others match them, too',
      'what it matches by mistake is translated as well',
    ),
    remedy('and delete the entry, where it is older than the rule', 'the next packet meets the rules of now'),
  ],
  source: ['nf_nat_inet_fn() (net/netfilter/nf_nat_core.c)'],
  reports: [],
}

export const loopbackSource: Explanation = {
  title: 'packets with a loopback source are sent to another host',
  severity: 'error',
  kernel: prose`A program of the host connects to 127.0.0.1. DNAT in OUTPUT (a node port, say) sends that to another host. The source
    was chosen before, and is a loopback address; route_localnet=1 lets it out. The receiver drops every packet from outside
    with such a source as a martian.`,
  points: prose`On the outgoing interface: 127.0.0.1 as the source of a frame with hardware addresses. At the receiver: the same, and no
    answer. In the table: SYN_SENT [UNREPLIED].`,
  evidence: prose`a first packet has a loopback address as its source, another as its destination, and hardware addresses`,
  certain: prose`always`,
  alike: prose`the loopback interface`,
  confirm: [
    line(
      'on the receiver, martian sources in its log:',
      'sysctl -w net.ipv4.conf.all.log_martians=1',
      'dmesg | grep martian',
    ),
    line('1: loopback addresses may leave', "sysctl -ar 'net.ipv4.conf.*.route_localnet'"),
  ],
  fix: [
    remedy(
      'masquerade what leaves with a loopback source, as the report has it',
      'the receiver sees the address of the host',
    ),
    remedy('or ask an address of the host instead of the loopback one', 'a setting of the program'),
  ],
  source: ['ip_handle_martian_source() (net/ipv4/route.c)', 'ip_route_input_slow() (net/ipv4/route.c)'],
  reports: ['kubernetes/kubernetes#57922', 'kubernetes/kubernetes#57942', 'kubernetes/kubernetes#32415'],
}

export const missingHelper: Explanation = {
  title: 'the flow that a TFTP or FTP request announces comes back, and no entry expects it',
  severity: 'error',
  kernel: prose`A TFTP server answers from another port, an active FTP server opens a connection of its own. Nothing in such a
    packet's tuple belongs to the request. A helper reads the request and leaves an expectation, which makes the new flow RELATED and
    tells where to send it. Since Linux 6.1 no helper is assigned by a port: a rule has to (CT --helper, ct helper set).`,
  points: prose`On the outer interface: a first packet of the server to the translated address and port, and port unreachable or a RST. On
    the inner one: nothing. In the table: a second entry, NEW, that leads to the host itself.`,
  evidence: prose`a flow comes from the server of a TFTP or active FTP request to the address and port that the request left
    with (FTP: from port 20), translated to nobody, unanswered`,
  certain: prose`always`,
  alike: prose`a helper that is assigned: the flow is translated; a stranger on the server does not know the port`,
  confirm: [
    line('flows that are expected:', 'conntrack -L expect'),
    line('rules that assign helpers:', 'iptables-save -t raw', 'nft list ruleset'),
  ],
  fix: [
    remedy(
      'assign the helper: TFTP',
      'the helper reads each request; whoever can speak the protocol here can open that one flow',
      'modprobe nf_nat_tftp',
      'iptables -t raw -A PREROUTING -p udp --dport 69 -j CT --helper tftp',
    ),
    remedy(
      'or FTP, of which passive mode and SFTP need none',
      'the helper reads every control connection, and can read none that is encrypted',
      'modprobe nf_nat_ftp',
      'iptables -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp',
    ),
  ],
  source: [
    'nf_ct_find_expectation() (net/netfilter/nf_conntrack_expect.c)',
    '__nf_ct_try_assign_helper() (net/netfilter/nf_conntrack_helper.c)',
    'tftp_help() (net/netfilter/nf_conntrack_tftp.c)',
  ],
  reports: ['moby/moby#22837', 'firehol/firehol#529', 'sapcc/helm-charts#11738'],
}
