// What the experiment is made of: scenarios that are built, played and recorded, and commands that are tried in them.
import type { FindingId } from '../../src/findings/facts/facts.ts'

/** A command of the report, and where the report says that it is to be typed. */
export interface Try {
  command: string
  role: string
  address: string | null
}

export interface TryResult extends Try {
  status: number
  /** What it printed. */
  said: string
}

/** What one play of the traffic left. */
export interface Recording {
  captures: string[]
  /** Options of `ctpcap` that give it the host's files. */
  files: string[]
  /** Whether every client got what it wanted; null where none wants an answer. */
  succeeded: boolean | null
  /** What the clients saw, for people. */
  client: string
}

/** A scenario that stands. */
export interface Session {
  /** Plays the traffic and records it into `folder`. */
  play(folder: string): Promise<Recording>
  /** Runs commands in the namespaces that they are for, before the next play. */
  run(tries: readonly Try[]): Promise<void>
  /** What became of all commands that were run. */
  results(): TryResult[]
  close(): void
}

export interface Scenario {
  name: string
  finding: FindingId
  /** Whether its remedy is for the whole machine: nothing else is tried meanwhile. */
  isAlone: boolean
  build(folder: string): Promise<Session>
}
