"""Datagrams that the lab's program has not: answers from another port or address, receivers that count; JSON on stdout."""
import json
import socket
import sys
import time

mode, words = sys.argv[1], dict(word.split('=', 1) for word in sys.argv[2:])


def udp(address, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, int(port)))
    return s


def transfer_serve():
    """answers each request from a port of its own, as TFTP does, until that is acknowledged"""
    s = udp('0.0.0.0', words['port'])
    while True:
        request, peer = s.recvfrom(2048)
        own = udp('0.0.0.0', 0)
        own.settimeout(0.5)
        for _ in range(3):
            own.sendto(b'\0\3\0\1data', peer)
            try:
                own.recvfrom(2048)
                break
            except OSError:
                continue


def transfer():
    s = udp('0.0.0.0', words['sport'])
    s.settimeout(2)
    s.sendto(b'\0\1file\0octet\0', (words['to'], int(words['port'])))
    try:
        data, peer = s.recvfrom(2048)
        s.sendto(b'\0\4\0\1', peer)
        print(json.dumps(len(data)))
    except OSError:
        print(json.dumps(0))


def group_serve():
    s = udp('', words['port'])
    member = socket.inet_aton(words['group']) + socket.inet_aton(words['own'])
    s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    answerer = udp(words['own'], words['port'])
    while True:
        _, peer = s.recvfrom(2048)
        answerer.sendto(b'here', peer)


def group_ask():
    s = udp(words['own'], words['sport'])
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(words['own']))
    s.settimeout(1)
    answers = 0
    for _ in range(3):
        s.sendto(b'who', (words['group'], int(words['port'])))
        try:
            s.recvfrom(2048)
            answers += 1
        except OSError:
            continue
    print(json.dumps(answers))


def send():
    s = udp('0.0.0.0', words['sport'])
    for _ in range(int(words['n'])):
        s.sendto(b'line', (words['to'], int(words['port'])))
        time.sleep(0.1)


def receive():
    s = udp('0.0.0.0', words['port'])
    s.settimeout(float(words['secs']))
    count = 0
    end = time.time() + float(words['secs'])
    while time.time() < end and count < int(words['n']):
        try:
            s.recvfrom(2048)
            count += 1
        except OSError:
            break
    print(json.dumps(count))


def push_serve():
    """answers each datagram, and sends three more `pause` seconds after the last one"""
    s = udp('0.0.0.0', words['port'])
    while True:
        try:
            question, peer = s.recvfrom(2048)
        except OSError:
            continue
        s.sendto(b'answer', peer)
        if not question.endswith(b'last'):
            continue
        time.sleep(float(words['pause']))
        for _ in range(3):
            try:
                s.sendto(b'pushed', peer)
            except OSError:
                pass
            time.sleep(0.3)


def push_wait():
    """asks three times, and counts what comes in later"""
    s = udp('0.0.0.0', words['sport'])
    s.settimeout(1)
    for question in (b'first', b'second', b'the last'):
        s.sendto(question, (words['to'], int(words['port'])))
        try:
            s.recvfrom(2048)
        except OSError:
            pass
        time.sleep(0.0 if question.endswith(b'last') else 1.2)
    s.settimeout(float(words['secs']))
    pushed = 0
    try:
        while pushed < 3:
            s.recvfrom(2048)
            pushed += 1
    except OSError:
        pass
    print(json.dumps(pushed))


globals()[mode]()
