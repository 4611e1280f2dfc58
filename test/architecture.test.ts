// Holds src/ to the architecture (docs/architecture.md): import arrows, no cycles, no barrels, what hot code may not do.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  exportedNames,
  moduleNames,
  ROOT,
  readSourceFiles,
  type SourceFile,
  withoutComments,
} from './support/source-files.ts'

/** What a folder, or a file directly in src/, may import beside itself: folders with their rooms, or single files. */
const ARROWS: Record<string, readonly string[]> = {
  net: [],
  queue: [],
  capture: ['net'],
  packet: ['net', 'capture/frame.ts'],
  filter: ['net', 'packet', 'capture/frame.ts'],
  vantage: ['net', 'packet', 'capture/frame.ts'],
  conntrack: ['net', 'packet'],
  sizing: ['net', 'queue', 'packet/packet.ts', 'conntrack'],
  host: ['net', 'packet/packet.ts', 'conntrack'],
  'replay.ts': ['net', 'capture', 'packet', 'vantage', 'conntrack'],
  findings: ['net', 'packet', 'vantage', 'conntrack', 'sizing', 'host', 'replay.ts'],
  report: ['net', 'vantage', 'conntrack', 'sizing', 'host', 'findings'],
  'version.ts': [],
  cli: [
    'net',
    'queue',
    'capture',
    'packet',
    'filter',
    'vantage',
    'conntrack',
    'sizing',
    'host',
    'findings',
    'report',
    'replay.ts',
    'version.ts',
  ],
  'main.ts': ['net', 'cli'],
  'owners.ts': ['net', 'queue', 'sizing'],
  'scenarios.ts': ['net', 'cli'],
}

/**
 * What a room (a folder in one of those, or the files directly in it) may import of its own folder. The trackers and the
 * engine need each other's words; everywhere else arrows go one way.
 */
const ROOMS: Record<string, readonly string[]> = {
  capture: [],
  'capture/compression': ['capture'],
  'capture/formats': ['capture'],
  'capture/open': ['capture', 'capture/compression', 'capture/formats'],
  packet: [],
  'packet/defrag': ['packet'],
  'packet/encapsulation': ['packet'],
  vantage: ['vantage/record', 'vantage/offload', 'vantage/restore'],
  'vantage/record': [],
  'vantage/offload': ['vantage/record'],
  'vantage/restore': ['vantage/record'],
  'vantage/survey': ['vantage', 'vantage/record'],
  conntrack: ['conntrack/expect', 'conntrack/proto'],
  'conntrack/expect': ['conntrack'],
  'conntrack/proto': ['conntrack'],
  sizing: ['sizing/owners', 'sizing/refusals'],
  'sizing/owners': [],
  'sizing/refusals': ['sizing/owners'],
  'sizing/scenarios': ['sizing', 'sizing/owners', 'sizing/refusals'],
  host: ['host/files', 'host/kubernetes', 'host/rules', 'host/topology'],
  'host/files': [],
  'host/kubernetes': ['host/files'],
  'host/walk': ['host/files', 'host/rules', 'host/topology'],
  'host/names': ['host/files', 'host/kubernetes'],
  'host/listing': [],
  'host/rules': ['host/files'],
  'host/topology': ['host/files'],
  findings: [
    'findings/counts',
    'findings/detectors',
    'findings/evidence',
    'findings/facts',
    'findings/wording',
  ],
  'findings/detectors': ['findings/counts', 'findings/evidence', 'findings/facts'],
  'findings/counts': ['findings/facts'],
  'findings/evidence': ['findings/facts'],
  'findings/wording': ['findings/facts'],
  'findings/facts': [],
  report: ['report/analyze', 'report/info', 'report/rules', 'report/size', 'report/text'],
  'report/explain': ['report/text'],
  'report/rules': ['report/analyze', 'report/text'],
  'report/analyze': ['report/text'],
  'report/info': ['report/analyze', 'report/text'],
  'report/size': ['report/analyze', 'report/text'],
  'report/conntrack': ['report/text'],
  'report/text': [],
  cli: ['cli/commands', 'cli/options', 'cli/replay', 'cli/io'],
  'cli/commands': ['cli/options', 'cli/replay', 'cli/io'],
  'cli/options': ['cli/replay', 'cli/io'],
  'cli/replay': ['cli/io'],
  'cli/io': [],
}

/** Folders and files whose code runs for every packet. */
const HOT = [
  'net',
  'queue',
  'capture',
  'packet',
  'filter',
  'vantage',
  'conntrack',
  'sizing',
  'findings',
  'replay.ts',
  'host/untracked.ts',
  'host/walk/last-trails.ts',
  'host/walk/changed-fates.ts',
  'host/walk/routes.ts',
  'host/walk/packet-key.ts',
  'host/walk/packet-description.ts',
  'host/walk/grouped-packets.ts',
  'host/walk/dropped-openings.ts',
  'host/walk/replayed-rules.ts',
  'host/walk/trail.ts',
  'host/walk/rule-counts.ts',
  'host/walk/refusals.ts',
  'host/walk/entry-notes.ts',
  'cli/replay/inner-replay.ts',
]

/** Hot files that may make views or copies of bytes, of arrays or of text, and why no packet pays for it. */
const COLD_SLICES: Record<string, string> = {
  'findings/evidence/connections.ts': 'the flows of a finding, once for the trials of it',
  'capture/byte-source.ts': 'a chunk of a pipe',
  'capture/compression/gzip.ts': 'a chunk of a compressed stream',
  'capture/compression/lz4-block.ts': 'a match or literal run of a compressed block',
  'capture/compression/lz4.ts': 'a compressed block',
  'capture/open/open-reader.ts': 'the bytes shown in an error message',
  'capture/formats/pcapng-options.ts': 'an option of a section or an interface',
  'capture/read-buffer.ts': 'a refill of the window',
  'capture/compression/zstd-decoder.ts': 'a piece of a compressed stream',
  'capture/compression/zstd.ts': 'a compressed block',
  'conntrack/reason.ts': 'the text of a reason, when somebody asks for it',
  'findings/evidence/observation.ts': 'a sighting that a finding keeps as an example',
  'findings/evidence/flow-name.ts': 'the name of a flow that is reported',
  'findings/detectors/list.ts': 'the flows of a finding, in the end',
  'findings/wording/idle-gap.ts': 'the reason of a finding, in the end',
  'findings/wording/say.ts': 'the reason of a finding, in the end',
  'findings/rule-evidence.ts': 'what rules and topology add to a finding, in the end',
  'findings/detectors/snat-port-pressure.ts':
    'the name of a destination that is watched, and what is reported in the end',
  'findings/counts/shown-flows.ts': 'one of the first few frames of a flow that is reported',
  'findings/detectors/stale-mapping.ts': 'what is suspected, in the end',
  'findings/detectors/conntrack-table-full.ts': 'frames named in a finding, in the end',
  'host/untracked.ts': 'a tuple whose answer is not known yet',
  'net/parse-address.ts': 'an address in an option or a file that was given',
  'packet/defrag/fragment-queue.ts': 'a fragment, which has to outlive its frame',
  'packet/defrag/fragments.ts': 'the first header of a datagram in fragments',
  'sizing/projection.ts': 'the steps of the timeline, in the end',
  'vantage/record/points.ts': 'the name of a capture',
}

const sources = readSourceFiles('src')
const tests = readSourceFiles('test')

function unitOf(path: string): string {
  return path.split('/')[0]
}

function relativeImports(source: SourceFile): string[] {
  return source.imports.filter(name => name.endsWith('.ts'))
}

function roomOf(path: string): string {
  return path.split('/').slice(0, -1).join('/')
}

function mayImport(from: string, to: string): boolean {
  const own = unitOf(from)
  if (own !== unitOf(to)) return (ARROWS[own] ?? []).some(allowed => allowed === unitOf(to) || allowed === to)
  return roomOf(from) === roomOf(to) || (ROOMS[roomOf(from)] ?? []).includes(roomOf(to))
}

/** Lines of the files' code that match, as `path: line`. */
function occurrences(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap(({ path, code }) =>
    code
      .split('\n')
      .filter(line => pattern.test(line))
      .map(line => `${path}: ${line.trim()}`),
  )
}

function outside(...units: string[]): SourceFile[] {
  return sources.filter(({ path }) => !units.includes(unitOf(path)))
}

/** A file's way back to itself over imports, or null. */
function cycleThrough(start: string): string[] | null {
  const importsOf = new Map(sources.map(source => [source.path, relativeImports(source)]))
  const seen = new Set<string>()
  const follow = (path: string): string[] | null => {
    for (const next of importsOf.get(path) ?? []) {
      if (next === start) return [path, next]
      if (seen.has(next)) continue
      seen.add(next)
      const rest = follow(next)
      if (rest !== null) return [path, ...rest]
    }
    return null
  }
  return follow(start)
}

describe('the reader of source files', () => {
  it('finds modules in every form of import', () => {
    const code = `import { a,
      b } from './a.ts'
import type { T } from './t.ts'
import './effect.ts'
export { c } from "./c.ts"
type U = import('./u.ts').U
  const d = await import('./d.ts')
const text = "taken from 'nowhere'"`
    expect(moduleNames(code)).toEqual(['./a.ts', './t.ts', './effect.ts', './c.ts', './u.ts', './d.ts'])
  })

  it('takes comments away and leaves addresses in strings', () => {
    expect(withoutComments("a // b\n/* c\n d */e\nconst f = 'https://g'")).toBe(
      "a \ne\nconst f = 'https://g'",
    )
  })

  it('finds what a file exports', () => {
    const code = 'export const A = 1\nexport async function b() {}\nexport class C {}\nfunction d() {}'
    expect(exportedNames(code, 'function|class')).toEqual(['b', 'C'])
  })
})

describe('imports', () => {
  it('go only where an arrow goes', () => {
    const crossing = sources.flatMap(source =>
      relativeImports(source)
        .filter(target => !mayImport(source.path, target))
        .map(target => `${source.path} → ${target}`),
    )
    expect(crossing).toEqual([])
  })

  it('know of every folder', () => {
    expect(sources.map(({ path }) => unitOf(path)).filter(unit => !(unit in ARROWS))).toEqual([])
    const inner = sources.map(({ path }) => roomOf(path)).filter(room => room.includes('/'))
    expect(inner.filter(room => !(room in ROOMS))).toEqual([])
  })

  it('are allowed only where there are some', () => {
    const targets = (room: string): string[] =>
      sources.filter(({ path }) => roomOf(path) === room).flatMap(relativeImports)
    const unused = Object.entries(ROOMS).flatMap(([room, allowed]) =>
      allowed.filter(other => !targets(room).some(target => roomOf(target) === other)),
    )
    expect(unused).toEqual([])
  })

  it('form no cycle, not even of types', () => {
    const cycles = sources.map(({ path }) => cycleThrough(path)).filter(cycle => cycle !== null)
    expect(cycles.map(cycle => cycle.join(' → '))).toEqual([])
  })

  it('name the file that declares a thing: there is no barrel and no re-export', () => {
    expect(occurrences(sources, /^export (\*|\{|type \{)/)).toEqual([])
    expect(sources.filter(({ path }) => path.endsWith('index.ts'))).toEqual([])
  })

  it('keep the terminal libraries to one file each', () => {
    const users = (name: string) =>
      sources.filter(({ imports }) => imports.includes(name)).map(({ path }) => path)
    expect(users('cli-table3').length).toBe(1)
    expect(users('cli-progress').length).toBe(1)
  })
})

describe('hot code', () => {
  const hot = sources.filter(({ path }) => HOT.some(unit => unit === path || unit === unitOf(path)))
  const slicing = /\.(subarray|slice)\(/

  it('is what may index arrays without a check', () => {
    const unchecked = ['core', 'replay'].flatMap(name => {
      const text = withoutComments(readFileSync(join(ROOT, `src/tsconfig.${name}.json`), 'utf8'))
      return (JSON.parse(text) as { include: string[] }).include
    })
    expect(unchecked.sort()).toEqual(HOT.toSorted())
  })

  it('makes no views or copies of bytes', () => {
    const offenders = hot.filter(({ path }) => !(path in COLD_SLICES))
    expect(occurrences(offenders, slicing)).toEqual([])
  })

  it('is excused only where there still is something to excuse', () => {
    const excused = hot.filter(({ path }) => path in COLD_SLICES)
    expect(excused.filter(({ code }) => !slicing.test(code)).map(({ path }) => path)).toEqual([])
  })
})

describe('every file', () => {
  it('says in its first line what lives there', () => {
    const silent = [...sources, ...tests].filter(({ lines }) => {
      const first = lines[0].startsWith('#!') ? lines[1] : lines[0]
      return !/^\/\/ .+\.$/.test(first)
    })
    expect(silent.map(({ path }) => path)).toEqual([])
  })

  it('has a name that says something', () => {
    const vague = /(^|\/)(utils?|helpers?|common|misc|shared|types)(\/|\.ts$)/
    expect(sources.filter(({ path }) => vague.test(path)).map(({ path }) => path)).toEqual([])
  })

  it('can be reached from an executable', () => {
    const importsOf = new Map(sources.map(source => [source.path, relativeImports(source)]))
    const reached = new Set(['main.ts', 'owners.ts', 'scenarios.ts'])
    // a set that grows is walked to its new end
    for (const path of reached) for (const target of importsOf.get(path) ?? []) reached.add(target)
    expect(sources.map(({ path }) => path).filter(path => !reached.has(path))).toEqual([])
  })

  it('exports no function and no class that nobody else calls', () => {
    const words = [...sources, ...tests].map(({ path, code }) => ({
      path,
      used: new Set(code.match(/[\w$]+/g)),
    }))
    const uncalled = sources.flatMap(({ path, code }) =>
      exportedNames(code, 'function|class')
        .filter(name => !words.some(file => file.path !== path && file.used.has(name)))
        .map(name => `${path}: ${name}`),
    )
    expect(uncalled).toEqual([])
  })
})

describe('outside the command line', () => {
  it('there is no clock but the capture, and no chance', () => {
    const clock = /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.|\bhrtime\b|\bsetInterval\(|Math\.random/
    expect(occurrences(outside('cli'), clock)).toEqual([])
  })

  it('nothing is printed and the process is left alone', () => {
    expect(occurrences(outside('cli', 'main.ts'), /\bprocess\.|\bconsole\./)).toEqual([])
  })
})
