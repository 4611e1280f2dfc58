// The built program as a process that a test follows by what it does: files it opens, output it writes, its end.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { constants } from 'node:os'
import { setTimeout } from 'node:timers/promises'

export const MAIN = new URL('../../dist/main.js', import.meta.url).pathname

/** For tests that wait for something to happen on a machine of any speed, in milliseconds. */
export const PATIENCE = 300_000

/** For tests that look into /proc to see how far a process is. */
export const HAS_PROC = existsSync('/proc/self/wchan')

export interface ProgramOptions {
  uid?: number
  gid?: number
}

/** A run of the program; ends with the block it belongs to. */
export class BuiltProgram implements Disposable {
  readonly process: ChildProcessWithoutNullStreams
  stdout = ''
  stderr = ''
  /** The exit code as a shell has it: 128 + n for a process that signal n ended. */
  readonly ended: Promise<number>
  private isOver = false

  constructor(args: readonly string[], options: ProgramOptions = {}) {
    this.process = spawn(process.execPath, [MAIN, ...args], { ...options, stdio: 'pipe' })
    this.process.stdout.on('data', chunk => {
      this.stdout += chunk
    })
    this.process.stderr.on('data', chunk => {
      this.stderr += chunk
    })
    // the program may end before it reads
    this.process.stdin.on('error', () => {})
    this.ended = new Promise((resolve, reject) => {
      this.process.on('error', reject)
      // not 'close', which waits for the last of the output: a test may have left it unread
      this.process.on('exit', (code, signal) => {
        this.isOver = true
        resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL'])
      })
    })
  }

  get pid(): number {
    return this.process.pid ?? 0
  }

  /** Waits until `condition` holds; one that the program did not live to see is an error. */
  async until(what: string, condition: () => boolean): Promise<null> {
    while (!condition()) {
      if (this.isOver) throw new Error(`ended before ${what}: ${this.stderr}`)
      await setTimeout(2)
    }
    return null
  }

  /** Waits until the file is open. */
  async untilOpen(path: string): Promise<null> {
    return await this.until(`${path} was open`, () => this.openFiles().includes(path))
  }

  /** Waits until the program listens to signals itself. */
  async untilListening(): Promise<void> {
    await this.until('it listened to signals', () => this.hasSignal('SigCgt', constants.signals.SIGHUP))
  }

  /** Waits until the FIFO is open, or a thread sleeps because it has no writer yet. */
  async untilWaitingFor(path: string): Promise<null> {
    return await this.until(`it waited for ${path}`, () => {
      const tasks = this.inProc('task', name => readdirSync(name), [])
      const isAsleep = (task: string): boolean =>
        this.inProc(`task/${task}/wchan`, name => readFileSync(name, 'utf8'), '') === 'wait_for_partner'
      return tasks.some(isAsleep) || this.openFiles().includes(path)
    })
  }

  /** Whether a signal that was sent has not reached the program yet. */
  isPending(signal: number): boolean {
    return this.hasSignal('SigPnd', signal) || this.hasSignal('ShdPnd', signal)
  }

  /** Stops the process where it is, and waits until it is. */
  async stop(): Promise<void> {
    this.process.kill('SIGSTOP')
    await this.until('it was stopped', () => this.status('State').startsWith('T'))
  }

  continue(): void {
    this.process.kill('SIGCONT')
  }

  [Symbol.dispose](): void {
    this.process.kill('SIGKILL')
    this.process.stdout.destroy()
    this.process.stderr.destroy()
  }

  private openFiles(): string[] {
    return this.inProc('fd', path => readdirSync(path), []).map(name =>
      this.inProc(`fd/${name}`, path => readlinkSync(path), ''),
    )
  }

  private hasSignal(set: 'SigPnd' | 'ShdPnd' | 'SigCgt', signal: number): boolean {
    return ((BigInt(`0x${this.status(set) || '0'}`) >> BigInt(signal - 1)) & 1n) === 1n
  }

  private status(name: string): string {
    const text = this.inProc('status', path => readFileSync(path, 'utf8'), '')
    return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? ''
  }

  /** What `look` finds in a file of the process; `none` where that is gone. */
  private inProc<T>(name: string, look: (path: string) => T, none: T): T {
    try {
      return look(`/proc/${this.pid}/${name}`)
    } catch {
      return none
    }
  }
}
