// In which network namespace a capture was taken, by the topology: its interfaces, and the stations at the ends of its frames.
import type { Host, HostInterface, Topology } from './topology.ts'

/** An interface that a capture shows. */
export interface CapturedPlace {
  /** As the capture names it; else what its file is called, which may be no name of an interface. */
  name: string
  isNameTold: boolean
  /** The index that a cooked capture has of it; 0 where it has none. */
  index: number
  /** Hardware addresses that it sent with, where the capture tells which way frames went. */
  senders: ReadonlySet<string>
  /** Hardware addresses that each of its frames between two stations has at one end; of some frames at least. */
  ends: ReadonlySet<string>
}

/** What namespaces are called of which nothing but their other end is known, too. */
export interface Namespace {
  name: string
  /** What the topology tells of it; null where only a veth leads there. */
  host: Host | null
}

/** A capture, and the names of the namespaces that it may be of. */
export interface OfNamespaces {
  path: string
  namespaces: readonly string[]
}

/** Whether a topology tells of more than one namespace. */
export function hasNamespaces({ hosts }: Topology): boolean {
  return hosts.length > 1 || hosts.some(host => peersOf(host).length > 0)
}

/** Namespaces that all interfaces of a capture may be in; one is what it is in. */
export function namespacesOf(topology: Topology, places: readonly CapturedPlace[]): Namespace[] {
  // asked once for each place: of very many namespaces each would ask all others
  const telling = places
    .filter(({ name, index }) => name !== 'lo' && index !== 1)
    .map(place => ({ place, isNamed: isNamedAsInterface(topology, place) }))
  if (telling.length === 0) return []
  const all = allOf(topology)
  const told = all.filter(
    ({ host }) => host !== null && telling.every(({ place, isNamed }) => isOf(host, place, isNamed)),
  )
  // what an interface sends by itself has its address; of a port of a bridge anybody's may be
  const own = told.filter(({ host }) => host !== null && telling.every(({ place }) => isSender(host, place)))
  if (own.length > 0) return own
  // an interface that is known by its name, with its stations, is no unknown one of that name
  if (told.length > 0 && telling.every(({ place, isNamed }) => place.index !== 0 || isNamed)) return told
  const beyond = all.filter(
    ({ name, host }) =>
      host === null &&
      telling.every(({ place, isNamed }) => topology.hosts.some(from => isPeer(from, name, place, isNamed))),
  )
  return [...told, ...beyond]
}

/** Whether the name is that of an interface: it is told so, known, or what an interface of a pod is called. */
function isNamedAsInterface({ hosts }: Topology, { name, isNameTold }: CapturedPlace): boolean {
  return isNameTold || /^eth\d+$/.test(name) || hosts.some(host => host.interfaces.has(name))
}

/** All that the topology names: those that it tells of, and those that a veth of theirs leads to. */
function allOf({ hosts }: Topology): Namespace[] {
  const known = new Map<string, Namespace>(hosts.map(host => [host.name, { name: host.name, host }]))
  for (const { peerNamespace: name } of hosts.flatMap(peersOf)) {
    if (!known.has(name)) known.set(name, { name, host: null })
  }
  return [...known.values()]
}

function peersOf(host: Host): HostInterface[] {
  return [...host.interfaces.values()].filter(({ peerNamespace }) => peerNamespace !== '')
}

/** Whether an interface of that name or index is there, and frames have its hardware address. */
function isOf(host: Host, place: CapturedPlace, isNamed: boolean): boolean {
  const { name, index } = place
  if (index === 0 && !isNamed)
    return [...host.interfaces.values()].some(device => hasShown(host, device, place))
  const device = index !== 0 ? host.byIndex(index) : (host.interfaces.get(name) ?? null)
  return device !== null && hasShown(host, device, place)
}

/** Whether a cooked capture has frames that the interface of its index sent, all of them. */
function isSender(host: Host, { index, senders }: CapturedPlace): boolean {
  const mac = host.byIndex(index)?.mac ?? ''
  return index !== 0 && mac !== '' && senders.size === 1 && senders.has(mac)
}

/** Whether an interface may have shown those frames: what a bridge or its port shows is for stations behind it. */
function hasShown(
  host: Host,
  { name, mac, master }: HostInterface,
  { senders, ends }: CapturedPlace,
): boolean {
  if (master !== '' || host.isBridge(name) || mac === '') return true
  const shown = senders.size > 0 ? senders : ends
  return shown.size === 0 || shown.has(mac)
}

/** Whether frames are those of a station behind a veth that leads to the namespace, and the veth is not what shows them. */
function isPeer(host: Host, namespace: string, place: CapturedPlace, isNamed: boolean): boolean {
  const { name, index, senders, ends } = place
  return [...(senders.size > 0 ? senders : ends)].some(mac => {
    const device = host.deviceToStation(mac)
    if (device === null || device.peerNamespace !== namespace) return false
    return index !== 0 ? device.peerIndex === index : !isNamed || device.name !== name
  })
}
