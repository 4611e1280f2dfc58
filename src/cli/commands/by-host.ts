// A command over the hosts of a command line: one after the other, so that no two tables are in memory at a time.
import type { OfHost } from '../../report/text/hosts.ts'
import type { Hosts } from '../options/hosts.ts'

/** What is said of each host. */
export async function reportsOf<O extends { host: string }, R>(
  hosts: Hosts<O>,
  reportOf: (options: O) => Promise<R>,
): Promise<OfHost<R>[]> {
  const reports: OfHost<R>[] = []
  for (const options of hosts) reports.push({ host: options.host, report: await reportOf(options) })
  return reports
}
