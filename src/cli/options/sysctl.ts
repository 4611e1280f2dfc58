// `--set name=value` and `--sysctl FILE`: sysctls by their names, as sysctl(8) reads and prints them, into Settings.
import { USUAL_ASSIGNMENTS } from '../../conntrack/helper-assignment.ts'
import { type Kernel, kernelOf } from '../../conntrack/kernel.ts'
import {
  defaultSettings,
  isSysctlName,
  type Settings,
  SYSCTL_NAMES,
  SYSCTLS,
  type SysctlName,
} from '../../conntrack/settings.ts'
import { FileFault } from '../../host/files/file-fault.ts'
import { type Line, linesOf } from '../../host/files/text-lines.ts'
import { UsageError } from '../io/usage-error.ts'
import { HOST_SYSCTLS, type HostSysctlName, type Sysctls } from '../replay/sysctls.ts'
import { kernelNamed } from './kernel.ts'
import { nearest, suggestion } from './nearest.ts'

/** Help of the two options, for program.ts. */
export const SET_HELP =
  'set a sysctl of net.netfilter for the replay, repeatable; `net.netfilter.` and `nf_conntrack_` may be left out (tcp_loose=0)'
export const SYSCTL_HELP =
  'take the sysctls of a node: the output of `sysctl -a` or `sysctl net.netfilter`. --set wins over it. Not taken from it: nf_conntrack_checksum, because captures show offloaded checksums that the kernel never saw; --set nf_conntrack_checksum=1 turns it on; nor nf_conntrack_count: --set nf_conntrack_count=N says how many entries traffic outside the capture holds'

/** The text of a `--sysctl` file and the name it goes by in errors. */
export interface SysctlFile {
  path: string
  text: string
}

/** What a file says of them is not meant for a replay: see SYSCTL_HELP. */
const NOT_FROM_FILES = new Set<string>(['nf_conntrack_checksum', 'nf_conntrack_count'])

/** What routing goes by: rules are replayed with it. */
const ROUTING =
  /^net\.ipv4\.(ip_forward|conf\..+\.(rp_filter|route_localnet))$|^net\.ipv6\.conf\.all\.forwarding$/

const MAXIMUM = 0x7fffffff
const NETFILTER = 'net.netfilter.'

/** Names of other kernels: gone, or not of the connection table. A file may have them. */
const FOREIGN =
  /^(nf_conntrack_(dccp_|helper$|sctp_timeout_heartbeat_acked$|tcp_no_window_check$|skip_filter$)|nf_log|nf_hooks_)/

/**
 * Takes the values of a preset, reads the files, then the `name=value` assignments: the later one wins.
 * @param kernel whose defaults the others have; null for what the files, the node or the preset say, or the current one
 * @param node the kernel of the node that was captured, where that is known
 * @throws UsageError for a name nobody knows, with the nearest one, and for a value that the kernel would refuse
 */
export function readSysctls(
  files: readonly SysctlFile[],
  assignments: readonly string[],
  preset: Partial<Settings> = {},
  kernel: Kernel | null = null,
  node: Kernel | null = null,
): Sysctls {
  const { kernel: presetKernel, ...values } = preset
  const settings = defaultSettings(kernel ?? releaseOf(files) ?? node ?? presetKernel)
  if (settings.kernel.traits.helpersByPort && lastOf(files, HELPER_BY_PORT) === '1')
    settings.helpers = USUAL_ASSIGNMENTS
  const sysctls = withValues({ settings, host: {}, routing: new Map(), given: new Set() }, values)
  for (const file of files) readFile(file, sysctls)
  for (const assignment of assignments) readAssignment('--set', assignment, sysctls)
  return sysctls
}

/** `sysctls` with other values for some of them, which count as given. */
export function withValues(sysctls: Sysctls, values: Partial<Settings>): Sysctls {
  return {
    settings: { ...sysctls.settings, ...values },
    host: { ...sysctls.host },
    routing: new Map(sysctls.routing),
    given: new Set([...sysctls.given, ...Object.keys(values).filter(isSysctlName)]),
  }
}

/** `sysctls` under another kernel: what had its default has that one's. */
export function withKernel(sysctls: Sysctls, kernel: Kernel): Sysctls {
  const before = defaultSettings(sysctls.settings.kernel)
  const after = defaultSettings(kernel)
  const settings = { ...sysctls.settings, kernel }
  for (const name of SYSCTL_NAMES) if (settings[name] === before[name]) settings[name] = after[name]
  return { ...sysctls, settings }
}

/** The kernel of the last `kernel.osrelease` in files, or null where none is there, or none that names a release. */
function releaseOf(files: readonly SysctlFile[]): Kernel | null {
  const release = lastOf(files, OSRELEASE)
  return release === null ? null : kernelOf(release, 'osrelease')
}

/** What the last line that a pattern matches has in its group, or null. */
function lastOf(files: readonly SysctlFile[], pattern: RegExp): string | null {
  let found: string | null = null
  for (const file of files) {
    for (const { text } of sysctlLines(file)) found = pattern.exec(text)?.[1] ?? found
  }
  return found
}

const OSRELEASE = /^\s*kernel[./]osrelease\s*=\s*(\S+)\s*$/
/** Of older kernels, and of none today: what newer ones say of it is passed over. */
const HELPER_BY_PORT = /^\s*net[./]netfilter[./]nf_conntrack_helper\s*=\s*(\d+)\s*$/

/** `sysctls` with `name=value` assignments over them. @param option what the user typed them behind @throws UsageError */
export function withAssignments(sysctls: Sysctls, option: string, assignments: readonly string[]): Sysctls {
  let changed = withValues(sysctls, {})
  for (const assignment of assignments) {
    const asked = KERNEL_ASSIGNMENT.exec(assignment)?.[1]
    if (asked === undefined) readAssignment(option, assignment, changed)
    else changed = withKernel(changed, kernelNamed(`${option} kernel`, asked, 'scenario'))
  }
  return changed
}

/** Beside sysctls a scenario may have another kernel. */
const KERNEL_ASSIGNMENT = /^\s*kernel\s*=(.*)$/

function readAssignment(option: string, assignment: string, sysctls: Sysctls): void {
  const at = assignment.indexOf('=')
  if (at < 1) throw new UsageError(`${option} ${assignment}: expected name=value`)
  const name = assignment.slice(0, at).trim()
  const value = assignment.slice(at + 1).trim()
  const known = knownName(name)
  if (known === null)
    throw new UsageError(`${option} ${name}: unknown sysctl${suggestion(suggest(name), LISTED)}`)
  assign(known, value, `${option} ${name}`, sysctls)
}

/** Lines `key = value`; comments, other sysctls and what `sysctl -a` complains of are passed over. */
function readFile(file: SysctlFile, sysctls: Sysctls): void {
  let found = false
  for (const { number, text } of sysctlLines(file)) {
    const equals = text.indexOf('=')
    const key = text.slice(0, Math.max(equals, 0)).trim().replace(/^-/, '')
    if (!/^[\w./-]+$/.test(key)) continue
    const name = key.replaceAll('/', '.')
    const where = `${file.path}:${number}`
    if (ROUTING.test(name)) {
      const value = Number(text.slice(equals + 1))
      if (Number.isInteger(value)) sysctls.routing.set(name, value)
    }
    const known = knownName(name)
    if (known === null) {
      const bare = withoutPrefix(name)
      if (!bare.startsWith('nf_conntrack_') || FOREIGN.test(bare)) continue
      throw new UsageError(`${where}: unknown sysctl ${name}${suggestion(suggest(name), LISTED)}`)
    }
    found = true
    if (!NOT_FROM_FILES.has(known)) assign(known, text.slice(equals + 1).trim(), `${where}: ${name}`, sysctls)
  }
  if (!found)
    throw new UsageError(
      `${file.path}: no sysctl of net.netfilter in it, expected lines such as ${NETFILTER}nf_conntrack_max = 262144`,
    )
}

function* sysctlLines({ path, text }: SysctlFile): Generator<Line> {
  try {
    yield* linesOf(text)
  } catch (error) {
    throw error instanceof FileFault
      ? new UsageError(`--sysctl ${path}:${error.line}: ${error.message}`)
      : error
  }
}

function assign(name: SysctlName | HostSysctlName, text: string, where: string, sysctls: Sysctls): void {
  const maximum = isSysctlName(name) ? (maximumOf(name) ?? MAXIMUM) : MAXIMUM
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (!(value <= maximum))
    throw new UsageError(`${where}: ${text || 'nothing'} is no whole number from 0 to ${maximum}`)
  if (isSysctlName(name)) {
    sysctls.settings[name] = value
    sysctls.given.add(name)
  } else sysctls.host[name] = value
}

function maximumOf(name: SysctlName): number | undefined {
  const sysctl: { maximum?: number } = SYSCTLS[name]
  return sysctl.maximum
}

/** The sysctl meant by a name with or without its prefixes, or null. */
function knownName(given: string): SysctlName | HostSysctlName | null {
  const name = given.replaceAll('/', '.')
  const host = HOST_SYSCTLS.find(known => known === name || known.slice(known.lastIndexOf('.') + 1) === name)
  if (host !== undefined) return host
  const bare = withoutPrefix(name)
  for (const candidate of [bare, `nf_conntrack_${bare}`, `nf_${bare}`])
    if (isSysctlName(candidate)) return candidate
  return null
}

/** `net.nf_conntrack_max` is an old second name of the maximum, still there. */
function withoutPrefix(name: string): string {
  if (name === 'net.nf_conntrack_max') return 'nf_conntrack_max'
  return name.startsWith(NETFILTER) ? name.slice(NETFILTER.length) : name
}

/** Where those that a replay knows are listed. */
const LISTED = 'expected one of `sysctl net.netfilter`'

function suggest(given: string): string {
  const strip = (name: string): string =>
    withoutPrefix(name).replace(/^(net\.bridge\.|(nf_)?(conntrack_)?)/, '')
  return nearest(given, [...Object.keys(SYSCTLS), ...HOST_SYSCTLS], strip)
}
