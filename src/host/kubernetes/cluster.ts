// Kubernetes objects by their addresses: which pod, Service or node an address is, what is behind a Service's port, whose policies are whose.
import type { Family } from '../files/network.ts'
import { contains, formatAddress } from '../files/network.ts'
import type {
  Endpoint,
  Labels,
  NetworkPolicy,
  Node,
  ObjectName,
  Pod,
  Service,
  ServicePort,
} from './objects.ts'

/** Transport protocols, as Kubernetes spells them, by number. */
export const PROTOCOLS: Readonly<Record<number, string>> = { 6: 'TCP', 17: 'UDP', 132: 'SCTP' }

/** All objects of the files given, of one moment. */
export class Cluster {
  readonly pods: Pod[] = []
  readonly services: Service[] = []
  readonly endpoints: Endpoint[] = []
  readonly nodes: Node[] = []
  readonly policies: NetworkPolicy[] = []
  private readonly policiesByNamespace = new Map<string, NetworkPolicy[]>()
  private readonly namespaceLabels = new Map<string, Labels>()
  private readonly hostPorts = new Map<string, Pod[]>()
  private readonly podByAddress = new Map<string, Pod>()
  private readonly servicesByAddress = new Map<string, Service[]>()
  private readonly nodeByAddress = new Map<string, Node>()
  private readonly servicesByNodePort = new Map<string, Service>()
  private readonly endpointsByPlace = new Map<string, Endpoint[]>()
  private readonly endpointsByService = new Map<string, Endpoint[]>()

  addPod(pod: Pod): void {
    this.pods.push(pod)
    for (const address of pod.addresses) this.podByAddress.set(address, pod)
    for (const { protocol, hostPort } of pod.ports) {
      if (hostPort !== 0 && pod.addresses.length > 0)
        listIn(this.hostPorts, `${pod.node} ${protocol} ${hostPort}`).push(pod)
    }
  }

  addPolicy(policy: NetworkPolicy): void {
    this.policies.push(policy)
    listIn(this.policiesByNamespace, policy.namespace).push(policy)
  }

  addNamespace(name: string, labels: Labels): void {
    this.namespaceLabels.set(name, labels)
  }

  addService(service: Service): void {
    this.services.push(service)
    for (const address of [...service.clusterAddresses, ...service.externalAddresses]) {
      listIn(this.servicesByAddress, address).push(service)
    }
    for (const { protocol, nodePort } of service.ports) {
      if (nodePort !== 0) this.servicesByNodePort.set(`${protocol} ${nodePort}`, service)
    }
  }

  addEndpoint(endpoint: Endpoint): void {
    this.endpoints.push(endpoint)
    listIn(this.endpointsByPlace, placeOf(endpoint.protocol, endpoint.address, endpoint.port)).push(endpoint)
    listIn(this.endpointsByService, nameOf(endpoint.service)).push(endpoint)
  }

  addNode(node: Node): void {
    this.nodes.push(node)
    for (const address of node.addresses) this.nodeByAddress.set(address, node)
  }

  pod(address: string): Pod | null {
    return this.podByAddress.get(address) ?? null
  }

  policiesOf(namespace: string): readonly NetworkPolicy[] {
    return this.policiesByNamespace.get(namespace) ?? []
  }

  /** null where the namespace is not among the objects. */
  labelsOfNamespace(name: string): Labels | null {
    return this.namespaceLabels.get(name) ?? null
  }

  /** Services that have an address of their own. */
  servicesAt(address: string): readonly Service[] {
    return this.servicesByAddress.get(address) ?? []
  }

  /** The pod that has a port of a node for itself (hostPort), or null. */
  podAtHostPort(protocolNumber: number, address: string, port: number): Pod | null {
    const node = this.node(address)
    const pods = node === null ? [] : this.hostPorts.get(`${node.name} ${PROTOCOLS[protocolNumber]} ${port}`)
    return pods?.[0] ?? null
  }

  node(address: string): Node | null {
    return this.nodeByAddress.get(address) ?? null
  }

  /** The node among whose pods' addresses one is, or null. */
  nodeOfPods(family: Family, words: Int32Array): Node | null {
    const holds = ({ podNetworks }: Node): boolean =>
      podNetworks.some(network => network.family === family && contains(network, words))
    return this.nodes.find(holds) ?? null
  }

  /** The node that an address is on: its own address, or one of its pods', those included that the objects lack; or null. */
  nodeOf(family: Family, words: Int32Array): Node | null {
    const address = formatAddress(family, words)
    const own = this.nodeByAddress.get(address)
    if (own !== undefined) return own
    const pod = this.podByAddress.get(address)
    if (pod === undefined) return this.nodeOfPods(family, words)
    return this.nodes.find(({ name }) => name === pod.node) ?? null
  }

  /** The Service that has an address and port: its own, or a node's and a node port; with the port. */
  servicePort(
    protocolNumber: number,
    address: string,
    port: number,
  ): { service: Service; port: ServicePort } | null {
    const protocol = PROTOCOLS[protocolNumber]
    for (const service of this.servicesByAddress.get(address) ?? []) {
      const found = service.ports.find(each => each.protocol === protocol && each.port === port)
      if (found !== undefined) return { service, port: found }
    }
    if (!this.nodeByAddress.has(address)) return null
    const service = this.servicesByNodePort.get(`${protocol} ${port}`)
    const found = service?.ports.find(each => each.protocol === protocol && each.nodePort === port)
    return service === undefined || found === undefined ? null : { service, port: found }
  }

  /** The endpoints of Services that have an address and port. */
  endpointsAt(protocolNumber: number, address: string, port: number): readonly Endpoint[] {
    return this.endpointsByPlace.get(placeOf(PROTOCOLS[protocolNumber] ?? '', address, port)) ?? []
  }

  /** The endpoints of a Service. */
  endpointsOf(service: ObjectName): readonly Endpoint[] {
    return this.endpointsByService.get(nameOf(service)) ?? []
  }

  /**
   * What an address and port is called: `pod shop/web-bz9w6`, `service shop/web:http`, `node worker-1`; '' for what is no
   * object's. @param port -1 where only the address is meant
   */
  nameAt(protocolNumber: number, address: string, port: number): string {
    const found = port < 0 ? null : this.servicePort(protocolNumber, address, port)
    if (found !== null) return `service ${portText(found.service, found.port)}`
    const behind = port < 0 ? null : this.podAtHostPort(protocolNumber, address, port)
    if (behind !== null) return `host port of pod ${nameOf(behind)}`
    const pod = this.pod(address)
    if (pod !== null) return `pod ${nameOf(pod)}`
    const node = this.node(address)
    if (node !== null) return `node ${node.name}`
    const [service] = this.servicesByAddress.get(address) ?? []
    if (service !== undefined) return `service ${nameOf(service)}`
    // API servers run in the network of their node, which has an endpoint and no pod of its own
    const [endpoint] = port < 0 ? [] : this.endpointsAt(protocolNumber, address, port)
    return endpoint === undefined ? '' : `endpoint of ${nameOf(endpoint.service)}`
  }
}

/** `shop/web` */
export function nameOf({ namespace, name }: ObjectName): string {
  return `${namespace}/${name}`
}

/** `shop/web:http`, as kube-proxy names a port in the comments of its rules. */
export function portText(service: Service, { name }: ServicePort): string {
  return name === '' ? nameOf(service) : `${nameOf(service)}:${name}`
}

function placeOf(protocol: string, address: string, port: number): string {
  return `${protocol} ${address} ${port}`
}

function listIn<K, V>(lists: Map<K, V[]>, key: K): V[] {
  const known = lists.get(key)
  if (known !== undefined) return known
  const list: V[] = []
  lists.set(key, list)
  return list
}
