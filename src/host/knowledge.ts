// All that was given of the host beside the captures: rules, topology, objects, and the questions that they answer together.
import type { BroadcastNetwork } from '../conntrack/helper-assignment.ts'
import { type Address, type Family, formatAddress, sameAddress } from './files/network.ts'
import type { Cluster } from './kubernetes/cluster.ts'
import { nodeKernels } from './kubernetes/node-kernels.ts'
import type { Rules } from './rules/rules.ts'
import type { Subject } from './rules/subject.ts'
import type { OfNamespaces } from './topology/namespaces.ts'
import type { BridgePort, Host, Topology } from './topology/topology.ts'

export type Endpoint = Address & { port: number }

export class Knowledge {
  readonly rules: Rules | null
  readonly topology: Topology | null
  /** Kubernetes objects. */
  readonly cluster: Cluster | null
  /** The host that the captures are of, once that is known. */
  host: Host | null
  /** Interfaces of the captures that this host lacks, by their indexes. */
  lacking: readonly number[] = []
  /** Captures of several network namespaces that were taken for one; none where they were not. */
  merged: readonly OfNamespaces[] = []
  private readonly name: string
  private readonly isNamed: boolean

  /** @param name of the host or namespace that the captures are of, where it is told; `''`: not told */
  constructor(rules: Rules | null, topology: Topology | null, cluster: Cluster | null = null, name = '') {
    this.rules = rules
    this.topology = topology
    this.cluster = cluster
    this.name = name
    const named = name === '' ? null : (topology?.known(name) ?? null)
    this.isNamed = named !== null
    this.host = named ?? topology?.onlyHost ?? null
  }

  /** Tells which interfaces the captures have, by index where they have one, else by name. */
  settle(indexes: readonly number[], names: readonly string[]): void {
    if (this.isNamed) return
    const host = this.topology?.hostWith(indexes, names) ?? null
    this.host = host
    const isListed = host !== null && host.interfaces.size > 0
    this.lacking = isListed ? indexes.filter(index => host.byIndex(index) === null) : []
  }

  /** Releases that the node of the captures may run, as far as objects tell: none, the one, or several. */
  get kernels(): string[] {
    if (this.cluster === null) return []
    const own = [...(this.host?.interfaces.values() ?? [])].flatMap(({ addresses }) => addresses)
    const addresses = own.map(({ address: { family, words } }) => formatAddress(family, words))
    return nodeKernels(this.cluster, this.name, addresses)
  }

  /** The IPv4 networks of the host that have a broadcast address. */
  get networks(): BroadcastNetwork[] {
    const addresses = [...(this.host?.interfaces.values() ?? [])].flatMap(device => device.addresses)
    return addresses.flatMap(({ address, network }) => {
      const [own = 0] = address.words
      const [first = 0] = network.first
      const [last = 0] = network.last
      // the last of a network of two hosts, or of one, is a host
      return address.family === 6 || (last >>> 0) - (first >>> 0) < 2
        ? []
        : [{ own, broadcast: last, mask: ~(first ^ last) }]
    })
  }

  /** A packet from one endpoint to another. */
  subject(protocol: number, source: Endpoint, destination: Endpoint): Subject {
    const { host } = this
    const { family } = source
    return {
      family,
      protocol,
      source: source.words,
      destination: destination.words,
      sourcePort: source.port,
      destinationPort: destination.port,
      input: host?.deviceTo(family, source.words, true) ?? null,
      output: host?.deviceTo(family, destination.words) ?? null,
      state: null,
      isLocal: host?.knowsAddresses ? (of, address) => host.isLocal(of, address) : null,
      isSourceKnown: true,
      isDestinationKnown: true,
      packet: null,
    }
  }

  portOf(family: Family, address: Int32Array): BridgePort | null {
    return this.topology?.portOf(family, address) ?? null
  }

  /** The bridge that two addresses are behind, or null; `false`: they are behind different ones. */
  sharedBridge(family: Family, a: Int32Array, b: Int32Array): BridgePort | null | false {
    const one = this.portOf(family, a)
    const other = this.portOf(family, b)
    if (one === null || other === null || sameAddress(a, b)) return null
    return one.host === other.host && one.bridge === other.bridge ? one : false
  }
}
