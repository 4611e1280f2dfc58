// What a host does with a packet between its hooks: local, forwarded or refused; ip_route_input_slow(), fib_validate_source().
import type { Family } from '../files/network.ts'
import { contains } from '../files/network.ts'
import type { AddressKind, Routing } from '../rules/packet-facts.ts'
import type { Host, Route } from '../topology/topology.ts'

/** Sysctls of a host that its routing goes by, by their full names. */
export type HostSettings = ReadonlyMap<string, number>

/** What a host does with a packet, or `null` where nobody knows; a text says why it drops one. */
export type RoutingDecision = { kind: 'local' | 'forward' } | { kind: 'drop'; why: string } | null

/** What a host knows within one routing table of its own: that of all interfaces without a VRF, or that of a VRF. */
interface Domain {
  /** IPv4 addresses of the host, IPv6 ones by their words, and those that all stations of its networks listen to. */
  locals: Set<number>
  locals6: Set<string>
  broadcasts: Set<number>
  routes: readonly Route[]
  knowsRoutes: boolean
}

export class HostRouting implements Routing {
  private readonly host: Host | null
  private readonly settings: HostSettings
  /** By the name of the VRF, `''` without one. */
  private readonly domains = new Map<string, Domain>()
  private domain: Domain

  constructor(host: Host | null, settings: HostSettings) {
    this.host = host
    this.settings = settings
    const vrfs = [...(host?.interfaces.keys() ?? [])].filter(name => host?.isVrf(name))
    for (const vrf of ['', ...vrfs]) this.domains.set(vrf, domainOf(host, vrf))
    this.domain = this.domains.get('') as Domain
  }

  /** Goes on by the table of a VRF, `''` for that of interfaces without one. */
  enter(vrf: string): void {
    this.domain = (this.domains.get(vrf) ?? this.domains.get('')) as Domain
  }

  /** What is asked of an address, in each table. */
  inEach<T>(ask: () => T): T[] {
    const { domain } = this
    const answers = [...this.domains.values()].map(each => {
      this.domain = each
      return ask()
    })
    this.domain = domain
    return answers
  }

  isLocal(family: Family, address: Int32Array): boolean | null {
    const { host } = this
    if (isLoopback(family, address)) return true
    if (host?.knowsAddresses !== true) return null
    const { locals, locals6 } = this.domain
    return family === 4 ? locals.has(address[0] ?? 0) : locals6.has(address.join())
  }

  kindOf(family: Family, address: Int32Array): AddressKind | null {
    const fixed = fixedKind(family, address)
    if (fixed !== null) return fixed
    const isLocal = this.isLocal(family, address)
    if (isLocal === null) return null
    if (isLocal) return 'local'
    return family === 4 && this.isBroadcast(address) ? 'broadcast' : 'unicast'
  }

  isRoutedBack(family: Family, source: Int32Array, input: string | null, byAny: boolean): boolean | null {
    if (input === 'lo') return true
    if (family === 6 && isLinkLocal(source)) return true
    const kind = this.kindOf(family, source)
    if (kind === null || !this.domain.knowsRoutes) return null
    if (kind !== 'unicast') return false
    const device = this.deviceTo(family, source)
    if (device === null) return false
    if (byAny || input === null) return byAny ? true : null
    return device === input || this.host?.vrfOf(device) === input
  }

  /** The interface that packets to an address leave by; null for none, or where nobody knows. */
  deviceTo(family: Family, address: Int32Array): string | null {
    for (const { network, device } of this.domain.routes) {
      if (network.family === family && contains(network, address)) return device === '' ? null : device
    }
    return null
  }

  /** IPv4 addresses at which what it says may change. */
  get edges(): number[] {
    const all = [...this.domains.values()]
    const own = all
      .flatMap(({ locals, broadcasts }) => [...locals, ...broadcasts])
      .flatMap(word => [word >>> 0, (word >>> 0) + 1])
    const networks = all.flatMap(({ routes }) => routes).filter(({ network }) => network.family === 4)
    return [
      ...own,
      ...networks.flatMap(({ network: { first, last } }) => [
        (first[0] ?? 0) >>> 0,
        ((last[0] ?? 0) >>> 0) + 1,
      ]),
    ]
  }

  /** The first address of an interface: where REDIRECT leads. kernel: nf_nat_redirect_ipv4() */
  firstAddress(family: Family, name: string | null): Int32Array | null {
    const addresses = this.host?.interfaces.get(name ?? '')?.addresses ?? []
    return addresses.find(({ address }) => address.family === family)?.address.words ?? null
  }

  /** Whether a bridge would send a frame back to the port it came in by, and does not. kernel: should_deliver() */
  isTurnedBack(family: Family, destination: Int32Array, physicalInput: string): boolean {
    const port = this.host?.portTo(family, destination) ?? null
    return port !== null && port.name === physicalInput && port.hairpin === false
  }

  /** What becomes of a packet from outside behind PREROUTING. */
  decide(
    family: Family,
    source: Int32Array,
    destination: Int32Array | null,
    input: string | null,
    ttl: number,
  ): RoutingDecision {
    if (destination === null) return null
    const kind = this.kindOf(family, destination)
    if (kind === null) return null
    const refused = family === 4 ? this.sourceRefused(source, kind, input) : isGroup(source) ? MARTIAN : null
    if (refused !== null) return refused === 'unknown' ? null : { kind: 'drop', why: refused }
    if (kind === 'local') return this.isForLoopback(family, destination, input)
    if (kind === 'broadcast') return LOCAL
    if (kind === 'multicast') return this.toGroup(family, destination, input)
    if (this.settings.get(family === 4 ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding') === 0) {
      return { kind: 'drop', why: FORWARDS_NOTHING }
    }
    if (family === 6 && isLinkLocal(destination)) return null
    if (!this.domain.knowsRoutes) return null
    if (this.deviceTo(family, destination) === null) return { kind: 'drop', why: 'no route' }
    if (ttl <= 1) return { kind: 'drop', why: 'TTL exceeded' }
    return FORWARD
  }

  /** What comes from outside for 127.0.0.0/8 is refused, unless it is let in. kernel: IN_DEV_NET_ROUTE_LOCALNET */
  private isForLoopback(family: Family, destination: Int32Array, input: string | null): RoutingDecision {
    if (family === 6 || input === 'lo' || (destination[0] ?? 0) >>> 24 !== 127) return LOCAL
    const all = this.settings.get('net.ipv4.conf.all.route_localnet')
    const own = input === null ? undefined : this.settings.get(`net.ipv4.conf.${input}.route_localnet`)
    if (all === 1 || own === 1) return LOCAL
    return all === 0 && own === 0 ? { kind: 'drop', why: 'martian destination' } : null
  }

  /** Why a source is refused, null where it is not. kernel: ip_route_input_slow(), __fib_validate_source() */
  private sourceRefused(source: Int32Array, destination: AddressKind, input: string | null): string | null {
    const [word = 0] = source
    if (word >>> 28 === 14 || word === -1 || (word >>> 24 === 127 && input !== 'lo')) return MARTIAN
    if (word === 0) return destination === 'broadcast' || destination === 'multicast' ? null : MARTIAN
    if (input === 'lo') return null
    if (this.isLocal(4, source) === true) return MARTIAN
    if (this.isBroadcast(source)) return MARTIAN
    if (destination === 'multicast') return null
    const mode = this.reversePathMode(input)
    if (mode === 0) return null
    const isBack = this.isRoutedBack(4, source, input, mode === 2)
    if (isBack === true) return null
    return mode === null || isBack === null ? 'unknown' : REVERSE_PATH_FILTER
  }

  /** kernel: IN_DEV_RPFILTER: the larger of `all` and the interface's; null where that is not known. */
  private reversePathMode(input: string | null): number | null {
    const all = this.settings.get('net.ipv4.conf.all.rp_filter')
    const own = input === null ? undefined : this.settings.get(`net.ipv4.conf.${input}.rp_filter`)
    if (all === undefined && own === undefined) return null
    return Math.max(all ?? 0, own ?? 0)
  }

  private isBroadcast(address: Int32Array): boolean {
    return this.domain.broadcasts.has(address[0] ?? 0)
  }

  /** A host is in the group of all hosts, and in those whose frames its interface listens to; it routes none. */
  private toGroup(family: Family, group: Int32Array, input: string | null): RoutingDecision {
    const [first = 0, second = 0, third = 0, last = 0] = group
    if (family === 4 && first === ALL_HOSTS) return LOCAL
    if (family === 6 && first >>> 16 === 0xff02 && second === 0 && third === 0 && last === 1) return LOCAL
    const { host } = this
    if (host === null || input === null || host.groups.size === 0) return null
    // an interface whose groups are not listed at all
    if (![...host.groups].some(known => known.startsWith(`${input} `))) return null
    const mac =
      family === 4
        ? [0x01, 0x00, 0x5e, (first >>> 16) & 0x7f, (first >>> 8) & 0xff, first & 0xff]
        : [0x33, 0x33, last >>> 24, (last >>> 16) & 0xff, (last >>> 8) & 0xff, last & 0xff]
    const text = mac.map(byte => byte.toString(16).padStart(2, '0')).join(':')
    return host.groups.has(`${input} ${text}`) ? LOCAL : { kind: 'drop', why: 'a group that it is not in' }
  }
}

function domainOf(host: Host | null, vrf: string): Domain {
  const domain: Domain = {
    locals: new Set(),
    locals6: new Set(),
    broadcasts: new Set(),
    routes: host?.routesOf(vrf) ?? [],
    knowsRoutes: host?.knowsRoutesOf(vrf) ?? false,
  }
  for (const { name, addresses } of host?.interfaces.values() ?? []) {
    if (host?.vrfOf(name) !== vrf) continue
    for (const { address, network } of addresses) {
      if (network.family === 6) domain.locals6.add(address.words.join())
      if (network.family !== 4) continue
      domain.locals.add(address.words[0] ?? 0)
      if (spans(network.first, network.last) < 4) continue
      domain.broadcasts.add(network.first[0] ?? 0)
      domain.broadcasts.add(network.last[0] ?? 0)
    }
  }
  return domain
}

const LOCAL = { kind: 'local' } as const
const FORWARD = { kind: 'forward' } as const

const MARTIAN = 'martian source'
export const FORWARDS_NOTHING = 'not for this host, and it forwards nothing'
export const REVERSE_PATH_FILTER = 'reverse path filter'
/** 224.0.0.1 */
const ALL_HOSTS = 0xe0000001 | 0

function fixedKind(family: Family, address: Int32Array): AddressKind | null {
  const [word = 0] = address
  if (family === 6) return word >>> 24 === 0xff ? 'multicast' : null
  if (word === -1 || word === 0) return 'broadcast'
  return word >>> 28 === 14 ? 'multicast' : null
}

function isLoopback(family: Family, address: Int32Array): boolean {
  const [a = 0, b = 0, c = 0, d = 0] = address
  return family === 4 ? a >>> 24 === 127 : a === 0 && b === 0 && c === 0 && d === 1
}

function isGroup([word = 0]: Int32Array): boolean {
  return word >>> 24 === 0xff
}

function isLinkLocal([word = 0]: Int32Array): boolean {
  return word >>> 22 === 0xfe80 >>> 6
}

/** Addresses from `first` to `last`. */
function spans([first = 0]: Int32Array, [last = 0]: Int32Array): number {
  return (last >>> 0) - (first >>> 0) + 1
}
