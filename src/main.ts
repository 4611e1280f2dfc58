#!/usr/bin/env node
// The executable: calls run() with the process's streams and sets its exit code.
import { processIo } from './cli/io.ts'
import { run } from './cli/run.ts'

const threads = {
  owners: new URL('./owners.js', import.meta.url),
  scenarios: new URL('./scenarios.js', import.meta.url),
}
process.exitCode = await run(process.argv.slice(2), processIo(threads))
