// Text out of captures and files made safe for Markdown: nothing in it is markup, a link, a mention or the end of a block.
import { printable } from '../text/format.ts'

/** A sentence in a paragraph, a heading, a list or a cell. */
export function markdownText(text: string): string {
  return (
    printable(text)
      .replace(/&/g, '&amp;')
      .replace(/</g, '&lt;')
      .replace(/>/g, '&gt;')
      .replace(/[\\`*_{}[\]|~$]/g, '\\$&')
      .replace(/^(\s*)([-+#=]|\d+[.)])/, '$1\\$2')
      // GitHub and GitLab tell people and other tickets that they were named
      .replace(/(?<!\w)(@|#|!|%)(?=\w)/g, '$1\u2060')
      .replace(/:\/\//g, ':\u2060//')
  )
}

/** A name or a line as code within a sentence; in a cell of a table, too. */
export function markdownCode(text: string): string {
  const shown = printable(text).replaceAll('|', '\uff5c')
  const fence = '`'.repeat(longestRun(shown) + 1)
  const isOpen = shown.startsWith('`') || shown.endsWith('`')
  return isOpen ? `${fence} ${shown} ${fence}` : `${fence}${shown}${fence}`
}

/** Lines as a block of their own that none of them can end. @param indent columns that the block stands in, within a list */
export function markdownBlock(language: string, lines: readonly string[], indent = ''): string[] {
  const shown = lines.map(printable)
  const fence = '`'.repeat(Math.max(3, ...shown.map(line => longestRun(line) + 1)))
  return [`${fence}${language}`, ...shown, fence].map(line => indent + line)
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
}
