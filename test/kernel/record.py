#!/usr/bin/env python3
# Puts a capture through the running kernel's conntrack and writes its verdict on every frame, its events, its final table.
"""
record.py CAPTURE --out DIR [--sysctl NAME=VALUE ...] [--max-seconds N]

Needs root, nf_conntrack, br_netfilter, nft and ip; exits with 77 and one line when it has not got them. Works in a
namespace of its own (recorder/sandbox.py). Every frame is sent at its own time with its number as the mark, which
comes back with every message about it.

DIR gets, tab-separated, a header line first:
  verdicts.tsv  frame time state direction seen_reply assured reason
                state: new established related invalid untracked; frag (a fragment that completes nothing);
                dropped (refused before conntrack); skipped (no IP packet); unplayable (could not be sent)
  timeouts.tsv  frame milliseconds: what was left of the entry's timeout, rounded down, after a packet that found it
  events.tsv    frame type protocol original reply state status timeout packets bytes reply_packets reply_bytes
                a DESTROY bears the number of the frame in or before which the entry went
  table.tsv     protocol original reply state status timeout and counters: the entries alive after the last frame
  meta.json     the kernel, the sysctls asked for, when the table was read, how late frames were sent
"""
import argparse
import ctypes
import gc
import json
import os
import select
import signal
import socket
import struct
import sys
import time

sys.dont_write_bytecode = True
from recorder import frames, netlink, sandbox

SO_MARK, SO_SNDBUFFORCE = 36, 32
UNAVAILABLE = 77


def main():
    options = parse_options()
    try:
        captured = frames.read_capture(options.capture)
    except (OSError, ValueError) as error:
        raise SystemExit(f'record: {options.capture}: {error}') from None
    plan, skipped = make_plan(captured, options.max_seconds)
    try:
        sandbox.enter()
        stream = netlink.open_stream()
        sandbox.load_rules()
    except (sandbox.Unavailable, OSError) as error:
        print(f'record: cannot record here: {error}', file=sys.stderr)
        sys.exit(UNAVAILABLE)
    for assignment in options.sysctl:
        sandbox.set_sysctl(assignment)
    log, latest, end = inject(plan, stream)
    table = netlink.dump_table()
    time.sleep(0.05)
    drain(stream, log)
    record = Record(log)
    if record.warnings:
        raise SystemExit(f'record: {options.capture}: {"; ".join(record.warnings)}')
    os.makedirs(options.out, exist_ok=True)
    write_results(options, captured, skipped, record, table)
    write_meta(options, captured, plan, latest, end)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('capture')
    parser.add_argument('--out', required=True, metavar='DIR')
    parser.add_argument('--sysctl', action='append', default=[], metavar='NAME=VALUE')
    parser.add_argument('--max-seconds', type=float, default=120)
    return parser.parse_args()


def make_plan(captured, max_seconds):
    """[(due in ns, frame number, Ethernet frame)] and {frame number: (state, why it is not sent)}"""
    plan, skipped = [], {}
    for index, frame in enumerate(captured, 1):
        due = frame.time - captured[0].time
        if due > max_seconds * 1e9:
            skipped.update(dict.fromkeys(range(index, len(captured) + 1), ('unplayable', 'beyond --max-seconds')))
            break
        try:
            ethertype, packet = frames.ip_packet(frame)
        except frames.Skip as reason:
            skipped[index] = 'skipped', str(reason)
            continue
        except frames.Unplayable as reason:
            skipped[index] = 'unplayable', str(reason)
            continue
        header = sandbox.DESTINATION + sandbox.SOURCE + struct.pack('>H', ethertype)
        plan.append((due, index, header + packet))
    return plan, skipped


def claim_time():
    """Few things hurt a recording more than being late: one processor, a session (scheduling group) to itself, first in line."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)      # PR_SET_PDEATHSIG
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[os.getpid() % len(processors)]})    # one backlog queue: frames cannot overtake
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
        os.setsid()
        with open('/proc/self/autogroup', 'w') as file:
            file.write('-20')
    except OSError:
        pass


def inject(plan, stream):
    """Sends every frame at its time; returns the raw messages, the greatest delay and the end in capture time, both in ns."""
    claim_time()
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.bind(('a0', 0))
    wire.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 64 << 20)
    log, latest = [], 0
    mark, now, send = struct.Struct('=I'), time.monotonic_ns, wire.sendmsg
    gc.disable()
    start = now() + 20_000_000
    for turn, (due, number, data) in enumerate(plan):
        due += start
        if due - now() > 50_000 or turn & 31 == 0:
            drain(stream, log)
        while due - now() > 2_000_000:
            select.select([stream], [], [], (due - now() - 1_000_000) / 1e9)
            drain(stream, log)
        while now() < due:
            pass
        latest = max(latest, now() - due)
        try:
            send([data], [(socket.SOL_SOCKET, SO_MARK, mark.pack(number))])
        except OSError as error:
            raise SystemExit(f'record: frame {number} cannot be sent: {error.strerror}') from None
    end = now() - start
    drain(stream, log)
    return log, latest, end


def drain(stream, log):
    receive, keep = stream.recv, log.append
    while True:
        try:
            keep(receive(2048))
        except BlockingIOError:
            return


class Record:
    """What the messages say, frame by frame. The frame at work is the highest mark met: a datagram bears that of its first piece."""

    def __init__(self, log):
        self.verdicts, self.reasons, self.timeouts, self.events = {}, {}, {}, []
        self.fragments, self.warnings = set(), []
        self.frame, self.sequence, self.destroyed = 0, None, []
        for buffer in log:
            for kind, flags, at, end in netlink.messages(buffer):
                if kind >> 8 == netlink.SUBSYSTEM_LOG:
                    self.log_message(*netlink.log_message(buffer, at, end))
                elif kind >> 8 == netlink.SUBSYSTEM_CONNTRACK:
                    self.event(netlink.event(buffer, kind, flags, at, end))
        self.settle(0)

    def log_message(self, mark, prefix, header, sequence):
        if self.sequence is not None and sequence != self.sequence + 1:
            self.warnings.append(f'messages lost after frame {self.frame}')
        self.sequence = sequence
        self.frame = max(self.frame, mark)
        self.settle(self.frame)
        if prefix == 'fragment':
            self.fragments.add(mark)
        elif prefix == 'verdict':
            if self.frame in self.verdicts:
                self.warnings.append(f'two verdicts for frame {self.frame}')
            self.verdict(header)
        else:
            self.reasons.setdefault(self.frame, []).append(prefix)

    def verdict(self, header):
        state, direction, status, left = struct.unpack_from('>BBBH', header)
        name = sandbox.STATES[state]
        tracked = name not in ('invalid', 'untracked')
        row = [name, sandbox.DIRECTIONS[direction], str(status >> 1 & 1), str(status >> 2 & 1)]
        self.verdicts[self.frame] = row if tracked else [name, '', '', '']
        if name == 'established' and sandbox.REMAINING[left] is not None:
            self.timeouts[self.frame] = sandbox.REMAINING[left]

    def event(self, row):
        if row[0] == 'DESTROY':
            self.destroyed.append(row)
        else:
            self.events.append([self.frame] + row)

    def settle(self, frame):
        """An entry is destroyed before its packet's verdict (by a lookup, a reset, a reopening), or by a timer."""
        for row in self.destroyed:
            self.events.append([frame] + row)
        self.destroyed = []

    def row(self, number, skipped):
        reason = ' | '.join(self.reasons.get(number, []))
        if number in skipped:
            state, reason = skipped[number]
            return [state, '', '', '', reason]
        if number in self.verdicts:
            return self.verdicts[number] + [reason]
        return ['frag' if number in self.fragments else 'dropped', '', '', '', reason]


def write_results(options, captured, skipped, record, table):
    def write(name, columns, rows):
        with open(os.path.join(options.out, name), 'w') as file:
            file.write('\t'.join(columns.split()) + '\n')
            file.writelines('\t'.join(map(str, row)) + '\n' for row in rows)

    write('verdicts.tsv', 'frame time state direction seen_reply assured reason', (
        [i, '%d.%09d' % divmod(frame.time, 10**9)] + record.row(i, skipped) for i, frame in enumerate(captured, 1)))
    write('timeouts.tsv', 'frame milliseconds', sorted(record.timeouts.items()))
    entry = 'protocol original reply state status timeout packets bytes reply_packets reply_bytes'
    write('events.tsv', f'frame type {entry}', record.events)
    write('table.tsv', entry, table)


def write_meta(options, captured, plan, latest, end):
    meta = {
        'kernel': os.uname().release,
        'frames': len(captured),
        'sent': len(plan),
        'sysctls': options.sysctl,
        'end_ns': end,
        'latest_us': latest // 1000,
    }
    with open(os.path.join(options.out, 'meta.json'), 'w') as file:
        json.dump(meta, file, indent=1)
        file.write('\n')


if __name__ == '__main__':
    main()
