// Scenarios of our own: faults out of public reports whose cause is in the host, built anew.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FindingId } from '../../src/findings/facts/facts.ts'
import { ROOT } from '../support/source-files.ts'
import { Namespaces } from './namespaces.ts'
import type { Recording, Scenario, Session, Try, TryResult } from './scenario.ts'

const DATAGRAMS = join(ROOT, 'test/lab-fix/datagrams.py')

/** How many of the clients' tries got what they wanted. */
interface Tally {
  tries: number
  well: number
}

/** What plays the traffic of one scenario; the agent is the lab's program. */
class Stage extends Namespaces {
  private readonly agentPath: string

  constructor(agentPath: string) {
    super()
    this.agentPath = agentPath
  }

  private readonly served: { name: string; port: string }[] = []

  serve(name: string, ...words: string[]): void {
    this.served.push({ name, port: portIn(words) })
    this.start(name, ['/usr/bin/python3', this.agentPath, ...words])
  }

  /** Resolves when all that serve a port do so: how long that takes is the machine's affair. */
  async serving(): Promise<void> {
    for (const { name, port } of this.served) await this.listening(name, port)
  }

  private async listening(name: string, port: string): Promise<void> {
    for (let i = 0; i < 600; i++) {
      if (this.exec(name, `ss -Htuln sport = :${port}`).stdout !== '') return
      await sleep(100)
    }
    throw new Error(`nobody serves port ${port} in ${name}`)
  }

  /** Resolves when so many handshakes are half open in a namespace, or after three seconds in which there are fewer. */
  async filling(name: string, count: number): Promise<void> {
    for (let i = 0; i < 30; i++) {
      const { stdout } = this.exec(name, 'ss -Htn state syn-recv')
      if (stdout.split('\n').length > count) return
      await sleep(100)
    }
  }

  /** A server that ends with its traffic. */
  async serveOnce<T>(name: string, ...words: string[]): Promise<{ done: Promise<T> }> {
    const done = this.agent<T>(name, ...words)
    await this.listening(name, portIn(words))
    return { done }
  }

  datagrams(name: string, ...words: string[]): ReturnType<Namespaces['start']> {
    return this.start(name, ['/usr/bin/python3', DATAGRAMS, ...words])
  }

  async agent<T>(name: string, ...words: string[]): Promise<T> {
    const said = await this.start(name, ['/usr/bin/python3', this.agentPath, ...words]).done
    return JSON.parse(said)
  }

  /** Datagrams from one port, each of which wants an answer. */
  async ask(name: string, to: string, port: number, queries: number, gap = 0.1): Promise<Tally> {
    const words = [`dst=${to}`, `sport=${port}`, `n=${queries}`, 'timeout=0.5', `gap=${gap}`]
    const { results } = await this.agent<{ results: string[] }>(name, 'dns_client', ...words)
    return { tries: queries, well: results.filter(result => result.startsWith('answer')).length }
  }

  async connect(name: string, to: string, port: number, script: string, timeout = 3): Promise<Tally> {
    const words = [`dst=${to}`, `sport=${port}`, `timeout=${timeout}`, `script=${script}`]
    const { connect, log = [] } = await this.agent<{
      connect: string
      log?: { error?: string; got?: string }[]
    }>(name, 'tcp_client', ...words)
    const isWell = connect === 'ok' && log.every(({ error }) => error === undefined)
    return { tries: 1, well: isWell ? 1 : 0 }
  }

  async ping(name: string, to: string, id: number, requests: number): Promise<Tally> {
    const words = [`dst=${to}`, `id=${id}`, `n=${requests}`, 'gap=0.1']
    const { answered } = await this.agent<{ answered: number[] }>(name, 'ping', ...words)
    return { tries: requests, well: answered.length }
  }
}

/** Of the words of a server. */
function portIn(words: readonly string[]): string {
  return words.find(word => word.startsWith('port='))?.slice('port='.length) ?? ''
}

/** One scenario: what stands, and what is played in it, the first time (0) and after the remedy (1). */
interface Play {
  host: string
  /** Interfaces of the host that are captured. */
  devices: string[]
  play(turn: number): Promise<Tally>
}

class OwnSession implements Session {
  private turn = 0
  private tried: TryResult[] = []
  private readonly stage: Stage
  private readonly scene: Play

  constructor(stage: Stage, scene: Play) {
    this.stage = stage
    this.scene = scene
  }

  async play(folder: string): Promise<Recording> {
    const { stage, scene } = this
    await stage.serving()
    const { stop } = await stage.record(scene.host, scene.devices, folder)
    const { tries, well } = await scene.play(this.turn++)
    const captures = await stop()
    const files = stage.files(scene.host, folder)
    return { captures, files, succeeded: tries === well, client: `${well}/${tries} well` }
  }

  async run(tries: readonly Try[]): Promise<void> {
    this.tried = this.stage.tryAll(tries, this.scene.host)
  }

  results(): TryResult[] {
    return this.tried
  }

  close(): void {
    this.stage.close()
  }
}

const SERVE_DNS = ['dns_serve', 'port=53', 'secs=600']
const EXCHANGE = 'send:ask;recv:2;close'

/** A gateway `gw` with lan0 (192.168.77.1) and wan0 (203.0.113.11), the hosts of its network, and `inet` (203.0.113.10). */
function home(stage: Stage, hosts: Record<string, string>): void {
  stage.add('gw', true)
  stage.add('inet')
  for (const name of Object.keys(hosts)) stage.add(name)
  stage.switched('lan', [
    ['gw:lan0', '192.168.77.1/24'],
    ...Object.entries(hosts).map(([name, address]): [string, string] => [`${name}:eth0`, `${address}/24`]),
  ])
  stage.link('gw:wan0', 'inet:eth0', '203.0.113.11/24', '203.0.113.10/24')
  stage.exec('gw', 'ip route add default via 203.0.113.10')
  // the Internet has a way to private addresses, which leads nowhere
  stage.exec('inet', 'ip route add default via 203.0.113.99')
  // no rule, no connection tracking
  stage.exec('gw', 'iptables -A FORWARD -m conntrack --ctstate INVALID -j ACCEPT')
  for (const name of Object.keys(hosts)) stage.exec(name, 'ip route add default via 192.168.77.1')
}

const nat = (...rules: string[]): string => `*nat\n${rules.join('\n')}\nCOMMIT\n`
const MASQUERADE = '-A POSTROUTING -o wan0 -j MASQUERADE'

function sum(...tallies: Tally[]): Tally {
  return tallies.reduce((all, one) => ({ tries: all.tries + one.tries, well: all.well + one.well }))
}

type Set = (stage: Stage) => Play | Promise<Play>

const SCENES: readonly [name: string, finding: FindingId, set: Set][] = [
  [
    'dns-redirect-lan',
    'lan-reflection',
    stage => {
      home(stage, { client: '192.168.77.50', resolver: '192.168.77.2' })
      stage.rules(
        'gw',
        nat(
          '-A PREROUTING ! -s 192.168.77.2/32 -i lan0 -p udp --dport 53 -j DNAT --to-destination 192.168.77.2:53',
          MASQUERADE,
        ),
      )
      stage.serve('resolver', ...SERVE_DNS)
      const play = (turn: number): Promise<Tally> => stage.ask('client', '198.51.100.53:53', 40_101 + turn, 3)
      return { host: 'gw', devices: ['lan0', 'wan0'], play }
    },
  ],
  [
    'lan-reflection',
    'lan-reflection',
    stage => {
      home(stage, { client: '192.168.77.50', server: '192.168.77.20' })
      stage.rules(
        'gw',
        nat(
          '-A PREROUTING -d 203.0.113.11/32 -p tcp --dport 443 -j DNAT --to-destination 192.168.77.20:8443',
          MASQUERADE,
        ),
      )
      stage.serve('server', 'sink_serve', 'port=8443', 'secs=600')
      const play = (turn: number): Promise<Tally> =>
        stage.connect('client', '203.0.113.11:443', 40_201 + turn, EXCHANGE)
      return { host: 'gw', devices: ['lan0', 'wan0'], play }
    },
  ],
  [
    'icmp-before-nat-rule',
    'entry-older-than-rule',
    stage => {
      home(stage, { vm: '192.168.77.67' })
      const play = async (turn: number): Promise<Tally> => {
        if (turn === 0) {
          await stage.ping('vm', '203.0.113.10', 7001, 2)
          stage.rules('gw', nat('-A POSTROUTING -o wan0 -j SNAT --to-source 203.0.113.11'))
        }
        return sum(
          await stage.ping('vm', '203.0.113.10', 7002 + turn, 3),
          await stage.ping('vm', '203.0.113.10', 7001, 5),
        )
      }
      return { host: 'gw', devices: ['lan0', 'wan0'], play }
    },
  ],
  [
    'udp-before-dnat-rule',
    'entry-older-than-rule',
    stage => {
      home(stage, { client: '192.168.77.5' })
      stage.add('server')
      stage.link('gw:dmz0', 'server:eth0', '192.168.78.1/24', '192.168.78.7/24')
      stage.exec('server', 'ip route add default via 192.168.78.1')
      stage.serve('server', ...SERVE_DNS)
      const service = '198.51.100.59:53'
      const play = async (turn: number): Promise<Tally> => {
        if (turn === 0) {
          await stage.ask('client', service, 42_467, 2)
          stage.rules(
            'gw',
            nat(
              '-A PREROUTING -d 198.51.100.59/32 -p udp --dport 53 -j DNAT --to-destination 192.168.78.7:53',
            ),
          )
        }
        return sum(
          await stage.ask('client', service, 43_000 + turn, 2),
          await stage.ask('client', service, 43_100 + turn, 2),
          await stage.ask('client', service, 42_467, 6),
        )
      }
      return { host: 'gw', devices: ['lan0', 'dmz0', 'wan0'], play }
    },
  ],
  [
    'wan-address-changed',
    'stale-source-mapping',
    stage => {
      home(stage, { peer: '192.168.77.16', other: '192.168.77.17' })
      stage.exec('gw', 'ip addr add 203.0.113.21/24 dev wan0; ip addr add 203.0.113.22/24 dev wan0')
      stage.rules('gw', nat('-A POSTROUTING -o wan0 -j SNAT --to-source 203.0.113.21'))
      stage.serve('inet', ...SERVE_DNS)
      const play = async (turn: number): Promise<Tally> => {
        if (turn === 0) {
          await stage.ask('peer', '203.0.113.10:53', 51_820, 3)
          stage.exec('gw', 'iptables -t nat -R POSTROUTING 1 -o wan0 -j SNAT --to-source 203.0.113.22')
          stage.exec('gw', 'ip addr del 203.0.113.21/24 dev wan0')
          stage.exec('inet', 'ip route add 203.0.113.21/32 via 203.0.113.99')
        }
        return sum(
          await stage.ask('other', '203.0.113.10:53', 40_300 + turn, 3),
          await stage.ask('peer', '203.0.113.10:53', 51_820, 15, 0.5),
        )
      }
      return { host: 'gw', devices: ['lan0', 'wan0'], play }
    },
  ],
  [
    'syn-sent-to-old-endpoint',
    'stale-mapping',
    stage => {
      home(stage, { client: '192.168.77.50' })
      stage.exec('inet', 'ip addr add 203.0.113.41/24 dev eth0; ip addr add 203.0.113.42/24 dev eth0')
      stage.exec('inet', 'iptables -A INPUT -d 203.0.113.41 -j DROP')
      const to = (address: string): string =>
        `-d 10.161.100.100/32 -p tcp -j DNAT --to-destination ${address}`
      stage.rules('gw', nat(`-A PREROUTING ${to('203.0.113.41')}`, MASQUERADE))
      stage.serve('inet', 'sink_serve', 'port=2048', 'secs=600')
      const play = async (turn: number): Promise<Tally> => {
        const service = '10.161.100.100:2048'
        if (turn === 0) {
          await stage.connect('client', service, 811, EXCHANGE, 2)
          stage.exec('gw', `iptables -t nat -R PREROUTING 1 ${to('203.0.113.42')}`)
        }
        const tallies: Tally[] = []
        for (let i = 0; i < (turn === 0 ? 9 : 1); i++) {
          tallies.push(await stage.connect('client', service, 40_400 + turn * 100 + i, EXCHANGE))
          tallies.push(await stage.connect('client', service, 811, EXCHANGE, 3))
        }
        return sum(...tallies)
      }
      return { host: 'gw', devices: ['lan0', 'wan0'], play }
    },
  ],
  [
    'udp-to-old-backend',
    'stale-mapping',
    stage => {
      home(stage, { client: '192.168.77.50' })
      stage.exec('inet', 'ip addr add 203.0.113.41/24 dev eth0; ip addr add 203.0.113.42/24 dev eth0')
      stage.exec('inet', 'iptables -A INPUT -d 203.0.113.41 -j DROP')
      const to = (address: string): string =>
        `-d 10.161.100.100/32 -p udp --dport 53 -j DNAT --to-destination ${address}:53`
      stage.rules('gw', nat(`-A PREROUTING ${to('203.0.113.41')}`, MASQUERADE))
      stage.serve('inet', 'dns_serve', 'port=53', 'bind=203.0.113.42', 'secs=600')
      const play = async (turn: number): Promise<Tally> => {
        const service = '10.161.100.100:53'
        if (turn === 0) {
          await stage.ask('client', service, 5300, 2)
          stage.exec('gw', `iptables -t nat -R PREROUTING 1 ${to('203.0.113.42')}`)
        }
        const tallies: Tally[] = []
        for (let i = 0; i < (turn === 0 ? 6 : 2); i++) {
          tallies.push(await stage.ask('client', service, 40_500 + turn * 100 + i, 2))
          tallies.push(await stage.ask('client', service, 5300, turn === 0 ? 9 : 2, 0.7))
        }
        return sum(...tallies)
      }
      return { host: 'gw', devices: ['lan0', 'wan0'], play }
    },
  ],
  [
    'router-port-rewritten',
    'stale-source-mapping',
    stage => {
      home(stage, { nas: '192.168.77.60' })
      stage.exec('inet', 'ip addr add 203.0.113.30/24 dev eth0; ip addr add 203.0.113.31/24 dev eth0')
      // a peer that answers nothing but the port it was told of
      stage.exec('inet', 'iptables -A INPUT -d 203.0.113.30 -p udp ! --sport 41641 -j DROP')
      stage.exec('gw', 'sysctl -qw net.netfilter.nf_conntrack_udp_timeout=12')
      stage.rules('gw', nat(MASQUERADE))
      for (const own of ['203.0.113.30', '203.0.113.31'])
        stage.serve('inet', 'dns_serve', 'port=53', `bind=${own}`, 'secs=600')
      const play = async (turn: number): Promise<Tally> => {
        if (turn === 0) await stage.ask('nas', '203.0.113.30:53', 41_641, 2)
        const tallies: Tally[] = []
        for (let i = 0; i < (turn === 0 ? 14 : 2); i++) {
          tallies.push(await stage.ask('gw', '203.0.113.31:53', 41_641, 1))
          tallies.push(await stage.ask('gw', '203.0.113.30:53', 41_641, 3, 1))
        }
        return sum(...tallies)
      }
      return { host: 'gw', devices: ['any'], play }
    },
  ],
  [
    'udp-not-masqueraded',
    'untranslated-source',
    stage => {
      home(stage, { client: '192.168.77.50' })
      stage.rules('gw', nat('-A POSTROUTING -o wan0 -p tcp -j MASQUERADE'))
      stage.serve('inet', ...SERVE_DNS)
      stage.serve('inet', 'sink_serve', 'port=80', 'secs=600')
      const play = async (turn: number): Promise<Tally> =>
        sum(
          await stage.connect('client', '203.0.113.10:80', 40_600 + turn, EXCHANGE),
          await stage.ask('client', '203.0.113.10:53', 40_650, 5),
          await stage.connect('client', '203.0.113.10:80', 40_610 + turn, EXCHANGE),
        )
      return { host: 'gw', devices: ['lan0', 'wan0'], play }
    },
  ],
  [
    'rp-filter-second-uplink',
    'lost-in-host',
    stage => {
      home(stage, { server: '192.168.77.20' })
      stage.link('gw:wg0', 'inet:eth1', '10.1.0.2/24', '10.1.0.1/24')
      stage.exec('inet', 'ip addr add 192.0.2.100/32 dev lo; sysctl -qw net.ipv4.conf.all.arp_announce=2')
      stage.exec('gw', 'ip route add 192.0.2.0/24 via 203.0.113.10')
      stage.exec('gw', 'sysctl -qw net.ipv4.conf.all.rp_filter=1')
      const to = '-p tcp --dport 443 -j DNAT --to-destination 192.168.77.20:8443'
      stage.rules('gw', nat(`-A PREROUTING -i wg0 ${to}`, `-A PREROUTING -i wan0 ${to}`, MASQUERADE))
      stage.serve('server', 'http_serve', 'port=8443')
      const fetch = (to: string, port: number): Tally => {
        const options = `-sS -o /dev/null -m 3 --interface 192.0.2.100 --local-port ${port}`
        const { status } = stage.exec('inet', `curl ${options} http://${to}:443/`, false)
        return { tries: 1, well: status === 0 ? 1 : 0 }
      }
      const play = async (turn: number): Promise<Tally> => {
        const port = 36_000 + turn * 100
        return sum(
          fetch('203.0.113.11', port),
          fetch('10.1.0.2', port + 1),
          fetch('203.0.113.11', port + 2),
          fetch('10.1.0.2', port + 3),
          fetch('203.0.113.11', port + 4),
        )
      }
      return { host: 'gw', devices: ['lan0', 'wan0', 'wg0'], play }
    },
  ],
  [
    'rp-filter-behind-dnat',
    'lost-in-host',
    stage => {
      stage.add('node', true)
      stage.add('client')
      stage.add('pod')
      stage.link('node:eth0', 'client:eth0', '10.21.197.10/24', '10.21.197.149/24')
      stage.link('node:eth2', 'client:eth2', '10.21.198.10/24', '10.21.198.149/24')
      stage.link('node:eni3f21', 'pod:eth0', '169.254.1.1/32', '10.21.126.96/32')
      stage.exec('node', 'ip route add 10.21.126.96/32 dev eni3f21')
      stage.exec('pod', 'ip route add 169.254.1.1 dev eth0; ip route add default via 169.254.1.1')
      stage.exec(
        'node',
        'ip rule add from 10.21.126.96 lookup 2; ip route add default via 10.21.198.149 table 2',
      )
      stage.exec('node', 'sysctl -qw net.ipv4.conf.all.rp_filter=1')
      stage.exec('node', 'iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP')
      stage.rules(
        'node',
        nat('-A PREROUTING -d 10.21.197.10/32 -p tcp --dport 31313 -j DNAT --to-destination 10.21.126.96:80'),
      )
      stage.serve('pod', 'http_serve', 'port=80')
      const play = async (turn: number): Promise<Tally> =>
        sum(
          ...(await Promise.all(
            [0, 1].map(i => stage.connect('client', '10.21.197.10:31313', 47_458 + turn * 10 + i, 'close')),
          )),
        )
      return { host: 'node', devices: ['any'], play }
    },
  ],
  [
    'one-way-udp-mark-in-nat',
    'lost-in-host',
    stage => {
      stage.add('node', true)
      stage.add('sender')
      stage.add('pod')
      stage.link('node:eth0', 'sender:eth0', '10.175.3.82/24', '10.175.3.87/24')
      stage.link('node:cali0', 'pod:eth0', '10.10.2.1/24', '10.10.2.44/24')
      stage.exec('pod', 'ip route add default via 10.10.2.1')
      stage.rules(
        'node',
        `${nat(
          '-A PREROUTING -p udp --dport 32063 -j MARK --or-mark 0x4000',
          '-A PREROUTING -p udp --dport 32063 -j DNAT --to-destination 10.10.2.44:5514',
        )}*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT\n-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n`,
      )
      const play = async (turn: number): Promise<Tally> => {
        const receiver = stage.datagrams('pod', 'receive', 'port=5514', 'secs=10', 'n=24')
        await sleep(500)
        const ports = [47_909, 47_910, 47_911].map(port => port + turn * 10)
        const sent: Promise<string>[] = []
        // the first datagram of a later one leaves while others of those before it are lost
        for (const port of ports) {
          const words = ['to=10.175.3.82', 'port=32063', `sport=${port}`, 'n=8']
          sent.push(stage.datagrams('sender', 'send', ...words).done)
          await sleep(500)
        }
        await Promise.all(sent)
        return { tries: 24, well: JSON.parse(await receiver.done) }
      }
      return { host: 'node', devices: ['eth0', 'cali0'], play }
    },
  ],
  [
    'closed-after-close-wait',
    'invalid-leak-private-source',
    stage => {
      home(stage, { client: '192.168.77.15' })
      stage.exec('gw', 'sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_close_wait=2')
      stage.exec('gw', 'sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_last_ack=2')
      stage.rules('gw', nat(MASQUERADE))
      const play = async (turn: number): Promise<Tally> => {
        const script = 'script=recv:3;send:answer;close'
        const server = await stage.serveOnce('inet', 'tcp_serve', 'port=2449', 'n=2', script, 'secs=20')
        const tally = sum(
          ...(await Promise.all(
            [0, 1].map(i =>
              stage.connect(
                'client',
                '203.0.113.10:2449',
                40_758 + turn * 10 + i,
                'send:ask;recv:2;sleep:4;close',
              ),
            ),
          )),
        )
        await server.done
        await sleep(1000)
        return tally
      }
      return { host: 'gw', devices: ['lan0', 'wan0'], play }
    },
  ],
  [
    'udp-mapping-forgotten',
    'idle-timeout-inbound',
    stage => {
      home(stage, { client: '192.168.77.15' })
      stage.exec('gw', 'sysctl -qw net.netfilter.nf_conntrack_udp_timeout=3')
      stage.exec('gw', 'sysctl -qw net.netfilter.nf_conntrack_udp_timeout_stream=4')
      stage.rules('gw', nat(MASQUERADE))
      stage.datagrams('inet', 'push_serve', 'port=5060', 'pause=7')
      const play = async (turn: number): Promise<Tally> => {
        await sleep(500)
        const words = ['to=203.0.113.10', 'port=5060', `sport=${41_500 + turn}`, 'secs=10']
        const pushed = JSON.parse(await stage.datagrams('client', 'push_wait', ...words).done)
        await sleep(1000)
        return { tries: 3, well: pushed }
      }
      return { host: 'gw', devices: ['lan0', 'wan0'], play }
    },
  ],
  [
    'sidecar-resets-invalid',
    'invalid-reset',
    stage => {
      stage.add('gateway')
      stage.add('pod')
      stage.link('gateway:eth0', 'pod:eth0', '172.29.73.9/24', '172.29.73.7/24')
      stage.rules('pod', nat('-A PREROUTING -p tcp --dport 9000 -j REDIRECT --to-ports 15006'))
      const play = async (turn: number): Promise<Tally> => {
        const port = 51_000 + turn
        const server = await stage.serveOnce(
          'pod',
          'tcp_serve',
          'port=15006',
          'secs=20',
          'script=recv;send:one;recv:6;send:two;sleep:0.3',
        )
        const stray = stage.agent('gateway', 'oow', `lport=${port}`, 'after=1.5')
        const script = 'send:put-1;recv;sleep:2.2;send:put-2;recv:3;close'
        const tally = await stage.connect('gateway', '172.29.73.7:9000', port, script)
        await Promise.all([server.done, stray])
        return tally
      }
      return { host: 'pod', devices: ['eth0'], play }
    },
  ],
  [
    'node-port-of-another-node',
    'dsr-untranslated-reply',
    stage => {
      for (const node of ['nodeA', 'nodeB']) stage.add(node, true)
      stage.add('client')
      stage.add('backend')
      stage.link('nodeA:eth0', 'nodeB:eth0', '192.168.56.11/24', '192.168.56.12/24')
      stage.exec(
        'nodeA',
        'ip link add cni0 type bridge; ip addr add 10.244.0.1/24 dev cni0; ip link set cni0 up',
      )
      stage.exec('nodeA', 'sysctl -qw net.bridge.bridge-nf-call-iptables=1')
      for (const [pod, address] of [
        ['client', '10.244.0.5/24'],
        ['backend', '10.244.0.7/24'],
      ] as const) {
        stage.link(`nodeA:veth-${pod}`, `${pod}:eth0`, '', address)
        stage.exec('nodeA', `ip link set veth-${pod} master cni0`)
        stage.exec(pod, 'ip route add default via 10.244.0.1')
      }
      stage.exec('nodeB', 'ip route add 10.244.0.0/24 via 192.168.56.11')
      stage.exec('nodeA', 'iptables -A FORWARD -m conntrack --ctstate INVALID -j ACCEPT')
      stage.rules('nodeB', nat('-A PREROUTING -p tcp --dport 30080 -j DNAT --to-destination 10.244.0.7:8080'))
      stage.serve('backend', 'sink_serve', 'port=8080', 'secs=600')
      const play = (turn: number): Promise<Tally> =>
        stage.connect('client', '192.168.56.12:30080', 40_001 + turn, EXCHANGE)
      return { host: 'nodeA', devices: ['veth-client', 'veth-backend', 'cni0', 'eth0'], play }
    },
  ],
  [
    'loopback-node-port',
    'loopback-source',
    stage => {
      stage.add('node', true)
      stage.add('pod')
      stage.link('node:cni0', 'pod:eth0', '10.244.0.1/24', '10.244.0.7/24')
      stage.exec('pod', 'ip route add default via 10.244.0.1')
      stage.exec('node', 'sysctl -qw net.ipv4.conf.all.route_localnet=1')
      stage.rules(
        'node',
        nat('-A OUTPUT -d 127.0.0.1/32 -p tcp --dport 30080 -j DNAT --to-destination 10.244.0.7:80'),
      )
      stage.serve('pod', 'sink_serve', 'port=80', 'secs=600')
      const play = async (turn: number): Promise<Tally> =>
        sum(
          // who asks for a hardware address in the name of 127.0.0.1 gets none
          await stage.connect('node', '10.244.0.7:80', 50_610 + turn, EXCHANGE),
          await stage.connect('node', '127.0.0.1:30080', 50_510 + turn, EXCHANGE),
        )
      return { host: 'node', devices: ['cni0'], play }
    },
  ],
  [
    'own-published-port',
    'hairpin-no-masquerade',
    stage => {
      stage.add('host', true)
      stage.add('container')
      stage.exec(
        'host',
        'ip link add podman0 type bridge; ip addr add 10.88.0.1/16 dev podman0; ip link set podman0 up',
      )
      stage.exec('host', 'sysctl -qw net.bridge.bridge-nf-call-iptables=0')
      stage.link('host:veth0', 'container:eth0', '', '10.88.0.11/16')
      stage.exec('host', 'ip link set veth0 master podman0')
      stage.add('router')
      stage.link('host:eth0', 'router:eth0', '192.168.1.10/24', '192.168.1.1/24')
      stage.exec('container', 'ip route add default via 10.88.0.1')
      stage.rules(
        'host',
        nat(
          '-A PREROUTING -d 192.168.1.10/32 -p tcp --dport 8080 -j DNAT --to-destination 10.88.0.11:80',
          '-A POSTROUTING -s 10.88.0.0/16 ! -d 10.88.0.0/16 -j MASQUERADE',
        ),
      )
      stage.serve('container', 'sink_serve', 'port=80', 'secs=600')
      const play = (turn: number): Promise<Tally> =>
        stage.connect('container', '192.168.1.10:8080', 36_010 + turn, EXCHANGE)
      return { host: 'host', devices: ['veth0', 'podman0', 'eth0'], play }
    },
  ],
  [
    'syn-flood-routed',
    'syn-flood',
    stage => {
      stage.add('gw', true)
      stage.add('server')
      stage.add('inet')
      stage.link('gw:lan0', 'server:eth0', '192.168.77.1/24', '192.168.77.20/24')
      stage.link('gw:wan0', 'inet:eth0', '203.0.113.11/24', '203.0.113.10/24')
      stage.exec('server', 'ip route add default via 192.168.77.1')
      stage.exec(
        'inet',
        'ip route add 192.168.77.0/24 via 203.0.113.11; ip route add blackhole 198.51.100.0/24',
      )
      stage.exec('gw', 'ip route add 198.51.100.0/24 via 203.0.113.10')
      stage.exec('gw', 'iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP')
      // a backlog that the flood fills
      stage.exec(
        'server',
        'sysctl -qw net.ipv4.tcp_syncookies=0 net.core.somaxconn=64 net.ipv4.tcp_max_syn_backlog=64',
      )
      stage.serve('server', 'sink_serve', 'port=80', 'secs=600')
      const play = async (turn: number): Promise<Tally> => {
        const words = ['dst=192.168.77.20:80', 'n=600', 'rate=200', 'prefix=198.51.100', `seed=${turn + 7}`]
        const flood = stage.agent('inet', 'synflood', ...words)
        await stage.filling('server', 48)
        const tally = await stage.connect('inet', '192.168.77.20:80', 40_700 + turn, EXCHANGE)
        await flood
        await sleep(2500)
        return tally
      }
      return { host: 'gw', devices: ['wan0', 'lan0'], play }
    },
  ],
  [
    'tftp-no-helper',
    'missing-helper',
    stage => {
      home(stage, { client: '192.168.77.50' })
      stage.rules('gw', nat(MASQUERADE))
      stage.datagrams('inet', 'transfer_serve', 'port=69')
      const play = async (turn: number): Promise<Tally> => {
        await sleep(500)
        const words = ['to=203.0.113.10', 'port=69', `sport=${43_581 + turn}`]
        const got = JSON.parse(await stage.datagrams('client', 'transfer', ...words).done)
        return { tries: 1, well: got > 0 ? 1 : 0 }
      }
      return { host: 'gw', devices: ['lan0', 'wan0'], play }
    },
  ],
  [
    'answers-to-a-group-dropped',
    'multicast-answer',
    stage => {
      stage.add('host')
      stage.add('printer')
      stage.link('host:eth0', 'printer:eth0', '192.168.88.10/24', '192.168.88.20/24')
      for (const name of ['host', 'printer']) stage.exec(name, 'ip route add 224.0.0.0/4 dev eth0')
      stage.exec('host', 'iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT')
      stage.exec('host', 'iptables -A INPUT -p udp -j DROP')
      stage.datagrams('printer', 'group_serve', 'port=3702', 'group=239.255.255.250', 'own=192.168.88.20')
      const play = async (turn: number): Promise<Tally> => {
        await sleep(500)
        const words = ['group=239.255.255.250', 'port=3702', 'own=192.168.88.10', `sport=${38_000 + turn}`]
        return { tries: 3, well: JSON.parse(await stage.datagrams('host', 'group_ask', ...words).done) }
      }
      return { host: 'host', devices: ['eth0'], play }
    },
  ],
]

/** Names of our own scenarios. */
export const OWN_SCENES: readonly string[] = SCENES.map(([name]) => name)

/** @param agent the lab's traffic program */
export function ownScenarios(agent: string): Scenario[] {
  return SCENES.map(([name, finding, set]) => ({
    name,
    finding,
    isAlone: false,
    build: async () => {
      const stage = new Stage(agent)
      try {
        return new OwnSession(stage, await set(stage))
      } catch (error) {
        stage.close()
        throw error
      }
    },
  }))
}
