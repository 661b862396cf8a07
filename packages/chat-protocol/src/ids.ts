import { z } from 'zod'
import { shortText } from './text.ts'

/**
 * Id of a session, an execution or a message, in lower case as Postgres gives it back: ids are compared as text, and
 * some clients (Swift's uuidString) write them in capitals.
 */
export const idSchema = z.uuid().toLowerCase()

/** An agent is named by its id or by its slug, which is unique in the organisation. */
export const agentReferenceSchema = shortText(100).overwrite((text) => idSchema.safeParse(text).data ?? text)
