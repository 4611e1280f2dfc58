// Throw-away network namespaces: links, addresses, programs in them, captures of their interfaces, files of a host.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isInstalled } from '../support/installed.ts'
import type { Try, TryResult } from './scenario.ts'

export interface Said {
  status: number
  stdout: string
  stderr: string
}

/** What a program in the background printed, when it is over. */
export interface Running {
  done: Promise<string>
  kill(): void
}

let count = 0

export class Namespaces {
  private readonly prefix = `fix-${process.pid.toString(16)}-${(count++).toString(16)}-`
  private readonly names: string[] = []
  private readonly children = new Set<ChildProcess>()

  /** @param isRouter whether it forwards */
  add(name: string, isRouter = false): void {
    run(['ip', 'netns', 'add', this.prefix + name])
    this.names.push(name)
    this.exec(name, 'ip link set lo up')
    for (const scope of ['all', 'default'])
      this.exec(name, `sysctl -qw net.ipv6.conf.${scope}.disable_ipv6=1`)
    // with rp_filter of a namespace that was made the kernel of the machine may disagree
    for (const scope of ['all', 'default']) this.exec(name, `sysctl -qw net.ipv4.conf.${scope}.rp_filter=0`)
    if (isRouter) {
      this.exec(name, 'sysctl -qw net.ipv4.ip_forward=1')
      for (const scope of ['all', 'default'])
        this.exec(name, `sysctl -qw net.ipv4.conf.${scope}.send_redirects=0`)
    }
  }

  /** A cable between two namespaces; an end is `name:interface` and its address, or none for the port of a bridge. */
  link(a: string, b: string, addressA = '', addressB = ''): void {
    const [nameA = '', deviceA = ''] = a.split(':')
    const [nameB = '', deviceB = ''] = b.split(':')
    const peer = ['peer', 'name', deviceB, 'netns', this.prefix + nameB]
    this.exec(nameA, ['ip', 'link', 'add', deviceA, 'type', 'veth', ...peer])
    for (const [name, device, address] of [
      [nameA, deviceA, addressA],
      [nameB, deviceB, addressB],
    ]) {
      if (address !== '') this.exec(name, `ip addr add ${address} dev ${device}`)
      this.exec(name, `ip link set ${device} up`)
    }
  }

  /** A switch of its own, which no host's conntrack sees: ports are `name:interface` with their addresses. */
  switched(name: string, ports: readonly [end: string, address: string][]): void {
    this.add(name)
    this.exec(name, 'ip link add sw0 type bridge')
    this.exec(name, 'ip link set sw0 up')
    this.exec(name, 'sysctl -qw net.bridge.bridge-nf-call-iptables=0', false)
    for (const [i, [end, address]] of ports.entries()) {
      this.link(`${name}:p${i}`, end, '', address)
      this.exec(name, `ip link set p${i} master sw0`)
    }
  }

  /** @throws where the command fails and `mayFail` was not given */
  exec(name: string, command: string | readonly string[], throws = true): Said {
    const argv = typeof command === 'string' ? ['sh', '-c', command] : command
    const said = run(['ip', 'netns', 'exec', this.prefix + name, ...argv], false)
    if (throws && said.status !== 0) throw new Error(`${name}: ${command}: ${said.stderr}${said.stdout}`)
    return said
  }

  rules(name: string, text: string): void {
    const argv = ['ip', 'netns', 'exec', this.prefix + name, 'iptables-restore', '--noflush']
    const { status, stderr } = spawnSync(argv[0], argv.slice(1), { input: text, encoding: 'utf8' })
    if (status !== 0) throw new Error(`${name}: iptables-restore: ${stderr}`)
  }

  start(name: string, argv: readonly string[]): Running {
    const child = spawn('ip', ['netns', 'exec', this.prefix + name, ...argv], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.children.add(child)
    let said = ''
    child.stdout.on('data', bytes => {
      said += bytes
    })
    const done = new Promise<string>(resolve =>
      child.on('close', () => {
        this.children.delete(child)
        resolve(said)
      }),
    )
    return { done, kill: () => child.kill('SIGINT') }
  }

  /** Captures interfaces of a namespace, one file each. @returns what ends it, and the files */
  async record(
    name: string,
    devices: readonly string[],
    folder: string,
  ): Promise<{ stop: () => Promise<string[]> }> {
    mkdirSync(folder, { recursive: true })
    const files = devices.map(device => join(folder, `${device}.pcap`))
    const running: ChildProcess[] = []
    await Promise.all(
      devices.map(async (device, i) => {
        const argv = ['tcpdump', '-Z', 'root', '-n', '-U', '-i', device, '-w', files[i]]
        const child = spawn('ip', ['netns', 'exec', this.prefix + name, ...argv], {
          stdio: ['ignore', 'ignore', 'pipe'],
        })
        running.push(child)
        this.children.add(child)
        await new Promise<void>(resolve =>
          child.stderr?.on('data', (bytes: Buffer) => {
            if (bytes.includes('listening on')) resolve()
          }),
        )
      }),
    )
    return {
      stop: async () => {
        await sleep(500)
        await Promise.all(
          running.map(
            child =>
              new Promise<void>(resolve => {
                child.on('close', () => resolve())
                child.kill('SIGINT')
              }),
          ),
        )
        for (const child of running) this.children.delete(child)
        return files
      },
    }
  }

  /** The files of a host, as options. */
  files(name: string, folder: string): string[] {
    const outputs: [option: string, file: string, command: string][] = [
      ['--rules', 'rules.txt', 'iptables-save'],
      [
        '--topology',
        'topology.json',
        'ip -j addr; ip -j route; ip -j neigh; bridge -j -d link; bridge -j fdb',
      ],
      ['--sysctl', 'sysctl.txt', 'sysctl -a 2>/dev/null'],
    ]
    return outputs.flatMap(([option, file, command]) => {
      const path = join(folder, file)
      writeFileSync(path, this.exec(name, command).stdout)
      return [option, path]
    })
  }

  /** Runs commands where the report says they belong: `host` is one of the namespaces. */
  tryAll(tries: readonly Try[], host: string): TryResult[] {
    return tries.map(one => {
      if (one.command.startsWith('modprobe ') && !isInstalled('modprobe'))
        return { ...one, status: 0, said: 'no modprobe here: what this kernel has is built in' }
      if (one.role === 'machine') return { ...one, ...outcome(run(['sh', '-c', one.command], false)) }
      const owner = one.role === 'host' ? null : this.owner(one.address)
      return { ...one, ...outcome(this.exec(owner ?? host, one.command, false)) }
    })
  }

  close(): void {
    for (const child of this.children) child.kill('SIGKILL')
    for (const name of this.names) run(['ip', 'netns', 'del', this.prefix + name], false)
  }

  private owner(address: string | null): string | null {
    if (address === null) return null
    return this.names.find(name => this.exec(name, 'ip -o addr').stdout.includes(` ${address}/`)) ?? null
  }
}

function outcome({ status, stdout, stderr }: Said): { status: number; said: string } {
  return { status, said: (stdout + stderr).trim() }
}

function run([program = '', ...args]: readonly string[], throws = true): Said {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 })
  if (throws && status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
  return { status: status ?? 1, stdout, stderr }
}
