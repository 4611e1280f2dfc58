// What is said of a rule that assigns a helper which is not modelled: H.323's (RAS, Q.931, H.245), or one of user space.
import { isHelperName } from '../../conntrack/helper-assignment.ts'

/** @param name as rules have it @returns null for a helper that is modelled */
export function remarkOnHelper(name: string): string | null {
  return isHelperName(name)
    ? null
    : `the helper ${name} is not modelled: flows that it announces are NEW here, and not RELATED`
}
