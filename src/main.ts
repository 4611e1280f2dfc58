#!/usr/bin/env node
// The executable: calls run() with the process's streams and sets its exit code.
import { processIo } from './cli/io/io.ts'
import { chooseSecret } from './cli/io/secret.ts'
import { run } from './cli/run.ts'
import { seedHashes } from './net/seeded-hash.ts'

const threads = {
  owners: new URL('./owners.js', import.meta.url),
  scenarios: new URL('./scenarios.js', import.meta.url),
}
seedHashes(chooseSecret())
const exitCode = await run(process.argv.slice(2), processIo(threads))
// ended by a signal: what waits for the reader of a pipe would keep the process
if (exitCode > 128) process.exit(exitCode)
process.exitCode = exitCode
