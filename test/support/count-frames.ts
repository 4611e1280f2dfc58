// Counts the frames on standard input: a process of its own, since a test's own standard input is none to play with.

import { openCaptures } from '../../src/capture/open/open.ts'

const source = await openCaptures(['-'])
let frames = 0
do while (source.next() !== null) frames++
while (await source.fill())
await source.close()
process.stdout.write(`${frames} frames\n`)
