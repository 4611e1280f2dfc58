// Which options name files, and which of those are written: the one list by which a command knows them before it reads anything.

export interface FileOption {
  /** As commander keeps it: `rulesAfter` for `--rules-after`. */
  flag: string
  role: 'read' | 'written'
  /** Whether a file of which no host is named is for all hosts; the others are about one. */
  isOfAll: boolean
}

/** By the long name of the option. One that is missing here fails test/cli/named-files.test.ts. */
export const FILE_OPTIONS: Readonly<Record<string, FileOption>> = {
  sysctl: { flag: 'sysctl', role: 'read', isOfAll: true },
  table: { flag: 'table', role: 'read', isOfAll: false },
  rules: { flag: 'rules', role: 'read', isOfAll: false },
  'rules-after': { flag: 'rulesAfter', role: 'read', isOfAll: false },
  topology: { flag: 'topology', role: 'read', isOfAll: true },
  kubernetes: { flag: 'kubernetes', role: 'read', isOfAll: true },
  names: { flag: 'names', role: 'read', isOfAll: true },
  flows: { flag: 'flows', role: 'written', isOfAll: false },
  series: { flag: 'series', role: 'written', isOfAll: false },
}
