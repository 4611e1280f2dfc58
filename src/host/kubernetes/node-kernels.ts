// Which kernel the captured node runs, as the cluster's nodes tell (status.nodeInfo.kernelVersion).
import type { Cluster } from './cluster.ts'

/**
 * Releases that the captured node may run, each once: one where the node is told, or where all run the same; none where
 * no node tells its own.
 * @param name what the host is called, or `''`
 * @param addresses its own, in the form of formatAddress(); none where they were not given
 */
export function nodeKernels({ nodes }: Cluster, name: string, addresses: readonly string[]): string[] {
  const own =
    nodes.find(node => node.name === name) ??
    nodes.find(node => node.addresses.some(address => addresses.includes(address)))
  const releases = (own === undefined ? nodes : [own]).map(({ kernel }) => kernel)
  return [...new Set(releases)].filter(release => release !== '')
}
