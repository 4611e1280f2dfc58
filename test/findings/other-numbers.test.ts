// Nothing is recognized by its numbers: captures of other hosts at other times, over IPv6, or cut shorter, show the same findings.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { asCookedV1 } from '../support/as-cooked-v1.ts'
import { asIpv6 } from '../support/as-ipv6.ts'
import { captureSets, LAB, labPath, labRuns } from '../support/lab.ts'
import { changeFrames } from '../support/pcap-records.ts'
import { EVERYTHING, type Renumbering, renumber } from '../support/renumber.ts'
import { watchCaptures } from '../support/watch-captures.ts'

const FOLDER = 'fixtures/findings'
if (LAB === null)
  console.warn('other-numbers.test.ts: recorded scenarios skipped, CTPCAP_CORPUS names no folder with `lab`')

const scratch = mkdtempSync(join(tmpdir(), 'ctpcap-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/** What is found, but for what hosts are called. */
async function found(paths: string[]): Promise<string[]> {
  const findings = await watchCaptures(paths)
  return findings
    .map(({ id, confidence, flowCount, occurrences, frames }) =>
      JSON.stringify([id, confidence, flowCount, occurrences, frames]),
    )
    .sort()
}

const originals = new Map<string, Promise<string[]>>()

/** What is found in captures as they are, each set replayed once for all tests. */
function foundBefore(paths: string[]): Promise<string[]> {
  const key = paths.join()
  const known = originals.get(key) ?? found(paths)
  originals.set(key, known)
  return known
}

async function foundIn(paths: string[], change: (bytes: Uint8Array) => Uint8Array): Promise<string[]> {
  const changed = paths.map(path => {
    const copy = join(scratch, basename(path))
    writeFileSync(copy, change(readFileSync(path)))
    return copy
  })
  return await found(changed)
}

const everySet = (): string[][] =>
  labRuns().flatMap(run => captureSets(run).map(files => files.map(file => labPath(run, 'captures', file))))

describe('findings', () => {
  const variants = Object.keys(EVERYTHING).map(key => [key, { [key]: true }] as [string, Renumbering])
  it.each([...variants, ['finished checksums', { finishesSums: true }]] as [string, Renumbering][])(
    'do not depend on %s',
    async (_, what) => {
      for (const file of readdirSync(FOLDER).filter(name => /\.pcap/.test(name))) {
        const path = join(FOLDER, file)
        expect(await foundIn([path], bytes => renumber(bytes, what)), file).toEqual(await foundBefore([path]))
      }
    },
  )

  it.each([
    ['connections that all begin with the number 0', { startsAtZero: true }],
    ['a port of 0', { hasPortZero: true }],
  ] as [string, Renumbering][])('are the same with %s', async (_, what) => {
    for (const file of readdirSync(FOLDER).filter(name => /\.pcap/.test(name))) {
      const path = join(FOLDER, file)
      expect(await foundIn([path], bytes => renumber(bytes, what)), file).toEqual(await foundBefore([path]))
    }
  })

  it.skipIf(LAB === null)('do not depend on any numbers', async () => {
    let faulty = 0
    for (const paths of everySet()) {
      const expected = await foundBefore(paths)
      expect(await foundIn(paths, bytes => renumber(bytes, EVERYTHING)), paths.join()).toEqual(expected)
      faulty += expected.length
    }
    expect(faulty).toBeGreaterThan(80)
  })

  it.skipIf(LAB === null)('do not depend on the IP version', async () => {
    for (const paths of everySet().filter(set => set.every(path => path.endsWith('.pcap')))) {
      expect(await foundIn(paths, asIpv6), paths.join()).toEqual(await foundBefore(paths))
    }
  })

  it.skipIf(LAB === null)('do not depend on whether interfaces are told apart', async () => {
    const short = (findings: string[]) => findings.map(finding => JSON.parse(finding).slice(0, 4))
    for (const [path] of everySet().filter(set => /any\.pcap$/.test(set[0]))) {
      const [v1, v2] = [await foundIn([path], asCookedV1), await foundBefore([path])]
      // whether the bridge sent a packet back out of its port can only be guessed
      if (path.includes('hairpin-mode-off')) expect(v1[0]).toContain('hairpin-mode-off","likely')
      else expect(short(v1), path).toEqual(short(v2))
    }
  })

  it('name the switches and commands of IPv6', async () => {
    const path = join(scratch, 'ipv6.pcap')
    writeFileSync(path, asIpv6(readFileSync(join(FOLDER, 'same-bridge-dnat.cni0.pcap'))))
    const [{ flows, cause, fix }] = await watchCaptures([path])
    expect(flows[0]).toMatch(/^tcp \[fd00::1:0:0:af4:5\]:40001 -> \[fd00:.*, translated to \[fd00:/)
    expect(cause).toContain('while bridge-nf-call-ip6tables=0')
    expect(fix.flatMap(({ commands }) => commands).join('\n')).toContain('ip6tables -t nat -A POSTROUTING')
  })

  it('do not depend on what stands behind the headers', async () => {
    for (const file of readdirSync(FOLDER).filter(name => name.endsWith('.pcap'))) {
      const path = join(FOLDER, file)
      for (const snapLength of [128, 96, 80]) {
        const cut = (bytes: Uint8Array): Uint8Array =>
          changeFrames(bytes, frame => frame.subarray(0, snapLength), { isCut: true })
        expect(await foundIn([path], cut), `${file}, ${snapLength}`).toEqual(await foundBefore([path]))
      }
    }
  })
})

describe('renumber', () => {
  it('changes what it is told to, and nothing else', () => {
    const original = readFileSync(join(FOLDER, 'same-bridge-dnat.veth3a1f09c2.pcap'))
    expect(Buffer.compare(renumber(original, {}), original)).toBe(0)
    for (const key of Object.keys(EVERYTHING)) {
      expect(Buffer.compare(renumber(original, { [key]: true }), original), key).not.toBe(0)
    }
  })
})
