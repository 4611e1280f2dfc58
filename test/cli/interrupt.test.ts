// Ctrl-C before, during and after the reading of files and of pipes.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { FrameSource } from '../../src/capture/frame.ts'
import { Interrupt, Interrupted } from '../../src/cli/io/interrupt.ts'
import { Cli, runCli } from '../support/cli.ts'

/** A source of which nothing is known but whether it is a pipe and whether it was closed. */
function sourceOf(size: number): FrameSource & { closed: number } {
  const source = {
    captures: [{ size }],
    closed: 0,
    async close() {
      source.closed++
    },
  }
  return source as unknown as FrameSource & { closed: number }
}

describe('a signal', () => {
  let cli: Cli
  let interrupt: Interrupt

  beforeEach(() => {
    vi.useFakeTimers()
    cli = new Cli()
    interrupt = new Interrupt(cli)
  })

  afterEach(() => {
    interrupt.stop()
    vi.useRealTimers()
  })

  /** What a wait that is never over comes to. */
  const stuck = () => interrupt.unlessEnded(() => new Promise<never>(() => {}))

  it('before the captures are open breaks the opening off', () => {
    cli.signal('SIGINT')
    expect(interrupt.ending.reason).toBeInstanceOf(Interrupted)
    expect(() => interrupt.finish()).toThrow(Interrupted)
  })

  it('while a file is read ends the run, whatever it waits for', async () => {
    interrupt.watch(sourceOf(1000))
    const run = stuck()
    cli.signal('SIGINT')
    await expect(run).rejects.toThrow(Interrupted)
    await expect(stuck()).rejects.toThrow(Interrupted)
  })

  it('while a pipe is read leaves its writer a second to finish, then reports', () => {
    const source = sourceOf(0)
    interrupt.watch(source)
    cli.signal('SIGINT')
    vi.advanceTimersByTime(999)
    expect(source.closed).toBe(0)
    vi.advanceTimersByTime(1)
    expect(source.closed).toBe(1)
    expect(() => interrupt.finish()).not.toThrow()
  })

  it('a second time ends the run, and a third is for the process', async () => {
    const source = sourceOf(0)
    interrupt.watch(source)
    const run = stuck()
    cli.signal('SIGINT')
    expect(interrupt.ending.aborted).toBe(false)
    cli.signal('SIGTERM')
    await expect(run).rejects.toMatchObject({ exitCode: 143 })
    expect(cli.listening).toBe(0)
  })

  it('when a pipe has been read ends the run: nothing can be lost any more', async () => {
    interrupt.watch(sourceOf(0))
    interrupt.finish()
    const run = stuck()
    cli.signal('SIGHUP')
    await expect(run).rejects.toMatchObject({ exitCode: 129 })
  })

  it('is no longer listened to after the run', () => {
    interrupt.stop()
    expect(cli.listening).toBe(0)
  })

  it('that never came ends nothing', () => {
    interrupt.watch(sourceOf(1000))
    expect(() => interrupt.finish()).not.toThrow()
  })

  it.each([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s is exit code %i', (signal, code) => {
    expect(new Interrupted(signal).exitCode).toBe(code)
  })
})

describe('run()', () => {
  it('leaves no listener behind', async () => {
    const cli = new Cli()
    const { run } = await import('../../src/cli/run.ts')
    expect(await run(['fixtures/report/syn-flood.pcap'], cli)).toBe(0)
    expect(cli.listening).toBe(0)
    expect((await runCli(['no-such-file'])).code).toBe(2)
  })

  it('interrupted ends quietly', async () => {
    const { run } = await import('../../src/cli/run.ts')
    const cli = new Cli()
    const running = run(['fixtures/report/home-gateway.pcap'], cli)
    while (cli.signal('SIGINT') === 0) await Promise.resolve()
    expect(await running).toBe(130)
    expect(cli.stdout.text + cli.stderr.text).toBe('')
  })
})
