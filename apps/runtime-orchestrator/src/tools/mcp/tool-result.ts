import type { CallToolResult, ContentBlock } from '@modelcontextprotocol/client'

/** The text that a model reads of a result; pictures and sound are named, not shown. */
export function textOfResult({ content, structuredContent }: CallToolResult, maxLength: number): string {
  const texts: string[] = []
  let length = 0
  for (const block of content) {
    const text = textOfBlock(block)
    texts.push(text)
    length += text.length + 1
    // The rest would be cut off; the first unit too many shows that something was.
    if (length > maxLength) break
  }
  if (texts.length > 0 || structuredContent === undefined) return texts.join('\n')
  try {
    return JSON.stringify(structuredContent) ?? ''
  } catch {
    return '[structured content that is nested too deep]'
  }
}

function textOfBlock(block: ContentBlock): string {
  switch (block.type) {
    case 'text':
      return block.text
    case 'image':
    case 'audio':
      return `[${block.type} of type ${block.mimeType}, not shown]`
    case 'resource_link':
      return `[${block.title ?? block.name}](${block.uri})`
    case 'resource':
      return 'text' in block.resource ? block.resource.text : `[resource ${block.resource.uri}, not shown]`
    default:
      return '[content of an unknown kind, not shown]'
  }
}
