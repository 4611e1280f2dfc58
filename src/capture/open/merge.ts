// Several captures as one source: a merge by time with one pending frame each, opened no earlier than their time comes.

import { CaptureRecord } from '../capture-record.ts'
import { CaptureError } from '../error.ts'
import type { Reader } from '../formats/reader.ts'
import type { CaptureFile, CaptureInterface, Frame, FrameSource } from '../frame.ts'
import { closeOnAbort, type OpenOptions, openReader } from './open-reader.ts'

/** Bytes of buffers all captures may have together; each has two of its share, within the bounds below. */
const BUFFERS = 1 << 26
const MIN_CHUNK = 1 << 16
const MAX_CHUNK = 1 << 20

/** One of the captures. */
interface Strand {
  readonly index: number
  file: CaptureRecord
  /** Nanoseconds to add to its stamps. */
  readonly correction: bigint
  /** Corrected stamp of its first frame, nanoseconds since 1970; null where there is no frame, or it has no stamp. */
  firstTime: bigint | null
  /** Open from the start for what cannot be opened twice, else from when the replay comes to its first frame. */
  reader: Reader | null
  /** Its frame that comes next, and that frame's time in the replay. */
  pending: Frame | null
  time: number
  /** Nanoseconds from the replay's first frame to this capture's; 0 until that is known. */
  shift: number
  aligned: boolean
}

/**
 * Within a capture the order stays as captured; between captures the earlier frame goes first, and of equals that of
 * the capture named first. Of a rotated set, however long, one or two files are open at a time.
 */
export class MergedSource implements FrameSource {
  readonly interfaces: CaptureInterface[]
  private readonly chunk: number
  readonly captures: readonly CaptureFile[]
  /** Stamp of time 0, the earliest of the first frames. */
  private start: bigint | null = null
  /** Captures that have not begun, by first time; and when the first of them is due. */
  private readonly waiting: Strand[]
  private due = 0
  /** Captures with a pending frame, as a binary heap: the earliest at 0. */
  private readonly heap: Strand[] = []
  /** Whether the frame of the heap's first capture is with the caller. */
  private handedOut = false
  private closed = false

  private constructor(strands: readonly Strand[], interfaces: CaptureInterface[], chunk: number) {
    this.interfaces = interfaces
    this.chunk = chunk
    this.captures = strands.map(strand => strand.file)
    this.waiting = [...strands].sort(byFirstTime)
    this.start = this.waiting.find(strand => strand.firstTime !== null)?.firstTime ?? null
    this.setDue()
  }

  /**
   * Looks at the first frame of every capture (of a pipe: waits for it) and gets ready to merge them.
   * @throws CaptureError where a path is no capture that can be read
   */
  static async open(paths: readonly string[], options: OpenOptions): Promise<MergedSource> {
    const interfaces: CaptureInterface[] = []
    const chunk = Math.max(MIN_CHUNK, Math.min(MAX_CHUNK, BUFFERS / paths.length))
    const strands: Strand[] = []
    try {
      for (const path of paths) strands.push(await probe(path, strands.length, interfaces, options))
    } catch (error) {
      for (const { reader } of strands) await reader?.close()
      throw error
    }
    return new MergedSource(strands, interfaces, chunk)
  }

  get epoch(): bigint {
    return this.start ?? 0n
  }

  next(): Frame | null {
    const { heap } = this
    if (this.handedOut) {
      if (!this.advance(heap[0])) return null
      this.handedOut = false
      sink(heap)
    }
    if (heap.length === 0 || heap[0].time >= this.due) return null
    const { pending, time } = heap[0]
    if (pending !== null) pending.time = time
    this.handedOut = true
    return pending
  }

  async fill(): Promise<boolean> {
    if (this.handedOut) {
      const { reader } = this.heap[0]
      if (reader === null || !(await reader.fill())) await this.removeFirst()
    } else {
      const strand = this.closed ? undefined : this.waiting.shift()
      if (strand === undefined) return false
      this.setDue()
      await this.begin(strand)
    }
    return !this.closed
  }

  async close(): Promise<void> {
    this.closed = true
    for (const { reader } of [...this.heap, ...this.waiting]) await reader?.close()
    this.waiting.length = 0
    this.setDue()
  }

  private setDue(): void {
    if (this.waiting.length === 0) this.due = Number.POSITIVE_INFINITY
    else this.due = this.sinceStart(this.waiting[0].firstTime)
  }

  private sinceStart(time: bigint | null): number {
    return time === null || this.start === null ? Number.NEGATIVE_INFINITY : Number(time - this.start)
  }

  /** Opens a capture and files it by its first frame. */
  private async begin(strand: Strand): Promise<void> {
    const { file, index } = strand
    const { interfaces, chunk } = this
    try {
      strand.reader ??= (await openReader({ file, index, interfaces, chunk })).reader
    } catch (error) {
      // it was a capture a while ago: whoever removed it, the others go on
      if (!(error instanceof CaptureError)) throw error
      file.addDamage(error.offset ?? 0, `could not be opened a second time: ${error.expected}`, true)
      return
    }
    const { reader } = strand
    strand.pending ??= await firstFrame(reader)
    if (this.closed || strand.pending === null) return reader.close()
    strand.time = this.replayTime(strand, strand.pending)
    this.heap.push(strand)
    rise(this.heap)
  }

  /** Takes the capture's next frame out of its memory; false where there is none. */
  private advance(strand: Strand): boolean {
    const frame = strand.reader === null ? null : strand.reader.next()
    if (frame === null) return false
    strand.pending = frame
    strand.time = this.replayTime(strand, frame)
    return true
  }

  private replayTime(strand: Strand, frame: Frame): number {
    if (!strand.aligned) this.align(strand)
    return frame.time + strand.shift
  }

  private align(strand: Strand): void {
    if (strand.file.epoch === null) return
    const epoch = strand.file.epoch + strand.correction
    this.start ??= epoch
    strand.shift = Number(epoch - this.start)
    strand.aligned = true
  }

  private async removeFirst(): Promise<void> {
    const { heap } = this
    this.handedOut = false
    const [{ reader }] = heap
    const last = heap.pop()
    if (last !== undefined && heap.length > 0) {
      heap[0] = last
      sink(heap)
    }
    await reader?.close()
  }
}

/** Reads on to the capture's first frame. What can be opened again is closed until its time comes. */
async function probe(
  path: string,
  index: number,
  interfaces: CaptureInterface[],
  options: OpenOptions,
): Promise<Strand> {
  const file = new CaptureRecord(path)
  const known = interfaces.length
  const { reader, reopens } = await openReader({ file, index, interfaces, chunk: MIN_CHUNK, ...options })
  const pending = await firstFrame(reader, options.signal)
  file.correction = options.corrections?.[index] ?? 0
  const correction = BigInt(file.correction)
  const firstTime = file.epoch === null ? null : file.epoch + correction
  const strand = { index, file, correction, firstTime, reader, pending, time: 0, shift: 0, aligned: false }
  if (!reopens) return strand
  await reader.close()
  // the second opening meets the same interfaces, and counts from the start
  interfaces.length = known
  return { ...strand, file: file.unread(), reader: null, pending: null }
}

async function firstFrame(reader: Reader, signal?: AbortSignal): Promise<Frame | null> {
  const release = closeOnAbort(reader, signal)
  try {
    let frame = reader.next()
    while (frame === null && (await reader.fill())) frame = reader.next()
    signal?.throwIfAborted()
    return frame
  } finally {
    release()
  }
}

function byFirstTime(a: Strand, b: Strand): number {
  if (a.firstTime === b.firstTime) return a.index - b.index
  if (a.firstTime === null || b.firstTime === null) return a.firstTime === null ? -1 : 1
  return a.firstTime < b.firstTime ? -1 : 1
}

function isEarlier(a: Strand, b: Strand): boolean {
  return a.time < b.time || (a.time === b.time && a.index < b.index)
}

/** Moves the last of the heap up to its place. */
function rise(heap: Strand[]): void {
  let at = heap.length - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!isEarlier(heap[at], heap[parent])) return
    swap(heap, at, parent)
    at = parent
  }
}

/** Moves the first of the heap down to its place. */
function sink(heap: Strand[]): void {
  let at = 0
  for (;;) {
    const left = 2 * at + 1
    if (left >= heap.length) return
    const child = left + 1 < heap.length && isEarlier(heap[left + 1], heap[left]) ? left + 1 : left
    if (!isEarlier(heap[child], heap[at])) return
    swap(heap, at, child)
    at = child
  }
}

function swap(heap: Strand[], a: number, b: number): void {
  const moved = heap[a]
  heap[a] = heap[b]
  heap[b] = moved
}
