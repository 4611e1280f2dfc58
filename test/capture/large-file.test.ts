// A capture beyond 4 GiB: every frame is found, and offsets stay exact. The file is sparse and takes next to no room.

import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { MAX_RECORD_LENGTH } from '../../src/capture/formats/reader.ts'
import { openCaptures } from '../../src/capture/open/open.ts'
import { writePcap } from '../support/pcap-writer.ts'

const folder = mkdtempSync(join(tmpdir(), 'ctpcap-large-'))
afterAll(() => rmSync(folder, { recursive: true }))

const RECORDS = 4200
const RECORD = 16 + MAX_RECORD_LENGTH

it('reads a capture of more than 4 GiB', async () => {
  const path = join(folder, 'large.pcap')
  const file = openSync(path, 'w')
  writeSync(file, writePcap([]))
  const header = new DataView(new ArrayBuffer(16))
  header.setUint32(8, MAX_RECORD_LENGTH, true)
  for (let i = 0; i < RECORDS; i++) {
    header.setUint32(0, i, true)
    header.setUint32(12, i, true)
    writeSync(file, header, 0, 16, 24 + i * RECORD)
  }
  const last = 24 + (RECORDS - 1) * RECORD
  ftruncateSync(file, last + 100)
  closeSync(file)
  expect(last).toBeGreaterThan(2 ** 32)

  const source = await openCaptures([path])
  let frames = 0
  do {
    for (let frame = source.next(); frame !== null; frame = source.next()) {
      expect(frame.originalLength).toBe(frames)
      expect(frame.time).toBe(frames * 1e9)
      frames++
    }
  } while (await source.fill())
  await source.close()
  expect(frames).toBe(RECORDS - 1)
  expect(source.captures[0].size).toBe(last + 100)
  expect(source.captures[0].damage).toMatchObject([{ offset: last, stopped: true }])
})
