// The words of a leg: what one observation point has shown of one connection, in ascending order, typed by protocol.

/** Words of a leg, two cache lines. A plain segment touches the first alone, a lookup among several legs both. */
export const LEG_WORDS = 32
/** Words that stand in a record of their own, read when a leg begins or is judged; their numbers go on from LEG_WORDS. */
export const COLD_WORDS = 11

/** LEG_* bits. */
export const FLAGS = 0
/** The observation point, or one side of it (vantage/record/points.ts). */
export const POINT = 1
/** Capture time of the last packet, a double. */
export const TIME = 2
/** What the initiator has shown, five words; the responder's stand at REPLY_SIDE. */
export const SIDE = 4
export const REPLY_SIDE = 9
/** Window scale of the initiator | of the responder << 8 | TTL of the initiator << 16 | of the responder << 24. */
export const SCALES = 14
/** Number of the rare record plus one, 0 for none: see RARE_*. */
export const RARE = 15

// words of a side
/** TCP: sequence number behind the last byte. */
export const SIDE_END = 0
/** TCP: last acknowledgment. */
export const SIDE_ACK = 1
/** TCP: highest sequence number that this side lets the other send, acknowledgment and window. */
export const SIDE_LIMIT = 2
/** Frame of the last packet. */
export const SIDE_FRAME = 3
/** Packets; of TCP those without SYN and RST. */
export const SIDE_PACKETS = 4

// UDP has no sequence numbers: what became of its DNS queries stands there instead
/** Id of the initiator's last query; -1 before the first. */
export const DNS_LAST_ID = SIDE + SIDE_END
/** 1 while that query is the last message of the flow. */
export const DNS_IS_QUERY_LAST = SIDE + SIDE_ACK
/** Whether that query was seen to leave the host: a WAY_* (dns-race). */
export const DNS_LAST_WAY = SIDE + SIDE_LIMIT
/** DNS_* bits (observation) of the responder's last datagram. */
export const DNS_ANSWER = REPLY_SIDE + SIDE_END

/** Capture << 16 | IP version << 8 | protocol; 0 of no leg that is in use. */
export const KIND = 16
/** Port of the initiator << 16 | port of the responder. */
export const PORTS = 17
/** Addresses of the initiator and of the responder: IPv4 itself, of IPv6 a fold; its words stand at WIDE. */
export const SOURCE = 18
export const DESTINATION = 19
/** Entry of the table that the leg belongs to; -1 for a stray. */
export const ENTRY = 20
/** Next leg of that entry, or next stray of the same hash; -1 at the end. */
export const NEXT = 21
/** The SYN's sequence number, and the frame of the first packet of the initiator (of UDP its first datagram). */
export const SYN_SEQUENCE = 22
export const SYN_FRAME = 23
/** What the SYN-ACK acknowledges, and the frame of the first packet of the responder. */
export const SYN_ACK_ACKNOWLEDGMENT = 24
export const SYN_ACK_FRAME = 25
/** Capture time of the first packet, a double. */
export const START = 26
/** TTL of the initiator's opening | of the responder's << 8. */
export const OPENING_TTLS = 28
/** TCP: SYNs | SYN-ACKs << 16, each up to 65535. */
export const OPENING_COUNTS = 29
/** TCP: number of the packet whose SYN was counted last, so that its copies are not counted. */
export const SYN_PACKET = 30
/** TCP: what the initiator acknowledged with its first segment. */
export const FIRST_ACK = 31

// the cold words

/** Hashes of the hardware addresses of both openings, 0 where there were none. */
export const SYN_SOURCE_MAC = 32
export const SYN_DESTINATION_MAC = 33
export const SYN_ACK_SOURCE_MAC = 34
export const SYN_ACK_DESTINATION_MAC = 35
/** TCP: the responder's record (responders.ts), and the chain of its legs in the order in which they began. */
export const RESPONDER = 36
export const RESPONDER_NEXT = 37
export const RESPONDER_PREVIOUS = 38
/** Counts the legs ever opened: who remembers a leg can tell whether it is still the same. */
export const SERIAL = 39
/** IPv6: record of the addresses. */
export const WIDE = 40
/** The SYN's timestamp, 0 without. */
export const SYN_TIMESTAMP = 41

export const LEG_SYN = 1
export const LEG_SYN_ACK = 2
/** The initiator has acknowledged the SYN-ACK. */
export const LEG_OPEN = 4
export const LEG_RST = 8
/** A finding speaks of it already. */
export const LEG_EXPLAINED = 16
/** A SYN of it was seen further on its way, too. */
export const LEG_FORWARDED = 32
/** It begins with a DNS query. */
export const LEG_DNS = 64
/** The initiator's FIN was seen, the responder's. */
export const LEG_FIN = 128
export const LEG_FIN_BACK = 256
/** A packet of it was seen twice on one side of the host: at a bridge, and at a port of it. */
export const LEG_REPEATED = 512
/** The initiator has acknowledged something, whatever was seen of the answers. */
export const LEG_ACKNOWLEDGED = 1024
/** Its first packet came in and was not seen to leave (lost-first-packets). */
export const LEG_LOST = 2048
/** It has the ends of its entry's original tuple; turned: the entry's originator is the leg's responder. */
export const LEG_ORIGINAL_ENDS = 4096
export const LEG_TURNED = 8192
/** Its opening was addressed to the host that was captured; what answered it first left that host, and came in nowhere. */
export const LEG_TO_HOST = 16384
export const LEG_FROM_HOST = 32768
/** Its opening left the host that was captured, and came in nowhere. */
export const LEG_OF_HOST = 65536

// words of a rare record: what few connections have
export const RARE_WORDS = 42
/** Data that came after a pause, exactly where the flow had stopped: frame and side; the frame before the pause. */
export const GAP_FRAME = 0
export const GAP_SIDE = 1
export const GAP_BEFORE = 2
/** Milliseconds of the pause, and from the leg's start to its end. */
export const GAP_LENGTH = 3
export const GAP_TIME = 4
/** Packets of the side that the pause ended with, before those that followed it. */
export const GAP_PACKETS = 5
/** What is suspected of the leg's first packet, of which side, its frame; a RST that answers it has this number. */
export const SUSPICION = 6
export const SUSPICION_SIDE = 7
export const SUSPICION_FRAME = 8
export const SUSPICION_ACK = 9
/** The leg that the suspicious packet belongs to, with its serial. */
export const RELATED = 10
export const RELATED_SERIAL = 11
/** REUSE_* bits of a port that was used again, the last frame before, how many ms ago that was, the answer's frame. */
export const REUSE = 12
export const REUSE_BEFORE = 13
export const REUSE_PAUSE = 14
export const REUSE_ANSWER = 15
/** Tries from that port that had failed before the one under way, and how many ms they took. */
export const REUSE_FAILURES = 18
export const REUSE_FAILED_FOR = 19
/** Those that an ACK of the last connection answered, and others that what was left of it refused. */
export const REUSE_CHALLENGES = 20
export const REUSE_REFUSALS = 21
/** Data that were sent again since the other side acknowledged last: how often, which side, that acknowledgment. */
export const REPEATED = 31
export const REPEATED_SIDE = 30
export const REPEATED_ACK = 29
/** … the frame of the first of them, its sequence number; milliseconds from the leg's start to the first and to the last. */
export const REPEATED_FRAME = 28
export const REPEATED_SEQUENCE = 27
export const REPEATED_TIME = 26
export const REPEATED_LAST = 25
/** SACK blocks of one side that lie outside of all that the other sent: how often, which side's, how far off the first was. */
export const SHIFTED = 32
export const SHIFTED_SIDE = 33
export const SHIFTED_BY = 34
/** … the frame of the first and of the last; whether one of that side fits or is off otherwise. */
export const SHIFTED_FRAME = 35
export const SHIFTED_LAST = 36
export const SHIFTED_DOUBT = 37
/** Frame of an ACK that answers the SYN with other numbers, 0 for none; that number; SYNs until then; frame of the client's RST. */
export const FOREIGN_FRAME = 38
export const FOREIGN_ACK = 39
export const FOREIGN_SYNS = 40
export const FOREIGN_RESET = 41
/** A CLOCK_* of a SYN that goes unanswered, and the frame of the answered SYN that it was compared with. */
export const CLOCK = 23
export const CLOCK_FRAME = 22
/** Milliseconds of the longest pause after which the other side was heard again. */
export const GAP_OUTLIVED = 24
/** A SYN that went to another station than the first: its hardware address, its frame. */
export const MOVED_STATION = 16
export const MOVED_FRAME = 17
