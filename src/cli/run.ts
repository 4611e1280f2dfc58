// One run of the program: arguments in, exit code out; every error that is not a bug becomes one line on stderr.
import { type Command, CommanderError } from 'commander'
import { CaptureError } from '../capture/error.ts'
import { printable } from '../report/text/format.ts'
import { Interrupted } from './io/interrupt.ts'
import { type Io, type Output, writeText } from './io/io.ts'
import { OutputError } from './io/output-error.ts'
import { shortened, UsageError } from './io/usage-error.ts'
import { nearest, suggestion } from './options/nearest.ts'
import { createProgram } from './program.ts'

export const EXIT_OK = 0
/** There are findings at or above `--fail-on`. */
export const EXIT_FINDINGS = 1
/** Wrong usage, unreadable input, output that cannot be written. */
export const EXIT_ERROR = 2
/** A bug; sysexits.h calls it EX_SOFTWARE. */
const EXIT_BUG = 70

/**
 * Runs the program with its arguments (without the interpreter and the script) and resolves to its exit code: 0, 1
 * for findings at or above --fail-on, 2 for wrong usage, unreadable input or output that cannot be written, 128 + n when
 * ended by signal n.
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  // a reader that goes away ends no run with a stack trace, nor does one that goes away behind it
  io.stdout.on('error', () => {})
  io.stderr.on('error', () => {})
  let code = EXIT_OK
  const printed: [Output, string][] = []
  try {
    const program = createProgram(
      io,
      exitCode => {
        code = exitCode
      },
      (stream, text) => printed.push([stream, text]),
    )
    requireTopic(args, program)
    // without anything to do it says what it could do
    await program.parseAsync(args.length === 0 ? ['--help'] : args, { from: 'user' })
    return code
  } catch (error) {
    if (!(error instanceof CommanderError)) return await explain(error, io)
    return await print(printed, error.exitCode === 0 ? EXIT_OK : EXIT_ERROR, io)
  }
}

/** @throws UsageError for `help` of a command that there is not, of which commander says nothing */
function requireTopic([command, topic]: readonly string[], program: Command): void {
  const names = program.commands.map(known => known.name())
  if (command !== 'help' || topic === undefined || topic.startsWith('-') || names.includes(topic)) return
  throw new UsageError(
    `help ${topic}: no such command${suggestion(nearest(topic, names), `expected ${names.join(', ')}`)}`,
  )
}

/** Prints help, a version, or what commander says is wrong. */
async function print(texts: readonly [Output, string][], exitCode: number, io: Io): Promise<number> {
  try {
    for (const [stream, text] of texts) await writeText(stream, text)
    return exitCode
  } catch (error) {
    return await explain(error, io)
  }
}

async function explain(error: unknown, io: Io): Promise<number> {
  if (error instanceof Interrupted) return error.exitCode
  const isExpected =
    error instanceof CaptureError || error instanceof UsageError || error instanceof OutputError
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const line = isExpected ? shortened(printable(error.message)) : `this is a bug in ctpcap:\n${text}`
  // where nothing can be said, the exit code has to do
  if (!(error instanceof UsageError && error.isUntold))
    await writeText(io.stderr, `ctpcap: ${line}\n`).catch(() => {})
  return isExpected ? EXIT_ERROR : EXIT_BUG
}
