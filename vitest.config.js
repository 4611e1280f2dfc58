// Vitest's settings: no limit of time that a slow or busy machine may exceed, for tests, hooks and workers alike.

/** Ends a test that hangs, and nothing else. */
const HANG = 20 * 60_000

export default {
  test: {
    testTimeout: HANG,
    hookTimeout: HANG,
    teardownTimeout: HANG,
    // by itself it leaves one core alone: of two that is half
    maxWorkers: '100%',
  },
}
