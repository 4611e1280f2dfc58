// What an explanation has to say: of a finding, of a reason for INVALID, of a sysctl.

/** A sentence, and lines to type: each a whole command that needs nothing filled in. */
export interface Line {
  text: string
  commands: readonly string[]
}

/** What helps, and what that costs. */
export interface Remedy extends Line {
  cost: string
}

/** Of a finding. Names of findings, functions and sysctls stand without marks in all texts. */
export interface Explanation {
  /** One line: what happens. */
  title: string
  /** The severities it is told with. */
  severity: string
  /** What happens in the kernel. */
  kernel: string
  /** What it looks like from each observation point. */
  points: string
  /** How we know: what has to be seen. */
  evidence: string
  /** When that is certain, and what it is otherwise. */
  certain: string
  /** What looks like it, and is something else. */
  alike: string
  /** How to make sure on the node. */
  confirm: readonly Line[]
  fix: readonly Remedy[]
  /** Functions of the kernel that do it, with their files. */
  source: readonly string[]
  /** Public reports of people who met it: `owner/repository#number`. */
  reports: readonly string[]
}

/** Of a reason that conntrack logs for a packet. */
export interface ReasonExplanation {
  /** What the packet is, and what conntrack makes of it. */
  text: string
  /** Where it comes from, most often. */
  origin: string
  /** What to do about it. */
  remedy: string
  /** The function that says it. */
  source: string
}

/** Of a sysctl of net.netfilter. */
export interface SysctlExplanation {
  text: string
  /** What a higher or a lower value costs. */
  cost: string
}

/** A text that was written over several lines, on one. */
export function prose(parts: TemplateStringsArray): string {
  return parts.join('').replace(/\s+/g, ' ').trim()
}

export function line(text: string, ...commands: string[]): Line {
  return { text, commands }
}

export function remedy(text: string, cost: string, ...commands: string[]): Remedy {
  return { text, cost, commands }
}
