// When the progress bar shows, what it says, and that it goes away.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { FrameSource } from '../../src/capture/frame.ts'
import { showProgress } from '../../src/cli/progress.ts'
import { Cli } from '../support/cli.ts'
import { PATIENCE } from '../support/patience.ts'

const source = { captures: [{ size: 1000, read: 250, frames: 2500 }] } as unknown as FrameSource

describe('the progress bar', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  it('appears after a second, with rate and remaining time, and goes again', async () => {
    const cli = new Cli({ terminal: true })
    const hide = showProgress(source, cli, false)
    await vi.advanceTimersByTimeAsync(900)
    expect(cli.stderr.text).toBe('')
    await vi.advanceTimersByTimeAsync(100)
    await vi.waitFor(() => expect(cli.stderr.text).not.toBe(''), PATIENCE)
    await vi.advanceTimersByTimeAsync(1000)
    expect(cli.stderr.text).toMatch(/25 %, 2,500 frames, [\d,]+\/s, \d+ s left/)
    hide()
    const { length } = cli.stderr.text
    await vi.advanceTimersByTimeAsync(5000)
    expect(cli.stderr.text).toHaveLength(length)
    expect(cli.stdout.text).toBe('')
  })

  it.each([
    ['that nobody looks at', false, false],
    ['of a quiet run', true, true],
  ])('stays away from a stderr %s', async (_what, terminal, quiet) => {
    const cli = new Cli({ terminal })
    const hide = showProgress(source, cli, quiet)
    await vi.advanceTimersByTimeAsync(5000)
    hide()
    expect(cli.stderr.text).toBe('')
  })

  it('stays away when the work was short', async () => {
    const cli = new Cli({ terminal: true })
    const hide = showProgress(source, cli, false)
    await vi.advanceTimersByTimeAsync(900)
    hide()
    await vi.advanceTimersByTimeAsync(5000)
    expect(cli.stderr.text).toBe('')
  })
})
