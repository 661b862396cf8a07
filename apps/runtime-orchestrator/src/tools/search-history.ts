import { z } from 'zod'
import { defineTool, type ToolContext, ToolError } from './tool.ts'

/** One message that was found, in the form that the model reads. */
export interface FoundText {
  sessionId: string
  role: string
  excerpt: string
  createdAt: Date
}

export interface HistorySearch {
  orgId: string
  /** Whose messages; null: those of the whole organisation. */
  userId: string | null
  query: string
  limit: number
}

/**
 * Looks through the messages of one organisation, best match first.
 * @throws HistoryUnavailable when the messages cannot be reached
 */
export type SearchHistory = (search: HistorySearch) => Promise<FoundText[]>

/** The place where messages are kept cannot be reached now; the rest of the agent works without it. */
export class HistoryUnavailable extends Error {
  override readonly name = 'HistoryUnavailable'
}

const DEFAULT_RESULTS = 5
const MAX_RESULTS = 20
/** A part of a message that is this long can hardly stand in another message as well. */
const LONG_EXCERPT = 200

/** Finds earlier messages of the same user (or of the organisation, when a service asks for itself). */
export function createSearchHistory(search: SearchHistory) {
  return defineTool({
    name: 'search_history',
    description:
      'Searches earlier messages of this user in all sessions for words, best match first. ' +
      'Answers with JSON: a list of {role, time, text, sameSession}.',
    source: 'builtin',
    effect: 'none',
    timeoutMs: 5_000,
    maxOutputBytes: 16_384,
    inputSchema: z.object({
      query: z.string().trim().min(1).max(500).describe('Words to look for'),
      limit: z.int().min(1).max(MAX_RESULTS).default(DEFAULT_RESULTS).describe('Most results to give')
    }),
    execute: async ({ query, limit }, context) => {
      // The question itself is a message by now, and usually the best match: ask for one more and leave it out.
      const found = await unlessUnavailable(
        search({ orgId: context.orgId, userId: context.userId, query, limit: limit + 1 })
      )
      return found
        .filter((message) => !isQuestion(message, context))
        .slice(0, limit)
        .map(({ sessionId, role, excerpt, createdAt }) => ({
          role,
          time: createdAt.toISOString(),
          text: excerpt,
          sameSession: sessionId === context.sessionId
        }))
    }
  })
}

function isQuestion(
  { sessionId, role, excerpt }: FoundText,
  { sessionId: current, userMessage }: ToolContext
): boolean {
  if (sessionId !== current || role !== 'user') return false
  const text = excerpt.replace(/^…|…$/g, '').trim()
  return text === userMessage.trim() || (text.length >= LONG_EXCERPT && userMessage.includes(text))
}

async function unlessUnavailable(found: Promise<FoundText[]>): Promise<FoundText[]> {
  try {
    return await found
  } catch (error) {
    if (!(error instanceof HistoryUnavailable)) throw error
    throw new ToolError('TOOL_UNAVAILABLE', 'the message history cannot be searched at the moment', { cause: error })
  }
}
