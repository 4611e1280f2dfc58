// `ip -j addr`, `ip -j link`, `ip -j route`, `ip -j neigh`, `bridge -j link`, `bridge -j fdb`: told apart by their fields.
import { FileFault } from '../files/file-fault.ts'
import { interfaceNameFault, isInterfaceName } from '../files/interface-name.ts'
import { asList, asObject, asText, type JsonDocument, type JsonObject } from '../files/json-documents.ts'
import { networkOf, parseAddress } from '../files/network.ts'
import type { Host } from './topology.ts'
import { addRoute, areOfVrf, peerNamespace } from './topology-text.ts'

/**
 * Reads one document of a host.
 * @returns how many of its items were understood
 * @throws FileFault for a name that no interface has
 */
export function readTopologyJson({ line, value }: JsonDocument, host: Host): number {
  let understood = 0
  for (const item of asList(value)) {
    const object = asObject(item)
    if (object === null) continue
    checkNames(object, line)
    if (readItem(object, host)) understood++
  }
  return understood
}

/** Every name of an interface that an item may have. */
function checkNames(item: JsonObject, line: number): void {
  const [hop] = asList(item.nexthops).map(asObject)
  for (const name of [item.ifname, item.master, item.dev, hop?.dev]) {
    if (typeof name === 'string' && name !== '' && !isInterfaceName(name)) {
      throw new FileFault(line, `${interfaceNameFault(name)}; in the listing that begins here`)
    }
  }
}

function readItem(item: JsonObject, host: Host): boolean {
  if (typeof item.mac === 'string') return readForwarding(item, host)
  if (typeof item.ifname === 'string') return readInterface(item, host)
  if (typeof item.lladdr === 'string') return readNeighbour(item, host)
  if (typeof item.dst === 'string') return readRoute(item, host)
  return false
}

function readForwarding(item: JsonObject, host: Host): boolean {
  const port = asText(item.ifname)
  const flags = asList(item.flags)
  const master = asText(item.master)
  if (!flags.includes('self') && item.state !== 'permanent') host.forwarding.set(asText(item.mac), port)
  if (master !== '' && master !== port) host.open(port).master = master
  return true
}

function readInterface(item: JsonObject, host: Host): boolean {
  const device = host.open(asText(item.ifname))
  if (typeof item.ifindex === 'number') device.index = item.ifindex
  if (typeof item.address === 'string') device.mac = item.address
  if (typeof item.master === 'string') device.master = item.master
  if (typeof item.link_index === 'number') device.peerIndex = item.link_index
  if (typeof item.link_netnsid === 'number' && item.link_netnsid >= 0)
    device.peerNamespace = peerNamespace(String(item.link_netnsid))
  const kind = asObject(item.linkinfo)
  if (kind?.info_kind === 'vrf') device.vrfTable = String(asObject(kind.info_data)?.table ?? '')
  else if (areOfVrf(asList(item.flags))) device.vrfTable ??= ''
  // `ip -d link` has it among what the bridge knows of its port
  const slave = asObject(asObject(item.linkinfo)?.info_slave_data)
  const hairpin = item.hairpin ?? slave?.hairpin
  if (typeof hairpin === 'boolean') device.hairpin = hairpin
  for (const entry of asList(item.addr_info)) {
    const info = asObject(entry)
    const address = parseAddress(asText(info?.local))
    if (address === null || typeof info?.prefixlen !== 'number') continue
    const peer = parseAddress(asText(info.address)) ?? address
    host.addAddress(device, address, networkOf(peer, info.prefixlen))
  }
  return true
}

function readNeighbour(item: JsonObject, host: Host): boolean {
  const address = parseAddress(asText(item.dst))
  if (address === null) return false
  host.addNeighbour(address, asText(item.lladdr), asText(item.dev))
  return true
}

function readRoute(item: JsonObject, host: Host): boolean {
  const destination = asText(item.dst)
  const isOnLink = item.gateway === undefined && item.via === undefined
  const family = asText(item.gateway).includes(':') || item.pref !== undefined ? 6 : 4
  const [hop] = asList(item.nexthops).map(asObject)
  const device = asText(item.dev) || asText(hop?.dev)
  // what leads nowhere still ends the search for a way
  if (device === '' && item.type === undefined) return false
  return addRoute(host, destination, device, isOnLink && hop === undefined, family, asText(item.table))
}
