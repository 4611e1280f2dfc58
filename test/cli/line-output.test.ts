// Lines by the chunk: nothing lost, nothing piled up before a slow reader, no complaint about one that has gone.
import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { LineOutput } from '../../src/cli/io/line-output.ts'

/** A stream that takes nothing until it is released. */
class Valve extends Writable {
  private open: boolean
  text = ''
  writes = 0
  private release: (() => void) | null = null

  constructor(open: boolean) {
    super({ highWaterMark: 1024 })
    this.open = open
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    if (chunk.length > 0) this.writes++
    if (this.open) done()
    else this.release = done
  }

  turnOn(): void {
    this.open = true
    this.release?.()
    this.release = null
  }
}

describe('LineOutput', () => {
  it('writes all lines, many at a time', async () => {
    const stream = new Valve(true)
    const output = new LineOutput(stream)
    const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}`)
    for (const line of lines) output.line(line)
    await output.end()
    expect(stream.text).toBe(`${lines.join('\n')}\n`)
    expect(stream.writes).toBeLessThan(10)
  })

  it('waits for a slow reader', async () => {
    const stream = new Valve(false)
    const output = new LineOutput(stream)
    while (!output.full) output.line('x'.repeat(1000))
    let drained = false
    const waiting = output.drained().then(() => {
      drained = true
    })
    await new Promise(resolve => setImmediate(resolve))
    expect(drained).toBe(false)
    stream.turnOn()
    await waiting
    expect(output.full).toBe(false)
  })

  it.each(['while it waits', 'before it writes'])('is quiet when the reader goes away %s', async when => {
    const stream = new Valve(false)
    const output = new LineOutput(stream)
    while (!output.full) output.line('x'.repeat(1000))
    const gone = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
    if (when === 'while it waits') {
      const waiting = output.drained()
      stream.destroy(gone)
      await waiting
    } else {
      stream.destroy(gone)
      await new Promise(resolve => setImmediate(resolve))
    }
    expect(output.closed).toBe(true)
    output.line('more')
    await output.drained()
    await output.end()
  })

  it('says what else went wrong', async () => {
    const stream = new Valve(false)
    const output = new LineOutput(stream)
    while (!output.full) output.line('x'.repeat(1000))
    const waiting = output.drained()
    stream.destroy(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
    await expect(waiting).rejects.toThrow('no space left')
  })

  it('lets go of the stream', async () => {
    const stream = new Valve(true)
    const output = new LineOutput(stream)
    output.line('x')
    await output.end()
    for (const event of ['error', 'drain', 'close']) expect(stream.listenerCount(event)).toBe(0)
  })
})
