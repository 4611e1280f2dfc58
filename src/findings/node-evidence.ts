// What Kubernetes objects say of whose translation an answer went past: the node that the client asked, or the client's own.
import { formatAddress, parseAddress } from '../host/files/network.ts'
import type { Endpoint, Knowledge } from '../host/knowledge.ts'
import { translatingNode } from '../host/kubernetes/objections.ts'

/** The node that translates, and whether the captures are of it; null: they may be. */
export interface TranslatingNode {
  name: string
  /** The node's, of the client's family. */
  address: Endpoint
  isHere: boolean | null
}

/** Who translates what a client sends to a Service, by addresses of nodes and of their pods; null where objects do not tell. */
export function nodeThatTranslates(
  { cluster, host }: Knowledge,
  protocol: number,
  client: Endpoint,
  service: Endpoint,
): TranslatingNode | null {
  if (cluster === null) return null
  const node = translatingNode(cluster, protocol, client, service)
  if (node === null) return null
  const addresses = node.addresses.flatMap(each => parseAddress(each) ?? [])
  const asked = addresses.find(each => addressOf(each) === addressOf(service))
  const address = asked ?? addresses.find(({ family }) => family === client.family)
  if (address === undefined) return null
  const isHere =
    host?.knowsAddresses === true ? addresses.some(({ family, words }) => host.isLocal(family, words)) : null
  return { name: node.name, address: { ...address, port: -1 }, isHere }
}

function addressOf({ family, words }: Pick<Endpoint, 'family' | 'words'>): string {
  return formatAddress(family, words)
}
