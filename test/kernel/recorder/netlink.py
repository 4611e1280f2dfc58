# One netlink socket for NFLOG and conntrack events, and what its messages say: uapi nfnetlink_log.h, nfnetlink_conntrack.h.
"""Both subsystems speak through one socket, so that their messages keep the order in which the kernel sent them."""
import socket
import struct

NETLINK_NETFILTER = 12
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, SO_RCVBUFFORCE = 270, 1, 33
NLMSG_ERROR, NLMSG_DONE = 2, 3
SUBSYSTEM_CONNTRACK, SUBSYSTEM_LOG = 1, 4
CONNTRACK_NEW, CONNTRACK_GET, CONNTRACK_DELETE = 0, 1, 2
HEADER = 20                                     # struct nlmsghdr and struct nfgenmsg

TCP_STATES = ('NONE', 'SYN_SENT', 'SYN_RECV', 'ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK', 'TIME_WAIT',
              'CLOSE', 'SYN_SENT2')
SCTP_STATES = ('NONE', 'CLOSED', 'COOKIE_WAIT', 'COOKIE_ECHOED', 'ESTABLISHED', 'SHUTDOWN_SENT', 'SHUTDOWN_RECD',
               'SHUTDOWN_ACK_SENT', 'HEARTBEAT_SENT')
STATUS = ((2, 'SEEN_REPLY'), (4, 'ASSURED'))


def open_stream():
    """Receives NFLOG group 0, which is also where the kernel logs invalid packets, and all conntrack events."""
    stream = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    stream.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 512 << 20)
    stream.bind((0, 0))
    for group in (1, 2, 3):                     # new, update, destroy
        stream.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    configure_log(stream, 1, b'\x01')                           # bind to the group
    configure_log(stream, 2, struct.pack('>IBB', 0, 1, 0))      # no payload
    configure_log(stream, 3, struct.pack('>I', 512))            # buffer of a message
    configure_log(stream, 5, struct.pack('>I', 1))              # one message at a time
    configure_log(stream, 6, struct.pack('>H', 1))              # with sequence numbers
    stream.setblocking(False)
    return stream


def configure_log(stream, kind, value):
    body = struct.pack('>BBH', 0, 0, 0) + struct.pack('=HH', 4 + len(value), kind) + value + bytes(-len(value) % 4)
    stream.send(struct.pack('=IHHII', 16 + len(body), SUBSYSTEM_LOG << 8 | 1, 5, kind, 0) + body)
    answer = stream.recv(4096)
    code = struct.unpack_from('=i', answer, 16)[0] if struct.unpack_from('=H', answer, 4)[0] == NLMSG_ERROR else 0
    if code:
        raise OSError(-code, 'NFLOG refuses')


def dump_table():
    """Rows of every live entry, as entry_row() makes them, with packet and byte counters."""
    rows = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as dump:
        dump.bind((0, 0))
        dump.send(struct.pack('=IHHII', HEADER, SUBSYSTEM_CONNTRACK << 8 | CONNTRACK_GET, 0x301, 1, 0) + bytes(4))
        while True:
            buffer = dump.recv(1 << 20)
            for kind, _, at, end in messages(buffer):
                if kind in (NLMSG_DONE, NLMSG_ERROR):
                    return rows
                entry = attributes(buffer, at + HEADER, end)
                rows.append(entry_row(buffer, entry) + counters(buffer, entry))


def messages(buffer):
    """(type, flags, offset, end) of each message in what a recv() brought."""
    at = 0
    while at + 16 <= len(buffer):
        length, kind, flags = struct.unpack_from('=IHH', buffer, at)
        if length < 16:
            return
        yield kind, flags, at, at + length
        at += length + 3 & ~3


def attributes(buffer, at, end):
    """{type: (offset, end)} of the attributes in a span."""
    found = {}
    while at + 4 <= end:
        length, kind = struct.unpack_from('=HH', buffer, at)
        if length < 4:
            break
        found[kind & 0x3fff] = (at + 4, at + length)
        at += length + 3 & ~3
    return found


def log_message(buffer, at, end):
    """(mark, prefix, 14 bytes of link header, sequence number) of an NFLOG message."""
    found = attributes(buffer, at + HEADER, end)
    mark = number(buffer, found, 2)
    prefix = span(buffer, found, 10).rstrip(b'\0').decode(errors='replace').strip()
    return mark, prefix, span(buffer, found, 16), number(buffer, found, 12)


def event(buffer, kind, flags, at, end):
    """[type, protocol, original, reply, state, status, timeout, counters] of an event; only a DESTROY has counters."""
    name = 'DESTROY' if kind & 0xff == CONNTRACK_DELETE else 'NEW' if flags & 0x600 else 'UPDATE'
    entry = attributes(buffer, at + HEADER, end)
    return [name] + entry_row(buffer, entry) + (counters(buffer, entry) if name == 'DESTROY' else ['', '', '', ''])


def entry_row(buffer, entry):
    protocol, original = tuple_text(buffer, entry[1])
    _, reply = tuple_text(buffer, entry[2])
    status = number(buffer, entry, 3)
    timeout = str(number(buffer, entry, 7)) if 7 in entry else ''
    names = ','.join(name for bit, name in STATUS if status & bit)
    return [str(protocol), original, reply, protocol_state(buffer, entry), names, timeout]


def protocol_state(buffer, entry):
    if 4 not in entry:
        return ''
    information = attributes(buffer, *entry[4])
    for kind, names in ((1, TCP_STATES), (3, SCTP_STATES)):
        if kind in information:
            return names[number(buffer, attributes(buffer, *information[kind]), 1)]
    return ''


def tuple_text(buffer, where):
    """(protocol, 'source,port,destination,port'); of ICMP the id, and type * 256 + code, stand as ports."""
    parts = attributes(buffer, *where)
    addresses = attributes(buffer, *parts[1])
    ports = attributes(buffer, *parts[2])
    source = span(buffer, addresses, 1) or span(buffer, addresses, 3)
    destination = span(buffer, addresses, 2) or span(buffer, addresses, 4)
    if 2 in ports:
        first, second = number(buffer, ports, 2), number(buffer, ports, 3)
    else:
        base = 4 if 4 in ports else 7
        first = number(buffer, ports, base)
        second = number(buffer, ports, base + 1) * 256 + number(buffer, ports, base + 2)
    return number(buffer, ports, 1), f'{address(source)},{first},{address(destination)},{second}'


def address(packed):
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def counters(buffer, entry):
    """[packets, bytes] of the original and of the reply direction."""
    row = []
    for kind in (9, 10):
        counts = attributes(buffer, *entry[kind]) if kind in entry else {}
        row += [str(number(buffer, counts, 1)), str(number(buffer, counts, 2))]
    return row


def span(buffer, found, kind):
    return buffer[slice(*found[kind])] if kind in found else b''


def number(buffer, found, kind):
    return int.from_bytes(span(buffer, found, kind), 'big')
