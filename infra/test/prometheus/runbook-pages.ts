import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY_ROOT } from '@semibot/stack'

const FOLDER = join(REPOSITORY_ROOT, 'docs/runbooks')

/** The page of one alert. */
export interface RunbookPage {
  /** Name of the file, without `.md`. */
  alert: string
  text: string
  /** Headings below the title, in order. */
  sections: string[]
}

export function runbookPages(): RunbookPage[] {
  const files = readdirSync(FOLDER).filter((file) => file !== 'README.md')
  return files.map((file) => {
    const text = readFileSync(join(FOLDER, file), 'utf8')
    const prose = text.replace(/^```[\s\S]*?^```$/gm, '')
    return {
      alert: file.replace(/\.md$/, ''),
      text,
      sections: [...prose.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading)
    }
  })
}

export function runbookIndex(): string {
  return readFileSync(join(FOLDER, 'README.md'), 'utf8')
}

/** A fenced block, and the pages that have it. */
export interface RunbookBlock {
  language: string
  text: string
  pages: string[]
}

/** Every fenced block of the pages, each once. */
export function runbookBlocks(): RunbookBlock[] {
  const blocks = new Map<string, RunbookBlock>()
  for (const { alert, text } of runbookPages()) {
    for (const [, language = '', body = ''] of text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)) {
      const known = blocks.get(body)
      if (known === undefined) blocks.set(body, { language, text: body.trim(), pages: [alert] })
      else known.pages.push(alert)
    }
  }
  return [...blocks.values()]
}
