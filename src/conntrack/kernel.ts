// The kernels whose conntrack can be replayed: what each does in its own way, trait by trait, and which one a release means.

/** What kernels differ in. Trackers ask these and never a version; each says what a kernel does that has it, and where. */
export interface Traits {
  /** Segments a little beyond the window or below it pass uncounted; without it they are INVALID. tcp_in_window() */
  readonly tcpIgnoresOutOfWindow: boolean
  /** Data a little beyond the window is remembered, so that its acknowledgment passes. tcp_in_window() */
  readonly tcpRemembersOvershot: boolean
  /** A side that is picked up in mid-stream stays liberal when it starts anew. tcp_options(), nf_ct_tcp_state_reset() */
  readonly tcpStaysLiberal: boolean
  /** Nothing but a SYN starts a side of an opening connection anew, as the first one did. tcp_init_sender() */
  readonly tcpRestartsBySyn: boolean
  /** A RST of a closing connection passes unchecked, so do more that answer a SYN let through. nf_conntrack_tcp_packet() */
  readonly tcpLenientRst: boolean
  /** A RST answers a SYN that was let through only if the other side sent that. nf_conntrack_tcp_packet() */
  readonly tcpRstAnswersOther: boolean
  /** The RST that answers a challenge ACK to a first SYN closes the entry. nf_conntrack_tcp_packet() */
  readonly tcpChallengeRst: boolean
  /** A FIN or RST out of window that answers one shortens the timeout. nf_tcp_handle_invalid() */
  readonly tcpLowersTimeout: boolean
  /** A RST that is not exact leaves the entry the timeout of UNACK, not that of CLOSE. nf_conntrack_tcp_packet() */
  readonly tcpInexactRstUnacknowledged: boolean
  /** A flow is ASSURED as a stream of two seconds; without it by the first packet after a reply. nf_conntrack_udp_packet() */
  readonly udpAssuredAsStream: boolean
  /** UDP-Lite has a tracker; without it, it has no ports. nf_conntrack_udplite_packet() */
  readonly udplite: boolean
  /** DCCP has a tracker; without it, it has no ports. nf_conntrack_dccp_packet() */
  readonly dccp: boolean
  /** DCCP packets that move the state need 48-bit sequence numbers. dccp_error() */
  readonly dccpLongSequences: boolean
  /** Multicast router discovery is untracked; without it INVALID. noct_valid_new */
  readonly icmpv6RouterDiscovery: boolean
  /** A redirect is related to the flow whose packet it quotes; without it INVALID. nf_conntrack_icmpv6_redirect() */
  readonly icmpv6Redirect: boolean
  /** The verification tags of all chunks are checked as RFC 9260 asks; no HEARTBEAT_ACKED. nf_conntrack_sctp_packet() */
  readonly sctpTags: boolean
  /** DCC is offered by the first text of a PRIVMSG alone, from the client's own address to a port that is one. nf_conntrack_irc.c */
  readonly ircStrict: boolean
  /** A port in SIP has one to five digits, or its address is none; a parameter without its number is none. sip_parse_port() */
  readonly sipStrictPorts: boolean
  /** nf_conntrack_helper=1 assigns every helper by the port it is usually on. nf_ct_lookup_helper() */
  readonly helpersByPort: boolean
  /** FTP numbers too large for what they are make a line unreadable; without it they wrap. try_number(), get_port() */
  readonly ftpBoundedNumbers: boolean
  /** Complaints name flags, direction and state of an ignored segment. nf_conntrack_tcp_packet() */
  readonly logsIgnoredIndex: boolean
  /** The same of an invalid segment, and the bound that one out of window exceeds. nf_tcp_log_invalid() */
  readonly logsBounds: boolean
  /** A first segment that opens nothing is complained about. tcp_new() */
  readonly logsTcpNew: boolean
  /** What SCTP refuses is complained about. nf_conntrack_sctp_packet() */
  readonly logsSctp: boolean
  /** The complaint about a shortened timeout names both segments. nf_tcp_handle_invalid() */
  readonly logsLoweredBy: boolean
  /** As many buckets as entries; without it a quarter. nf_conntrack_init_start() */
  readonly bucketForEntry: boolean
  /** Events are on only while somebody listens: nf_conntrack_events is 2, not 1. nf_conntrack_init_net() */
  readonly eventsOnDemand: boolean
}

/** How what is known of a kernel came to be known. */
export type Basis = 'verified' | 'read' | 'presumed'

/** Who said which kernel it is: nobody, `--kernel`, `kernel.osrelease` in a file of sysctls, a node among Kubernetes objects, a preset, a scenario. */
export type KernelOrigin = 'default' | 'option' | 'osrelease' | 'node' | 'preset' | 'scenario'

/** A kernel to replay. Plain data: it travels to threads. */
export interface Kernel {
  /** What was asked for: `6.1`, `5.10.46`, `5.15.0-91-generic`. */
  readonly asked: string
  /** The release whose behaviour is replayed. */
  readonly release: string
  readonly basis: Basis
  readonly origin: KernelOrigin
  /** Jiffies a second. CONFIG_HZ */
  readonly hz: number
  readonly traits: Traits
}

/** Jiffies a second of Debian's, Ubuntu's (until 2024) and most clouds' kernels; 100, 300 and 1000 exist. */
export const DEFAULT_HZ = 250

type Column = { release: string; basis: Exclude<Basis, 'presumed'> }

/** Releases whose behaviour was held against a kernel, or read from its source; oldest first. */
const COLUMNS: readonly Column[] = [
  { release: '5.10.46', basis: 'verified' },
  { release: '5.10.262', basis: 'verified' },
  { release: '5.15', basis: 'read' },
  { release: '6.1', basis: 'verified' },
  { release: '6.12.113', basis: 'verified' },
  { release: '6.12.117', basis: 'read' },
  { release: '6.18', basis: 'verified' },
  { release: '7.2', basis: 'verified' },
]

const CURRENT = '6.18'

/** Rules on which kernels differ, met by a packet that they judge differently: bits of an entry, and their traits. */
export const MET_OUT_OF_WINDOW = 1
export const MET_RST = 2

/** A row a trait, a column a release of COLUMNS: `#` has it. */
// biome-ignore format: the columns are the point
const GRID: Readonly<Record<keyof Traits, string>> = {
  //                           5.10.46 .262  5.15  6.1   6.12.113 .117 6.18  7.2
  tcpIgnoresOutOfWindow:         '.     .     .     #     #     #     #     #',
  tcpRemembersOvershot:          '.     .     #     #     #     #     #     #',
  tcpStaysLiberal:               '.     #     #     #     #     #     #     #',
  tcpRestartsBySyn:              '.     .     .     #     #     #     #     #',
  tcpLenientRst:                 '.     .     #     #     #     #     #     #',
  tcpRstAnswersOther:            '.     #     #     #     #     #     #     #',
  tcpChallengeRst:               '.     .     .     #     #     #     #     #',
  tcpLowersTimeout:              '.     .     .     #     #     #     #     #',
  tcpInexactRstUnacknowledged:   '.     .     .     .     .     #     .     .',
  udpAssuredAsStream:            '.     #     #     #     #     #     #     #',
  udplite:                       '#     #     #     #     #     #     #     .',
  dccp:                          '#     #     #     #     #     #     .     .',
  dccpLongSequences:             '.     #     #     #     #     #     .     .',
  icmpv6RouterDiscovery:         '.     .     .     .     #     #     #     #',
  icmpv6Redirect:                '.     #     #     #     #     #     #     #',
  sctpTags:                      '.     #     #     #     #     #     #     #',
  helpersByPort:                 '#     #     #     .     .     .     .     .',
  ircStrict:                     '.     #     #     #     #     #     #     #',
  sipStrictPorts:                '.     #     #     #     #     #     #     #',
  ftpBoundedNumbers:             '.     .     .     .     .     .     .     #',
  logsIgnoredIndex:              '.     .     #     #     #     #     #     #',
  logsBounds:                    '.     .     .     #     #     #     #     #',
  logsTcpNew:                    '.     .     .     .     #     #     #     #',
  logsSctp:                      '.     .     .     .     #     #     #     #',
  logsLoweredBy:                 '.     .     .     #     .     .     #     .',
  bucketForEntry:                '.     .     #     #     #     #     #     #',
  eventsOnDemand:                '.     .     .     #     #     #     #     #',
}

/** The releases that have a trait, or have it not: `up to 5.15`, `from 6.1 on`. The grid must turn once for it. */
export function releasesWith(trait: keyof Traits, value: boolean): string {
  const cells = GRID[trait].replaceAll(' ', '')
  const series = COLUMNS.map(({ release }) => /^\d+\.\d+/.exec(release)?.[0])
  const turn = cells.lastIndexOf('.') + 1
  return value ? `from ${series[turn]} on` : `up to ${series[turn - 1]}`
}

/** Names of the releases that are told apart, for help and errors. */
export const RELEASES: readonly string[] = COLUMNS.map(({ release }) => release)

/** What is replayed where nothing is said. */
export const CURRENT_KERNEL: Kernel = kernelAt(CURRENT, 'default', columnOf(CURRENT), false)

const RELEASE = /^(\d{1,3})\.(\d{1,3})(?:\.(\d{1,4}))?([-+~_].*|\.\d.*)?$/

/**
 * The kernel that `asked` means: a series (`6.1`), with a patch level (`5.10.46`), or what `uname -r` prints. A series
 * alone means its newest release. What is in between two columns is taken as the nearest older one, which is presumed,
 * and so are what is older than all of them, and a vendor's build.
 * @returns null for a text that is no release
 */
export function kernelOf(asked: string, origin: KernelOrigin): Kernel | null {
  const match = RELEASE.exec(asked)
  if (match === null) return null
  const [, version, series, patch, rest = ''] = match
  // distributions number their builds behind the series: 5.15.0-91-generic is no 5.15.0
  const level =
    patch === undefined || (Number(patch) === 0 && rest !== '') ? Number.POSITIVE_INFINITY : Number(patch)
  const wanted = [Number(version), Number(series), level]
  const isOfSeries = (column: Column): boolean =>
    `${column.release}.`.startsWith(`${wanted[0]}.${wanted[1]}.`)
  let column = 0
  for (let i = 0; i < COLUMNS.length; i++) if (isUpTo(partsOf(COLUMNS[i].release), wanted)) column = i
  // older than all of its series that are known
  if (!isOfSeries(COLUMNS[column])) column = Math.max(column, COLUMNS.findIndex(isOfSeries))
  // where a series has two columns, what is neither the one, nor as new as the other, is a guess; so is a vendor's build
  const isExact = level === partsOf(COLUMNS[column].release)[2]
  const isTold = isOfSeries(COLUMNS[column]) && (isExact || (rest === '' && isNewestOfSeries(column)))
  return kernelAt(asked, origin, column, !isTold)
}

/** Whether a release that was asked for is a vendor's build, with patches and sometimes a patch level that its name does not tell. */
export function isVendorBuild(asked: string): boolean {
  return (RELEASE.exec(asked)?.[4] ?? '') !== ''
}

/** Whether a release that was asked for is older than another. */
export function isOlder(asked: string, release: string): boolean {
  const match = RELEASE.exec(asked)
  if (match === null) return false
  const [, version, series, patch] = match
  const level = patch === undefined || isVendorBuild(asked) ? Number.POSITIVE_INFINITY : Number(patch)
  return !isUpTo(partsOf(release), [Number(version), Number(series), level])
}

/** `kernel` with another number of jiffies a second. */
export function withHz(kernel: Kernel, hz: number): Kernel {
  return { ...kernel, hz }
}

function kernelAt(asked: string, origin: KernelOrigin, column: number, isGuess: boolean): Kernel {
  const traits = Object.fromEntries(
    Object.entries(GRID).map(([trait, row]) => [trait, row.replaceAll(' ', '')[column] === '#']),
  )
  const { release, basis } = COLUMNS[column]
  return {
    asked,
    release,
    basis: isGuess ? 'presumed' : basis,
    origin,
    hz: DEFAULT_HZ,
    traits: traits as unknown as Traits,
  }
}

function columnOf(release: string): number {
  return COLUMNS.findIndex(column => column.release === release)
}

function isNewestOfSeries(column: number): boolean {
  const [version, series] = partsOf(COLUMNS[column].release)
  const next = COLUMNS[column + 1]
  if (next === undefined) return true
  const [otherVersion, otherSeries] = partsOf(next.release)
  return version !== otherVersion || series !== otherSeries
}

/** Version, series, patch level; 0 where the release has none. */
function partsOf(release: string): number[] {
  const [version, series, level = 0] = release.split('.').map(Number)
  return [version, series, level]
}

/** Whether release `a` is `b` or older. */
function isUpTo(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < 3; i++) if (a[i] !== b[i]) return a[i] < b[i]
  return true
}
