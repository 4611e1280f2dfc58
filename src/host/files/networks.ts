// Networks that do not overlap, looked up by an address they hold: a set of nft may have a hundred thousand.
import { compareAddresses, contains, type Family, type Network } from './network.ts'

export interface NetworkItem<T> {
  network: Network
  item: T
}

export class NetworkIndex<T> {
  private readonly byFamily: ReadonlyMap<Family, readonly NetworkItem<T>[]>

  private constructor(byFamily: ReadonlyMap<Family, readonly NetworkItem<T>[]>) {
    this.byFamily = byFamily
  }

  /** The index of these networks; null where two of them overlap, so that their order decides. */
  static of<T>(items: readonly NetworkItem<T>[]): NetworkIndex<T> | null {
    const byFamily = new Map<Family, NetworkItem<T>[]>()
    for (const family of [4, 6] as const) {
      const own = items.filter(({ network }) => network.family === family)
      own.sort((a, b) => compareAddresses(a.network.first, b.network.first))
      let before: NetworkItem<T> | null = null
      for (const item of own) {
        if (before !== null && compareAddresses(item.network.first, before.network.last) <= 0) return null
        before = item
      }
      byFamily.set(family, own)
    }
    return new NetworkIndex(byFamily)
  }

  /** What belongs to the network that holds an address, or null. */
  find(family: Family, address: Int32Array): T | null {
    const items = this.byFamily.get(family) ?? []
    let low = 0
    let high = items.length
    // the last network that begins at the address or before
    while (low < high) {
      const middle = (low + high) >> 1
      const item = items[middle]
      if (item !== undefined && compareAddresses(item.network.first, address) <= 0) low = middle + 1
      else high = middle
    }
    const found = items[low - 1]
    return found !== undefined && contains(found.network, address) ? found.item : null
  }
}
