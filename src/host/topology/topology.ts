// Hosts with their interfaces, bridges, routes and neighbours, and what that says of addresses.
import { type Address, compareAddresses, contains, type Family, type Network } from '../files/network.ts'

export interface HostInterface {
  index: number
  name: string
  mac: string
  addresses: { address: Address; network: Network }[]
  /** What it is a port of, a bridge or a VRF, or `''`. */
  master: string
  /** The routing table of the VRF that it is, by number or name; `''` of a VRF of which none is told; null of no VRF. */
  vrfTable: string | null
  /** The network namespace that its other end is in, by name or as `netns-1`; `''`: not told, or in the same one. */
  peerNamespace: string
  /** Its other end's index there; 0: not told. */
  peerIndex: number
  /** Whether the bridge sends back what came in there; null: not told. */
  hairpin: boolean | null
}

/** Where packets to a network leave. */
export interface Route {
  network: Network
  device: string
  isOnLink: boolean
  /** The routing table, by number or name; `''` for the main one. */
  table: string
}

/** A port of a bridge, and the host it belongs to. */
export interface BridgePort {
  host: string
  bridge: string
  /** Null where only the bridge is known. */
  port: HostInterface | null
}

/** One network namespace. */
export class Host {
  readonly name: string
  readonly interfaces = new Map<string, HostInterface>()
  /** Hardware addresses by address. */
  readonly neighbours = new Map<string, string>()
  /** Interfaces behind which neighbours are, by hardware address. */
  readonly neighbourDevices = new Map<string, string>()
  /** Ports by hardware address, as the bridges learnt them. */
  readonly forwarding = new Map<string, string>()
  /** Hardware addresses of groups that an interface listens to, as `dev mac`; empty where nothing was told. */
  readonly groups = new Set<string>()
  private readonly routes: Route[] = []
  private readonly locals = new Set<string>()

  constructor(name: string) {
    this.name = name
  }

  /** The interface of that name, made if it is not there. */
  open(name: string): HostInterface {
    let found = this.interfaces.get(name)
    if (found === undefined) {
      found = {
        index: 0,
        name,
        mac: '',
        addresses: [],
        master: '',
        vrfTable: null,
        peerNamespace: '',
        peerIndex: 0,
        hairpin: null,
      }
      this.interfaces.set(name, found)
    }
    return found
  }

  addAddress(device: HostInterface, address: Address, network: Network): void {
    device.addresses.push({ address, network })
    this.locals.add(keyOf(address.family, address.words))
  }

  addRoute(network: Network, device: string, isOnLink: boolean, table = ''): void {
    this.routes.push({ network, device, isOnLink, table })
  }

  addNeighbour({ family, words }: Address, mac: string, device: string): void {
    this.neighbours.set(keyOf(family, words), mac)
    this.neighbourDevices.set(mac, device)
  }

  /** The interface that a station is behind, by what bridges learnt, else by neighbours; or null. */
  deviceToStation(mac: string): HostInterface | null {
    return this.interfaces.get(this.forwarding.get(mac) ?? this.neighbourDevices.get(mac) ?? '') ?? null
  }

  /** Whether its own addresses are known, and this is one of them. */
  isLocal(family: Family, address: Int32Array): boolean {
    return this.locals.has(keyOf(family, address))
  }

  get knowsAddresses(): boolean {
    return this.locals.size > 0
  }

  get knowsRoutes(): boolean {
    return this.routes.length > 0
  }

  /** The port of a bridge of this host that an address is behind, by its neighbour and what the bridge learnt; or null. */
  portTo(family: Family, address: Int32Array): HostInterface | null {
    const mac = this.neighbours.get(keyOf(family, address))
    return this.interfaces.get(this.forwarding.get(mac ?? '') ?? '') ?? null
  }

  byIndex(index: number): HostInterface | null {
    for (const device of this.interfaces.values()) if (device.index === index) return device
    return null
  }

  isBridge(name: string): boolean {
    if (this.isVrf(name)) return false
    for (const { master } of this.interfaces.values()) if (master === name) return true
    return false
  }

  isVrf(name: string): boolean {
    return (this.interfaces.get(name)?.vrfTable ?? null) !== null
  }

  /** The VRF that an interface belongs to or is, or `''`. kernel: l3mdev_master_dev_rcu() */
  vrfOf(name: string): string {
    if (this.isVrf(name)) return name
    const master = this.interfaces.get(name)?.master ?? ''
    if (master === '' || master === name) return ''
    // a bridge may be a port of a VRF
    return this.isVrf(master) ? master : this.vrfOfMaster(master)
  }

  private vrfOfMaster(name: string): string {
    const master = this.interfaces.get(name)?.master ?? ''
    return this.isVrf(master) ? master : ''
  }

  /** The interface that packets to an address leave by, or null; with `isOnLink` only without a router between. */
  deviceTo(family: Family, address: Int32Array, isOnLink = false): string | null {
    let best: Route | null = null
    for (const route of this.allRoutes()) {
      if (route.network.family !== family || !contains(route.network, address)) continue
      if (best === null || isNarrower(route.network, best.network)) best = route
    }
    return best === null || (isOnLink && !best.isOnLink) || best.device === '' ? null : best.device
  }

  /** All routes of a VRF, or (`''`) those of none, those to an interface's own network among them, the narrowest first. */
  routesOf(vrf: string): Route[] {
    const owners = this.tableOwners()
    return [...this.allRoutes()]
      .filter(({ table }) => (owners.get(table) ?? '') === vrf)
      .sort((a, b) => compareAddresses(spanOf(a.network), spanOf(b.network)))
  }

  /** Whether routes of a VRF, or (`''`) of none, were told. */
  knowsRoutesOf(vrf: string): boolean {
    const owners = this.tableOwners()
    return this.routes.some(({ table }) => (owners.get(table) ?? '') === vrf)
  }

  /** VRFs by their tables: `ip route show table all` has a number, or the name that it has in rt_tables. */
  private tableOwners(): Map<string, string> {
    const owners = new Map<string, string>()
    for (const { name, vrfTable } of this.interfaces.values()) {
      if (vrfTable === null) continue
      owners.set(name, name)
      if (vrfTable !== '') owners.set(vrfTable, name)
    }
    return owners
  }

  /** What an interface is, for people: `bridge`, `port of cni0`, or nothing. */
  roleOf(device: HostInterface): string {
    if (device.master !== '') return `${this.isVrf(device.master) ? 'in' : 'port of'} ${device.master}`
    if (device.vrfTable !== null) return 'VRF'
    return this.isBridge(device.name) ? 'bridge' : ''
  }

  private *allRoutes(): Generator<Route> {
    yield* this.routes
    for (const { name, addresses } of this.interfaces.values()) {
      const table = this.vrfOf(name)
      for (const { network } of addresses) yield { network, device: name, isOnLink: true, table }
    }
  }
}

/** Of the indexes that a capture has, this part and more are those of a host that lacks the others; few are so by chance. */
const SHARE_OF_HOST = 0.6

export class Topology {
  readonly hosts: Host[] = []
  private readonly byName = new Map<string, Host>()

  host(name: string): Host {
    let found = this.byName.get(name)
    if (found === undefined) {
      found = new Host(name)
      this.byName.set(name, found)
      this.hosts.push(found)
    }
    return found
  }

  /** The host of that name, or null. */
  known(name: string): Host | null {
    return this.byName.get(name) ?? null
  }

  /** The only host there is, or null. */
  get onlyHost(): Host | null {
    return only(this.hosts)
  }

  /**
   * The one host that has interfaces of all these indexes, and of those names that any has; null: none, or several. Where
   * none has all of them, the one that has most: an interface may be gone by the time that the host is asked, as that of a
   * deleted pod is.
   */
  hostWith(indexes: readonly number[], names: readonly string[]): Host | null {
    const told = names.filter(name => this.hosts.some(host => host.interfaces.has(name)))
    if (this.hosts.length > 1 && indexes.length + told.length === 0) return null
    const named = this.hosts.filter(host => told.every(name => host.interfaces.has(name)))
    const fitting = named.filter(
      host => host.interfaces.size === 0 || indexes.every(index => host.byIndex(index) !== null),
    )
    if (fitting.length > 0) return only(fitting)
    const least = indexes.length * SHARE_OF_HOST
    return only(named.filter(host => indexes.filter(index => host.byIndex(index) !== null).length > least))
  }

  /** The port of a bridge that an address is behind, by neighbours and what the bridge learnt; or the bridge alone. */
  portOf(family: Family, address: Int32Array): BridgePort | null {
    const mac = this.macOf(family, address)
    for (const host of this.hosts) {
      const port = mac === null ? undefined : host.interfaces.get(host.forwarding.get(mac) ?? '')
      if (port !== undefined && port.master !== '') return { host: host.name, bridge: port.master, port }
    }
    for (const host of this.hosts) {
      const bridge = host.deviceTo(family, address, true)
      if (bridge !== null && host.isBridge(bridge) && !host.isLocal(family, address)) {
        return { host: host.name, bridge, port: null }
      }
    }
    return null
  }

  private macOf(family: Family, address: Int32Array): string | null {
    const key = keyOf(family, address)
    for (const host of this.hosts) {
      const mac = host.neighbours.get(key)
      if (mac !== undefined) return mac
    }
    for (const host of this.hosts) {
      if (!host.isLocal(family, address)) continue
      for (const { mac, addresses } of host.interfaces.values()) {
        const isIts = addresses.some(own => keyOf(own.address.family, own.address.words) === key)
        if (isIts && mac !== '') return mac
      }
    }
    return null
  }
}

function only(hosts: readonly Host[]): Host | null {
  return hosts.length === 1 ? (hosts[0] ?? null) : null
}

function keyOf(family: Family, words: Int32Array): string {
  return `${family} ${words.join()}`
}

function isNarrower(a: Network, b: Network): boolean {
  return compareAddresses(spanOf(a), spanOf(b)) < 0
}

/** How far its last address is from the first. */
function spanOf({ first, last }: Network): Int32Array {
  return last.map((word, i) => word ^ (first[i] ?? 0))
}
