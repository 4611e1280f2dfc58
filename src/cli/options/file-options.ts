// Which options name files, and which of those are written: the one list by which a command knows them before it reads anything.

/** By the long name of the option. One that is missing here fails test/cli/named-files.test.ts. */
export const FILE_OPTIONS: Readonly<Record<string, 'read' | 'written'>> = {
  sysctl: 'read',
  table: 'read',
  rules: 'read',
  'rules-after': 'read',
  topology: 'read',
  kubernetes: 'read',
  flows: 'written',
  series: 'written',
}

/** A file that a command reads or writes. */
export interface NamedFile {
  role: 'read' | 'written'
  /** What the user typed it behind; '' for arguments and what a shell redirected. */
  option: string
  path: string
}

/**
 * The files that a command line names, captures first.
 * @param values of the options by their long names, as commander keeps them: a path, or several, or none
 */
export function namedFiles(
  captures: readonly string[],
  values: Readonly<Record<string, unknown>>,
): NamedFile[] {
  const files: NamedFile[] = captures.map(path => ({ role: 'read', option: '', path }))
  for (const [name, role] of Object.entries(FILE_OPTIONS)) {
    // commander keeps `--rules-after` as `rulesAfter`
    const value = values[name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())] as
      | string
      | string[]
      | undefined
    const paths = value === undefined ? [] : [value].flat()
    for (const path of paths) files.push({ role, option: `--${name}`, path })
  }
  return files
}
