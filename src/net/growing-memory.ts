// Memory that grows where it stands and copies nothing: WebAssembly's, or arrays where no address space can be had for that.
import { alignedInt32, doublesOf } from './cache-line.ts'

const PAGE = 1 << 16
/** What a WebAssembly.Memory may grow to, 4 GiB. */
const MOST_PAGES = 1 << 16

interface PagedMemory {
  readonly buffer: SharedArrayBuffer
  /** @throws RangeError when there is no more */
  grow(pages: number): number
}

declare const WebAssembly: {
  Memory: new (limits: { initial: number; maximum: number; shared: boolean }) => PagedMemory
}

/**
 * Words that are zero until somebody writes them; what nobody touches takes no memory. It is shared memory, though no
 * other thread sees it: growing other memory detaches its buffer, and once any buffer was detached V8 looks at each
 * access to any array whether its own was. That took 1.06 times the CPU time of short connections.
 */
export class GrowingMemory {
  /** The memory as words and as doubles; replaced by grow(). */
  words: Int32Array
  doubles: Float64Array
  private paged: PagedMemory | null

  constructor(length: number) {
    this.paged = reserve(length)
    this.words = this.paged === null ? alignedInt32(length) : new Int32Array(this.paged.buffer)
    this.doubles = doublesOf(this.words)
  }

  /** Makes room for at least `length` words. */
  grow(length: number): void {
    const { paged, words } = this
    if (length <= words.length) return
    if (paged !== null && extend(paged, pagesOf(length) - pagesOf(words.length))) {
      this.words = new Int32Array(paged.buffer)
    } else {
      const larger = alignedInt32(length)
      larger.set(words)
      this.words = larger
      this.paged = null
    }
    this.doubles = doublesOf(this.words)
  }
}

function pagesOf(length: number): number {
  return Math.ceil((length * Int32Array.BYTES_PER_ELEMENT) / PAGE)
}

/** Each takes gigabytes of addresses, though no memory: a limit on those (`ulimit -v`) refuses it. */
function reserve(length: number): PagedMemory | null {
  const initial = pagesOf(length)
  if (initial > MOST_PAGES) return null
  try {
    return new WebAssembly.Memory({ initial, maximum: MOST_PAGES, shared: true })
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

function extend(memory: PagedMemory, pages: number): boolean {
  try {
    memory.grow(pages)
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}
