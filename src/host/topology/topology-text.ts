// The text that `ip addr`, `ip route`, `ip neigh`, `bridge link` and `bridge fdb` print for people, line by line.
import { FileFault } from '../files/file-fault.ts'
import { interfaceNameFault, isInterfaceName } from '../files/interface-name.ts'
import { networkOf, parseAddress, parseNetwork } from '../files/network.ts'
import { type Line, linesOf } from '../files/text-lines.ts'
import type { Host, HostInterface } from './topology.ts'

const MAC = '[0-9a-f]{2}(?::[0-9a-f]{2}){5}'
const DEVICE = /^(\d+): ([^\s:@]+)(?:@(?:if(\d+)|\S+))?: <([^>]*)>(.*)$/
const LINK = new RegExp(`^\\s+link/\\S+ (${MAC})`)
const PEER = /\blink-netns(?:id)? (\S+)/
const VRF = /^\s+vrf table (\S+)/
const ADDRESS = /^\s+inet6? ([0-9a-f.:]+)(?: peer [0-9a-f.:]+)?\/(\d+)/
const FORWARDING = new RegExp(`^(${MAC}) dev (\\S+)(.*)$`)
const NEIGHBOUR = new RegExp(`^([0-9a-f.:]+) dev (\\S+) lladdr (${MAC})`)
const ROUTE = /^(?:(?:unicast|blackhole|unreachable|prohibit|throw) )?(default|[0-9a-f.:]+(?:\/\d+)?)\s(.*)$/
const NEXT_HOP = /^\s+nexthop .*\bdev (\S+)/

/**
 * Reads what one host printed.
 * @returns how many lines were understood
 * @throws FileFault for a name that no interface has
 */
export function readTopologyText(text: string, host: Host): number {
  const reader = new TextReader(host)
  let understood = 0
  for (const line of linesOf(text)) if (reader.read(line)) understood++
  return understood
}

class TextReader {
  private device: HostInterface | null = null
  /** Destination of a route with several ways, which stand in the lines below. */
  private destination = ''
  private table = ''
  private number = 0
  private readonly host: Host

  constructor(host: Host) {
    this.host = host
  }

  read({ number, text }: Line): boolean {
    this.number = number
    return this.readDevice(text) || this.readDetail(text) || this.readTable(text)
  }

  /** A name that the kernel may have printed; `''` where none stands. */
  private nameOf(name: string | undefined): string {
    if (name === undefined || name === '') return ''
    if (!isInterfaceName(name)) throw new FileFault(this.number, interfaceNameFault(name))
    return name
  }

  private readDevice(line: string): boolean {
    const match = DEVICE.exec(line)
    if (match === null) return false
    const [, index, name = '', peer = '', flags = '', rest = ''] = match
    const device = this.host.open(this.nameOf(name))
    device.index = Number(index)
    device.peerIndex = Number(peer)
    if (areOfVrf(flags.split(','))) device.vrfTable ??= ''
    device.master = this.nameOf(/\bmaster (\S+)/.exec(rest)?.[1]) || device.master
    this.device = device
    return true
  }

  /** What stands below the line of an interface. */
  private readDetail(line: string): boolean {
    if (this.device === null || !/^\s/.test(line)) return false
    const mac = LINK.exec(line)?.[1]
    if (mac !== undefined) {
      this.device.mac = mac
      const peer = PEER.exec(line)?.[1] ?? ''
      if (peer !== '') this.device.peerNamespace = peerNamespace(peer)
      return true
    }
    const table = VRF.exec(line)?.[1]
    if (table !== undefined) {
      this.device.vrfTable = table
      return true
    }
    const hairpin = /\bhairpin (on|off)\b/.exec(line)
    if (hairpin !== null) {
      this.device.hairpin = hairpin[1] === 'on'
      return true
    }
    const [, address = '', length] = ADDRESS.exec(line) ?? []
    const own = parseAddress(address)
    if (own === null || Number(length) > 128) return false
    this.host.addAddress(this.device, own, networkOf(own, Number(length)))
    return true
  }

  private readTable(line: string): boolean {
    const forwarding = FORWARDING.exec(line)
    if (forwarding !== null) {
      const [, mac = '', name = '', rest = ''] = forwarding
      const port = this.nameOf(name)
      if (!/\b(self|permanent)\b/.test(rest)) this.host.forwarding.set(mac, port)
      else if (isGroupMac(mac)) this.host.groups.add(`${port} ${mac}`)
      const master = this.nameOf(/\bmaster (\S+)/.exec(rest)?.[1])
      if (master !== '' && master !== port) this.host.open(port).master = master
      return true
    }
    const [, neighbour = '', device = '', mac = ''] = NEIGHBOUR.exec(line) ?? []
    const address = parseAddress(neighbour)
    if (address !== null) {
      this.host.addNeighbour(address, mac, this.nameOf(device))
      return true
    }
    return this.readRoute(line)
  }

  private readRoute(line: string): boolean {
    const hop = NEXT_HOP.exec(line)?.[1]
    if (hop !== undefined && this.destination !== '')
      return addRoute(this.host, this.destination, this.nameOf(hop), false, 4, this.table)
    const match = ROUTE.exec(line)
    if (match === null) return false
    const [, destination = '', way = ''] = match
    // a neighbour that does not answer has no hardware address
    if (/\b(FAILED|INCOMPLETE)\b/.test(line)) return true
    const device = this.nameOf(/\bdev (\S+)/.exec(way)?.[1])
    const gateway = /\bvia (\S+)/.exec(way)?.[1] ?? ''
    const isLost = device === '' && /^(blackhole|unreachable|prohibit|throw)/.test(line)
    this.destination = device === '' ? destination : ''
    this.table = /\btable (\S+)/.exec(way)?.[1] ?? ''
    if (device === '' && !isLost) return way.trim() === '' || /\bproto\b/.test(way)
    const family = gateway.includes(':') || /\bpref\b/.test(way) ? 6 : 4
    return addRoute(this.host, destination, device, gateway === '', family, this.table)
  }
}

/** Whether flags are those of a VRF: of what has ports it alone does without ARP. */
export function areOfVrf(flags: readonly unknown[]): boolean {
  return flags.includes('MASTER') && flags.includes('NOARP')
}

/** What a namespace is called: by its name, or by the number that it has in the namespace of its peer. */
export function peerNamespace(name: string): string {
  return /^\d+$/.test(name) ? `netns-${name}` : name === 'unknown' ? '' : name
}

/** Whether frames go to a group of stations. */
function isGroupMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1
}

/** Adds a route to `default` of a family, or to a network; false for anything else. */
export function addRoute(
  host: Host,
  destination: string,
  device: string,
  isOnLink: boolean,
  family = 4,
  table = '',
): boolean {
  const text = destination === 'default' ? (family === 6 ? '::/0' : '0.0.0.0/0') : destination
  const network = parseNetwork(text)
  if (network === null) return false
  host.addRoute(network, device, isOnLink, table === 'main' ? '' : table)
  return true
}
