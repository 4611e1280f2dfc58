// Text out of captures made safe for a mermaid diagram in a block of Markdown: what might be syntax is written by its number.
import { printable } from '../text/format.ts'

/** Longer names and sentences make a diagram that nobody can read. */
const MOST = 160

/** A label: in it no character ends a statement, begins an entity, a comment, a directive, a formula, HTML or a fence. */
export function mermaidText(text: string): string {
  return shortened(text).replace(/[^\p{L}\p{N} .,:/()→=+'[\]_…-]/gu, byNumber)
}

/** A name of a column, in which a colon would end it, and `end` a block. */
export function mermaidName(text: string): string {
  const name = mermaidText(text.trim()).replace(/:/g, byNumber)
  if (name === '') return 'without a name'
  return /^(end|note|loop|alt|opt|par|rect|box|create|destroy|wrap|nowrap)\b/i.test(name)
    ? byNumber(name.slice(0, 1)) + name.slice(1)
    : name
}

function shortened(text: string): string {
  const characters = [...printable(text)]
  return characters.length > MOST ? `${characters.slice(0, MOST - 1).join('')}…` : characters.join('')
}

function byNumber(character: string): string {
  return `#${character.codePointAt(0)};`
}
