// What each NAT finding means: title, severity, cause and fix in one place, by its stable id.
import type { Severity } from '../facts/facts.ts'

export interface CatalogueEntry {
  severity: Severity
  title: string
  cause: string
  fix: string
}

/** What went wrong with translated flows. */
export const NAT_FINDINGS = {
  'asymmetric-same-bridge-return': {
    severity: 'error',
    title: 'the backend answers past the translation: client and backend are on one bridge',
    cause:
      'the request was routed through DNAT; the answer is switched from the backend to the client. Where the router is ' +
      'the host of the bridge, conntrack does not see that while bridge-nf-call-iptables=0; a router beside it never ' +
      'does. So the source of the answer stays the backend, and the client refuses it',
    fix:
      'masquerade what clients send to services on their own network: iptables -t nat -A POSTROUTING -s NETWORK -d NETWORK -m conntrack --ctstate DNAT -j MASQUERADE; ' +
      'or, where the host of the bridge translates: modprobe br_netfilter && sysctl -w net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1',
  },
  'dsr-untranslated-reply': {
    severity: 'error',
    title:
      'an answer reaches the client with the address of the backend, past the host that translated the request',
    cause:
      'DNAT is undone only where the request was translated; the answer did not pass there: it took another way, or ' +
      'was switched straight to the client',
    fix:
      'masquerade on the host that translates: iptables -t nat -A POSTROUTING -m conntrack --ctstate DNAT -j MASQUERADE; ' +
      'or route the answer back through it',
  },
  'wrong-source-answer': {
    severity: 'error',
    title: 'a server answers from another of its addresses than the one that was asked',
    cause:
      'no NAT: a UDP socket bound to all addresses answers from the one that the route to the client prefers, and the ' +
      'client refuses what it did not ask for',
    fix: 'bind the server to the address that is asked, or have it answer from there (IP_PKTINFO; options such as --multihome)',
  },
  'dsr-invalid-drop': {
    severity: 'error',
    title: 'the host sees one direction of the connection and drops what follows the SYN',
    cause:
      'the answers take another way, so the entry stays SYN_SENT [UNREPLIED] and every further packet is INVALID; ' +
      'a rule drops INVALID packets',
    fix: 'exempt this path from the INVALID rule, or do not track it: iptables -t raw -A PREROUTING -d DESTINATION -j CT --notrack',
  },
  'hairpin-no-masquerade': {
    severity: 'error',
    title: 'a client reaches itself through its service, and gets a packet from its own address',
    cause:
      'DNAT chose the client itself, and the source was not masqueraded: a host drops packets that claim to come from itself',
    fix: 'masquerade hairpin traffic: iptables -t nat -A POSTROUTING -s ADDRESS -d ADDRESS -j MASQUERADE (kube-proxy --masquerade-all, or its --cluster-cidr)',
  },
  'hairpin-mode-off': {
    severity: 'error',
    title:
      'a client reaches itself through its service, and the bridge does not send the packet back out of its port',
    cause:
      'after DNAT in the bridge the frame would have to leave through the port it came in by, which needs hairpin mode',
    fix: 'ip link set dev PORT type bridge_slave hairpin on',
  },
  'invalid-leak': {
    severity: 'error',
    title: 'a reply passed untranslated, and the client reset the connection',
    cause:
      'the segment was outside the TCP window: INVALID, so NAT left its source alone. The client knows no connection with ' +
      'that address and sends a RST, which reaches the server untranslated and ends its socket',
    fix: 'iptables -I FORWARD -m conntrack --ctstate INVALID -j DROP, or sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1',
  },
  'invalid-leak-private-source': {
    severity: 'warning',
    title: 'packets left with the source they have inside: NAT did not translate them',
    cause:
      'the segment was INVALID for conntrack (outside the TCP window), and NAT leaves INVALID packets alone',
    fix: 'iptables -I FORWARD -m conntrack --ctstate INVALID -j DROP, or sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1',
  },
  'idle-timeout-inbound': {
    severity: 'error',
    title:
      'after a pause the host had forgotten a masqueraded connection, and answered its next packet with RST',
    cause:
      'the entry expired while the connection was idle; without it the packet from outside is for the host itself, which has no such socket',
    fix: 'keepalives at shorter intervals than the timeout, or a longer one: sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=SECONDS',
  },
  'idle-timeout-untranslated-reply': {
    severity: 'error',
    title:
      'after a pause the host had forgotten a translated connection, and its packets went on untranslated',
    cause:
      'the entry expired while the connection was idle; the next packet opened one without the translation',
    fix: 'keepalives at shorter intervals than the timeout, or a longer one: sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=SECONDS',
  },
  'idle-timeout-remapped': {
    severity: 'error',
    title: 'after a pause a masqueraded connection went on from another source port, and was reset',
    cause:
      'the entry expired while the connection was idle; the next packet opened a new one, for which NAT chose another port',
    fix: 'keepalives at shorter intervals than the timeout, or a longer one: sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=SECONDS',
  },
  'snat-insert-race': {
    severity: 'error',
    title: 'of two first packets that raced for one translated port, one was lost',
    cause:
      'two hosts sent from the same source port to the same destination at the same moment: NAT gave both the same port ' +
      'before either entry was confirmed, and the second was dropped (insert_failed of `conntrack -S`)',
    fix: 'iptables -t nat … -j MASQUERADE --random-fully, so that ports are chosen at random',
  },
  'syn-flood': {
    severity: 'warning',
    title: 'SYNs that never complete the handshake, in numbers that no client sends',
    cause: 'each SYN holds an entry: 120 s unanswered (SYN_SENT), 60 s answered (SYN_RECV)',
    fix:
      'sysctl -w net.ipv4.tcp_syncookies=1 on the server. SYNPROXY keeps such SYNs out of the table, where the port is not translated: ' +
      'iptables -t raw -I PREROUTING -p tcp -d ADDRESS --dport PORT --syn -j CT --notrack; ' +
      'iptables -A INPUT -p tcp -d ADDRESS --dport PORT -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460; ' +
      'sysctl -w net.netfilter.nf_conntrack_tcp_loose=0',
  },
  'conntrack-table-full': {
    severity: 'error',
    title: 'new connections are lost inside the host, one after another',
    cause:
      'that is how a full conntrack table looks ("nf_conntrack: table full, dropping packet"): ' +
      'the first packet of a connection that needs a new entry is dropped',
    fix: 'look for it: dmesg | grep nf_conntrack; conntrack -S; then sysctl -w net.netfilter.nf_conntrack_max=MORE',
  },
} satisfies Record<string, CatalogueEntry>

export type NatFindingId = keyof typeof NAT_FINDINGS
