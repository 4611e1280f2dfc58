// Reports of several hosts, a table each: one JSON document (schema/hosts.schema.json), or texts under their names.

/** As tail(1) has it over several files. */
export function hostHeading(host: string): string {
  return `==> ${host} <==`
}

/** What is told of each host, under its name; of captures that were not named the text alone. */
export function textOfHosts<R>(hosts: readonly OfHost<R>[], render: (report: R) => string): string {
  return hosts
    .map(({ host, report }) => (host === '' ? '' : `${hostHeading(host)}\n`) + render(report))
    .join('\n')
}

export const HOSTS_SCHEMA = 'ctpcap.hosts/1'

/** What a command says of one host. */
export interface OfHost<R> {
  /** As its captures were named; `''` where none were. */
  host: string
  report: R
}

/** The document of a command whose captures were named: a report of each host, by the schema that the report itself names. */
export interface HostsReport<R> {
  schema: typeof HOSTS_SCHEMA
  generator: string
  hosts: readonly OfHost<R>[]
}

/** The one report of captures that were not named, or the document of those that were. */
export function hostsReport<R>(generator: string, hosts: readonly OfHost<R>[]): R | HostsReport<R> {
  const [first] = hosts
  return first !== undefined && first.host === '' ? first.report : { schema: HOSTS_SCHEMA, generator, hosts }
}
