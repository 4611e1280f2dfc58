// Collects garbage when a test asks for it, so that what memory is measured does not depend on when V8 finds the time.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

export function collectGarbage(): void {
  // arrays that one collection finds unused are freed beside it, and counted as free by the next
  collect()
  collect()
}
