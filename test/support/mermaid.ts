// Mermaid itself: its parser over a DOM of jsdom, and its drawing in a browser where one is installed.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { JSDOM } from 'jsdom'
import { isInstalled } from './installed.ts'

/** The browser that draws, by the names that distributions have for it; null where none is there. */
export const BROWSER = ['chromium', 'chromium-browser', 'google-chrome'].find(isInstalled) ?? null

interface Mermaid {
  parse(text: string): Promise<{ diagramType: string }>
}

/** Mermaid's parser. It throws for what is no diagram. */
export async function mermaidParser(): Promise<Mermaid['parse']> {
  const { window } = new JSDOM('')
  Object.assign(globalThis, { window, document: window.document })
  const { default: mermaid } = (await import('mermaid')) as { default: Mermaid }
  return text => mermaid.parse(text)
}

/** Diagrams of a page of Markdown, without their fences. */
export function mermaidBlocks(markdown: string): string[] {
  return [...markdown.matchAll(/^(`{3,})mermaid\n([\s\S]*?)^\1$/gm)].map(([, , text = '']) => text)
}

/** Draws diagrams in the browser; the document behind it. @param picture where a picture of it goes, or null */
export function drawnBy(browser: string, diagrams: readonly string[], picture: string | null = null): string {
  const folder = mkdtempSync(join(tmpdir(), 'ctpcap-mermaid-'))
  try {
    const library = readFileSync(
      createRequire(import.meta.url).resolve('mermaid/dist/mermaid.min.js'),
      'utf8',
    )
    const page = join(folder, 'page.html')
    const shown = diagrams.map(
      text => `<pre class="mermaid">${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</pre>`,
    )
    writeFileSync(
      page,
      `<!doctype html><meta charset="utf-8"><body>${shown.join('\n')}<script>${library.replaceAll('</script', '<\\/script')}</script>
<script>mermaid.initialize({ startOnLoad: false }); mermaid.run().then(() => document.body.dataset.drawn = 'all', error => document.body.dataset.drawn = String(error))</script>`,
    )
    const args = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--virtual-time-budget=60000',
      '--window-size=1400,1600',
    ]
    if (picture !== null) spawnSync(browser, [...args, `--screenshot=${picture}`, `file://${page}`])
    const { stdout } = spawnSync(browser, [...args, '--dump-dom', `file://${page}`], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    })
    return stdout
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
