// Every look-alike that a detector's file lists names the tests that exclude it, or is known to lack one.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT, readSourceFiles } from '../support/source-files.ts'

/** How the text of a look-alike begins, and titles of tests or of their rows: `file: title`, none where it lacks one. */
type LookAlike = [start: string, ...tests: string[]]

const LOOK_ALIKES: Record<string, LookAlike[]> = {
  'asymmetric-same-bridge-return': [
    [
      'another host translated',
      'refused-answers: comes where the request had passed three routers: another host translated',
      'refused-answers: comes where a router had passed the request on before',
    ],
    ['one end alone was captured', 'refused-answers: comes where nothing tells who translated'],
    [
      'the answer was routed',
      'refused-answers: was routed',
      'refused-answers: comes from the station that was asked',
    ],
  ],
  'dsr-invalid-drop': [
    ['an asymmetric path on which nothing is dropped', 'nat-watch: dsr-asymmetric.any.pcap'],
  ],
  'dsr-untranslated-reply': [
    ['a socket that is closed already gets a late answer', 'refused-answers: has another id'],
    [
      'stations answer what was sent to a group',
      'refused-answers: answers what went to a group',
      'refused-answers: answers what went to the broadcast address of its network',
    ],
    [
      'another port of the address that was asked',
      'refused-answers: comes from another port of the address that was asked',
    ],
    ['strangers', 'refused-answers: is none of a stranger to the port of a host that asks many'],
    ['a scanner', 'refused-answers: may answer another SYN of a scanner'],
    ['a server with two addresses', 'refused-answers: comes from the station that was asked'],
  ],
  'entry-missing': [
    ['a RST of the end itself', 'entry-missing: the client itself', 'entry-missing: a box on the way'],
    ['a connection that was being closed', 'entry-missing: a connection that the client had closed'],
    ['a segment outside the window', 'entry-missing: data outside the window'],
    [
      'a pause that the entry may not have outlived',
      'entry-missing: is another finding after a pause, unless the connection outlived one as long',
    ],
    [
      'of connections that nobody saw open',
      'entry-missing: are not where one or two are reset, as strangers are, or none is forwarded',
    ],
    [
      'a RST that answers a segment which the capture has lost',
      'entry-missing: a segment that the capture has lost, after who knows what pause',
    ],
    [
      'a rule that rejects with a RST',
      'flow-findings: rejected.any.pcap',
      'flow-findings: rejected.routed.any.pcap',
      'flow-findings: rejected.answers.any.pcap',
    ],
  ],
  'entry-older-than-rule': [
    ['a flow that no rule translates'],
    [
      'a rule that came and went',
      'flow-findings: where an earlier one was masqueraded is none of an older entry',
    ],
    ['a destination that answers without translation'],
  ],
  'foreign-challenge-ack': [
    [
      'an ACK of the last connection',
      'foreign-challenge-ack: is port-reuse where the last connection of the port was seen',
    ],
    ['an ACK of this connection', 'foreign-challenge-ack: an ACK behind the SYN: of this connection'],
    [
      'a handshake in four steps',
      'foreign-challenge-ack: an ACK of the SYN, as in a handshake of four steps',
    ],
    ['a SYN that is accepted', 'foreign-challenge-ack: is a remark where a later SYN was accepted'],
  ],
  hairpins: [
    ['masqueraded hairpin traffic', 'nat-watch: hairpin-control-promisc.vethd94c6e10.pcap'],
    ['connections over the loopback interface'],
    ['of hairpin-mode-off: a bridge alone', 'nat-watch: hairpin-mode-off.cni0.pcap'],
  ],
  'lan-reflection': [
    ['the same with source NAT'],
    ['a request that is routed back'],
    ['a server in that segment'],
    ['a bridge of the host itself', 'nat-watch: same-bridge-dnat.cni0.pcap'],
  ],
  'loopback-source': [
    ['the loopback interface itself', 'entry-look-alikes: the loopback interface'],
    ["the host's own packets", "entry-look-alikes: the host's own packets to an address of its own"],
  ],
  'lost-first-packets': [
    [
      'of a full table: a rule or a route',
      'lost-first-packets: a server that nobody reaches: a rule or a route',
    ],
    [
      'of a full table: rp_filter',
      'lost-first-packets: are no sign of it at an interface from which nothing is forwarded: rp_filter',
    ],
    [
      'of a full table: a filter of sources',
      'lost-first-packets: clients that never get through: a filter of sources, or of martians',
    ],
    ['of a race: two queries of one socket'],
    ['of a race: answers of two servers'],
  ],
  'lost-in-host': [
    ['a capture of the other side that ended earlier'],
    ['segments that the host put together or cut up'],
    ['a flow that is answered', 'lost-in-host: the host answers them'],
    ['a target that is gone', 'lost-in-host: the kernel says that they cannot be delivered'],
    [
      'a stranger who is refused',
      'lost-in-host: the rules send them nowhere else',
      'lost-in-host: a rule drops them on one of the ways',
    ],
    ['frames that the capture has lost'],
    ['answers that a bridge switched'],
    ['answers of an open TCP connection'],
  ],
  'missing-helper': [
    ['a helper that is assigned', 'entry-look-alikes: one that is translated to the client'],
    ['a stranger that writes from another port', 'entry-look-alikes: one from another port'],
    [
      'a connection from port 20',
      'entry-look-alikes: a control connection that is not masqueraded',
      'entry-look-alikes: one after the entry of the control connection is gone, and its place taken',
    ],
    ['a flow that somebody on the host itself answers'],
  ],
  'multicast-answer': [
    [
      "a flow of its own to the querier's port",
      'refused-answers: comes from another port than the group has',
    ],
    ["one from the group's port, long after", 'refused-answers: comes long after a query to a group'],
  ],
  'partial-notrack': [
    ['packets that conntrack leaves alone by itself'],
    ['an entry that was made before the rule'],
    ['a rule of which it is not known', 'partial-notrack: where a rule may match the other direction, too'],
  ],
  'pmtu-blackhole': [
    ['path MTU discovery at work', 'pmtu-blackhole: are heeded where path MTU discovery works'],
    ['a sender that probes', 'pmtu-blackhole: of datagrams that probe for the MTU and are answered'],
    [
      'a capture on the sender',
      'pmtu-blackhole: of segments that are acknowledged after all: the sender was captured before they were cut',
    ],
    [
      'an error that is only late',
      'pmtu-blackhole: of a capture that ends before the sender has sent as large a segment twice',
    ],
  ],
  'private-destination-leak': [
    ['a private network behind a private uplink'],
    ['a private network that is reached so'],
    ['clients out there', 'uplink-flows: is none where clients out there ask for what is behind this host'],
    ['a host with a public address', 'uplink-flows: is none where others of that network answer'],
  ],
  'reply-other-interface': [
    ['asymmetric routing that works'],
    ['a bridge and its ports'],
    ['a handshake that ends for another reason'],
  ],
  'sack-not-translated': [
    ['blocks of data that were sent', 'sack-not-translated: data that the capture lacks'],
    ['blocks of data that came twice', 'sack-not-translated: data that came twice'],
    ['the other side of such a box', 'sack-not-translated: blocks that fit'],
    ['a SYNPROXY', 'flow-findings: sack-translated.pcap'],
    [
      'a block that fits behind one that does not',
      'sack-not-translated: blocks of which some fit',
      'sack-not-translated: numbers that are off otherwise each time',
    ],
  ],
  'sctp-path-without-entry': [
    [
      'an association that was open',
      'sctp-path-without-entry: of an association that was open when the capture began, whose packets are not called INVALID by themselves',
    ],
    [
      'packets that passed by the translation',
      'sctp-path-without-entry: of packets between addresses that the association has: they passed by a translation',
    ],
  ],
  'stale-source-mapping': [
    ['a pool of source addresses'],
    ['a peer that is gone'],
    ['a flow that is answered still'],
  ],
  'stale-source-port': [
    ['a peer that is gone', 'stale-source-port: the masqueraded flow has another port'],
    [
      'a socket that has that port',
      'stale-source-port: the host reaches others from another port',
      'stale-source-port: others do not answer either',
    ],
    ['a flow that is answered', 'stale-source-port: the peer answers'],
  ],
  'tcp-timestamps-nat': [
    [
      'a server that is gone, or busy',
      'tcp-timestamps-nat: a server that is gone',
      'tcp-timestamps-nat: a server that ignores new ones, too: it is busy',
    ],
    [
      'clocks that differ',
      'tcp-timestamps-nat: clocks that differ from connection to connection',
      'tcp-timestamps-nat: a server that answers older ones, too',
    ],
    ['a port that is used again'],
    [
      'an address that was silent for a minute',
      'tcp-timestamps-nat: an address that was silent for a minute',
    ],
  ],
  'two-answerers': [
    [
      'a client that gives a connection up',
      'two-answerers: of a scanner whose RST is seen behind the translation, too',
    ],
    ['an answer past its translation', 'two-answerers: where one address answers'],
    ['a RST of another number', 'two-answerers: where the RST has another number'],
  ],
  'udp-flood': [
    ['clients that are answered', 'udp-flood: is what somebody answers'],
    ['one-way protocols', 'udp-flood: are statistics of a few hosts, which nobody answers'],
    ['a host that asks very many peers', 'udp-flood: is a host that asks many peers from one port'],
  ],
  'unacknowledged-data': [
    [
      'a capture that ended before the acknowledgment',
      'unexplained: a capture that ended early',
      'unexplained: an acknowledgment at last',
    ],
    [
      'a capture of one direction',
      'unexplained: a capture of one direction',
      'unexplained: answers that the capture lacks',
    ],
    [
      'an acknowledgment that another point shows',
      'unexplained: is none where another point shows the acknowledgment',
    ],
    ['probes of a closed window', 'unexplained: a closed window'],
    ['a RST of the other side', 'unexplained: a RST of the other side'],
    ['a FIN that nobody acknowledges', 'unexplained: a FIN', 'unexplained: a side that had closed'],
    ['whatever another finding explains', 'unexplained: is told once, as the fault that explains it'],
  ],
  'unfinished-handshake': [
    ['a capture that ended before the handshake did', 'unexplained: a capture that ended early'],
    ['a server that waits for data', 'flow-findings: deferred-accept.inside.pcap'],
    ['a client that refuses by RST', 'unexplained: a client that refuses'],
    ['answers to SYNs that this capture does not have', 'unexplained: a client whose SYN was not captured'],
    ['a flood'],
  ],
  'untranslated-source': [
    ['routing between private networks'],
    ['a link where nobody is masqueraded'],
    ['flows that are answered'],
    [
      'a host of its own on that link',
      'uplink-flows: is that of a host on that link, which no router has forwarded for',
    ],
    [
      'a link where private sources are answered',
      'uplink-flows: is translated by another router where private sources are answered',
    ],
  ],
  'wrong-source-answer': [
    ['a gateway that was asked', 'refused-answers: answers the query by its id, routed'],
    [
      'a host that passes an answer on',
      'refused-answers: was passed on by it: the answer came in before it left',
    ],
    ['a datagram from another port', 'refused-answers: comes from another port of it'],
  ],
}

/** Look-alikes that no test excludes: each test that is written lowers this number, and none may raise it. */
const WITHOUT_TEST = 29

/** The look-alikes of each detector's file, as its comments list them; a comment that lists none speaks of none. */
function listed(): Record<string, string[]> {
  const all: Record<string, string[]> = {}
  for (const { path, lines } of readSourceFiles('src/findings/detectors')) {
    for (const [comment] of lines.join('\n').matchAll(/\/\*\*.*?\*\//gs)) {
      const text = comment.replace(/\s*\*\/$/, '').replace(/\n\s*\* +(?!- )/g, ' ')
      const [, list] = text.split(/Look-alikes?\b/)
      if (list === undefined) continue
      const items = [...list.matchAll(/^\s*\* - (.*)$/gm)].map(([, item]) => item)
      const name = path.replace(/\.ts$/, '')
      all[name] = [...(all[name] ?? []), ...(items.length > 0 ? items : [`not a list: ${list}`])]
    }
  }
  return all
}

function hasTest(link: string): boolean {
  const [file, ...title] = link.split(': ')
  const text = readFileSync(join(ROOT, 'test/findings', `${file}.test.ts`), 'utf8')
  return [`'`, `"`].some(quote => text.includes(`${quote}${title.join(': ')}${quote}`))
}

describe('look-alikes', () => {
  it('of every detector are in the table, in their order', () => {
    const inTable = Object.entries(LOOK_ALIKES).map(([file, all]) => [file, all.map(([start]) => start)])
    const inFiles = Object.entries(listed()).map(([file, all]) => [
      file,
      all.map((text, i) => {
        const start = LOOK_ALIKES[file]?.[i]?.[0]
        return start !== undefined && text.startsWith(start) ? start : text
      }),
    ])
    expect(inFiles).toEqual(inTable)
  })

  it('name tests that are there', () => {
    const links = Object.values(LOOK_ALIKES).flatMap(all => all.flatMap(([, ...tests]) => tests))
    expect(links.filter(link => !hasTest(link))).toEqual([])
  })

  it('lack no more tests than is known', () => {
    const lacking = Object.values(LOOK_ALIKES).flatMap(all =>
      all.filter(([, ...tests]) => tests.length === 0),
    )
    expect(lacking).toHaveLength(WITHOUT_TEST)
  })
})
