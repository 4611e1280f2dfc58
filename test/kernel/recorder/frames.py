# Captures as the recorder reads them: pcap, pcapng and snoop records, and the IP packet inside each frame.
"""A reader of its own, so that a mistake in ctpcap's readers cannot hide in the comparison."""
import gzip
import struct
import subprocess
from typing import NamedTuple


# programs that decompress, by the magic of what they read
PROGRAMS = {b'\x28\xb5\x2f\xfd': 'zstd', b'\x04\x22\x4d\x18': 'lz4'}


class Frame(NamedTuple):
    time: int          # nanoseconds since the epoch
    link: int          # LINKTYPE_*
    data: bytes
    wire: int          # length on the wire


class Skip(Exception):
    """There is no IP packet in the frame, or not enough of it; the text says why."""


class Unplayable(Exception):
    """The packet may be sound, but cannot be sent here; the text says why."""


def read_capture(path):
    """Every packet record of a pcap, pcapng or snoop file (perhaps compressed), in file order."""
    with open(path, 'rb') as file:
        blob = file.read()
    if blob[:2] == b'\x1f\x8b':
        blob = gzip.decompress(blob)
    elif blob[:4] in PROGRAMS:
        try:
            blob = subprocess.run([PROGRAMS[blob[:4]], '-dc'], input=blob, stdout=subprocess.PIPE, check=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise ValueError(str(error)) from None
    magic = blob[:4]
    for order in '<>':
        if magic in (struct.pack(order + 'I', 0xa1b2c3d4), struct.pack(order + 'I', 0xa1b23c4d)):
            return list(pcap_frames(blob, order))
        if magic == struct.pack(order + 'I', 0xa1b2cd34):
            return list(pcap_frames(blob, order, extra=8))
    if magic == b'\x0a\x0d\x0d\x0a':
        return list(pcapng_frames(blob))
    if blob[:8] == b'snoop\0\0\0':
        return list(snoop_frames(blob))
    raise ValueError('neither pcap nor pcapng nor snoop')


def pcap_frames(blob, order, extra=0):
    nanoseconds = struct.unpack_from(order + 'I', blob)[0] == 0xa1b23c4d
    unit = 1 if nanoseconds else 1000
    link = struct.unpack_from(order + 'I', blob, 20)[0] & 0x0fffffff
    header = struct.Struct(order + 'IIII')
    at = 24
    while at + 16 + extra <= len(blob):
        seconds, fraction, captured, wire = header.unpack_from(blob, at)
        at += 16 + extra
        if at + captured > len(blob):
            return
        yield Frame(seconds * 10**9 + fraction * unit, link, blob[at:at + captured], wire)
        at += captured


def snoop_frames(blob):
    if struct.unpack_from('>I', blob, 12)[0] != 4:
        raise ValueError('snoop of another link type than Ethernet')
    at = 16
    while at + 24 <= len(blob):
        wire, captured, length, _, seconds, microseconds = struct.unpack_from('>6I', blob, at)
        if length < 24 + captured or at + length > len(blob):
            return
        yield Frame(seconds * 10**9 + microseconds * 1000, 1, blob[at + 24:at + 24 + captured], wire)
        at += length


def pcapng_frames(blob):
    order, interfaces, last, at = '<', [], 0, 0
    while at + 12 <= len(blob):
        if blob[at:at + 4] == b'\x0a\x0d\x0d\x0a':
            order = '<' if blob[at + 8:at + 12] == b'\x4d\x3c\x2b\x1a' else '>'
            interfaces = []
        kind, length = struct.unpack_from(order + 'II', blob, at)
        if length < 12 or at + length > len(blob):
            return
        body = blob[at + 8:at + length - 4]
        at += length
        if kind == 1:
            interfaces.append(pcapng_interface(body, order))
        elif kind in (2, 6) and len(body) >= 20:
            number = struct.unpack_from(order + ('H' if kind == 2 else 'I'), body)[0]
            high, low, captured, wire = struct.unpack_from(order + 'IIII', body, 4)
            if number >= len(interfaces):
                return
            link, _, unit, offset = interfaces[number]
            last = (high << 32 | low) * 10**9 // unit + offset * 10**9
            yield Frame(last, link, body[20:20 + captured], wire)
        elif kind == 3 and interfaces:
            wire = struct.unpack_from(order + 'I', body)[0]
            link, snap, _, _ = interfaces[0]
            yield Frame(last, link, body[4:4 + min(wire, snap or wire)], wire)


def pcapng_interface(body, order):
    """(link type, snap length, ticks a second, offset in seconds)"""
    link, _, snap = struct.unpack_from(order + 'HHI', body)
    unit, offset, at = 10**6, 0, 8
    while at + 4 <= len(body):
        code, length = struct.unpack_from(order + 'HH', body, at)
        value = body[at + 4:at + 4 + length]
        if code == 0:
            break
        if code == 9 and value:
            unit = 2 ** (value[0] & 0x7f) if value[0] & 0x80 else 10 ** value[0]
        elif code == 14 and length >= 8:
            offset = struct.unpack(order + 'q', value[:8])[0]
        at += 4 + (length + 3 & ~3)
    return link, snap, unit, offset


def ip_packet(frame):
    """(EtherType, bytes from the IP header on) of a frame: link header, VLAN tags and padding removed."""
    try:
        ethertype, packet = network_layer(frame.link, frame.data)
    except (struct.error, IndexError):
        raise Skip('link header cut off') from None
    cut = frame.wire - len(frame.data)
    # offload leaves the length of a super-packet zero; in a short frame the zero is true and the rest is padding
    offloaded = frame.wire > 60
    packet = (whole_ipv4 if ethertype == 0x0800 else whole_ipv6)(packet, cut, offloaded)
    if len(packet) > 65535:
        raise Unplayable('larger than the largest device MTU')
    return ethertype, packet


def network_layer(link, data):
    if link == 1:
        return by_ethertype(struct.unpack_from('>H', data, 12)[0], data[14:])
    if link in (12, 14, 101, 228, 229):
        return by_version(data)
    if link == 113:
        return by_ethertype(struct.unpack_from('>H', data, 14)[0], data[16:])
    if link == 276:
        return by_ethertype(struct.unpack_from('>H', data, 0)[0], data[20:])
    if link in (0, 108):
        family = min(struct.unpack_from(order + 'I', data)[0] for order in '<>')
        if family in (2, 10, 23, 24, 28, 30):
            return by_version(data[4:])
        raise Skip('no IP packet inside')
    if link == 239:
        at = 4
        while at + 4 <= len(data):
            length, kind = struct.unpack_from('<HH', data, at)
            if kind & 0x7fff == 9:
                return by_version(data[at + 4:at + length])
            at += max(4, length + 3 & ~3)
        raise Skip('no IP packet inside')
    if link in (9, 50):
        if data[:2] in (b'\x0f\x00', b'\x8f\x00'):              # Cisco's framing
            return by_ethertype(struct.unpack_from('>H', data, 2)[0], data[4:])
        return by_ppp(data[2:] if data[:2] == b'\xff\x03' else data)
    if link == 51:
        return by_ethertype(0x8864, data)
    raise Unplayable(f'link type {link} not supported')


def by_ethertype(ethertype, data):
    while True:
        if ethertype in (0x0800, 0x86dd):
            return ethertype, data
        if ethertype in (0x8100, 0x88a8, 0x9100, 0x9200):
            ethertype, data = struct.unpack_from('>H', data, 2)[0], data[4:]
        elif ethertype < 0x600 and data[:6] == b'\xaa\xaa\x03\0\0\0':
            ethertype, data = struct.unpack_from('>H', data, 6)[0], data[8:]
        elif ethertype in (0x8847, 0x8848):
            return below_mpls(data)
        elif ethertype == 0x8864 and data[:2] == b'\x11\0':
            return by_ppp(data[6:6 + struct.unpack_from('>H', data, 4)[0]])
        else:
            raise Skip('no IP packet inside')


def by_ppp(data):
    size = 1 if data[0] & 1 else 2                              # the protocol may be compressed
    protocol, rest = int.from_bytes(data[:size], 'big'), data[size:]
    if protocol in (0x281, 0x283):
        return below_mpls(rest)
    if protocol not in (0x21, 0x57):
        raise Skip('no IP packet inside')
    return (0x0800 if protocol == 0x21 else 0x86dd), rest


def below_mpls(data):
    while not data[2] & 1:
        data = data[4:]
    return by_version(data[4:])


def by_version(data):
    version = data[0] >> 4
    if version not in (4, 6):
        raise Skip('no IP packet inside')
    return (0x0800 if version == 4 else 0x86dd), data


def whole_ipv4(packet, cut, offloaded):
    """Without padding, cut bytes as zeros, and with the length and header checksum that were left to the hardware."""
    if len(packet) < 20:
        raise Skip('IP header cut off')
    header, total = (packet[0] & 15) * 4, struct.unpack_from('>H', packet, 2)[0]
    if packet[0] >> 4 != 4 or header < 20 or total and total < header:
        return packet
    unsummed = packet[10:12] == b'\0\0' or total == 0
    if total == 0 and offloaded:
        total = len(packet) + cut
        if total > 65535:
            raise Unplayable('larger than the largest device MTU')
        packet = packet[:2] + struct.pack('>H', total) + packet[4:]
    if len(packet) < header:
        raise Skip('IP header cut off')
    if len(packet) < total and cut:
        require_transport(packet, header, packet[9], struct.unpack_from('>H', packet, 6)[0] & 0x1fff)
        packet += bytes(total - len(packet))
    packet = packet[:total]
    if not unsummed:
        return packet
    zeroed = packet[:10] + b'\0\0' + packet[12:header]
    return packet[:10] + struct.pack('>H', internet_checksum(zeroed)) + packet[12:]


def whole_ipv6(packet, cut, offloaded):
    if len(packet) < 40:
        raise Skip('IP header cut off')
    payload = struct.unpack_from('>H', packet, 4)[0]
    if packet[0] >> 4 != 6:
        return packet
    if payload == 0 and packet[6] != 59 and offloaded:
        payload = len(packet) + cut - 40
        if payload > 65535 or packet[6] == 0:
            raise Unplayable('IPv6 jumbogram')
        packet = packet[:4] + struct.pack('>H', payload) + packet[6:]
    if len(packet) < 40 + payload and cut:
        protocol, at, offset = ipv6_transport(packet)
        require_transport(packet, at, protocol, offset)
        packet += bytes(40 + payload - len(packet))
    return packet[:40 + payload]


def ipv6_transport(packet):
    """(protocol, offset of its header, fragment offset)"""
    protocol, at = packet[6], 40
    while protocol in (0, 43, 44, 51, 60):
        if at + 8 > len(packet):
            raise Skip('IPv6 extension headers cut off')
        if protocol == 44 and struct.unpack_from('>H', packet, at + 2)[0] & 0xfff8:
            return packet[at], at + 8, 1
        size = 8 if protocol == 44 else (packet[at + 1] + 2) * 4 if protocol == 51 else (packet[at + 1] + 1) * 8
        protocol, at = packet[at], at + size
    return protocol, at, 0


def require_transport(packet, at, protocol, fragment_offset):
    """Zeros may stand for cut payload, never for a header that conntrack reads."""
    if fragment_offset:
        return
    have = len(packet) - at
    need = {6: 20, 17: 8, 136: 8, 1: 8, 58: 8, 132: 16, 47: 4}.get(protocol, 0)
    if protocol == 1 and have >= 9 and packet[at] in (3, 4, 5, 11, 12):
        need = 8 + (packet[at + 8] & 15) * 4 + 8
    elif protocol == 58 and have >= 1 and packet[at] < 128:
        need = 8 + 40 + 8
    if have < need:
        raise Skip('transport header cut off')


def internet_checksum(data):
    total = sum(struct.unpack(f'>{len(data) // 2}H', data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff
