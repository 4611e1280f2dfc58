// The largest N of many: a bounded heap that knows at once whether a newcomer gets in.

interface Ranked<T> {
  key: number
  order: number
  item: T
}

/** Keeps the `capacity` items with the largest keys; of equal keys the lowest `order` comes first. */
export class TopList<T> {
  private readonly capacity: number
  /** A binary heap whose root is the item that goes first. */
  private readonly heap: Ranked<T>[] = []

  constructor(capacity: number) {
    this.capacity = capacity
  }

  /** Whether an item of this key would be kept: ask before building it. */
  admits(key: number, order: number): boolean {
    if (this.heap.length < this.capacity) return true
    const last = this.heap[0]
    return last !== undefined && (key > last.key || (key === last.key && order < last.order))
  }

  /** Adds an item that `admits` let in. */
  add(key: number, order: number, item: T): void {
    const heap = this.heap
    const ranked = { key, order, item }
    if (heap.length === this.capacity) {
      heap[0] = ranked
      this.sink()
      return
    }
    let at = heap.length
    heap.push(ranked)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (compare(heap[at], heap[parent]) <= 0) break
      swap(heap, at, parent)
      at = parent
    }
  }

  /** The items, largest first. */
  sorted(): T[] {
    return [...this.heap].sort(compare).map(ranked => ranked.item)
  }

  private sink(): void {
    const heap = this.heap
    let at = 0
    for (let child = 1; child < heap.length; child = at * 2 + 1) {
      if (child + 1 < heap.length && compare(heap[child + 1], heap[child]) > 0) child++
      if (compare(heap[child], heap[at]) <= 0) return
      swap(heap, at, child)
      at = child
    }
  }
}

/** Negative where `a` ranks before `b`. */
function compare<T>(a: Ranked<T>, b: Ranked<T>): number {
  return b.key - a.key || a.order - b.order
}

function swap<T>(heap: Ranked<T>[], a: number, b: number): void {
  const item = heap[a]
  heap[a] = heap[b]
  heap[b] = item
}
