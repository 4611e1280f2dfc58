// What `kubectl get pods,services,endpointslices,nodes,networkpolicies,namespaces -A -o json` prints, into a Cluster.
import { FileFault } from '../files/file-fault.ts'
import { asList, asObject, asText, type JsonObject, readJsonDocuments } from '../files/json-documents.ts'
import { formatAddress, type Network, parseAddress, parseNetwork } from '../files/network.ts'
import type { Cluster } from './cluster.ts'
import type { Pod, ServicePort } from './objects.ts'
import { labelsOf, readPolicy } from './policies-file.ts'

const SERVICE_OF_SLICE = 'kubernetes.io/service-name'
const EXPECTED =
  'expected what `kubectl get pods,services,endpointslices,nodes,networkpolicies,namespaces -A -o json` prints'
/** What the API server takes where nothing is said. */
const DEFAULT_PROTOCOL = 'TCP'
/** Seconds. */
const DEFAULT_AFFINITY = 10_800

/**
 * Adds the objects of a text to a cluster: of one list, of several, or single ones. Kinds that say nothing here are passed
 * over. @throws FileFault for a text without any object
 */
export function readObjects(text: string, cluster: Cluster): void {
  let found = 0
  let line = 1
  for (const document of readJsonDocuments(text)) {
    line = document.line
    const object = asObject(document.value)
    if (object === null) continue
    if (asText(object.kind) === '' || asText(object.apiVersion) === '') continue
    // kubectl's List, and the server's PodList, ServiceList …
    const items = 'items' in object ? asList(object.items) : [object]
    const kind = asText(object.kind).replace(/List$/, '')
    for (const item of items) {
      const each = asObject(item)
      if (each !== null && readObject(each, asText(each.kind) || kind, cluster)) found++
    }
    if (items.length === 0) found++
  }
  if (found === 0) throw new FileFault(line, EXPECTED)
}

/** Whether the object is of a kind that is known. */
function readObject(object: JsonObject, kind: string, cluster: Cluster): boolean {
  const metadata = asObject(object.metadata) ?? {}
  const name = asText(metadata.name)
  const namespace = asText(metadata.namespace)
  const spec = asObject(object.spec) ?? {}
  const status = asObject(object.status) ?? {}
  switch (kind) {
    case 'Pod':
      cluster.addPod({
        namespace,
        name,
        addresses: spec.hostNetwork === true || isOver(status) ? [] : podAddresses(status),
        node: asText(spec.nodeName),
        isReady: hasCondition(status, 'Ready'),
        labels: labelsOf(metadata.labels),
        ports: asList(spec.containers).flatMap(each => containerPorts(asObject(each))),
      })
      return true
    case 'Service':
      readService(namespace, name, spec, status, cluster)
      return true
    case 'EndpointSlice':
      readSlice(namespace, object, metadata, cluster)
      return true
    case 'Node':
      cluster.addNode({
        name,
        addresses: addresses(
          asList(status.addresses)
            .map(asObject)
            .map(each => each?.address),
        ),
        podNetworks: networks([...asList(spec.podCIDRs), spec.podCIDR]),
        kernel: kernelOf(asObject(status.nodeInfo) ?? {}),
      })
      return true
    case 'Namespace':
      cluster.addNamespace(name, labelsOf(metadata.labels))
      return true
    case 'NetworkPolicy':
      cluster.addPolicy({ namespace, name, ...readPolicy(spec) })
      return true
    default:
      return kind !== ''
  }
}

/** A pod that has ended keeps its address in its status, and another may have it by now. */
function isOver(status: JsonObject): boolean {
  return status.phase === 'Succeeded' || status.phase === 'Failed'
}

function podAddresses(status: JsonObject): string[] {
  const several = asList(status.podIPs).map(each => asObject(each)?.ip)
  return addresses(several.length > 0 ? several : [status.podIP])
}

/** Windows has releases of its own. */
function kernelOf({ kernelVersion, operatingSystem }: JsonObject): string {
  const system = asText(operatingSystem)
  return system === '' || system === 'linux' ? asText(kernelVersion) : ''
}

function readService(
  namespace: string,
  name: string,
  spec: JsonObject,
  status: JsonObject,
  cluster: Cluster,
): void {
  const balancer = asList(asObject(status.loadBalancer)?.ingress)
  const own = asList(spec.clusterIPs)
  const affinity = asObject(asObject(spec.sessionAffinityConfig)?.clientIP)
  const ranges = asList(spec.loadBalancerSourceRanges).map(asText)
  cluster.addService({
    namespace,
    name,
    type: asText(spec.type) || 'ClusterIP',
    clusterAddresses: addresses(own.length > 0 ? own : [spec.clusterIP]),
    externalAddresses: addresses([
      ...asList(spec.externalIPs),
      ...balancer.map(each => asObject(each)?.ip),
      spec.loadBalancerIP,
    ]),
    ports: asList(spec.ports).flatMap(each => servicePort(asObject(each))),
    externalTrafficPolicy: asText(spec.externalTrafficPolicy) || 'Cluster',
    internalTrafficPolicy: asText(spec.internalTrafficPolicy) || 'Cluster',
    sessionAffinity: asText(spec.sessionAffinity) || 'None',
    affinitySeconds:
      typeof affinity?.timeoutSeconds === 'number' ? affinity.timeoutSeconds : DEFAULT_AFFINITY,
    sourceRanges: ranges.filter(range => range !== ''),
    sourceNetworks: networks(ranges.map(range => range.trim())),
  })
}

function servicePort(port: JsonObject | null): ServicePort[] {
  if (port === null || !isPort(port.port)) return []
  return [
    {
      name: asText(port.name),
      protocol: asText(port.protocol) || DEFAULT_PROTOCOL,
      port: port.port,
      nodePort: isPort(port.nodePort) ? port.nodePort : 0,
    },
  ]
}

function containerPorts(container: JsonObject | null): Pod['ports'] {
  return asList(container?.ports).flatMap(item => {
    const port = asObject(item)
    if (port === null || !isPort(port.containerPort)) return []
    const hostPort = isPort(port.hostPort) ? port.hostPort : 0
    const protocol = asText(port.protocol) || DEFAULT_PROTOCOL
    return [{ name: asText(port.name), protocol, port: port.containerPort, hostPort }]
  })
}

function readSlice(namespace: string, slice: JsonObject, metadata: JsonObject, cluster: Cluster): void {
  const service = asText(asObject(metadata.labels)?.[SERVICE_OF_SLICE])
  if (service === '') return
  for (const item of asList(slice.endpoints)) {
    const endpoint = asObject(item)
    if (endpoint === null) continue
    const conditions = asObject(endpoint.conditions) ?? {}
    for (const each of asList(slice.ports)) {
      const port = asObject(each)
      if (port === null || !isPort(port.port)) continue
      for (const address of addresses(asList(endpoint.addresses))) {
        cluster.addEndpoint({
          service: { namespace, name: service },
          portName: asText(port.name),
          protocol: asText(port.protocol) || DEFAULT_PROTOCOL,
          address,
          port: port.port,
          // what is not said is true of the first two, and false of the last
          isReady: conditions.ready !== false,
          isServing: conditions.serving !== false,
          isTerminating: conditions.terminating === true,
          node: asText(endpoint.nodeName),
        })
      }
    }
  }
}

function hasCondition(status: JsonObject, type: string): boolean {
  return asList(status.conditions).some(item => {
    const condition = asObject(item)
    return condition?.type === type && condition.status === 'True'
  })
}

/** Those that are addresses, each once, in one form; a headless Service has `None`, a node its name. */
function addresses(values: readonly unknown[]): string[] {
  const known = new Set<string>()
  for (const value of values) {
    const address = parseAddress(asText(value))
    if (address !== null) known.add(formatAddress(address.family, address.words))
  }
  return [...known]
}

function networks(values: readonly unknown[]): Network[] {
  const texts = new Set(values.map(asText))
  return [...texts].map(parseNetwork).filter(network => network !== null)
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < 65536
}
