// When the progress bar shows, what it says, and that it goes away.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { FrameSource } from '../../src/capture/frame.ts'
import { withProgress } from '../../src/cli/io/progress.ts'
import { Cli } from '../support/cli.ts'
import { PATIENCE } from '../support/patience.ts'

const source = { captures: [{ size: 1000, read: 250, frames: 2500 }] } as unknown as FrameSource

/** Begins work under a bar; returns what ends it, and what a signal does. */
function begin(cli: Cli, quiet = false): { hide: () => Promise<void>; interrupt: () => void } {
  const controller = new AbortController()
  let finish = (): void => {}
  const work = (): Promise<void> =>
    new Promise(resolve => {
      finish = resolve
    })
  const working = withProgress(source, cli, { quiet, ending: controller.signal }, work)
  return {
    hide: () => {
      finish()
      return working
    },
    interrupt: () => controller.abort(),
  }
}

describe('the progress bar', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  it('appears after a second, with rate and remaining time, and goes again', async () => {
    const cli = new Cli({ terminal: true })
    const { hide } = begin(cli)
    await vi.advanceTimersByTimeAsync(900)
    expect(cli.stderr.text).toBe('')
    await vi.advanceTimersByTimeAsync(100)
    await vi.waitFor(() => expect(cli.stderr.text).not.toBe(''), PATIENCE)
    await vi.advanceTimersByTimeAsync(1000)
    expect(cli.stderr.text).toMatch(/25 %, 2,500 frames, [\d,]+\/s, \d+ s left/)
    await hide()
    const { length } = cli.stderr.text
    await vi.advanceTimersByTimeAsync(5000)
    expect(cli.stderr.text).toHaveLength(length)
    expect(cli.stdout.text).toBe('')
  })

  it('goes when the work is broken off, and leaves the terminal as it was', async () => {
    const cli = new Cli({ terminal: true })
    const { interrupt } = begin(cli)
    await vi.advanceTimersByTimeAsync(1000)
    await vi.waitFor(() => expect(cli.stderr.text).not.toBe(''))
    interrupt()
    const { length } = cli.stderr.text
    // lines are wrapped again
    expect(cli.stderr.text.lastIndexOf('\x1b[?7h')).toBeGreaterThan(cli.stderr.text.lastIndexOf('\x1b[?7l'))
    await vi.advanceTimersByTimeAsync(5000)
    expect(cli.stderr.text).toHaveLength(length)
  })

  it.each([
    ['that nobody looks at', false, false],
    ['of a quiet run', true, true],
  ])('stays away from a stderr %s', async (_what, terminal, quiet) => {
    const cli = new Cli({ terminal })
    const { hide } = begin(cli, quiet)
    await vi.advanceTimersByTimeAsync(5000)
    await hide()
    expect(cli.stderr.text).toBe('')
  })

  it('stays away when the work was short', async () => {
    const cli = new Cli({ terminal: true })
    const { hide } = begin(cli)
    await vi.advanceTimersByTimeAsync(900)
    await hide()
    await vi.advanceTimersByTimeAsync(5000)
    expect(cli.stderr.text).toBe('')
  })
})
