// A record queue in memory that two threads share: how far each is, and who waits for whom.
import { bytesOf, RECORD_SHIFT, RecordQueue, type Take } from './record-queue.ts'

/** Records there is room for: 8 MB, half of which IPv4 leaves untouched; the writer fills them while a thread starts. */
const CAPACITY = 1 << 16
/**
 * Records between two looks at how far the other thread is. To wake one that waits takes 0.1 ms where a processor that
 * sleeps has to be woken, too: with 1024 that took 0.02 of the time of a capture of short connections.
 */
const STEP = 8192
/** Milliseconds of a wait; a thread that waits looks at everything anew after it. */
const WAIT = 100
/** Milliseconds after which a reader that has been called is not expected to come any more. */
const PATIENCE = 30_000

// words of the control block; records are counted modulo 2^32
const WRITTEN = 0
const READ = 1
const READER_WAITS = 2
const WRITER_WAITS = 3
/** A READER_*. */
const READER = 4
const IS_OVER = 5
const CONTROL_BYTES = 64

const READER_AWAITED = 0
const READER_READS = 1
const READER_DEAD = 2

/** The reading thread ended with an error, which is whoever's who started it. */
export class ReaderDied extends Error {
  override name = 'ReaderDied'
}

/** What both threads have of a queue. */
export interface SharedMemory {
  control: SharedArrayBuffer
  records: SharedArrayBuffer
}

/** The writing end. Nobody need read before `patience` records are written. */
export class SharedWriter {
  readonly memory: SharedMemory = {
    control: new SharedArrayBuffer(CONTROL_BYTES),
    records: new SharedArrayBuffer(bytesOf(CAPACITY)),
  }
  readonly queue: RecordQueue
  private readonly control = new Int32Array(this.memory.control)

  /**
   * @param patience records gathered before the reader is called, at most half of what there is room for
   * @param call makes sure that somebody reads: called when so many are there
   */
  constructor(patience: number, call: () => void) {
    this.queue = new RecordQueue(this.memory.records, patience, written => {
      if (written === patience) call()
      this.publish(written)
      return written + this.room(written)
    })
  }

  /** Hands over what was written, and tells the reader that nothing more comes. */
  finish(): void {
    this.publish(this.queue.written)
    Atomics.store(this.control, IS_OVER, 1)
    Atomics.notify(this.control, WRITTEN)
  }

  private publish(written: number): void {
    Atomics.store(this.control, WRITTEN, written | 0)
    // a wake-up takes a lock: only for one who waits
    if (Atomics.load(this.control, READER_WAITS) !== 0) Atomics.notify(this.control, WRITTEN)
  }

  /**
   * Records that fit in, at most STEP; waits until so many do.
   * @throws ReaderDied, Error when no reader comes
   */
  private room(written: number): number {
    const { control } = this
    for (let waited = 0; ; waited += WAIT) {
      const read = Atomics.load(control, READ)
      if ((((written | 0) - read) | 0) <= CAPACITY - STEP) return STEP
      const reader = Atomics.load(control, READER)
      if (reader === READER_DEAD) throw new ReaderDied()
      if (reader === READER_AWAITED && waited >= PATIENCE) throw new Error('no listening thread came')
      Atomics.store(control, WRITER_WAITS, 1)
      Atomics.wait(control, READ, read, WAIT)
      Atomics.store(control, WRITER_WAITS, 0)
    }
  }
}

/** Reads until the writer has finished: blocks its thread. Whatever `take` throws ends the writer, too. */
export function readShared(memory: SharedMemory, take: Take): void {
  const control = new Int32Array(memory.control)
  Atomics.store(control, READER, READER_READS)
  try {
    readOn(control, memory.records, take)
  } catch (error) {
    Atomics.store(control, READER, READER_DEAD)
    Atomics.notify(control, READ)
    throw error
  }
}

function readOn(control: Int32Array, records: SharedArrayBuffer, take: Take): void {
  const words = new Int32Array(records)
  const doubles = new Float64Array(records)
  let read = 0
  for (;;) {
    const isOver = Atomics.load(control, IS_OVER) !== 0
    const written = Atomics.load(control, WRITTEN)
    const count = (written - read) | 0
    if (count > 0) {
      const to = read + Math.min(count, STEP)
      take(words, doubles, words.length >> RECORD_SHIFT, read, to)
      read = to | 0
      Atomics.store(control, READ, read)
      if (Atomics.load(control, WRITER_WAITS) !== 0) Atomics.notify(control, READ)
    } else if (isOver) return
    else {
      Atomics.store(control, READER_WAITS, 1)
      if (Atomics.load(control, IS_OVER) === 0) Atomics.wait(control, WRITTEN, written, WAIT)
      Atomics.store(control, READER_WAITS, 0)
    }
  }
}
