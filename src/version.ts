// Name and version of the program, as in package.json: it stands beside src/ and dist/.
import { readFileSync } from 'node:fs'

export function programVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  const { name, version } = JSON.parse(text) as { name: string; version: string }
  return `${name} ${version}`
}
