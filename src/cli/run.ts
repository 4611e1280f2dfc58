// One run of the program: arguments in, exit code out; every error that is not a bug becomes one line on stderr.
import { CommanderError } from 'commander'
import { CaptureError } from '../capture/error.ts'
import { printable } from '../report/format.ts'
import { Interrupted } from './interrupt.ts'
import { type Io, writeText } from './io.ts'
import { OutputError } from './output-file.ts'
import { createProgram } from './program.ts'
import { shortened, UsageError } from './usage-error.ts'

export const EXIT_OK = 0
/** There are findings at or above `--fail-on`. */
export const EXIT_FINDINGS = 1
/** Wrong usage, unreadable input, output that cannot be written. */
export const EXIT_ERROR = 2
/** A bug; sysexits.h calls it EX_SOFTWARE. */
const EXIT_BUG = 70

/**
 * Runs the program with its arguments (without the interpreter and the script) and resolves to its exit code: 0, 1
 * for findings at or above --fail-on, 2 for wrong usage or unreadable input, 128 + n when ended by signal n.
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  // a reader that goes away ends no run with a stack trace
  const ignore = (): void => {}
  io.stdout.on('error', ignore)
  io.stderr.on('error', ignore)
  let code = EXIT_OK
  try {
    const program = createProgram(io, exitCode => {
      code = exitCode
    })
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    return await explain(error, io)
  } finally {
    io.stdout.off('error', ignore)
    io.stderr.off('error', ignore)
  }
}

async function explain(error: unknown, io: Io): Promise<number> {
  if (error instanceof Interrupted) return error.exitCode
  // commander has printed its message already
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_ERROR
  if (error instanceof CaptureError || error instanceof UsageError || error instanceof OutputError) {
    await writeText(io.stderr, `ctpcap: ${shortened(printable(error.message))}\n`)
    return EXIT_ERROR
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  await writeText(io.stderr, `ctpcap: this is a bug in ctpcap:\n${text}\n`)
  return EXIT_BUG
}
