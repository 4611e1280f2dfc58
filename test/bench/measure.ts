// Runs a command as a whole process and measures it: wall time, and with GNU time its CPU time and peak memory.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

export interface Measurement {
  /** Wall time in seconds. */
  seconds: number
  /** User and system time in seconds, and peak resident memory in bytes; NaN without GNU time. */
  cpu: number
  peakMemory: number
  stdout: string
}

const GNU_TIME = '/usr/bin/time'
export const HAS_GNU_TIME = existsSync(GNU_TIME)

/** @throws when the command does not end with 0 */
export function measure(command: string, options: readonly string[]): Measurement {
  const [file, ...args] = HAS_GNU_TIME
    ? [GNU_TIME, '-f', '\n%U %S %M', command, ...options]
    : [command, ...options]
  const start = process.hrtime.bigint()
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 1 << 28 })
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  if (error !== undefined || status !== 0)
    throw new Error(`${command} ${options.join(' ')}: ${error?.message ?? stderr.trim()}`)
  const last = stderr.trimEnd().split('\n').at(-1) ?? ''
  const [user, system, kibibytes] = HAS_GNU_TIME
    ? last.split(' ').map(Number)
    : [Number.NaN, Number.NaN, Number.NaN]
  return { seconds, cpu: user + system, peakMemory: kibibytes * 1024, stdout }
}

/** The run with the shortest wall time: what is not noise of the machine. */
export function best(runs: readonly Measurement[]): Measurement {
  return runs.reduce((shortest, run) => (run.seconds < shortest.seconds ? run : shortest))
}
