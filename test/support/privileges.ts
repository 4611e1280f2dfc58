// What a test may do here: some need root, others a user who is not.
import { spawnSync } from 'node:child_process'

const isRoot = process.geteuid?.() === 0

/** For tests that need root: `why` says in their names why they are skipped. */
export const ROOT_ONLY = { skip: !isRoot, why: isRoot ? '' : ' (skipped: needs root)' }

/** Whether root may mount here, which it may not in most containers. */
const mounts =
  isRoot && spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/tmp']).status === 0

/** For tests that mount something. */
export const MOUNTS_ONLY = { skip: !mounts, why: mounts ? '' : ' (skipped: needs root that may mount)' }

/** As whom a process is run that is not to be root; nobody where root runs the tests. */
export const UNPRIVILEGED: { uid?: number; gid?: number } = isRoot ? { uid: 65534, gid: 65534 } : {}
