// Reads the project's own TypeScript files: their text, their code without comments, what they import and export.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')

export interface SourceFile {
  /** From the folder it was read from, `packet/tcp.ts`. */
  path: string
  lines: string[]
  /** The text without its comments. */
  code: string
  /** Modules it names, relative ones as paths like `path`, others as written. */
  imports: string[]
}

/** Every TypeScript file under a folder of the project, in order of path. */
export function readSourceFiles(folder: string): SourceFile[] {
  const top = join(ROOT, folder)
  return readdirSync(top, { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts'))
    .sort()
    .map(path => {
      const text = readFileSync(join(top, path), 'utf8')
      const code = withoutComments(text)
      const imports = moduleNames(code).map(name =>
        name.startsWith('.') ? posix.join(dirname(path), name) : name,
      )
      return { path, lines: text.split('\n'), code, imports }
    })
}

/** The modules named by imports and re-exports of any form: static, for types only, for effect, dynamic. */
export function moduleNames(code: string): string[] {
  const statement =
    /^(?:import|export)\s(?:[^'"`]*?\sfrom\s)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm
  return [...code.matchAll(statement)].map(([, named, dynamic]) => named ?? dynamic)
}

/** The names of what a file exports where it declares it; `kinds` are keywords, `function|class`. */
export function exportedNames(code: string, kinds: string): string[] {
  const declaration = new RegExp(`^export (?:async |abstract )?(?:${kinds})\\*? ([\\w$]+)`, 'gm')
  return [...code.matchAll(declaration)].map(match => match[1])
}

/** The text with comments blanked; a `//` inside a string counts as none when a `:` stands before it. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1')
}
