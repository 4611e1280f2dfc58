# The throw-away network namespace: a bridge with br_netfilter between two veth pairs, and the rules that report verdicts.
"""
    a0 -- a1 [br0] b1 -- b0

A frame sent into a0 crosses the bridge. br_netfilter shows it to the IP hooks PREROUTING (defragmentation, conntrack),
FORWARD (our rules) and POSTROUTING (confirm) without any routing decision; b0 throws it away, since it is addressed
to nobody there. The namespace has no name: it goes with this process, however that ends.
"""
import ctypes
import os
import select
import shutil
import socket
import subprocess

CLONE_NEWNET = 0x40000000

# Unicast and owned by no port, hence flooded. The rules write their findings over the destination address, since that
# is the one place where a rule can leave a number that NFLOG hands out (as NFULA_HWHEADER). The first byte stays even:
# an odd one is a group address, which b0 would accept and show to conntrack once more.
DESTINATION = bytes(6)
SOURCE = bytes.fromhex('02ad00000001')
# IEEE 802, for local experiments
PROBE_ETHERTYPE = 0x88b5

STATES = {2: 'new', 4: 'established', 6: 'related', 8: 'invalid', 10: 'untracked'}
DIRECTIONS = ('', 'original', 'reply')

# Remaining milliseconds that the rules can tell, by index: in steps of 50 ms for 10 s, of a second for 12 minutes, and
# around the 5 days of an established connection. Index 0 is what lies between or beyond.
REMAINING = (None, *range(0, 10_000, 50), *range(10_000, 720_000, 1000), *range(431_996_000, 432_000_001, 1000))


class Unavailable(Exception):
    """The kernel, its modules, the tools or the rights for a recording are missing."""


def enter():
    """Moves this process into a fresh namespace with the bridge in it."""
    if os.geteuid() != 0:
        raise Unavailable('needs root')
    for tool in ('ip', 'nft'):
        if not shutil.which(tool):
            raise Unavailable(f'needs {tool}')
    if not os.path.exists('/proc/sys/net/netfilter/nf_conntrack_max'):
        raise Unavailable('nf_conntrack is not loaded')
    if not os.path.exists('/proc/sys/net/bridge/bridge-nf-call-iptables'):
        raise Unavailable('br_netfilter is not loaded')
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        raise Unavailable(f'no network namespace: {os.strerror(ctypes.get_errno())}')
    try:
        build_bridge()
        await_path()
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f'cannot set up the bridge: {error}') from None


def build_bridge():
    for scope in ('all', 'default'):
        path = f'/proc/sys/net/ipv6/conf/{scope}/disable_ipv6'
        if os.path.exists(path):
            write(path, 1)
    run('ip', '-batch', '-', stdin='\n'.join([
        'link add br0 mtu 65535 type bridge stp_state 0 forward_delay 0 mcast_snooping 0 ageing_time 0',
        'link add a0 mtu 65535 type veth peer name a1 mtu 65535',
        'link add b1 mtu 65535 type veth peer name b0 mtu 65535',
        'link set a1 master br0',
        'link set b1 master br0',
        'link set a1 type bridge_slave learning off flood on',
        'link set b1 type bridge_slave learning off flood on',
        *(f'link set {device} up' for device in ('br0', 'a0', 'a1', 'b1', 'b0')),
    ]))
    write('/proc/sys/net/bridge/bridge-nf-call-iptables', 1)
    write('/proc/sys/net/bridge/bridge-nf-call-ip6tables', 1)
    for family in (2, 10):
        write(f'/proc/sys/net/netfilter/nf_log/{family}', 'nfnetlink_log')
    write(sysctl_path('nf_conntrack_log_invalid'), 255)
    write(sysctl_path('nf_conntrack_acct'), 1)
    # random captures leave far more unfinished datagrams behind than a host would hold
    for name in ('net.ipv4.ipfrag_high_thresh', 'net.netfilter.nf_conntrack_frag6_high_thresh'):
        write(sysctl_path(name), 1 << 30)


def await_path():
    """Ports begin to forward a while after they are up: waits until a frame that is not IP comes out at the other end."""
    probe = DESTINATION + SOURCE + PROBE_ETHERTYPE.to_bytes(2, 'big') + bytes(46)
    with (socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(PROBE_ETHERTYPE)) as far,
          socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as near):
        far.bind(('b0', PROBE_ETHERTYPE))
        near.bind(('a0', 0))
        for _ in range(500):
            near.send(probe)
            if select.select([far], [], [], 0.01)[0]:
                return
    raise Unavailable('the bridge does not forward')


def load_rules():
    run('nft', '-f', '-', stdin=ruleset())


def ruleset():
    """Fragments are announced before defragmentation takes them; every packet is reported after conntrack judged it."""
    left = [f'{span(ms)}-{span(ms + (49 if ms < 10_000 else 999))} : {i}' for i, ms in enumerate(REMAINING) if i]
    return f'''
table inet recorder {{
  chain fragments {{
    type filter hook prerouting priority -450
    ip frag-off & 0x3fff != 0 log prefix "fragment" group 0
    exthdr frag exists log prefix "fragment" group 0
  }}
  chain verdicts {{
    type filter hook forward priority 0
    @ll,0,8 set ct state map {{ {', '.join(f'{name} : {i}' for i, name in STATES.items())} }}
    @ll,8,8 set ct direction map {{ {', '.join(f'{d} : {i}' for i, d in enumerate(DIRECTIONS) if d)} }}
    @ll,16,8 set ct status & (seen-reply | assured) map {{ 0 : 0, 2 : 2, 4 : 4, 6 : 6 }}
    @ll,24,16 set ct expiration map {{ {', '.join(left)} }}
    log prefix "verdict" group 0
  }}
}}
'''


def span(milliseconds):
    """A time as nft reads it, which trips over large numbers of milliseconds."""
    seconds, rest = divmod(milliseconds, 1000)
    return f'{seconds // 3600}h{seconds % 3600}s{rest}ms'


def sysctl_path(name):
    """A bare nf_conntrack_... name or a dotted one."""
    return '/proc/sys/' + (name.replace('.', '/') if '.' in name else f'net/netfilter/{name}')


def set_sysctl(assignment):
    name, _, value = assignment.partition('=')
    try:
        write(sysctl_path(name.strip()), value.strip())
    except OSError as error:
        raise SystemExit(f'record: --sysctl {assignment}: {error.strerror}') from None


def write(path, value):
    with open(path, 'w') as file:
        file.write(f'{value}\n')


def run(*command, stdin):
    done = subprocess.run(command, input=stdin, text=True, capture_output=True)
    if done.returncode:
        raise OSError(f'{command[0]}: {done.stderr.strip().splitlines()[0] if done.stderr else done.returncode}')
