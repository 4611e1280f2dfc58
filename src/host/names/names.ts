// What an address is called: by Kubernetes objects, by a file of names, by the captures themselves; the first that knows.
import type { Cluster } from '../kubernetes/cluster.ts'

/** Names by addresses, which stand as formatAddress() has them. */
export type AddressNames = ReadonlyMap<string, string>

export class Names {
  private readonly cluster: Cluster | null
  private readonly listed: readonly AddressNames[]

  /** @param listed names by address, those that win first */
  constructor(cluster: Cluster | null, listed: readonly AddressNames[]) {
    this.cluster = cluster
    this.listed = listed.filter(({ size }) => size > 0)
  }

  /** Whether nothing has a name. */
  get isEmpty(): boolean {
    return this.cluster === null && this.listed.length === 0
  }

  /** The name of an address and port; `''` where nobody knows one. @param port -1 where only the address is meant */
  nameAt(protocolNumber: number, address: string, port: number): string {
    const object = this.cluster?.nameAt(protocolNumber, address, port) ?? ''
    if (object !== '') return object
    for (const names of this.listed) {
      const name = names.get(address)
      if (name !== undefined) return name
    }
    return ''
  }
}
