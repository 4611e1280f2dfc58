// What the fuzz loop's two processes tell each other: orders to the worker, reports and failures back.

/** Captures of a batch. */
export const BATCH = 256

export interface WorkerOrder {
  seed: number
  /** Batches to run; the worker stops after them. */
  batches: number
  /** Folders of captures to mutate. */
  folders: string[]
}

export interface WorkerReport {
  /** Seed of the batch that was run. */
  seed: number
  inputs: number
  /** Inputs refused with a CaptureError. */
  refused: number
  frames: number
  /** Most memory the worker has had, in KiB. */
  peak: number
}

export interface WorkerFailure {
  seed: number
  /** What was done last: a capture read, a command run; and where the capture was written. */
  step: string
  path: string
  failure: string
}

export type WorkerMessage = { report: WorkerReport } | { failure: WorkerFailure }

/** The seed of batch `number` of a run. */
export function batchSeed(seed: number, number: number): number {
  return (Math.imul(seed, 0x9e3779b1) + Math.imul(number + 1, 0x85ebca6b)) >>> 0
}
